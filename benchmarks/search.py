"""Vector search: our engines beside TFRS, faiss, ScaNN, hnswlib, usearch and NumPy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import shortlist
from benchmarks.comparison import Line
from benchmarks.environments import SEARCH, TFRS, environment
from benchmarks.processes import Measured, Side, interleave
from benchmarks.settings import Settings
from benchmarks.vectors import made
from shortlist.index import Exact

__all__ = ["run"]

_K = 100
_RECALL = 0.99
_EXACT = ("Exact", "Exact, NumPy", "ScaNN brute force", "raw faiss flat", "NumPy")
_TFRS = ("TFRS BruteForce", "TFRS Streaming")
# Graphs take ten minutes to build at 1M, for less than the others reach: asked for by name alone.
_GRAPHS = ("hnswlib", "usearch")
# By the clock on two cores: what a second process gains over one, or over a second thread.
_SHARDED, _ALONE = "Sharded, 2 processes", ("Exact", "Exact, 2 threads")
# (ours, peer) -> the ratios that must not be exceeded, for one query and for batches.
_BARS: Mapping[tuple[str, str], tuple[float | None, float | None]] = {
    ("Exact", "ScaNN brute force"): (1 / 3, 0.7),
    ("Exact, NumPy", "ScaNN brute force"): (1.3, 2.0),
    ("Faiss", "raw faiss"): (None, 1 / 0.95),
}


def run(settings: Settings) -> Iterator[Line]:
    """Exact engines, then those tuned to a recall of .99, on one core; 10M with ``--only 10M``.

    Last, on two cores and by the clock, two processes beside one. ``--only "1M, Faiss, raw faiss"``
    measures one pair.
    """
    for size in ("quick",) if settings.quick else ("100k", "1M", "10M"):
        if size == "10M" and not settings.only.startswith("10M"):
            continue
        named = any(graph in settings.only for graph in _GRAPHS)
        graphs = _GRAPHS if size in ("quick", "100k") or named else ()
        for ours, peers in (
            (_EXACT[:2], (*_EXACT[2:], *_TFRS)),
            (("Faiss", "Scann"), ("raw faiss", "raw ScaNN", *graphs)),
            ((_SHARDED,), _ALONE),
        ):
            pairs = [
                (mine, peer)
                for mine in ours
                for peer in peers
                if settings.wants(f"{size}, {mine}, {peer}")
            ]
            if pairs and (ours != (_SHARDED,) or _two_cores(settings)):
                folder = made(settings, size)
                _truth(folder)
                yield from _compare(settings, size, folder, pairs)


def _compare(
    settings: Settings, size: str, folder: Path, pairs: Sequence[tuple[str, str]]
) -> Iterator[Line]:
    large = size in ("1M", "10M")
    told = {
        "folder": str(folder),
        "recall": _RECALL,
        "singles": 20 if large else 100,
        "batches": 2 if large else 4,
    }
    cores = settings.cores[0]
    if pairs[0][0] == _SHARDED:
        told, cores = {**told, "clock": "wall"}, _two_cores(settings)
    names = dict.fromkeys(name for pair in pairs for name in pair)
    sides = [_side(settings, name, told) for name in names]
    found = interleave(sides, cores, settings.count(3), warmups=0)
    for mine, peer in pairs:
        yield from _lines(size, mine, found[mine], peer, found[peer])


def _lines(size: str, mine: str, ours: Measured, peer: str, theirs: Measured) -> Iterator[Line]:
    bars = _BARS.get((mine, peer), (None, None))
    for way, bar in zip(("one", "batch"), bars, strict=True):
        yield Line(
            "search",
            f"{size}, {mine}, {'one query' if way == 'one' else 'batches of 256'}",
            ours.found[way],
            peer,
            theirs.found[way],
            "ms a query" if mine == _SHARDED else "ms of CPU a query",
            at_most=bar if size == "1M" else None,
            details={**_details("ours", ours.found), **_details("theirs", theirs.found)},
            versions={"ours": ours.versions, "theirs": theirs.versions},
        )


def _two_cores(settings: Settings) -> tuple[int, ...]:
    """The first cores that are two, or none."""
    return next((cores for cores in settings.cores if len(cores) == 2), ())


def _details(whose: str, found: Mapping[str, Any]) -> dict[str, Any]:
    names = ("recall", "worst", "build", "memory", "settings")
    return {f"{whose}_{name}": found[name] for name in names}


def _side(settings: Settings, name: str, told: Mapping[str, Any]) -> Side:
    options = {**told, "engine": name}
    if name in _TFRS:
        python = environment(TFRS, settings.peers)
        env = {"TF_USE_LEGACY_KERAS": "1"}
        return Side(name, "search_engines.py", options, python, env)
    if name in ("Exact", "Exact, NumPy", "Faiss", _SHARDED, *_ALONE):
        return Side(name, "search_engines.py", options)
    source = str(Path(shortlist.__file__).parents[1])
    python = environment(SEARCH, settings.peers)
    return Side(name, "search_engines.py", options, python, {"PYTHONPATH": source})


def _truth(folder: Path) -> None:
    """Write the true best, which everybody is judged by, once."""
    if not (folder / "truth.npy").exists():
        vectors, queries = (np.load(folder / f"{name}.npy") for name in ("vectors", "queries"))
        index = Exact(kernel="numpy").build(vectors, np.arange(len(vectors)))
        np.save(folder / "truth.npy", index.search(queries, _K).ids)
