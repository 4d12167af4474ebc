"""List files: three formats, one meaning; what cannot be read names what is wrong."""

import json
from typing import Any

import pytest

from service.biasing.entries import Entry, check
from service.biasing.formats import ListFormat, format_of, parse
from service.errors import BadRequest

ENTRIES = (Entry("Brunello Cucinelli", 1.5, ("bru nello", "cuchinelli"), "it"), Entry("Zoë, die Große"))

AS_CSV = """phrase,boost,sounds_like,language\r
Brunello Cucinelli,1.5,bru nello; cuchinelli,it\r
\r
"Zoë, die Große",,,\r
"""
AS_TEXT = """# clients of Anna
Brunello Cucinelli

  Zoë, die Große \r
"""


@pytest.mark.parametrize(
    ("data", "list_format"),
    [
        (AS_CSV, "csv"),
        (AS_CSV.replace("\r\n", "\n"), "csv"),
        (json.dumps([entry.to_json() for entry in ENTRIES]), "json"),
        (json.dumps({"n": 2, "phrases": [entry.to_json() for entry in ENTRIES]}), "json"),
        (json.dumps({"entries": [entry.to_json() for entry in ENTRIES]}), "json"),
    ],
)
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_list_with_all_fields_is_read(data: str, list_format: ListFormat, mark: str) -> None:
    checked = check(parse((mark + data).encode(), list_format))
    assert checked.accepted == ENTRIES
    assert not checked.rejected


@pytest.mark.parametrize(
    ("data", "list_format"),
    [
        (AS_TEXT, "text"),
        ('Brunello Cucinelli\n"Zoë, die Große"\n', "csv"),
        ('Brunello Cucinelli,1999\n"Zoë, die Große",2001\n', "csv"),
        (json.dumps(["Brunello Cucinelli", "Zoë, die Große"]), "json"),
    ],
)
def test_a_list_of_bare_phrases_is_read(data: str, list_format: ListFormat) -> None:
    assert [entry.phrase for entry in check(parse(data.encode(), list_format)).accepted] == [
        "Brunello Cucinelli",
        "Zoë, die Große",
    ]


@pytest.mark.parametrize("list_format", ["csv", "text"])
def test_an_empty_file_is_an_empty_list(list_format: ListFormat) -> None:
    assert parse(b"\n \n", list_format) == []


def test_a_bad_cell_costs_its_entry_alone() -> None:
    checked = check(parse(b"boost,phrase\nhigh,Loewe\n3,Dior\n1,\n0.5,Fendi\n", "csv"))
    assert checked.accepted == (Entry("Fendi", 0.5),)
    assert [(each.index, each.reason) for each in checked.rejected] == [(0, "invalid"), (1, "invalid"), (2, "empty")]


@pytest.mark.parametrize(
    ("data", "list_format", "message"),
    [
        (b"", "json", "not JSON"),
        (b'["Lo\xe9we"]', "json", "not UTF-8: byte 4 is 0xe9"),
        (b'["Loewe"', "json", "not JSON"),
        (b"[" * 100_000, "json", "nested too deeply"),
        (b"[" + b"1" * 5000 + b"]", "json", "not JSON"),
        (b'"Loewe"', "json", "array of entries"),
        (b"7", "json", "array of entries"),
        (b'{"words": []}', "json", "array of entries"),
        (b'{"phrases": "Loewe"}', "json", "array of entries"),
        ("Größe".encode("latin-1"), "text", "not UTF-8: byte 2 is 0xf6"),
        ("phrase\nLoewe".encode("utf-16"), "csv", "not UTF-8"),
        (b'phrase\n"Loewe\n', "csv", "not CSV: line"),
        (b'phrase\n"Loe"we\n', "csv", "not CSV: line 2"),
        (b"phrase,bost\nLoewe,1\n", "csv", "column 'bost'"),
        (b"phrase,phrase\nLoewe,Dior\n", "csv", "column 'phrase'"),
        (b"x" * 200_000, "csv", "not CSV: line 1: field larger"),
    ],
)
def test_what_cannot_be_read_names_what_is_wrong(data: bytes, list_format: ListFormat, message: str) -> None:
    with pytest.raises(BadRequest, match=message) as caught:
        parse(data, list_format, field="bias")
    assert caught.value.field == "bias"


@pytest.mark.parametrize(
    ("name", "list_format"),
    [("brands.csv", "csv"), ("A.JSON", "json"), ("names.txt", "text"), ("names", "text"), ("a.csv.bak", "text")],
)
def test_file_names_tell_the_format(name: str, list_format: Any) -> None:
    assert format_of(name) == list_format
