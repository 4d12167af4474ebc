from dataclasses import fields, replace

from loadtest.bias_bench import filled
from loadtest.bias_sweep import PLOTTED, Run, _plan, markdown, plot
from service.biasing.entries import MAX_ENTRIES, Entry, check
from service.biasing.strategies import Strategies

RUN = Run("names.json", 1000, 1.0, None, 90.5, 99.0, 0.4, 3.0, 4.0, None, 2.0, 12)


def test_ablation_is_compared_with_strength_one() -> None:
    assert _plan([2, 0], ablate=False) == [(0, None), (2, None)]
    plan = _plan([2, 0], ablate=True)
    assert plan[:3] == [(0, None), (1.0, None), (2, None)]
    assert plan[3:] == [(1.0, each.name) for each in fields(Strategies)]


def test_tables_have_a_row_for_each_run() -> None:
    runs = [replace(RUN, strength=0.0, recall=30.0), RUN, replace(RUN, off="splices", recall=80.0)]
    text = markdown(runs, "python -m loadtest.bias_sweep")
    assert "| 1,000 | 0 | 30.0 |" in text
    assert text.count("| 90.5 | 99.0 | 0.4 | 3.0 | 4.0 | – | 2.0 | 12 |") == 2
    assert "| 1,000 | none | 90.5 |" in text
    assert "| 1,000 | splices | 80.0 |" in text
    assert "switched off" not in markdown(runs[:2], "")


def test_figure_has_a_line_for_each_list() -> None:
    runs = [replace(RUN, list=name, strength=strength) for name in "ab" for strength in (1.0, 0.0)]
    panels = plot([*runs, replace(RUN, list="a", off="splices")]).axes
    assert [len(panel.lines) for panel in panels] == [2, 2, 2, 0]
    assert len(panels) == len(PLOTTED)
    assert list(panels[0].lines[0].get_xdata()) == [0.0, 1.0]


def test_filled_list_keeps_its_entries_and_is_as_long_as_can_be() -> None:
    given = (Entry("Loewe", boost=1.5), Entry("Dior"))
    full = filled(given)
    assert full[:2] == given
    assert full == filled(given)
    assert check([entry.to_json() for entry in full]).accepted == full
    assert len(full) == MAX_ENTRIES
