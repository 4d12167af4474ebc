"""Which language model to ask, and how hard: a TOML file that any OpenAI-compatible endpoint is described by.

url = "https://api.example.com/v1"     # /chat/completions is appended
model = "some-chat-model"
key_env = "EXAMPLE_API_KEY"            # the variable that holds the key; leave it out where none is wanted
concurrency = 8                        # requests under way at once
requests_per_minute = 300              # 0: no limit
tokens_per_minute = 200000             # in and out together; 0: no limit
price_in = 0.27                        # per million tokens, in any currency
price_out = 1.10
timeout_s = 60                         # of a whole request
attempts = 6                           # at one request before the run stops
[body]                                 # more fields of the request, as the endpoint wants them
max_tokens = 2000
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from models.described import check_endpoint, read_described
from service.errors import BadRequest

OWN_BODY = ("model", "messages", "stream")  # what the client itself puts into a request


@dataclass(frozen=True, slots=True)
class Endpoint:
    """See the module. Raises BadRequest that names the field for values that cannot be."""

    url: str
    model: str
    key_env: str = ""
    concurrency: int = 4
    requests_per_minute: float = 0.0
    tokens_per_minute: float = 0.0
    price_in: float = 0.0
    price_out: float = 0.0
    timeout_s: float = 60.0
    attempts: int = 6
    body: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_endpoint(self)
        for name in OWN_BODY:
            if name in self.body:
                raise BadRequest(f"body: {name} is not to be set there", field="body")

    @property
    def completions_url(self) -> str:
        return f"{self.url.rstrip('/')}/chat/completions"

    def identity(self) -> dict[str, Any]:
        """What decides which answers come: for a stage's options. Speed and prices may change between runs."""
        return {"url": self.url, "model": self.model, "body": dict(self.body)}


def read_endpoint(path: Path) -> Endpoint:
    """Raises BadRequest that names file and field; unknown fields are refused."""
    return read_described(path, Endpoint, field="chat")
