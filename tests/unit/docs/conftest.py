"""The protocol's description, and validators for its messages."""

from collections.abc import Callable
from importlib.resources import files
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator
from referencing import Registry
from referencing.jsonschema import DRAFT7

Description = dict[str, Any]
CheckMessage = Callable[[str, object], None]


@pytest.fixture(scope="session")
def asyncapi() -> Description:
    description: Description = yaml.safe_load((files("service.gateway") / "asyncapi.yaml").read_text("utf-8"))
    return description


@pytest.fixture(scope="session")
def check_message(asyncapi: Description) -> CheckMessage:
    """Fails unless a value is the named message, with every field described. AsyncAPI's schemas are JSON Schema 7."""
    uri = asyncapi["id"]
    registry = Registry().with_resource(uri, DRAFT7.create_resource(asyncapi))

    def check(name: str, value: object) -> None:
        payload = asyncapi["components"]["messages"][name]["payload"]
        Draft7Validator({"$ref": uri + payload["$ref"]}, registry=registry).validate(value)
        schema = resolved(asyncapi, payload)
        assert isinstance(value, dict)
        assert value.keys() <= schema["properties"].keys(), f"{name} has fields that are not described"

    return check


def resolved(description: Description, schema: dict[str, Any]) -> dict[str, Any]:
    """The schema itself, behind a reference within the document if it is one."""
    while "$ref" in schema:
        found: Any = description
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        schema = found
    return schema
