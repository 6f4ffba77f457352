"""The commands, and the one place where errors become messages and exit codes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from shortlist._version import __version__
from shortlist.cli.bundle import app as bundles
from shortlist.cli.compare import compare
from shortlist.cli.doctor import doctor
from shortlist.cli.evaluate import evaluate
from shortlist.cli.export_events import export_events
from shortlist.cli.failures import report
from shortlist.cli.index import indexes
from shortlist.cli.output import finish_output
from shortlist.cli.plan import plan
from shortlist.cli.process import tidy_process
from shortlist.cli.quickstart import quickstart
from shortlist.cli.recommend import recommend
from shortlist.cli.replay import replay
from shortlist.cli.serve import serve
from shortlist.cli.train import train

__all__ = ["app", "main"]

app = typer.Typer(
    name="shortlist",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    quickstart,
    train,
    evaluate,
    compare,
    recommend,
    plan,
    serve,
    export_events,
    replay,
    doctor,
):
    app.command()(command)
app.add_typer(bundles, name="bundle")
app.add_typer(indexes, name="index")


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"shortlist {__version__}")
        raise typer.Exit


@app.callback()
def shortlist(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Recommender systems: from interactions to a short list a person will like."""
    del version  # answered by its callback


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave the process with its exit code; see `failures`."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    options = words[: words.index("--")] if "--" in words else words
    try:
        with tidy_process(debug="--debug" in options):
            outcome = typer.main.get_command(app).main(
                args=words, prog_name="shortlist", standalone_mode=False
            )
            if outcome == 130:  # what Typer makes of Ctrl-C
                raise KeyboardInterrupt
            finish_output()
    except BaseException as error:  # everything, so that nobody meets a traceback unasked
        sys.exit(report(error, as_json="--json" in options, debug="--debug" in options))
    sys.exit(outcome if isinstance(outcome, int) else 0)
