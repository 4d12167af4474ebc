"""Slots go to the most urgent turns, whatever their models."""

import asyncio

from service.worker.batcher import RANK
from service.worker.slots import Slots


async def test_a_model_leaves_a_slot_to_each_more_urgent_one() -> None:
    slots = Slots(2)
    slots.free_for("a", RANK["final"])
    assert slots.free_for("b", RANK["partial"]) == 1
    assert slots.free_for("c", RANK["bulk"]) == 0
    assert slots.free_for("d", RANK["final"]) == 2
    slots.close()


async def test_a_model_whose_turns_started_is_not_waited_for() -> None:
    slots = Slots(1)
    slots.free_for("a", RANK["final"])
    assert slots.free_for("b", RANK["partial"]) == 0
    slots.free_for("a", None)
    assert slots.free_for("b", RANK["partial"]) == 1
    slots.forget("b")
    slots.close()


async def test_bulk_leaves_one_slot_to_live_streams_of_any_model() -> None:
    slots = Slots(3)
    assert slots.bulk_allowed == 3
    slots.note_live()
    assert slots.bulk_allowed == 2
    slots.close()


async def test_whoever_waits_goes_on_when_a_slot_is_given_back() -> None:
    slots = Slots(1)
    slots.take("bulk")
    assert (slots.free, slots.bulk_running) == (0, 1)
    waiting = asyncio.create_task(slots.freed())
    await asyncio.sleep(0)
    assert not waiting.done()
    slots.give_back("bulk")
    await waiting
    assert (slots.free, slots.bulk_running) == (1, 0)
    slots.close()
