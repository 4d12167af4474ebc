"""`sotto`: the commands, each in a module of `service.commands`."""

import typer

from service import __version__
from service.commands.lazy import group_of

COMMANDS = {
    "serve": "service.commands.serving:serve",
    "gateway": "service.commands.serving:gateway",
    "worker": "service.commands.serving:worker",
    "transcribe": "service.commands.transcribe:transcribe",
    "stream": "service.commands.stream:stream",
    "demo": "service.commands.demo:demo",
    "eval": "service.commands.evaluate:evaluate",
    "explain": "service.commands.explain:explain",
    "loadtest": "service.commands.loadtest:app",
    "models": "service.commands.models:app",
    "bias-lists": "service.commands.bias_lists:app",
    "tenants": "service.commands.access:tenants",
    "keys": "service.commands.access:keys",
}

app = typer.Typer(
    name="sotto",
    cls=group_of(COMMANDS),
    help="Real-time transcription for CRM dictation: live captions and finals in which the names are right.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def version(
    show: bool = typer.Option(False, "--version", help="Print the version and exit.", is_eager=True),
) -> None:
    if show:
        typer.echo(f"sotto {__version__}")
        raise typer.Exit


def main() -> None:
    app()


if __name__ == "__main__":
    main()
