"""Opening the WebSocket to one of several servers, and telling passing trouble from a refusal."""

import json
from collections.abc import Sequence

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidURI

from sotto_client.addresses import is_loopback, stream_url
from sotto_client.errors import Refused, SottoClientError, Unreachable, error_from_response, reason

_MAX_MESSAGE_BYTES = 4 * 2**20  # a final with the words of a long utterance is far below


class Dialer:
    """Dials one URL after the other, starting over with the first; stays with the URL that last worked."""

    def __init__(self, urls: Sequence[str], *, api_key: str | None, timeout_s: float) -> None:
        if not urls:
            raise ValueError("at least one URL is needed")
        self._urls = [stream_url(url) for url in urls]
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._timeout_s = timeout_s
        self._next = 0

    def __len__(self) -> int:
        return len(self._urls)

    def move_on(self) -> None:
        """Makes the next call dial the next URL."""
        self._next = (self._next + 1) % len(self._urls)

    async def dial(self) -> ClientConnection:
        """One attempt.

        Raises Unreachable and Refused, after which another attempt may succeed, or another ApiError, after which
        none will.
        """
        url = self._urls[self._next]
        try:
            return await connect(
                url,
                additional_headers=self._headers,
                compression=None,  # audio hardly compresses; the texts are short
                proxy=None if is_loopback(url) else True,
                open_timeout=self._timeout_s,
                close_timeout=2,
                max_size=_MAX_MESSAGE_BYTES,
            )
        except InvalidStatus as error:
            raise _rejection(error, url) from error
        except InvalidURI as error:
            raise SottoClientError(f"{url} is not a WebSocket URL") from error
        except TimeoutError as error:
            raise Unreachable(f"{url} did not answer within {self._timeout_s:g} s") from error
        except (OSError, EOFError, InvalidHandshake) as error:
            raise Unreachable(f"no server answers at {url} ({reason(error)})") from error


def _rejection(error: InvalidStatus, url: str) -> SottoClientError:
    response = error.response
    try:
        body = json.loads(response.body or b"null")
    except ValueError:
        body = None
    mapped = error_from_response(response.status_code, body, response.headers.get("Retry-After"))
    if response.status_code >= 500 and not isinstance(mapped, Refused):
        return Unreachable(f"{url} answered with HTTP status {response.status_code}")
    return mapped
