import pytest
from hypothesis import given
from hypothesis import strategies as st
from sotto_client.errors import ProtocolError
from sotto_client.outbox import Outbox


def drain(outbox: Outbox) -> list[bytes | str]:
    taken = []
    while (payload := outbox.take()) is not None:
        taken.append(payload)
    return taken


def outbox_of(*payloads: bytes | str, packets: bool = False) -> Outbox:
    outbox = Outbox(packets=packets)
    for payload in payloads:
        if isinstance(payload, str):
            outbox.add_command(payload)
        else:
            outbox.add_audio(payload)
    return outbox


def test_gives_everything_in_order_once() -> None:
    outbox = outbox_of(b"ab", "flush", b"cd")
    assert drain(outbox) == [b"ab", "flush", b"cd"]
    assert outbox.take() is None


def test_rewinds_into_the_middle_of_a_message() -> None:
    outbox = outbox_of(b"abcd", b"efgh")
    drain(outbox)
    outbox.rewind(2)
    assert drain(outbox) == [b"cd", b"efgh"]


def test_a_message_cut_by_one_rewind_can_be_rewound_to_again() -> None:
    outbox = outbox_of(b"abcd", b"efgh")
    drain(outbox)
    outbox.rewind(2)
    drain(outbox)
    outbox.rewind(3)
    assert drain(outbox) == [b"d", b"efgh"]


def test_command_at_the_safe_edge_is_sent_again() -> None:
    outbox = outbox_of(b"ab", "flush", b"cd")
    drain(outbox)
    outbox.rewind(2)
    assert drain(outbox) == ["flush", b"cd"]


def test_command_before_safe_audio_is_not_sent_again() -> None:
    outbox = outbox_of(b"ab", "flush", b"cd", "finish")
    drain(outbox)
    outbox.rewind(3)
    assert drain(outbox) == [b"d", "finish"]


def test_acknowledged_audio_is_forgotten() -> None:
    outbox = outbox_of(b"ab", b"cd")
    drain(outbox)
    outbox.acknowledge(3)
    assert outbox.unsafe_bytes == 1
    with pytest.raises(ProtocolError, match="byte 2 after it acknowledged 3"):
        outbox.rewind(2)


def test_acknowledging_what_was_never_given_is_a_protocol_error() -> None:
    with pytest.raises(ProtocolError, match="5 bytes of 2"):
        outbox_of(b"ab").acknowledge(5)


def test_packets_are_not_cut() -> None:
    outbox = outbox_of(b"abc", b"de", packets=True)
    drain(outbox)
    with pytest.raises(ProtocolError, match="inside a packet"):
        outbox.rewind(1)


@given(
    messages=st.lists(st.binary(min_size=1, max_size=9), min_size=1, max_size=12),
    steps=st.lists(st.tuples(st.integers(0, 12), st.floats(0, 1), st.booleans()), max_size=8),
)
def test_the_server_gets_every_byte_once_whatever_is_lost(
    messages: list[bytes], steps: list[tuple[int, float, bool]]
) -> None:
    """A server that keeps some of what was sent, acknowledges some of that, and asks for the rest after a cut."""
    outbox = outbox_of(*messages)
    kept = b""
    sent = b""
    for count, kept_part, cut in steps:
        for _ in range(count):
            sent += outbox.take() or b""  # type: ignore[operator]
        kept = sent[: len(kept) + round((len(sent) - len(kept)) * kept_part)]
        if cut:
            outbox.rewind(len(kept))
            sent = kept
        else:
            outbox.acknowledge(len(kept))
    assert sent + b"".join(drain(outbox)) == b"".join(messages)  # type: ignore[arg-type]
