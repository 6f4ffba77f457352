"""`shortlist index`: build, tune and compare indexes over one's own vectors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shortlist.cli.options import AsJson, Debug
from shortlist.cli.output import emit, stderr
from shortlist.cli.show import readable, show_facts
from shortlist.cli.vectors import read_items, read_vectors
from shortlist.errors import ConfigError, DataError, MissingDependencyError, nearest

if TYPE_CHECKING:
    import numpy as np
    from rich.console import Console

    from shortlist.index import Index
    from shortlist.index.tuning import Tuning

__all__ = ["indexes"]

_TUNABLE = ("faiss", "scann")

indexes = typer.Typer(no_args_is_help=True, help="Build, tune and compare indexes of vectors.")

Vectors = Annotated[
    Path,
    typer.Argument(
        help="A .npy array [N, D], or a Parquet file of ids and vectors; its other columns become "
        "attributes."
    ),
]
IdsFile = Annotated[
    Path | None,
    typer.Option("--ids", help="Ids for a .npy array: .npy or a line each. Default: 0, 1, ..."),
]
IdColumn = Annotated[str, typer.Option("--id-column", help="Of a Parquet file.")]
VectorColumn = Annotated[str, typer.Option("--vector-column", help="Of a Parquet file.")]
Folder = Annotated[Path, typer.Argument(help="The folder of a saved index.")]
Queries = Annotated[
    Path | None,
    typer.Option(
        "--queries",
        help="Queries like those to come, .npy or Parquet. Default: the items' own vectors, "
        "which is a poor guess.",
    ),
]
Recall = Annotated[float, typer.Option("--recall", help="The share of the true best to be found.")]
K = Annotated[int, typer.Option("-k", help="How many items a query asks for.")]
Batch = Annotated[int, typer.Option("--batch", help="Queries at a time; 1 to tune for latency.")]


@indexes.command()
def build(
    vectors: Vectors,
    out: Annotated[Path, typer.Option("--out", help="Folder for the index.")],
    ids: IdsFile = None,
    engine: Annotated[str, typer.Option("--engine", help="exact, faiss or scann.")] = "exact",
    id_column: IdColumn = "id",
    vector_column: VectorColumn = "vector",
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Build an index of vectors and save it."""
    del debug
    items = read_items(vectors, ids, id_column, vector_column)
    index = _engine(engine, ("exact", *_TUNABLE)).build(items.vectors, items.ids, items.attributes)
    index.save(out)
    _emit_stats(out, index, as_json=as_json)


@indexes.command()
def stats(folder: Folder, as_json: AsJson = False, debug: Debug = False) -> None:
    """Say what a saved index is and what it holds."""
    del debug
    from shortlist.index.opening import open_index

    _emit_stats(folder, open_index(folder), as_json=as_json)


@indexes.command()
def tune(
    folder: Folder,
    queries: Queries = None,
    recall: Recall = 0.95,
    k: K = 100,
    batch: Batch = 256,
    vector_column: VectorColumn = "vector",
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Choose the fastest settings that reach a recall, and save them with the index."""
    del debug
    from shortlist.index.opening import open_index

    index = open_index(folder)
    asked = None if queries is None else read_vectors(queries, vector_column)
    tuning = _tuned(index, asked, recall, k, batch)
    index.save(folder)
    found = {"index": folder, **tuning.to_dict(), "reached": tuning.reached}
    emit(found, lambda console: _show_tuning(console, tuning), as_json=as_json)


@indexes.command()
def compare(
    vectors: Vectors,
    ids: IdsFile = None,
    queries: Queries = None,
    engine: Annotated[
        list[str] | None,
        typer.Option("--engine", help="faiss or scann; repeatable. Default: what is installed."),
    ] = None,
    recall: Recall = 0.95,
    k: K = 100,
    batch: Batch = 256,
    figure: Annotated[Path | None, typer.Option("--figure", help="An SVG file to write.")] = None,
    id_column: IdColumn = "id",
    vector_column: VectorColumn = "vector",
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Compare engines on one's own vectors: recall against time, beside exact search."""
    del debug
    items = read_items(vectors, ids, id_column, vector_column)
    asked = None if queries is None else read_vectors(queries, vector_column)
    names = engine or _TUNABLE
    tunings: dict[str, Tuning] = {}
    for name in names:
        try:
            # Parts even where there are few items, since that is what is asked about.
            index = _engine(name, _TUNABLE, kind="ivf")
        except MissingDependencyError as error:
            if engine:
                raise
            stderr().print(f"Left out: {error}")
            continue
        tunings[name] = _tuned(index.build(items.vectors, items.ids), asked, recall, k, batch)
    if not tunings:
        raise ConfigError("There is no engine to compare; install 'shortlist[faiss]'.")
    curves = _curves(tunings)
    if figure is not None:
        title = f"{len(items.vectors):,} x {items.vectors.shape[1]}, k={k}"
        figure.write_text(_drawn(curves, title), encoding="utf-8")
    rows = [
        {"engine": name, "milliseconds": time, "recall": share}
        for name, curve in curves.items()
        for time, share in curve
    ]
    found = {
        "items": len(items.vectors),
        "curve": rows,
        "engines": {name: tuning.to_dict() for name, tuning in tunings.items()},
        "figure": figure,
    }
    emit(found, lambda console: _show_curves(console, rows, tunings, figure), as_json=as_json)


def _engine(name: str, offered: Sequence[str], **options: Any) -> Index:
    from shortlist.index.opening import ENGINES

    if name not in offered:
        raise ConfigError(
            f"Expected an engine among {', '.join(offered)}; received {name!r}."
            f"{nearest(name, offered)}"
        )
    return ENGINES[name](**options)


def _tuned(index: Index, queries: np.ndarray | None, recall: float, k: int, batch: int) -> Tuning:
    if not hasattr(index, "tune"):
        engine = index.stats()["engine"]
        raise DataError(
            f"An index of the engine {engine!r} always finds the true best and has nothing to "
            "tune. Build one with --engine faiss."
        )
    tuning: Tuning = index.tune(recall, k, queries, batch=batch)
    return tuning


def _curves(tunings: dict[str, Tuning]) -> dict[str, list[tuple[float, float]]]:
    curves = {
        name: [(trial.milliseconds, trial.recall) for trial in tuning.curve()]
        for name, tuning in tunings.items()
    }
    exact = min(tuning.exact_milliseconds for tuning in tunings.values())
    return {"exact": [(exact, 1.0)], **{name: curve for name, curve in curves.items() if curve}}


def _drawn(curves: dict[str, list[tuple[float, float]]], title: str) -> str:
    from shortlist.report.figures import Series, lines

    drawn = [Series(name, *zip(*curve, strict=True)) for name, curve in curves.items()]
    return lines(title, "milliseconds a query", "recall", drawn, x_ticks="powers")


def _emit_stats(folder: Path, index: Index, *, as_json: bool) -> None:
    found = {"index": folder, **index.stats()}
    shown = {name: value for name, value in found.items() if value not in ([], None)}
    emit(found, lambda console: show_facts(console, shown), as_json=as_json)


def _show_tuning(console: Console, tuning: Tuning) -> None:
    from rich.table import Table

    if tuning.chosen is None:
        console.print("Every item is scored, so everything is found; there is nothing to tune.")
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("recall", "ms a query", "parts searched", "rescored"):
        table.add_column(name, justify="right")
    shown = {*tuning.curve(), tuning.chosen}
    for trial in sorted(shown, key=lambda t: (t.recall, t.milliseconds)):
        mark = "  <- chosen" if trial == tuning.chosen else ""
        table.add_row(
            f"{trial.recall:.4f}",
            f"{trial.milliseconds:.3f}",
            readable(trial.searched),
            f"{trial.rescored:g} k{mark}",
        )
    console.print(table)
    console.print(f"Exact search takes {tuning.exact_milliseconds:.3f} ms a query.")


def _show_curves(
    console: Console, rows: list[dict[str, Any]], tunings: dict[str, Tuning], figure: Path | None
) -> None:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("engine")
    for name in ("recall", "ms a query"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(row["engine"], f"{row['recall']:.4f}", f"{row['milliseconds']:.3f}")
    console.print(table)
    for name, tuning in tunings.items():
        if tuning.chosen is not None:
            console.print(
                f"{name}: recall {tuning.chosen.recall:.4f} in {tuning.chosen.milliseconds:.3f} ms "
                f"with {tuning.chosen.searched} parts searched and {tuning.chosen.rescored:g} k "
                "rescored."
            )
    if figure is not None:
        console.print(f"The figure is {figure}.")
