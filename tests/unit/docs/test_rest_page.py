"""docs/rest.md: it names the fields of all forms; its webhook check accepts what Sotto signs, and nothing else."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from service.gateway import webhooks
from service.gateway.rest import jobs, transcriptions

PAGE = Path(__file__).parents[3] / "docs" / "rest.md"
BODY = b'{"type": "job.ended"}'


@pytest.fixture(scope="module")
def is_from_sotto() -> Callable[[str, str, bytes], bool]:
    [sample] = [
        code for code in re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL) if "hmac" in code
    ]
    names: dict[str, Any] = {}
    exec(sample, names)
    check: Callable[[str, str, bytes], bool] = names["is_from_sotto"]
    return check


def test_sample_accepts_a_signed_delivery(is_from_sotto: Callable[[str, str, bytes], bool]) -> None:
    assert is_from_sotto("secret", webhooks.sign("secret", BODY, int(time.time())), BODY)


def test_sample_refuses_other_secrets_bodies_and_times(is_from_sotto: Callable[[str, str, bytes], bool]) -> None:
    now = int(time.time())
    assert not is_from_sotto("secret", webhooks.sign("other", BODY, now), BODY)
    assert not is_from_sotto("secret", webhooks.sign("secret", BODY, now), BODY + b" ")
    assert not is_from_sotto("secret", webhooks.sign("secret", BODY, now - 3600), BODY)
    for garbage in ("", "t=,v1=", "v1=0", "nonsense"):
        assert not is_from_sotto("secret", garbage, BODY)


@pytest.mark.parametrize("route", ["/v1/audio/transcriptions", "/v1/audio/translations", "/v1/jobs"])
def test_page_names_every_field_of_a_form(route: str) -> None:
    app = FastAPI()
    for module in (transcriptions, jobs):
        app.include_router(module.router)
    described = app.openapi()
    form = described["paths"][route]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]["$ref"]
    fields = described["components"]["schemas"][form.rpartition("/")[2]]["properties"]
    named = set(re.findall(r"`([\w\[\]]+)`", PAGE.read_text("utf-8")))
    written = {re.sub(r"\[(\w+)\]$", r" \1", field).rpartition(" ")[2] for field in fields}
    assert written - named == set()


def test_page_names_the_header_and_the_tries() -> None:
    page = PAGE.read_text("utf-8")
    assert f"{webhooks.SIGNATURE_HEADER}: t=" in page
    assert f"{webhooks.TRIES} times in all" in page
