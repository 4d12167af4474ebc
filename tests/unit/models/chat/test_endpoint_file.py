from pathlib import Path

import pytest

from models.chat.endpoint import read_endpoint
from service.errors import BadRequest

GOOD = 'url = "http://localhost:1/v1/"\nmodel = "m"\n'


def test_a_file_describes_an_endpoint(tmp_path: Path) -> None:
    path = tmp_path / "chat.toml"
    path.write_text(GOOD + 'key_env = "K"\nconcurrency = 8\nprice_in = 1\n[body]\nmax_tokens = 5\n')
    endpoint = read_endpoint(path)
    assert endpoint.completions_url == "http://localhost:1/v1/chat/completions"
    assert (endpoint.concurrency, endpoint.price_in, endpoint.body) == (8, 1, {"max_tokens": 5})


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("model =", "chat"),
        ('model = "m"', "url"),
        ('url = "http://x"', "model"),
        ('url = "x"\nmodel = "m"', "url"),
        (GOOD + "retries = 3", "retries"),
        (GOOD + 'concurrency = "8"', "concurrency"),
        (GOOD + "concurrency = 0", "concurrency"),
        (GOOD + "concurrency = true", "concurrency"),
        (GOOD + "timeout_s = nan", "timeout_s"),
        (GOOD + "price_in = -1", "price_in"),
        (GOOD + "body = 3", "body"),
        (GOOD + '[body]\nmodel = "other"', "body"),
    ],
)
def test_a_field_that_cannot_be_is_named(text: str, field: str, tmp_path: Path) -> None:
    path = tmp_path / "chat.toml"
    path.write_text(text)
    with pytest.raises(BadRequest, match=r"chat\.toml") as caught:
        read_endpoint(path)
    assert caught.value.field == field


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match=r"nothing\.toml"):
        read_endpoint(tmp_path / "nothing.toml")
