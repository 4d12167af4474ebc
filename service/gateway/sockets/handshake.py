"""Who may open a WebSocket: a key or short-lived secret, in a header or, from browsers, in a subprotocol."""

from typing import Any

from starlette.websockets import WebSocket

from service.gateway.auditing import Asked
from service.gateway.auth import Access, Caller, key_in
from service.gateway.metering import Metering


def offered(socket: WebSocket) -> list[str]:
    """The subprotocols that the client offers."""
    subprotocols: list[str] = socket.scope.get("subprotocols", [])
    return subprotocols


def key_of(socket: WebSocket, prefix: str) -> str | None:
    """The key in the Authorization header, else in a subprotocol `prefix` + key."""
    if key := key_in(socket.headers.get("authorization")):
        return key
    return next((name.removeprefix(prefix) for name in offered(socket) if name.startswith(prefix)), None)


class SocketAuth:
    def __init__(self, access: Access, metering: Metering) -> None:
        self._access = access
        self._metering = metering

    async def check(self, socket: WebSocket, key: str | None) -> tuple[Caller, dict[str, Any]]:
        """Who opens the socket, and what the secret in place of a key was made for, nothing for a key.

        Raises Unauthorized, Forbidden, QuotaExceeded.
        """
        address = socket.client.host if socket.client else ""
        origin, host = socket.headers.get("origin"), socket.headers.get("host", "")
        asked = Asked(socket.scope["path"], address, origin, host)
        caller, made_for = await self._access.admit(asked, key, "transcribe", secrets=True)
        await self._metering.count_request(caller.tenant)
        return caller, made_for
