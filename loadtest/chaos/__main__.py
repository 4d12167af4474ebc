"""`python -m loadtest.chaos`: break a deployment so many times, or soak it; exit 1 when a promise is not kept."""

import argparse
import asyncio
import signal
from pathlib import Path

from loadtest.chaos.faults import FAULTS
from loadtest.chaos.report import Outcome
from loadtest.chaos.run import Plan, run
from loadtest.shipped import MANIFEST


def plan_of(arguments: argparse.Namespace) -> Plan:
    return Plan(
        faults=arguments.faults,
        seed=arguments.seed,
        manifest=arguments.manifest,
        streams=arguments.streams,
        seconds=arguments.seconds,
        storm=arguments.storm,
        gap_s=(arguments.gap / 2, arguments.gap * 1.5),
        kinds=tuple(arguments.only or ()),
        server=arguments.server,
        fsync=arguments.fsync,
        real=arguments.real,
        namespaces=not arguments.loopback,
        folder=arguments.folder,
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtest.chaos", description=__doc__)
    parser.add_argument("--faults", type=int, default=30, help="how many; 0: a soak of --seconds")
    parser.add_argument("--seconds", type=float, default=600.0, help="length of a soak")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--streams", type=int, default=6, help="clients that dictate all the time")
    parser.add_argument("--gap", type=float, default=0.4, help="mean seconds between faults")
    parser.add_argument("--storm", action="store_true", help="break on, whether everybody is served again or not")
    parser.add_argument("--only", action="append", choices=sorted(FAULTS), metavar="KIND", help="these kinds of faults")
    parser.add_argument("--server", default="", help="server binary; the bundled Valkey when not given")
    parser.add_argument("--fsync", choices=("everysec", "always"), default="everysec")
    parser.add_argument("--real", action="store_true", help="workers that decode with the base model")
    parser.add_argument("--loopback", action="store_true", help="no network namespaces")
    parser.add_argument("--manifest", type=Path, default=MANIFEST, help="what is spoken")
    parser.add_argument("--json", type=Path, help="write the report here")
    parser.add_argument("--markdown", type=Path, help="write the tables here")
    parser.add_argument("--folder", type=Path, help="a new folder that keeps the logs of all processes")
    arguments = parser.parse_args()
    if arguments.folder:
        arguments.folder.mkdir(parents=True)
    outcome = asyncio.run(_run(plan_of(arguments)))
    if arguments.json:
        arguments.json.write_text(outcome.as_json(), encoding="utf-8")
    if arguments.markdown:
        arguments.markdown.write_text(outcome.as_markdown(), encoding="utf-8")
    print(outcome.as_markdown())
    return 1 if outcome.violations else 0


async def _run(plan: Plan) -> Outcome:
    """SIGTERM ends it early, in order: with the report of what was done so far."""
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    return await run(plan, stopping)


if __name__ == "__main__":
    raise SystemExit(main())
