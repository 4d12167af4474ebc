"""`sotto eval`: transcripts of a manifest through the service, with and without bias lists, and their scores."""

import asyncio
import contextlib
import functools
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sotto_client import SottoClient

from loadtest.transcripts import Wish, transcripts
from models.scoring.manifest import Item, read_manifests
from models.scoring.normalise import tokens
from models.scoring.table import PhraseLists, Score, details, render, score
from service.biasing.entries import Entry
from service.commands.bias_options import read_list
from service.commands.client_errors import one_line_client_errors
from service.commands.stream import INTERRUPTED, ApiKey, ModelId, Url, server
from service.commands.terminal import one_line_errors
from service.errors import BadRequest

NO_BIAS, BIAS = "no bias", "bias"
PIPE_COLUMNS = 160  # a table in a pipe is not wrapped

Lists = Mapping[str | None, Sequence[Entry]]  # by language; None: every other one


@dataclass(frozen=True, slots=True)
class Plan:
    """What to transcribe, and how; `runs` names what is compared."""

    items: Sequence[Item]
    lists: Lists
    runs: Sequence[str]
    strength: float
    model: str | None
    api_key: str | None
    live: bool
    detect: bool
    clients: int

    @property
    def phrases(self) -> PhraseLists:
        listed = {language: [entry.phrase for entry in entries] for language, entries in self.lists.items()}
        return PhraseLists(listed.pop(None, ()), {code: phrases for code, phrases in listed.items() if code})


def evaluate(
    manifests: Annotated[
        list[Path], typer.Argument(metavar="MANIFEST...", help="JSON lines: id, audio, text, language, bias.")
    ],
    bias: Annotated[Path | None, typer.Option(metavar="LIST", help="Bias list: .json, .csv or .txt.")] = None,
    language_list: Annotated[
        list[str] | None, typer.Option(metavar="CODE=LIST", help="Bias list of one language; repeatable.")
    ] = None,
    strength: Annotated[float, typer.Option(min=0, max=2, help="How strongly to bias; 0 is not at all.")] = 1.0,
    compare: Annotated[bool, typer.Option("--compare", help="Transcribe without bias as well.")] = False,
    by: Annotated[list[str] | None, typer.Option(metavar="FIELD", help="Scores by a field, too; repeatable.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many items.")] = None,
    hyp_out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the transcripts here.")] = None,
    details_out: Annotated[
        Path | None, typer.Option("--details", metavar="FILE", help="Write what is wrong in each item here.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    live: Annotated[bool, typer.Option("--live", help="Stream in real time instead of uploading.")] = False,
    detect: Annotated[bool, typer.Option("--detect", help="Do not tell the server the language.")] = False,
    clients: Annotated[int, typer.Option(min=1, help="Items at once.")] = 4,
    model: ModelId = None,
    url: Url = None,
    api_key: ApiKey = None,
) -> None:
    """Transcribe a manifest and score it: word errors, list phrases recalled, false alarms (docs/evaluation.md).

    Audio paths count from the manifest's folder. Starts a private server when no --url is given.
    """
    with one_line_errors(), one_line_client_errors():
        plan = Plan(
            items=_items(manifests, limit),
            lists=_lists(bias, language_list or ()),
            runs=(NO_BIAS, BIAS) if compare else (BIAS,),
            strength=strength,
            model=model,
            api_key=api_key,
            live=live,
            detect=detect,
            clients=clients,
        )
        _check(plan, hyp_out, details_out)
        try:
            texts = _transcribe(plan, url)
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
        scores = {run: score(plan.items, found, plan.phrases, by or ()) for run, found in texts.items()}
        for run, found in texts.items():
            _write(hyp_out, run, ({"id": item.id, "text": found[item.id]} for item in plan.items))
            _write(details_out, run, details(plan.items, found, scores[run]))
    _print(scores, as_json=as_json)


def _items(manifests: Sequence[Path], limit: int | None) -> list[Item]:
    items = read_manifests(manifests)[:limit]
    for item in items:
        if not item.audio.is_file():
            raise BadRequest(f"{item.id}: there is no {item.audio}", field="audio")
        tokens(item.text, item.language)  # which may want an extra: better now than after the transcripts
    return items


def _lists(bias: Path | None, by_language: Sequence[str]) -> Lists:
    lists: dict[str | None, Sequence[Entry]] = {}
    if bias is not None:
        lists[None] = read_list(bias)
    for choice in by_language:
        language, _, path = choice.partition("=")
        if not language or not path:
            raise BadRequest(f"--language-list {choice}: write it as fr=LIST", field="language_list")
        lists[language] = read_list(Path(path))
    return lists


def _check(plan: Plan, *outputs: Path | None) -> None:
    """Raises BadRequest before any work is done for what would fail later."""
    if len(plan.runs) > 1 and not plan.lists and not any(item.keywords for item in plan.items):
        raise BadRequest("--compare needs --bias, --language-list, or items with keywords", field="compare")
    for output in outputs:
        if output is not None and (output.is_dir() or not output.parent.is_dir()):
            raise BadRequest(f"{output} cannot be written", field="hyp_out")


def _transcribe(plan: Plan, url: str | None) -> dict[str, dict[str, str]]:
    """Texts by run and item id."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    texts = {}
    with server(url) as base, _uploaded(plan, base) as names, bar:
        for run in plan.runs:
            task = bar.add_task(run if len(plan.runs) > 1 else "transcripts", total=len(plan.items))
            found = asyncio.run(
                transcripts(
                    base,
                    [_wish(plan, item, names if run == BIAS else None) for item in plan.items],
                    api_key=plan.api_key,
                    live=plan.live,
                    clients=plan.clients,
                    heard=functools.partial(bar.advance, task),
                )
            )
            texts[run] = dict(zip((item.id for item in plan.items), found, strict=True))
    return texts


@contextlib.contextmanager
def _uploaded(plan: Plan, base: str) -> Iterator[Mapping[str | None, str]]:
    """Names of the plan's lists on the server, by language; they are removed with the block."""
    names: dict[str | None, str] = {}
    with SottoClient(base, api_key=plan.api_key) as client:
        try:
            for language, entries in plan.lists.items():
                name = f"eval-{secrets.token_hex(8)}"
                client.put_bias_list(name, [entry.to_json() for entry in entries])
                names[language] = name
            yield names
        finally:
            for name in names.values():
                client.delete_bias_list(name)


def _wish(plan: Plan, item: Item, names: Mapping[str | None, str] | None) -> Wish:
    """`names` of the lists on the server; None: without bias."""
    language = None if plan.detect else item.language
    wish = Wish(item.audio, language=language, model=plan.model)
    if names is None or not (names or item.keywords):
        return wish
    named = names.get(item.language, names.get(None))
    return replace(
        wish,
        keywords=item.keywords,
        bias_lists=(named,) if named else (),
        bias_strength=plan.strength,
    )


def _write(path: Path | None, run: str, records: Iterable[Mapping[str, Any]]) -> None:
    """JSON lines; those of a run without bias go beside."""
    if path is None:
        return
    target = path if run == BIAS else path.with_name(f"{path.stem}.no-bias{path.suffix}")
    try:
        target.write_text("".join(f"{json.dumps(record, ensure_ascii=False)}\n" for record in records), "utf-8")
    except OSError as error:
        raise BadRequest(f"{target}: {error.strerror}", field="hyp_out") from error


def _print(scores: Mapping[str, Score], *, as_json: bool) -> None:
    if as_json:
        printed = {run: one.as_json() for run, one in scores.items()}
        typer.echo(json.dumps(printed if len(scores) > 1 else printed[BIAS], ensure_ascii=False, indent=1))
        return
    console = Console()
    console.width = console.width if console.is_terminal else PIPE_COLUMNS
    console.print(render(scores))
