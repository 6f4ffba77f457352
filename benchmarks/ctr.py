"""The rankers and LightGBM on a click task made from MovieLens-100K, five seeds."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Iterator
from typing import Any

from benchmarks.comparison import Line
from benchmarks.processes import Measured, Side, interleave
from benchmarks.settings import Settings

__all__ = ["run"]

_PEER = "LightGBM"
# A ranker's name in a configuration, and what is not its default.
_RANKERS: dict[str, dict[str, Any]] = {
    _PEER: {"ranker": "lightgbm"},
    "MLP": {"ranker": "mlp"},
    "LogisticRegression": {"ranker": "logistic_regression"},
    "FM": {"ranker": "fm"},
    "DeepFM": {"ranker": "deep_fm"},
    "DLRM": {"ranker": "dlrm"},
    "DCNv2": {"ranker": "dcn_v2"},
    "DCNv2, parallel": {"ranker": "dcn_v2", "structure": "parallel"},
    "AutoInt": {"ranker": "autoint"},
    "MaskNet": {"ranker": "mask_net"},
    "FinalMLP": {"ranker": "final_mlp", "first_context": "user", "second_context": "item"},
    "DIN": {"ranker": "din"},
}
_METRICS = ("auc", "gauc", "log_loss")


def run(settings: Settings) -> Iterator[Line]:
    """Each ranker beside LightGBM on the first backend; the means and spreads over the seeds.

    The spread is the standard deviation of one run. Seconds are CPU seconds of one epoch, and of
    all trees of LightGBM.
    """
    backend = settings.backends[0]
    boosted = _measured(settings, _PEER, backend)
    for name in _RANKERS:
        if name != _PEER and settings.wants(name):
            yield from _lines(f"{name}, {backend}", _measured(settings, name, backend), boosted)


def _measured(settings: Settings, name: str, backend: str) -> Measured:
    told: dict[str, Any] = {"seeds": settings.count(5), "epochs": 20}
    if settings.quick:
        told |= {"seeds": 1, "epochs": 1, "rows": 5000}
    side: Side = settings.ours(name, "ctr_model.py", backend, **told, **_RANKERS[name])
    # The seeds of a ranker run the same programs, which JAX compiles once this way.
    cache = {
        "JAX_COMPILATION_CACHE_DIR": str(settings.folder / "compiled"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    side = dataclasses.replace(side, env={**side.env, **cache})
    return interleave([side], settings.cores[-1], rounds=1, warmups=0)[name]


def _lines(case: str, ours: Measured, theirs: Measured) -> Iterator[Line]:
    for metric in _METRICS:
        details = {
            "ours_spread": _spread(ours.found[metric]),
            "theirs_spread": _spread(theirs.found[metric]),
            "ours_seconds_an_epoch": statistics.median(ours.found["seconds"]),
            "theirs_seconds": statistics.median(theirs.found["seconds"]),
            "ours_epochs": statistics.median(ours.found["epochs"]),
            "ours_seeds": ours.found[metric],
        }
        yield Line(
            "ctr",
            f"{case}, {metric}",
            statistics.mean(ours.found[metric]),
            _PEER,
            statistics.mean(theirs.found[metric]),
            metric.replace("_", " "),
            details=details,
            versions={"ours": ours.versions, "theirs": theirs.versions},
        )


def _spread(values: list[float]) -> float:
    return statistics.stdev(values) if len(values) > 1 else 0.0
