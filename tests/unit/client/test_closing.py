import pytest
from sotto_client import ApiError, BadRequest, Conflict, Failed, NotFound, Problem, Refused
from sotto_client.closing import fatal_error


def problem(code: str) -> Problem:
    return Problem(1, code, "why", None)


@pytest.mark.parametrize("close_code", [1000, 1001, 1005, 1006, 1012, None])
def test_lost_and_restarting_connections_can_be_resumed(close_code: int | None) -> None:
    assert fatal_error(close_code, None, None, resumable=True) is None


def test_internal_error_without_a_message_can_be_resumed() -> None:
    """What a proxy or a dying gateway sends."""
    assert fatal_error(1011, None, None, resumable=True) is None


def test_try_again_later_delays_a_running_stream() -> None:
    assert fatal_error(1013, None, problem("store_unavailable"), resumable=True) is None


@pytest.mark.parametrize(
    ("close_code", "code", "kind"),
    [
        (1013, "at_capacity", Refused),
        (1013, "store_unavailable", Refused),
        (1008, "invalid_audio", BadRequest),
        (1008, "not_found", NotFound),
        (1008, "model_not_found", NotFound),
        (1008, "conflict", Conflict),
        (1009, "too_large", BadRequest),
        (1011, "decode_failed", Failed),
    ],
)
def test_fatal_ends_have_a_type(close_code: int, code: str, kind: type[ApiError]) -> None:
    error = fatal_error(close_code, None, problem(code), resumable=False)
    assert type(error) is kind
    assert error.code == code
    assert str(error) == "why"


def test_fatal_close_without_a_message_gives_its_reason() -> None:
    assert str(fatal_error(1009, "too big", None, resumable=True)) == "the server ended the stream: too big"
