"""Who may open a WebSocket: a key or short-lived secret, in a header or, from browsers, in a subprotocol."""

from typing import Any

from starlette.websockets import WebSocket

from service.errors import Unauthorized
from service.gateway.auth import Keys, key_in
from service.log.client_secrets import PREFIX, ClientSecrets


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
    def __init__(self, keys: Keys, secrets: ClientSecrets) -> None:
        self._keys = keys
        self._secrets = secrets

    async def check(self, socket: WebSocket, key: str | None) -> dict[str, Any]:
        """What the secret in place of a key was made for, nothing for a key. Raises Unauthorized."""
        if key and key.startswith(PREFIX) and not self._keys.knows(key):
            session = await self._secrets.find(key)
            if session is None:
                raise Unauthorized("that client secret has expired or never was", field="authorization")
            return session
        self._keys.check(key)
        self._keys.check_origin(socket.headers.get("origin"))
        return {}
