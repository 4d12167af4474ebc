"""Short-lived secrets that stand in for an API key where others can see it, as in a browser."""

from dataclasses import dataclass
from typing import Any

from sotto_client.errors import ProtocolError


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """`value` opens live streams in place of an API key until `expires_at`, Unix time in seconds."""

    value: str
    expires_at: int


def parse_client_secret(values: Any) -> ClientSecret:
    """Raises ProtocolError for something else."""
    try:
        return ClientSecret(values["value"], values["expires_at"])
    except (KeyError, TypeError) as error:
        raise ProtocolError(f"the server's answer is not a client secret ({error})") from error
