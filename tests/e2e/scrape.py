"""What `/metrics` says."""

import httpx
from prometheus_client.parser import text_string_to_metric_families

Samples = dict[str, dict[tuple[tuple[str, str], ...], float]]


def scrape(url: str) -> Samples:
    """Value by sample name and labels."""
    text = httpx.get(f"{url}/metrics", timeout=30).raise_for_status().text
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def total(samples: Samples, name: str, **labels: str) -> float:
    """The sum over all samples of a name that have these labels; 0 when there is none."""
    wanted = set(labels.items())
    return sum(value for found, value in samples.get(name, {}).items() if wanted <= set(found))
