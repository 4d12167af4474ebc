"""What every corrector promises, and what each makes of its own material."""

from collections.abc import Callable, Iterator

import pytest

from models.chat.client import ChatClient
from models.chat.endpoint import Endpoint
from models.correction.chat import ChatCorrector
from models.correction.corrector import Corrector
from models.correction.rules import RuleCorrector
from service.biasing.entries import Entry
from tests.unit.models.chat_server import ChatServer, FakeClock, Reply, chat_server, fails, says

PHRASES = ("Mrs Castellane", "Julius Baer", "apixaban", "ramipril", "Dr Etxeberria", "Goyard", "Etro")


def repeat_best(body: object) -> Reply:
    """What an obedient model says when nothing is wrong: the first hypothesis."""
    question: str = body["messages"][-1]["content"]  # type: ignore[index]
    return says(question.split("1. ", 1)[1].split("\n")[0])


def chat_corrector(server: ChatServer) -> ChatCorrector:
    return ChatCorrector(ChatClient(Endpoint(server.url, "tiny-chat"), clock=FakeClock()), PHRASES)


@pytest.fixture(params=["rules", "chat"])
def corrector(request: pytest.FixtureRequest) -> Iterator[Corrector]:
    if request.param == "rules":
        yield RuleCorrector(map(Entry, PHRASES))
        return
    with chat_server(repeat_best) as server:
        yield chat_corrector(server)


@pytest.fixture
def answered() -> Callable[[Reply], str | None]:
    """What becomes of one answer to `HEARD`."""

    def corrected(reply: Reply) -> str | None:
        with chat_server([reply]) as server:
            (text,) = chat_corrector(server).correct([HEARD], "en")
        return text

    return corrected


HEARD = ["He keeps his money at Julius Bear.", "He keep his money at Julia's bear."]
RIGHT = "He keeps his money at Julius Baer."


def test_a_text_for_each_utterance_in_order_and_none_where_nothing_was_heard(corrector: Corrector) -> None:
    heard = [["She likes the blue one."], [], ["  "], ["He will call again tomorrow.", "He will call again to Morrow."]]
    assert corrector.correct(heard, "en") == ["She likes the blue one.", None, None, "He will call again tomorrow."]


def test_no_utterances_no_texts(corrector: Corrector) -> None:
    assert corrector.correct([], "en") == []


def test_the_model_is_told_all_hypotheses_once_and_the_phrases() -> None:
    with chat_server([says(RIGHT)]) as server:
        assert chat_corrector(server).correct([[*HEARD, HEARD[0]]], "en") == [RIGHT]
    assert server.questions[0].count(HEARD[0]) == 1
    assert HEARD[1] in server.questions[0]
    assert "apixaban" in server.questions[0]
    assert server.requests[0]["temperature"] == 0


@pytest.mark.parametrize(
    "answer",
    [
        f"Corrected text: {RIGHT}",
        f"Text: {RIGHT}",
        f"Sure, here you go: {RIGHT}",
        f"Sure! Here is the corrected sentence: {RIGHT}",
        f'"{RIGHT}"',
        f"“{RIGHT}”",
        f"**{RIGHT}**",
        f"1. {RIGHT}",
        f"- {RIGHT}",
        f"{RIGHT}\n\nI changed the name of the bank.",
        f'{{"text": "{RIGHT}"}}',
        "",
        "I am sorry, but I cannot help with that request.",
        "Er hat sein Geld bei Julius Bär.",
        f"{RIGHT} He should really think about moving it to another bank, because the fees there are very high.",
        "He keeps.",
    ],
)
def test_an_answer_that_is_not_the_sentence_alone_is_not_used(
    answer: str, answered: Callable[[Reply], str | None]
) -> None:
    assert answered(says(answer)) is None


def test_an_answer_that_was_cut_off_or_refused_is_not_used(answered: Callable[[Reply], str | None]) -> None:
    assert answered(says("He keeps his money at", finish="length")) is None
    assert answered(says(RIGHT, finish="content_filter")) is None


def test_an_answer_with_a_colon_or_a_short_sentence_is_used(answered: Callable[[Reply], str | None]) -> None:
    assert answered(says(f" {RIGHT} \n")) == RIGHT
    with chat_server([says("Call Dr Etxeberria.")]) as server:
        assert chat_corrector(server).correct([["Call doctor etchebarria."]], "en") == ["Call Dr Etxeberria."]
    said = "Here is the address: seven Mill Lane."
    with chat_server([says(said)]) as server:
        assert chat_corrector(server).correct([["here is the address: seven mill lane"]], "en") == [said]


def test_one_refused_question_costs_the_others_nothing() -> None:
    def answer(body: object) -> Reply:
        return fails(400, "policy") if "forbidden" in str(body) else repeat_best(body)

    with chat_server(answer) as server:
        corrector = chat_corrector(server)
        assert corrector.correct([["Good morning to you."]], "en") == ["Good morning to you."]
        heard = [["Something forbidden was said."], ["She will be back soon."]]
        assert corrector.correct(heard, "en") == [None, "She will be back soon."]


@pytest.mark.parametrize(
    ("heard", "text"),
    [
        (["the offer from Julius Bear is better."], "The offer from Julius Baer is better."),
        (["Mrs castelane came in at at noon."], "Mrs Castellane came in at noon."),
        (["He takes a pixaban, and the Rama pril too."], "He takes apixaban, and the ramipril too."),
        (["I showed her the Goyards' bag and Goyard's wallet."], "I showed her the Goyard bag and Goyard's wallet."),
        (["The etro scarf is gone."], "The Etro scarf is gone."),
        (["I said that that is fine, as he had had enough."], "I said that that is fine, as he had had enough."),
        (["He was on the other side of the road."], "He was on the other side of the road."),
    ],
)
def test_rules_write_what_sounds_like_a_phrase_as_the_list_has_it(heard: list[str], text: str) -> None:
    assert RuleCorrector(map(Entry, PHRASES)).correct([heard], "en") == [text]


def test_rules_look_for_phrases_in_all_hypotheses() -> None:
    heard = ["We met a guest alone at ten.", "We met Mrs Castellan at ten."]
    corrector = RuleCorrector(map(Entry, PHRASES))
    assert corrector.correct([heard[:1], heard], "en") == [heard[0], "We met Mrs Castellane at ten."]
