"""One request and its answer by httpx, as far as it is the same with and without an event loop."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx

from sotto_client.addresses import is_loopback
from sotto_client.calls import Call
from sotto_client.errors import ApiError, ProtocolError, Unreachable, error_from_response, reason

CONNECT_S = 10.0
T = TypeVar("T")


def http_options(base: str, api_key: str | None, timeout_s: float) -> dict[str, Any]:
    """What `httpx.Client` and `httpx.AsyncClient` are made with."""
    return {
        "base_url": base,
        "headers": {"Authorization": f"Bearer {api_key}"} if api_key else {},
        "timeout": httpx.Timeout(timeout_s, connect=CONNECT_S),
        "trust_env": not is_loopback(base),
    }


@contextmanager
def request(base: str, call: Call[Any]) -> Iterator[dict[str, Any]]:
    """Around the sending and reading: the arguments of httpx's `request` and `stream`.

    Raises OSError when the recording cannot be read, Unreachable and ProtocolError for what httpx raises.
    """
    arguments = {"method": call.method, "url": call.path, "json": call.json, "data": call.form}
    try:
        if call.recording is None:
            yield arguments
        else:
            with call.recording.open("rb") as recording:
                yield arguments | {"files": {"file": (call.recording.name, recording)}}
    except httpx.TimeoutException as error:
        raise Unreachable(f"{base} did not answer in time") from error
    except httpx.TransportError as error:
        raise Unreachable(f"no server answers at {base} ({reason(error)})") from error
    except httpx.DecodingError as error:
        raise ProtocolError(f"the server's answer cannot be decoded ({error})") from error


def answer(call: Call[T], response: httpx.Response) -> T:
    """Raises ApiError for a refusal, ProtocolError for what is no answer to the call."""
    if not response.is_success:
        raise refusal(response)
    return call.read(response.text)


def refusal(response: httpx.Response) -> ApiError:
    """The error that the body of a response tells; it must have been read."""
    try:
        body = response.json()
    except ValueError:
        body = None
    return error_from_response(response.status_code, body, response.headers.get("Retry-After"))
