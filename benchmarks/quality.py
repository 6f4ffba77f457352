"""What is learned on MovieLens-100K, beside popularity, EASE and TFRS."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from benchmarks import data
from benchmarks.comparison import Line
from benchmarks.processes import Measured, Side, interleave
from benchmarks.settings import Settings

__all__ = ["run"]

_KS = (1, 5, 10, 50, 100)
# What the pages of TFRS print; its top-100 is without a mask of what was seen.
_TFRS_RATING = 1.11
_TFRS_MULTITASK = {"top-100": 0.235, "rmse": 1.11}


def run(settings: Settings) -> Iterator[Line]:
    """Our two-tower model, rating model and both in one; then the TFRS tutorial as it is."""
    for backend in settings.backends:
        yield from _two_tower(settings, backend)
    for backend in settings.backends:
        yield from _rating(settings, backend)
    for backend in settings.backends:
        yield from _joint(settings, backend)
    yield from _tutorial(settings)


def _two_tower(settings: Settings, backend: str) -> Iterator[Line]:
    """Random 80/20, seen items masked, the whole catalogue."""
    case = f"two-tower, random split, seen masked, {backend}"
    if not settings.wants(case):
        return
    told = {"epochs": 1} if settings.quick else {}
    ours = settings.ours("ours", "quality_two_tower.py", backend, **told)
    measured = interleave([ours], settings.cores[-1], rounds=1, warmups=0)["ours"]
    bars = {"ndcg@10": 0.42, "top-100": 0.60}
    for metric, bar in bars.items():
        for peer in ("popularity", "EASE"):
            yield Line(
                "quality",
                f"{case}, {metric}",
                measured.found["two-tower"][metric],
                peer,
                measured.found[peer][metric],
                metric,
                at_least=bar,
                versions={"ours": measured.versions},
            )


def _rating(settings: Settings, backend: str) -> Iterator[Line]:
    """Random 80/20: how far the predicted ratings are off."""
    case = f"rating model, RMSE, {backend}"
    if not settings.wants(case):
        return
    runs = _by_seed(settings, "quality_rating.py", backend)
    values = [run.found["ranker"] for run in runs]
    for peer, theirs in {
        "mean + item + user": statistics.fmean(run.found["biases"] for run in runs),
        "TFRS' ranking page": _TFRS_RATING,
    }.items():
        yield Line(
            "quality",
            case,
            statistics.fmean(values),
            peer,
            theirs,
            "RMSE",
            below=0.92,
            details={"by_seed": values},
            versions={"ours": runs[0].versions},
        )


def _joint(settings: Settings, backend: str) -> Iterator[Line]:
    """Random 80/20: retrieval and ratings learned by one model, as on TFRS' multitask page."""
    case = f"retrieval and ratings in one model, {backend}"
    if not settings.wants(case):
        return
    runs = _by_seed(settings, "quality_joint.py", backend)
    bars = {"top-100": {"at_least": 0.60}, "rmse": {"below": 0.93}}
    for metric, bar in bars.items():
        values = [run.found[metric] for run in runs]
        yield Line(
            "quality",
            f"{case}, {metric}",
            statistics.fmean(values),
            "TFRS' multitask page",
            _TFRS_MULTITASK[metric],
            metric,
            details={"by_seed": values},
            versions={"ours": runs[0].versions},
            **bar,
        )


def _by_seed(settings: Settings, worker: str, backend: str) -> list[Measured]:
    """The same on several splits, each with weights of its own."""
    told = {"epochs": 1} if settings.quick else {}
    seeds = range(42, 42 + settings.count(3))
    sides = [settings.ours(str(s), worker, backend, seed=s, **told) for s in seeds]
    # One after the other, so that one process at a time is in memory.
    return [interleave([x], settings.cores[-1], rounds=1, warmups=0)[x.name] for x in sides]


def _tutorial(settings: Settings) -> Iterator[Line]:
    """TFRS' basic retrieval tutorial, without any correction and with seen items in the way."""
    cases = {b: f"TFRS tutorial's model, unmasked, {b}" for b in settings.backends}
    cases = {b: case for b, case in cases.items() if settings.wants(case)}
    if not cases:
        return
    told, popularity = _split(settings)
    sides: list[Side] = [settings.tfrs("quality_tutorial_tfrs.py", **told)]
    sides += [settings.ours(backend, "quality_tutorial.py", backend, **told) for backend in cases]
    measured = interleave(sides, settings.cores[-1], rounds=1, warmups=0)
    for backend, case in cases.items():
        for k in _KS:
            peers: dict[str, Mapping[str, Any]] = {
                "popularity": popularity,
                "TFRS": measured["TFRS"].found,
            }
            for peer, found in peers.items():
                yield Line(
                    "quality",
                    f"{case}, top-{k}",
                    measured[backend].found[f"top_{k}"],
                    peer,
                    found[f"top_{k}"],
                    f"top-{k}",
                    at_least=0.23 if k == 100 else None,
                    versions={"ours": measured[backend].versions},
                )


def _split(settings: Settings) -> tuple[dict[str, Any], dict[str, float]]:
    """80,000 ratings to learn from and 20,000 to ask about, and what popularity makes of them."""
    users, titles = data.movielens_strings()
    _, user_codes = np.unique(users, return_inverse=True)
    distinct, item_codes = np.unique(titles, return_inverse=True)
    order = np.random.default_rng(42).permutation(len(users))
    edge = len(users) * 4 // 5
    told: dict[str, Any] = {"users": int(user_codes.max()) + 1, "items": len(distinct)}
    for name, rows in (("train", order[:edge]), ("test", order[edge:])):
        told[name] = data.events(settings.folder / name, user_codes[rows], item_codes[rows])
    counts = np.bincount(item_codes[order[:edge]], minlength=len(distinct))
    place = np.empty(len(distinct), dtype=np.int64)
    place[np.argsort(-counts, kind="stable")] = np.arange(len(distinct))
    asked = place[item_codes[order[edge:]]]
    told["epochs"] = 1 if settings.quick else 3
    return told, {f"top_{k}": float((asked < k).mean()) for k in _KS}
