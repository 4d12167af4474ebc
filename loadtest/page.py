"""The report of a run as one HTML page: no script, nothing fetched, light and dark by the reader's setting."""

import math
from collections.abc import Mapping, Sequence
from html import escape

from loadtest.figures import TICK_S
from loadtest.report import MIB, Report, facts, latency_rows, process_rows

WIDTH, HEIGHT, LEFT, RIGHT, BOTTOM, TOP = 720, 220, 76, 40, 28, 14
_COLOURS = ("var(--a)", "var(--b)", "var(--c)", "var(--d)", "var(--e)", "var(--f)")
_STYLE = """
:root { color-scheme: light dark; --ink: #1d2329; --soft: #66717c; --line: #dde2e7; --page: #fff; --card: #f6f8fa;
  --a: #1f6feb; --b: #c2410c; --c: #15803d; --d: #7e22ce; --e: #a16207; --f: #0e7490; --bad: #b42318; --good: #15803d }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaee; --soft: #98a4b0; --line: #323a43; --page: #12161a;
  --card: #1a2026; --a: #6ea8fe; --b: #fb923c; --c: #4ade80; --d: #c084fc; --e: #facc15; --f: #22d3ee;
  --bad: #ff8a80; --good: #4ade80 } }
body { margin: 0 auto; max-width: 48rem; padding: 1.5rem 1rem 3rem; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; font-variant-numeric: tabular-nums }
h1 { font-size: 1.5rem; margin: 0 } h2 { font-size: 1.05rem; margin: 2rem 0 .5rem } p { margin: .4rem 0 }
.soft { color: var(--soft) } .bad { color: var(--bad) } .good { color: var(--good) }
.wide { overflow-x: auto } table { border-collapse: collapse; width: 100% }
td, th { padding: .3rem .5rem; border-bottom: 1px solid var(--line); text-align: right; font-weight: 400 }
th { color: var(--soft); font-size: .85rem } td:first-child, th:first-child { text-align: left; padding-left: 0 }
svg { width: 100%; height: auto; background: var(--card); border-radius: .5rem }
svg text { fill: var(--soft); font-size: 11px } .key { display: flex; gap: 1.2rem; font-size: .85rem }
.key i { display: inline-block; width: .8rem; height: .2rem; margin-right: .4rem; vertical-align: middle }
"""

Points = Sequence[tuple[float, float]]


def page(report: Report) -> str:
    """A whole document."""
    scenario = report.scenario
    parts = [
        f"<h1>{escape(scenario.name)}</h1>",
        f'<p class="soft">{escape(scenario.about)}</p>',
        f'<p class="soft">{escape(report.note)}</p>' if report.note else "",
        _verdict(report),
        "<h2>Finals over time</h2>",
        plot(_finals(report), unit="ms"),
        "<h2>Open streams</h2>",
        plot({"open streams": _open_streams(report)}, unit=""),
        "<h2>Finals: share within</h2>",
        plot({"final after true end of speech": _distribution(report)}, unit="%", across="ms"),
        "<h2>Latency, milliseconds</h2>",
        _table(
            ["", "p50", "p95", "p99", "max", "n"],
            [
                [label, *("–" if value is None else f"{value:,.0f}" for value in values), f"{count:,}"]
                for label, values, count in latency_rows(report)
            ],
        ),
        "<h2>Processes</h2>",
        _table(
            ["", "CPU s", "cores", "peak MiB"],
            [
                [role, f"{cpu_s:.1f}", f"{cpu_s / report.run.wall_s:.2f}", f"{use.rss_peak / MIB:.0f}" if use else ""]
                for role, cpu_s, use in process_rows(report)
            ],
        ),
        "<h2>Counts</h2>",
        *(f"<p>{escape(line)}</p>" for line in facts(report)),
    ]
    return document(f"{scenario.name}: load test", "\n".join(filter(None, parts)))


def document(title: str, body: str) -> str:
    """A page with the style of all reports."""
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    head += f"<title>{escape(title)}</title><style>{_STYLE}</style>"
    return f'<!doctype html>\n<html lang="en">{head}\n<body>\n{body}\n</body></html>\n'


def _verdict(report: Report) -> str:
    breaches = {breach.split()[0]: breach for breach in report.breaches}
    rows = []
    for bound in report.scenario.bounds:
        value = report.summary[bound.name]
        word = '<span class="bad">broken</span>' if bound.name in breaches else '<span class="good">held</span>'
        shown = "not measured" if value is None else f"{value:,.6g}"
        rows.append(
            f"<tr><td>{escape(bound.name)}</td><td>{bound.comparison} {bound.bound:g}</td>"
            f"<td>{shown}</td><td>{word}</td></tr>".replace("< ", "&lt; ")
        )
    if not rows:
        return ""
    head = "<tr><th>threshold</th><th>must be</th><th>was</th><th></th></tr>"
    return f'<h2>Thresholds</h2><div class="wide"><table>{head}{"".join(rows)}</table></div>'


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    headings = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><tr>{headings}</tr>{body}</table></div>'


def _finals(report: Report) -> Mapping[str, Points]:
    lines: dict[str, list[tuple[float, float]]] = {"p50": [], "p95": [], "p99": []}
    for number, tick in sorted(report.run.figures.ticks.items()):
        for name, points in lines.items():
            if (value := tick.finals.percentile(float(name[1:]))) is not None:
                points.append((number * TICK_S, 1000 * value))
    return lines


def _open_streams(report: Report) -> Points:
    return [(number * TICK_S, tick.open_streams) for number, tick in sorted(report.run.figures.ticks.items())]


def _distribution(report: Report) -> Points:
    finals = report.run.figures.latency["final"]
    steps = [*range(0, 95, 5), 95, 97, 99, 99.5, 99.9, 100]
    return [(1000 * value, step) for step in steps if (value := finals.percentile(step)) is not None]


def plot(lines: Mapping[str, Points], *, unit: str, across: str = "s") -> str:
    """Lines in one frame that starts at zero, as an SVG with a key."""
    points = [point for line in lines.values() for point in line]
    if not points:
        return '<p class="soft">nothing was measured</p>'
    most_x, most_y = (_round_up(max(point[axis] for point in points)) for axis in (0, 1))
    across_px, up_px = WIDTH - LEFT - RIGHT, HEIGHT - BOTTOM - TOP

    def place(point: tuple[float, float]) -> str:
        return f"{LEFT + across_px * point[0] / most_x:.1f},{TOP + up_px * (1 - point[1] / most_y):.1f}"

    drawn = []
    for step in range(5):
        y, x = TOP + up_px * (1 - step / 4), LEFT + across_px * step / 4
        drawn.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="var(--line)"/>')
        drawn.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_tick(most_y * step / 4, unit)}</text>')
        drawn.append(
            f'<text x="{x:.1f}" y="{HEIGHT - 8}" text-anchor="middle">{_tick(most_x * step / 4, across)}</text>'
        )
    for colour, line in zip(_COLOURS, lines.values(), strict=False):
        path = " ".join(map(place, line))
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
    keys = "".join(
        f'<span><i style="background:{colour}"></i>{escape(name)}</span>'
        for colour, name in zip(_COLOURS, lines, strict=False)
    )
    label = escape(", ".join(lines))
    frame = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{"".join(drawn)}</svg>'
    return f'{frame}<div class="key soft">{keys}</div>'


def _round_up(value: float) -> float:
    """The next number whose quarters read well."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * step for step in (1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10) if value <= power * step * (1 + 1e-9))


def _tick(value: float, unit: str) -> str:
    return f"{value:,.0f}{unit and f' {unit}'}" if value >= 10 or value == 0 else f"{value:.1f}{unit and f' {unit}'}"
