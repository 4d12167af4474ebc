"""The stage `expand` with the grammar and with a chat endpoint: what is kept, what is dropped, what a stop leaves."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from models.chat.client import ChatClient, ChatUnavailable
from models.chat.endpoint import Endpoint
from models.expand.chat import ChatWriter
from models.expand.checks import Limits
from models.expand.expansion import FEWER, Plan, expand, read_seeds
from models.expand.grammar.grammar import GrammarWriter
from models.expand.keywords import Keyword, read_keywords
from models.expand.phrases import holds
from models.expand.writer import Wish
from models.manifest import Example
from models.stage import Shard, dropped, read_stage
from service.errors import BadRequest
from tests.conftest import DATA
from tests.unit.models.chat_server import ChatServer, FakeClock, Reply, chat_server, fails, says

SEEDS = DATA / "seeds" / "seeds.jsonl"
KEYWORDS = DATA / "seeds" / "keywords.csv"


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan(read_seeds(SEEDS, "en"), read_keywords(KEYWORDS)[:12], per_keyword=4, seed=7)


def grammar(plan: Plan) -> GrammarWriter:
    return GrammarWriter(plan.seeds, plan.keywords, language=plan.language, seed=plan.seed)


def chat(plan: Plan, server: ChatServer, **options: Any) -> ChatWriter:
    endpoint = Endpoint(server.url, "tiny-chat", attempts=2, **options)
    client = ChatClient(endpoint, clock=FakeClock())
    return ChatWriter(client, plan.seeds, plan.keywords, language="en", limits=plan.limits, seed=plan.seed)


class Scripted:
    """A writer that hands out given sentences, attempt by attempt."""

    name = "scripted"
    batch = 2

    def __init__(self, *attempts: Sequence[str]) -> None:
        self.attempts = attempts
        self.asked: list[Wish] = []

    def identity(self) -> Mapping[str, Any]:
        return {}

    def write(self, wishes: Sequence[Wish]) -> Iterator[Iterable[str]]:
        self.asked += wishes
        return iter([self.attempts[wish.attempt] for wish in wishes])


def lines(*texts: str) -> Reply:
    return says("\n".join(json.dumps({"text": text}) for text in texts))


def texts(folder: Path) -> list[str]:
    return [example.text for example in read_stage(folder)]


def test_every_keyword_gets_its_sentences_and_each_names_what_it_holds(plan: Plan, tmp_path: Path) -> None:
    expand(plan, grammar(plan), tmp_path)
    kept = read_stage(tmp_path)
    phrases = [keyword.phrase for keyword in plan.keywords]
    assert len(kept) == 4 * len(phrases)
    for phrase in phrases:
        assert sum(phrase in example.keywords for example in kept) >= 4
    assert all(holds(example.text, phrase) for example in kept for phrase in example.keywords)
    assert {example.source for example in kept} == {"grammar"}
    assert {example.text for example in kept}.isdisjoint(seed.text for seed in plan.seeds)


def test_the_same_seed_gives_the_same_sentences_and_another_others(plan: Plan, tmp_path: Path) -> None:
    for name in ("one", "two"):
        expand(plan, grammar(plan), tmp_path / name)
    other = replace(plan, seed=8)
    expand(other, grammar(other), tmp_path / "other")
    assert texts(tmp_path / "one") == texts(tmp_path / "two")
    assert len(set(texts(tmp_path / "one")) & set(texts(tmp_path / "other"))) < 4


def test_a_run_that_stopped_goes_on_as_if_it_had_not(plan: Plan, tmp_path: Path) -> None:
    class Stopped(GrammarWriter):
        def write(self, wishes: Sequence[Wish]) -> Iterator[Iterable[str]]:
            if wishes and wishes[0].keyword == plan.keywords[5]:
                raise ChatUnavailable("gone")
            return super().write(wishes)

    with pytest.raises(ChatUnavailable):
        expand(plan, Stopped(plan.seeds, plan.keywords, language="en", seed=7), tmp_path / "stopped")
    assert 0 < len(texts(tmp_path / "stopped")) < 4 * len(plan.keywords)
    expand(plan, grammar(plan), tmp_path / "stopped")
    expand(plan, grammar(plan), tmp_path / "whole")
    assert texts(tmp_path / "stopped") == texts(tmp_path / "whole")


def test_a_run_that_is_through_asks_nobody(plan: Plan, tmp_path: Path) -> None:
    expand(plan, grammar(plan), tmp_path)
    before = texts(tmp_path)
    writer = Scripted()
    writer.name = "grammar"
    expand(plan, writer, tmp_path)
    assert not writer.asked
    assert texts(tmp_path) == before


def test_shards_share_the_keywords(plan: Plan, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        expand(plan, grammar(plan), tmp_path, Shard(number, 3))
    kept = read_stage(tmp_path)
    assert len(kept) == 4 * len(plan.keywords)
    assert len({example.id for example in kept}) == len(kept)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"per_keyword": 5}, "per_keyword"),
        ({"seed": 8}, "seed"),
        ({"limits": Limits(longest=20)}, "limits"),
        ({"keywords": (Keyword("Goyard"),)}, "keywords"),
    ],
)
def test_other_options_are_refused_by_name(change: dict[str, Any], name: str, plan: Plan, tmp_path: Path) -> None:
    expand(plan, grammar(plan), tmp_path)
    with pytest.raises(BadRequest, match=name):
        expand(replace(plan, **change), grammar(plan), tmp_path)


def test_what_the_checks_take_away_is_asked_for_again_and_said(tmp_path: Path) -> None:
    plan = Plan([Example("s", "She will call the office tomorrow.")], [Keyword("Goyard")], per_keyword=2, attempts=2)
    first = ["The bag from Goyard is ready for her.", "Nothing of that name is in here today."]
    second = ["The bag from Goyard is ready for him.", "He asked why Goyard never answers the phone."]
    writer = Scripted(first, second)
    expand(plan, writer, tmp_path)
    assert texts(tmp_path) == [first[0], second[1]]
    assert [wish.count for wish in writer.asked] == [2, 1]
    assert dropped(tmp_path) == {"the keyword is not in it as written": 1, "nearly another new one": 1}


def test_a_keyword_with_too_few_sentences_is_reported(tmp_path: Path) -> None:
    plan = Plan([Example("s", "She will call.")], [Keyword("Goyard")], per_keyword=3, attempts=1)
    expand(plan, Scripted(["The bag from Goyard is ready for her."]), tmp_path)
    assert dropped(tmp_path) == {FEWER: 1}
    assert len(texts(tmp_path)) == 1


def test_a_class_that_no_seed_shows_gets_no_sentence_from_the_grammar(plan: Plan, tmp_path: Path) -> None:
    plan = replace(plan, keywords=[*plan.keywords[:1], Keyword("Zanzibar", "island")], per_keyword=1)
    expand(plan, grammar(plan), tmp_path)
    assert [example.keywords[0] for example in read_stage(tmp_path)] == [plan.keywords[0].phrase]
    (line,) = (tmp_path / "dropped-1-of-1.jsonl").read_text().splitlines()
    assert json.loads(line)["text"] == "Zanzibar"
    assert json.loads(line)["reason"] == FEWER


def test_an_endpoint_is_shown_seeds_of_the_keyword_and_the_rules(plan: Plan, tmp_path: Path) -> None:
    with chat_server([lines("A")]) as server:
        list(chat(plan, server).write([Wish(Keyword("Reverso", "product"), count=4)]))
    (question,) = server.questions
    assert '"Reverso" exactly as it is written' in question
    assert "name of a product" in question
    assert "5 to 40 words" in question
    assert sum(seed.text in question for seed in plan.seeds) == 8


def test_only_lines_that_are_as_asked_are_taken_from_an_endpoint(tmp_path: Path) -> None:
    plan = Plan([Example("s", "She will call the office tomorrow.")], [Keyword("Goyard")], per_keyword=5, attempts=1)
    answer = [
        "Here are the sentences:",
        "```json",
        '{"text": "The bag from Goyard is ready for her."}',
        '{"text": "Nobody at Goyard answers the phone.", "note": "short"}',
        '{"sentence": "He would like the trunk from Goyard."}',
        '{"text": 7}',
        '["Please send the Goyard back to the workshop."]',
        '{"text": "They\\n sold the  Goyard to somebody in the family."}',
        '{"text": "She has always wanted one from Goy',
    ]
    with chat_server([says("\n".join(answer), finish="length")]) as server:
        expand(plan, chat(plan, server), tmp_path)
    assert texts(tmp_path) == [
        "The bag from Goyard is ready for her.",
        "They sold the Goyard to somebody in the family.",
    ]


def test_an_endpoint_that_fails_leaves_whole_keywords_and_another_run_goes_on(tmp_path: Path) -> None:
    plan = Plan(
        [Example("s", "She will call the office tomorrow.")],
        [Keyword("Goyard"), Keyword("Delvaux")],
        per_keyword=1,
        attempts=1,
    )
    goyard, delvaux = lines("The bag from Goyard is ready for her."), lines("He asked why Delvaux is closed today.")
    with chat_server([goyard, fails(500)]) as server:
        with pytest.raises(ChatUnavailable, match="500"):
            expand(plan, chat(plan, server, concurrency=1), tmp_path)
        assert len(texts(tmp_path)) == 1
    with chat_server([delvaux]) as other:
        writer = chat(plan, other, concurrency=1)
        writer.identity = lambda: {"url": server.url, "model": "tiny-chat", "body": {}}  # type: ignore[method-assign]
        expand(plan, writer, tmp_path)
        assert len(other.requests) == 1
    assert len(texts(tmp_path)) == 2


def test_seeds_without_text_or_of_another_language_are_told(tmp_path: Path) -> None:
    path = tmp_path / "seeds.jsonl"
    path.write_text('{"id": "a", "text": "Bonjour.", "language": "fr"}\n{"id": "b", "text": " "}\n')
    with pytest.raises(BadRequest, match=r"seeds\.jsonl, b, text: is empty"):
        read_seeds(path, "en")
    with pytest.raises(BadRequest, match="no seeds with language 'de'"):
        read_seeds(path, "de")
    assert [seed.id for seed in read_seeds(path, "fr")] == ["a"]
