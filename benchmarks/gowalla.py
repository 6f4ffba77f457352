"""Recall@20 and NDCG@20 on the Gowalla split of NGCF and LightGCN, beside published figures.

Needs the folder with ``train.parquet`` and ``test.parquet``, columns ``user`` and ``item``:
``python -m benchmarks gowalla FOLDER``. Options of the models were chosen on parts of train, as
docs/evaluation.md says.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.comparison import Line
from benchmarks.processes import Side, interleave
from benchmarks.settings import Settings

__all__ = ["run"]

_NEAR = 0.003


@dataclass(frozen=True)
class _Case:
    """A model, its options, and what was published (of which model, recall@20, ndcg@20).

    The bars are a little below what was published, where they are not given.
    """

    model: str
    published: tuple[str, float, float]
    options: Mapping[str, Any] = field(default_factory=dict)
    seeded: bool = False
    bars: tuple[float, float] | None = None
    env: Mapping[str, str] = field(default_factory=dict)


# Without these PyTorch's arrays go back to the system and are cleared anew in every step.
_TORCH = {
    "KERAS_BACKEND": "torch",
    "BENCHMARKS_HIDE": "jax tensorflow",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(2**34),
    "MALLOC_TOP_PAD_": str(2**28),
}

_CASES = {
    "popularity": _Case("Popularity", ("popularity", 0.0416, 0.0317), {}),
    "item kNN": _Case(
        "ItemKNN",
        ("ItemCF (BARS)", 0.1570, 0.1214),
        {"neighbors": 200, "shrinkage": 1.0, "weighting": "normalized"},
    ),
    "GF-CF": _Case("GFCF", ("GF-CF (Shen 2021)", 0.1849, 0.1518), {"rank": 256, "alpha": 0.3}),
    "iALS": _Case(
        "IALS",
        ("MF-BPR (BARS)", 0.1627, 0.1378),
        {"alpha": 0.01, "regularization": 0.0005, "epochs": 8},
        seeded=True,
    ),
    "graph towers": _Case(
        "GraphTowers",
        ("SimpleX (BARS)", 0.1872, 0.1557),
        {"embedding_dim": 256, "layers": 3, "temperature": 0.2, "epochs": 3},
        seeded=True,
        bars=(0.1880, 0.1570),
        env=_TORCH,
    ),
    "BPR": _Case("BPR", ("MF-BPR (BARS)", 0.1627, 0.1378), {}, seeded=True),
}


def run(settings: Settings) -> Iterator[Line]:
    """Every baseline, then our own model, a process each."""
    if settings.data is None:
        raise SystemExit("gowalla expected the folder of its data: python -m benchmarks gowalla X")
    for name, case in _CASES.items():
        if settings.wants(name):
            yield from _lines(settings, name, case)


def _lines(settings: Settings, name: str, case: _Case) -> Iterator[Line]:
    told = {"data": str(settings.data), "model": case.model}
    seeds = range(settings.count(1)) if case.seeded else [None]
    measured = []
    for seed in seeds:
        options = dict(case.options) if seed is None else {**case.options, "seed": seed}
        side = Side(name, "gowalla_model.py", {**told, "options": options}, env=case.env)
        measured.append(interleave([side], settings.cores[-1], rounds=1, warmups=0)[name])
    peer, *published = case.published
    bars = case.bars or [theirs - _NEAR for theirs in published]
    for metric, theirs, bar in zip(("recall@20", "ndcg@20"), published, bars, strict=True):
        values = [one.found[metric] for one in measured]
        yield Line(
            "gowalla",
            f"{name}, {metric}",
            statistics.fmean(values),
            peer,
            theirs,
            metric,
            at_least=bar,
            details={
                "by_seed": values,
                "seconds": measured[-1].found["seconds"],
                "peak": measured[-1].peak,
            },
            versions={"ours": measured[-1].versions},
        )
