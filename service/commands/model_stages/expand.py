"""`sotto models expand`: new sentences around keywords, from seeds."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from models.expand.chat import ChatWriter
from models.expand.checks import Limits
from models.expand.expansion import Plan, expand, read_seeds
from models.expand.grammar.grammar import GrammarWriter
from models.expand.keywords import read_keywords
from models.expand.writer import Writer
from models.stage import Shard, dropped, read_stage
from service.commands.model_stages.endpoints import ChatFile, chat_client
from service.commands.model_stages.recognition import ShardOption
from service.commands.terminal import one_line_errors

STAGE = "expand"


def expand_seeds(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The run's folder; the stage is RUN/expand.")],
    seeds: Annotated[Path, typer.Option(metavar="MANIFEST", help="JSON lines: id, text, language, keywords, domain.")],
    keywords: Annotated[
        Path, typer.Option(metavar="LIST", help="Bias list: .txt, .csv or .json; a column `class` helps.")
    ],
    chat: ChatFile = None,
    per_keyword: Annotated[int, typer.Option(min=1, help="Sentences for each keyword.")] = 20,
    language: Annotated[str, typer.Option(help="Of the seeds to use and of the new sentences.")] = "en",
    min_words: Annotated[int, typer.Option(min=1, help="Shortest sentence; characters in Chinese.")] = 5,
    max_words: Annotated[int, typer.Option(min=1, help="Longest sentence.")] = 40,
    max_likeness: Annotated[
        float, typer.Option(min=0, max=1, help="From which share of common words on a sentence is a duplicate.")
    ] = 0.8,
    attempts: Annotated[int, typer.Option(min=1, help="At sentences that the checks took away.")] = 3,
    seed: Annotated[int, typer.Option(help="Of chance.")] = 0,
    shard: ShardOption = "1/1",
) -> None:
    """Writes new sentences that hold given keywords, in the manner of seed sentences.

    Without --chat a grammar learnt from the seeds writes them, on this machine. A run that was stopped goes on.
    """
    with one_line_errors(), ExitStack() as stack:
        folder, share = run / STAGE, Shard.parse(shard)
        plan = Plan(
            seeds=read_seeds(seeds, language),
            keywords=read_keywords(keywords),
            language=language,
            per_keyword=per_keyword,
            attempts=attempts,
            seed=seed,
            limits=Limits(min_words, max_words, max_likeness),
        )
        writer: Writer
        if chat is None:
            writer = GrammarWriter(plan.seeds, plan.keywords, language=language, seed=seed)
        else:
            client = stack.enter_context(chat_client(chat, folder, share))
            writer = ChatWriter(client, plan.seeds, plan.keywords, language=language, limits=plan.limits, seed=seed)
        expand(plan, writer, folder, share)
        typer.echo(f"{len(read_stage(folder)):,} sentences in {folder}")
        for reason, count in dropped(folder).most_common():
            typer.echo(f"{count:,} dropped: {reason}")
