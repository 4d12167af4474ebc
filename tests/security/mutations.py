"""Messages and bytes, a little wrong: strategies for hypothesis."""

import copy
import json
from typing import Any

from hypothesis import strategies as st

Frame = str | bytes
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 2**63, 10**400, 1e308, "", "\0", "\ud800", "日" * 300, "a\r\nX-Evil: 1", "../../etc/passwd"),
    *("x" * 70_000, "{}:{}", [], [[]], {}, {"": None}, [None] * 500, "NaN", float("nan"), float("inf"), float("-inf")),
)
DEEP = "[" * 20_000


def _paths(message: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where in a message its values are, itself left out."""
    within = message.items() if isinstance(message, dict) else enumerate(message) if isinstance(message, list) else ()
    return [path for key, value in within for path in ((*at, key), *_paths(value, (*at, key)))]


def _changed(message: dict[str, Any], path: tuple[Any, ...], value: Any, *, drop: bool) -> dict[str, Any]:
    changed = copy.deepcopy(message)
    within: Any = changed
    for key in path[:-1]:
        within = within[key]
    if drop:
        del within[path[-1]]
    else:
        within[path[-1]] = value
    return changed


@st.composite
def bytes_like(draw: st.DrawFn, data: bytes) -> bytes:
    """`data` with up to eight places flipped, cut out, doubled or filled."""
    mutated = bytearray(data)
    for _ in range(draw(st.integers(1, 8))):
        if not mutated:
            break
        at = draw(st.integers(0, len(mutated) - 1))
        size = draw(st.sampled_from((1, 2, 4, 27, 300)))
        match draw(st.integers(0, 4)):
            case 0:
                mutated[at] ^= 1 << draw(st.integers(0, 7))
            case 1:
                del mutated[at : at + size]
            case 2:
                mutated[at:at] = mutated[at : at + size]
            case 3:
                mutated[at : at + size] = bytes([draw(st.sampled_from((0, 0x7F, 0x80, 0xFF)))]) * size
            case 4:
                del mutated[at + size :]
    return bytes(mutated)


@st.composite
def messages_like(draw: st.DrawFn, message: dict[str, Any]) -> Frame:
    """A JSON message with a value replaced, added or dropped, or the text of it damaged."""
    match draw(st.integers(0, 5)):
        case 0 | 1 | 2:
            path, odd = draw(st.sampled_from(_paths(message))), draw(st.sampled_from(ODD_VALUES))
            return json.dumps(_changed(message, path, odd, drop=False))
        case 3:
            path = draw(st.sampled_from(_paths(message)))
            return json.dumps(_changed(message, path, None, drop=True))
        case 4:
            name = draw(st.sampled_from(("x", "日" * 200, "__class__", "type ", "\ud800")))
            return json.dumps(message | {name: draw(st.sampled_from(ODD_VALUES))})
    damaged = draw(bytes_like(json.dumps(message).encode())).decode(errors="replace")
    return draw(st.sampled_from((damaged, DEEP, "", '{"type":' * 5_000, b"\0\1\2", json.dumps(message).encode())))
