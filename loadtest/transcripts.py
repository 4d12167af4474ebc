"""Transcripts of a whole manifest through the service, one line each, for a scorer.

    python -m loadtest.transcripts --manifest M.jsonl --mode rest|stream --out hyp.jsonl [--url URL]

Items are JSON lines {id, audio, text, language}; `--mode stream` sends each one in real time, `--clients` at once.
Writes {"id", "text"} lines and prints the word error rate by language (docs/benchmarks.md).
"""

import argparse
import asyncio
import contextlib
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from sotto_client import Final, SottoClient, Stream, StreamOptions

from loadtest.accuracy import WordErrors, word_errors
from loadtest.corpus import read_clip
from loadtest.pacing import Pacer
from service.commands.serving import private_server
from service.transcript import SAMPLE_RATE

Item = dict[str, Any]

CHUNK_SAMPLES = SAMPLE_RATE // 10
UNSPACED = ("zh", "ja")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--mode", choices=("rest", "stream"), default="rest")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--url", help="server; a private one by default")
    parser.add_argument("--clients", type=int, default=4, help="items at once")
    parser.add_argument("--detect", action="store_true", help="do not tell the server the language")
    arguments = parser.parse_args()
    items = [json.loads(line) for line in arguments.manifest.read_text("utf-8").splitlines() if line.strip()]
    with _server(arguments.url) as url:
        texts = asyncio.run(_all(url, items, arguments))
    lines = [json.dumps({"id": i["id"], "text": t}, ensure_ascii=False) for i, t in zip(items, texts, strict=True)]
    arguments.out.write_text("\n".join(lines) + "\n", "utf-8")
    Console().print(table(items, texts))


@contextlib.contextmanager
def _server(url: str | None) -> Iterator[str]:
    if url:
        yield url
        return
    with private_server() as private:
        yield private


async def _all(url: str, items: list[Item], arguments: argparse.Namespace) -> list[str]:
    places = asyncio.Semaphore(arguments.clients)

    async def one(item: Item) -> str:
        path = arguments.manifest.parent / item["audio"]
        language = None if arguments.detect else item["language"]
        async with places:
            if arguments.mode == "stream":
                return await _stream(url, path, language)
            return await asyncio.to_thread(_rest, url, path, language)

    return list(await asyncio.gather(*map(one, items)))


def _rest(url: str, path: Path, language: str | None) -> str:
    with SottoClient(url, timeout_s=600) as client:
        return client.transcribe_as("text", path, language=language).strip()


async def _stream(url: str, path: Path, language: str | None) -> str:
    samples = await asyncio.to_thread(read_clip, path)

    async def chunks() -> AsyncIterator[bytes]:
        for at in range(0, len(samples), CHUNK_SAMPLES):
            yield samples[at : at + CHUNK_SAMPLES].astype("<i2").tobytes()

    async def speak(live: Stream) -> None:
        async for chunk in Pacer(2 * SAMPLE_RATE).pace(chunks()):
            await live.send_audio(chunk)
        await live.finish()

    async with Stream(url, StreamOptions(language=language)) as live, asyncio.TaskGroup() as group:
        group.create_task(speak(live))
        texts = [event.text async for event in live if isinstance(event, Final)]
    return ("" if language in UNSPACED else " ").join(text for text in texts if text)


def table(items: list[Item], texts: list[str]) -> Table:
    """Word errors by language; items without a reference count the words that should not be there."""
    errors: dict[str, WordErrors] = defaultdict(lambda: WordErrors(0, 0))
    for item, text in zip(items, texts, strict=True):
        errors[item["language"]] += word_errors(item["text"], text)
    result = Table("language", "words", "errors", "WER %")
    for language, found in sorted(errors.items()):
        rate = "-" if found.rate is None else f"{100 * found.rate:.1f}"
        result.add_row(language, str(found.words), str(found.errors), rate)
    return result


if __name__ == "__main__":
    main()
