"""The TFRS tutorials: what the same programs learn on both sides, and the time they take."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.comparison import Line
from benchmarks.processes import interleave
from benchmarks.settings import Settings
from shortlist.datasets import movielens

__all__ = ["run"]

_TOP = "factorized_top_k/top_100_categorical_accuracy"
# Of the page's 300 epochs of the deep towers, as many as fit into minutes.
_EPOCHS = {"basic_retrieval": 3, "basic_ranking": 3, "context_features": 3, "deep_recommenders": 20}
_FIGURES = {
    "basic_retrieval": {_TOP: "top-100"},
    "basic_ranking": {"root_mean_squared_error": "RMSE"},
    "context_features": {"without time": "top-100", "with time": "top-100"},
    "deep_recommenders": {f"{n} layers": "top-100" for n in (1, 2, 3)},
}


def run(settings: Settings) -> Iterator[Line]:
    """Each tutorial once on both sides; their figures, then their CPU time, imports excluded."""
    _write(settings)
    for name, epochs in _EPOCHS.items():
        backends = ["tensorflow"] if name == "basic_retrieval" else settings.backends
        for backend in backends:
            if backend in settings.backends and settings.wants(f"{name}, {backend}"):
                yield from _tutorial(settings, name, backend, epochs)


def _tutorial(settings: Settings, name: str, backend: str, epochs: int) -> Iterator[Line]:
    told = {
        "tutorial": name,
        "epochs": 1 if settings.quick else epochs,
        "quick": settings.quick,
        "folder": str(settings.folder),
    }
    sides = [
        settings.tfrs("tutorials_tfrs.py", **told),
        settings.ours("ours", "tutorials_ours.py", backend, **told),
    ]
    measured = interleave(sides, settings.cores[0], settings.count(1), warmups=0)
    ours, theirs = measured["ours"], measured["TFRS"]
    versions = {"ours": ours.versions, "theirs": theirs.versions}
    for key, unit in _FIGURES[name].items():
        if key in theirs.found:
            case = f"{name}, {backend}" + (f", {key}" if "/" not in key and " " in key else "")
            found = (ours.found[key], theirs.found[key])
            yield Line("tutorials", case, found[0], "TFRS", found[1], unit, versions=versions)
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
