"""The TFRS tutorials: what the same programs learn on both sides, and the time they take."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.comparison import Line
from benchmarks.processes import interleave
from benchmarks.settings import Settings
from shortlist.datasets import movielens

__all__ = ["run"]

_TOP = "factorized_top_k/top_100_categorical_accuracy"
# Of the page's 300 epochs of the deep towers, as many as fit into minutes.
_EPOCHS = {
    "basic_retrieval": 3,
    "basic_ranking": 3,
    "context_features": 3,
    "deep_recommenders": 20,
    "sequential_retrieval": 3,
    "listwise_ranking": 30,
    "multitask": 3,
    "dcn": 8,
    "unified_embeddings": 5,
    "tpu_embedding": 5,
    "efficient_serving": 1,
}
_FIGURES = {
    "basic_retrieval": {_TOP: "top-100"},
    "basic_ranking": {"root_mean_squared_error": "RMSE"},
    "context_features": {"without time": "top-100", "with time": "top-100"},
    "deep_recommenders": {f"{n} layers": "top-100" for n in (1, 2, 3)},
    "sequential_retrieval": {_TOP: "top-100"},
    "listwise_ranking": {"MSE": "NDCG", "ListMLE": "NDCG"},
    "multitask": {"joint, top-100": "top-100", "joint, RMSE": "RMSE"},
    "dcn": {"DCN": "RMSE", "DCN, low rank": "RMSE", "MLP": "RMSE"},
    "unified_embeddings": {"separate tables": "RMSE", "unified, 2 x 2000 rows": "RMSE"},
    "tpu_embedding": {"RMSE": "RMSE"},
    "efficient_serving": {"BruteForce": "ms a query", "Streaming": "ms a query"},
}
# These compare the times of whole programs too: both sides start from strings.
_TIMED = ("basic_retrieval", "basic_ranking", "context_features", "deep_recommenders")
_WORKERS = Path(__file__).parent / "workers"


def run(settings: Settings) -> Iterator[Line]:
    """Each tutorial on both sides, a round a seed: the means of its figures, and of some the time.

    The time is that of the processor, without imports.
    """
    _write(settings)
    for name, epochs in _EPOCHS.items():
        backends = ["tensorflow"] if name == "basic_retrieval" else settings.backends
        for backend in backends:
            if backend in settings.backends and settings.wants(f"{name}, {backend}"):
                yield from _tutorial(settings, name, backend, epochs)


def _tutorial(settings: Settings, name: str, backend: str, epochs: int) -> Iterator[Line]:
    told = {
        "tutorial": name,
        "epochs": 1 if settings.quick else settings.epochs or epochs,
        "quick": settings.quick,
        "folder": str(settings.folder),
    }
    if name not in _TIMED:
        _write_codes(settings, name)
    theirs_program = "tutorials_tfrs.py" if name in _TIMED else "tutorials_codes_tfrs.py"
    sides = [
        settings.tfrs(theirs_program, **told),
        settings.ours("ours", "tutorials_ours.py", backend, **told),
    ]
    measured = interleave(sides, settings.cores[0], settings.count(1), warmups=0)
    ours, theirs = measured["ours"], measured["TFRS"]
    versions = {"ours": ours.versions, "theirs": theirs.versions}
    for key, unit in _FIGURES[name].items():
        if key in theirs.found:
            case = f"{name}, {backend}" + ("" if len(_FIGURES[name]) == 1 else f", {key}")
            mine, other = ours.found[key], theirs.found[key]
            yield Line(
                "tutorials",
                case,
                statistics.mean(mine),
                "TFRS",
                statistics.mean(other),
                unit,
                versions=versions,
                details={"seeds": len(mine), "ours_each": mine, "theirs_each": other},
            )
    if name not in _TIMED:
        return
    yield Line(
        "tutorials",
        f"{name}, {backend}, time",
        ours.cpu,
        "TFRS",
        theirs.cpu,
        "s of CPU",
        versions=versions,
        details={"ours_wall": ours.wall, "theirs_wall": theirs.wall},
    )


def _write_codes(settings: Settings, name: str) -> None:
    """The columns of one of our programs, for the other side to learn from the same."""
    if name == "efficient_serving":
        return
    rows = ["2000"] if settings.quick else []
    program = [sys.executable, str(_WORKERS / "tutorial_columns.py"), name]
    subprocess.run([*program, str(settings.folder / name), *rows], check=True)


def _write(settings: Settings) -> None:
    """The ratings as strings and numbers, in the order in which our programs split them."""
    data = movielens("100k")
    ratings = data.interactions.frame.join(data.items.select("item", "title"), on="item")
    ratings = ratings.sample(fraction=1.0, shuffle=True, seed=42)
    columns = {
        "user": ratings["user"].cast(str).to_numpy().astype(str),
        "title": ratings["title"].to_numpy().astype(str),
        "time": ratings["time"].to_numpy().astype(np.float32),
        "rating": ratings["rating"].to_numpy(),
        "titles": data.items["title"].unique(maintain_order=True).to_numpy().astype(str),
    }
    for name, column in columns.items():
        np.save(settings.folder / f"{name}.npy", column)
