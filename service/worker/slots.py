"""The decode slots of a worker process, which the models that it serves share."""

import asyncio
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from service.log.store import TurnKind

LIVE_MEMORY_S = 10.0  # bulk work leaves one slot free for so long after the last live turn


class Slots:
    """`total` batches are decoded at once, whatever their models. A slot goes to the most urgent turn that waits."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.threads = ThreadPoolExecutor(total, thread_name_prefix="decode")
        self._running: Counter[TurnKind] = Counter()
        self._urgencies: dict[str, int] = {}
        self._changed = asyncio.Event()
        self._live_at = -LIVE_MEMORY_S

    @property
    def free(self) -> int:
        return self.total - self._running.total()

    @property
    def bulk_running(self) -> int:
        return self._running["bulk"]

    @property
    def bulk_allowed(self) -> int:
        """Slots that bulk turns may hold: all but one while there are live streams."""
        live = time.monotonic() - self._live_at < LIVE_MEMORY_S
        return max(1, self.total - 1) if live else self.total

    def note_live(self) -> None:
        """A live stream asks for turns."""
        self._live_at = time.monotonic()

    def free_for(self, model: str, urgency: int | None) -> int:
        """Slots that a model may fill now, whose most urgent waiting turn has that rank (None: none waits): each
        model with a more urgent one is left a slot."""
        self._note(model, urgency)
        if urgency is None:
            return self.free
        ahead = sum(other < urgency for name, other in self._urgencies.items() if name != model)
        return max(0, self.free - ahead)

    def forget(self, model: str) -> None:
        """The model is not served any more."""
        self._note(model, None)

    def take(self, kind: TurnKind) -> None:
        self._running[kind] += 1

    def give_back(self, kind: TurnKind) -> None:
        self._running[kind] -= 1
        self._wake()

    async def freed(self) -> None:
        """Waits until a slot is given back; those who wait go on in the order in which they came."""
        await self._changed.wait()

    def close(self) -> None:
        self.threads.shutdown()

    def _note(self, model: str, urgency: int | None) -> None:
        if urgency is None:
            self._urgencies.pop(model, None)
        else:
            self._urgencies[model] = urgency

    def _wake(self) -> None:
        waited, self._changed = self._changed, asyncio.Event()
        waited.set()
