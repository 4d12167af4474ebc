"""docs/settings.md lists the settings as they are."""

import re
from pathlib import Path

from service.settings import Settings

PAGE = Path(__file__).parents[3] / "docs" / "settings.md"
ROW = re.compile(r"^\| `([A-Z_]+)` \| (?:`(.*?)`)? ?\| (.*) \|$", re.MULTILINE)


def test_every_setting_has_its_row() -> None:
    rows = {variable: (default, meaning) for variable, default, meaning in ROW.findall(PAGE.read_text("utf-8"))}
    assert rows == {
        variable_of(name): (shown(field.default), field.description) for name, field in Settings.model_fields.items()
    }


def variable_of(name: str) -> str:
    alias = Settings.model_fields[name].validation_alias
    return str(alias) if alias else f"SOTTO_{name.upper()}"


def shown(default: object) -> str:
    if default is None:
        return ""
    if isinstance(default, bool):
        return str(int(default))
    return str(default).replace(str(Path.home()), "~")
