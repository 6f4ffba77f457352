"""`shortlist bundle verify | show | diff | export`: what a bundle is, without serving it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shortlist.cli.options import AsJson, Bundle, Debug
from shortlist.cli.output import emit
from shortlist.cli.process import quiet_backends
from shortlist.cli.show import nearby, readable, show_facts

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Look into saved recommenders.")


@app.command()
def verify(bundle: Bundle, as_json: AsJson = False, debug: Debug = False) -> None:
    """Verify every file, load the models, and let them repeat the answers they were saved with."""
    quiet_backends(debug=debug)
    from shortlist.recommender.inspection import verify as examine

    found = examine(bundle)
    emit(found, lambda console: _show_verified(console, found), as_json=as_json)


@app.command()
def show(bundle: Bundle, as_json: AsJson = False, debug: Debug = False) -> None:
    """Say what a bundle holds, what it was made from and how good it is."""
    quiet_backends(debug=debug)
    from shortlist.recommender.inspection import show as look

    found = look(bundle)
    emit(found, lambda console: _show_bundle(console, found), as_json=as_json)


@app.command()
def diff(
    one: Bundle,
    other: Annotated[Path, typer.Argument(help="The bundle to hold against it.")],
    users: Annotated[
        int, typer.Option("--users", min=0, help="Users whose lists are compared.")
    ] = 100,
    k: Annotated[int, typer.Option("-k", min=1, help="The length of those lists.")] = 10,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Say how two bundles differ: settings, metrics, items, users, and what they answer."""
    quiet_backends(debug=debug)
    from shortlist.recommender.inspection import diff as compare

    found = compare(one, other, users=users, k=k)
    emit(found, lambda console: _show_diff(console, found), as_json=as_json)


@app.command()
def export(
    bundle: Bundle,
    out: Annotated[Path, typer.Option("--out", help="The folder to write.")],
    to: Annotated[
        str, typer.Option("--to", help="onnx, saved-model, mlflow or huggingface.")
    ] = "onnx",
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Write a bundle in another layout: ONNX files, SavedModels, an MLflow model, a repository."""
    quiet_backends(debug=debug)
    from shortlist.recommender.exporting import FORMATS
    from shortlist.recommender.exporting import export as write

    written = write(bundle, out, to)
    found = {"bundle": bundle, "out": written, "format": to}
    emit(found, lambda console: console.print(f"{written}: {FORMATS[to]}"), as_json=as_json)


def _show_verified(console: Console, found: dict[str, Any]) -> None:
    console.print(
        f"{nearby(found['bundle'])} is whole: {found['files']} files, {_size(found['bytes'])}."
    )
    for part, state in found["models"].items():
        console.print(f"  {part}: {state}")
    console.print(f"fingerprint {found['fingerprint']}")


def _show_bundle(console: Console, found: dict[str, Any]) -> None:
    flat = {
        name: nearby(value) if isinstance(value, Path) else value
        for name, value in found.items()
        if not isinstance(value, dict | list) and name != "bytes"
    }
    show_facts(console, {**flat, "size": _size(found["bytes"])})
    for name in ("models", "data", "split", "libraries"):
        if found.get(name):
            console.print(f"\n{name}")
            show_facts(console, {f"  {key}": value for key, value in found[name].items()})
    for model, metrics in found["metrics"].items():
        console.print(f"\n{model}")
        show_facts(console, {f"  {key}": value for key, value in metrics.items()})


def _show_diff(console: Console, found: dict[str, Any]) -> None:
    one, other = (nearby(path) for path in found["bundles"])
    console.print(f"{one} -> {other}: {_arrow([_size(size) for size in found['bytes']])}")
    changes = {
        **found["settings"],
        **{
            f"{model} {name}": pair
            for model, metrics in found["metrics"].items()
            for name, pair in metrics.items()
        },
    }
    show_facts(console, {name: _arrow(pair) for name, pair in changes.items()})
    for what in ("items", "users"):
        moved = found[what]
        console.print(
            f"{what}: {_arrow([moved['before'], moved['after']])}, "
            f"{moved['added']:,} added, {moved['removed']:,} removed"
        )
    answers = found["answers"]
    if answers["users"]:
        console.print(
            f"answers: of {answers['users']:,} users' {answers['k']} items "
            f"{answers['overlap']:.0%} are the same; {answers['identical']:.0%} of the lists are."
        )


def _arrow(pair: list[Any]) -> str:
    return " -> ".join(readable(value) for value in pair)


def _size(count: int) -> str:
    return f"{count / 2**20:.1f} MiB"
