"""`sotto`: the commands, each in a module of `service.commands`."""

import typer

from service import __version__
from service.commands import access, bias_lists, demo, evaluate, explain, loadtest, models, serving, stream, transcribe

app = typer.Typer(
    name="sotto",
    help="Real-time transcription for CRM dictation: live captions and finals in which the names are right.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(serving.serve)
app.command()(serving.gateway)
app.command()(serving.worker)
app.command()(transcribe.transcribe)
app.command()(stream.stream)
app.command()(demo.demo)
app.command("eval")(evaluate.evaluate)
app.command()(explain.explain)
app.add_typer(loadtest.app, name="loadtest")
app.add_typer(models.app, name="models")
app.add_typer(bias_lists.app, name="bias-lists")
app.add_typer(access.tenants, name="tenants")
app.add_typer(access.keys, name="keys")


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
