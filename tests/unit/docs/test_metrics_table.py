"""docs/operations.md lists the instruments as they are."""

import re
from pathlib import Path

from prometheus_client import Counter
from prometheus_client.metrics import MetricWrapperBase

from service import metrics

PAGE = Path(__file__).parents[3] / "docs" / "operations.md"
ROW = re.compile(r"^\| `(sotto_\w+)` \| (\w+) \| (.*?) ?\| (.*) \|$", re.MULTILINE)


def test_every_instrument_has_its_row() -> None:
    rows = {name: (kind, labels, meaning) for name, kind, labels, meaning in ROW.findall(PAGE.read_text("utf-8"))}
    instruments = [value for value in vars(metrics).values() if isinstance(value, MetricWrapperBase)]
    assert rows == dict(row_of(instrument) for instrument in instruments)


def row_of(instrument: MetricWrapperBase) -> tuple[str, tuple[str, str, str]]:
    [described] = instrument.describe()
    name = f"{described.name}_total" if isinstance(instrument, Counter) else described.name
    labels = ", ".join(f"`{label}`" for label in instrument._labelnames)
    return name, (described.type, labels, described.documentation)
