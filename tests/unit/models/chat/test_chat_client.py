"""The chat client against a real HTTP server: what it sends, what it waits for, what it makes of bad answers."""

import threading
from pathlib import Path

import pytest

from models.chat.answers import Prompt
from models.chat.client import ChatClient, ChatUnavailable
from models.chat.endpoint import Endpoint
from models.chat.usage import Usage, UsageLog, total
from service.errors import BadRequest
from tests.unit.models.chat_server import FakeClock, Reply, chat_server, fails, says

KEY = "sk-very-secret"
GARBLED = [
    Reply(body=b"<html>gateway</html>"),
    Reply(body=b'{"choices": []}'),
    Reply(body=b'{"choices": [{"message": {"content": null}}]}'),
    Reply(body=b'{"choices": "none"}'),
    Reply(body=b"[1, 2]"),
    Reply(body=b"\xff\xfe"),
    Reply(body=b""),
    Reply(body=b"[" * 100_000),
]


def client(url: str, clock: FakeClock | None = None, log: UsageLog | None = None, **options: object) -> ChatClient:
    endpoint = Endpoint(url, "tiny-chat", **({"attempts": 3, "timeout_s": 20.0} | options))  # type: ignore[arg-type]
    return ChatClient(endpoint, KEY, log=log, clock=clock or FakeClock())


def ask(chat: ChatClient, *questions: str) -> list[str]:
    return [answer.text for answer in chat.complete([Prompt(question) for question in questions])]


def test_a_question_is_sent_as_the_reference_has_it() -> None:
    with chat_server([says("Yes.")]) as server, client(server.url, key_env="K", body={"max_tokens": 9}) as chat:
        answers = list(chat.complete([Prompt("Right?", system="Be brief.", temperature=0.5)]))
    assert [answer.text for answer in answers] == ["Yes."]
    assert server.requests == [
        {
            "model": "tiny-chat",
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Right?"}],
            "temperature": 0.5,
            "max_tokens": 9,
        }
    ]
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"


def test_answers_keep_the_order_of_questions_and_no_more_are_under_way_than_allowed() -> None:
    with (
        chat_server(lambda body: says(body["messages"][-1]["content"].upper())) as server,
        client(server.url, concurrency=3) as chat,
    ):
        assert ask(chat, *"abcdefghij") == list("ABCDEFGHIJ")
    assert 1 <= server.most_at_once <= 3


def test_questions_are_asked_at_once() -> None:
    together = threading.Barrier(3, timeout=20)

    def answer(body: object) -> Reply:
        together.wait()  # breaks, and the test with it, unless three are under way
        return says("ok")

    with chat_server(answer) as server, client(server.url, concurrency=3) as chat:
        assert ask(chat, "a", "b", "c") == ["ok"] * 3


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 529])
def test_what_may_pass_is_tried_again_with_growing_waits(status: int) -> None:
    clock = FakeClock()
    with chat_server([fails(status), fails(status), says("at last")]) as server, client(server.url, clock) as chat:
        assert ask(chat, "a") == ["at last"]
    assert len(server.requests) == 3
    assert 0.5 <= clock.waits[0] <= 1
    assert 1 <= clock.waits[1] <= 2


def test_retry_after_is_honoured_by_all_questions() -> None:
    clock = FakeClock()
    with chat_server([fails(429, Retry_After="30"), says("ok")]) as server, client(server.url, clock) as chat:
        assert ask(chat, "a", "b") == ["ok", "ok"]
    assert clock.time >= 30


def test_an_endpoint_that_asks_to_wait_for_hours_ends_the_run() -> None:
    clock = FakeClock()
    with (
        chat_server([fails(429, Retry_After="7200")]) as server,
        client(server.url, clock) as chat,
        pytest.raises(ChatUnavailable, match="7,200 s"),
    ):
        ask(chat, "a")
    assert not clock.waits


def test_a_spent_quota_is_not_waited_for() -> None:
    with (
        chat_server([fails(429, "pay first", code="insufficient_quota")]) as server,
        client(server.url) as chat,
        pytest.raises(ChatUnavailable, match="pay first"),
    ):
        ask(chat, "a")
    assert len(server.requests) == 1


@pytest.mark.parametrize("garbled", GARBLED)
def test_a_garbled_answer_is_asked_for_again(garbled: Reply) -> None:
    with chat_server([garbled, says("ok")]) as server, client(server.url) as chat:
        assert ask(chat, "a") == ["ok"]


@pytest.mark.parametrize("garbled", [*GARBLED, Reply(body=says("x" * 500).body, cut=100)])
def test_an_endpoint_that_only_garbles_ends_the_run_and_says_so(garbled: Reply) -> None:
    with (
        chat_server([garbled]) as server,
        client(server.url) as chat,
        pytest.raises(ChatUnavailable, match="after 3 attempts"),
    ):
        ask(chat, "a")
    assert len(server.requests) == 3


def test_a_broken_connection_is_tried_again() -> None:
    with chat_server([Reply(body=says("whole").body, cut=10), says("whole")]) as server, client(server.url) as chat:
        assert ask(chat, "a") == ["whole"]


def test_an_answer_that_does_not_come_is_given_up() -> None:
    never = threading.Event()
    with chat_server([Reply(hold=never)]) as server, client(server.url, timeout_s=0.2, attempts=2) as chat:
        try:
            with pytest.raises(ChatUnavailable, match=r"no answer within 0\.2 s"):
                ask(chat, "a")
        finally:
            never.set()
    assert len(server.requests) == 2


def test_nothing_listening_is_told() -> None:
    with chat_server([says("ok")]) as server:
        pass
    with client(server.url) as chat, pytest.raises(ChatUnavailable, match="after 3 attempts"):
        ask(chat, "a")


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_names_its_variable_and_never_the_key(status: int) -> None:
    with (
        chat_server([fails(status, "bad key")]) as server,
        client(server.url, key_env="MY_KEY") as chat,
        pytest.raises(BadRequest, match="MY_KEY is refused") as caught,
    ):
        ask(chat, "a")
    assert caught.value.field == "key_env"
    assert KEY not in str(caught.value)
    assert KEY not in repr(chat.endpoint)


@pytest.mark.parametrize("status", [400, 404, 422])
def test_an_endpoint_that_refuses_the_first_question_is_wrongly_described(status: int) -> None:
    with (
        chat_server([fails(status, "no model tiny-chat")]) as server,
        client(server.url) as chat,
        pytest.raises(BadRequest, match="no model tiny-chat"),
    ):
        ask(chat, "a")
    assert len(server.requests) == 1


def test_a_single_question_that_is_refused_costs_the_others_nothing() -> None:
    replies = [says("one"), fails(400, "too long"), says("three")]
    with chat_server(replies) as server, client(server.url, concurrency=1) as chat:
        answers = list(chat.complete([Prompt("a"), Prompt("b"), Prompt("c")]))
    assert [answer.finish for answer in answers] == ["stop", "refused", "stop"]
    assert "too long" in answers[1].text


@pytest.mark.parametrize("finish", ["length", "content_filter"])
def test_answers_that_were_cut_off_or_withheld_are_marked(finish: str) -> None:
    with chat_server([says("half of", finish=finish)]) as server, client(server.url) as chat:
        (answer,) = chat.complete([Prompt("a")])
    assert answer.finish == {"length": "length", "content_filter": "refused"}[finish]


def test_answers_before_a_failure_are_handed_out() -> None:
    with chat_server([says("one"), fails(500)]) as server, client(server.url, concurrency=1) as chat:
        answers = chat.complete([Prompt("a"), Prompt("b"), Prompt("c")])
        assert next(answers).text == "one"
        with pytest.raises(ChatUnavailable):
            next(answers)


def test_requests_keep_to_the_rate_that_is_allowed() -> None:
    clock = FakeClock()
    with (
        chat_server([says("ok")]) as server,
        client(server.url, clock, concurrency=1, requests_per_minute=30) as chat,
    ):
        ask(chat, *"abcd")
    assert clock.waits == [2.0, 2.0, 2.0]


def test_tokens_that_were_really_used_count_for_the_rate() -> None:
    clock = FakeClock()
    with (
        chat_server([says("ok", usage=(900, 100))]) as server,
        client(server.url, clock, concurrency=1, tokens_per_minute=6000) as chat,
    ):
        ask(chat, "a", "b")
    assert sum(clock.waits) == pytest.approx(10)


def test_usage_is_counted_over_runs_and_what_a_kill_cut_off_is_not(tmp_path: Path) -> None:
    path = tmp_path / "usage-1-of-1.jsonl"
    for _ in range(2):
        with chat_server([says("ok")]) as server, client(server.url, log=UsageLog(path)) as chat:
            ask(chat, "a", "b")
            assert chat.used == Usage(2, 200, 40)
    with path.open("a") as file:
        file.write('{"requests": 1, "tok')
    used = total([path])
    assert used == Usage(4, 400, 80)
    endpoint = Endpoint("http://x", "m", price_in=2.0, price_out=10.0)
    assert used.cost(endpoint) == pytest.approx(0.0016)
    assert used.line(endpoint) == "4 answers, 400 tokens in, 80 out, cost 0.0016"


def test_tokens_are_estimated_where_the_endpoint_does_not_count() -> None:
    with chat_server([says("word " * 40, usage=None)]) as server, client(server.url) as chat:
        ask(chat, "a" * 400)
        assert chat.used == Usage(1, 101, 51, estimated=1)
