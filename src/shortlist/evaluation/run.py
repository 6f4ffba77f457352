"""One model over all the questions, block by block, so that memory stays bounded."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from shortlist.errors import DataError
from shortlist.evaluation.beyond import Beyond
from shortlist.evaluation.truth import Truth
from shortlist.metrics.beyond import gini_of
from shortlist.metrics.ranking import METRICS
from shortlist.queries import Queries
from shortlist.ranked import Ranked

__all__ = ["Answers", "Retriever", "ask", "measure", "placed"]

Retriever = Callable[[Queries, int], Ranked]


@dataclass(frozen=True, eq=False)
class Answers:
    """What a model recommended.

    Attributes:
        places: ``[U, K]`` int64, the place of each item in ``truth.items``; below 0 for none, and
            beyond the last for items that are in no collection.
        seconds: how long it took to answer.
    """

    places: np.ndarray
    seconds: float


def ask(name: str, model: Retriever, truth: Truth, k: int, *, block_size: int) -> Answers:
    """Ask ``model`` every question of ``truth``."""
    places = np.full((len(truth.queries), k), -1, dtype=np.int64)
    seconds = 0.0
    for start in range(0, len(truth.queries), block_size):
        queries = truth.queries.rows(start, start + block_size)
        began = time.perf_counter()
        answer = model(queries, k)
        seconds += time.perf_counter() - began
        found = _places(name, _checked(name, answer, queries, k), queries, truth)
        places[start : start + block_size, : found.shape[1]] = found
    return Answers(places, seconds)


def placed(name: str, model: Retriever, queries: Queries, truth: Truth, k: int) -> np.ndarray:
    """What ``model`` answers to some queries ``[B, K]``, as places in ``truth.items``."""
    return _places(name, _checked(name, model(queries, k), queries, k), queries, truth)


def measure(
    places: np.ndarray, truth: Truth, beyond: Beyond, *, block_size: int
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """The metrics of each user ``[U]``, and those of all lists together."""
    blocks = []
    for start in range(0, len(places), block_size):
        block = places[start : start + block_size]
        hits, sizes = truth.hits(start, block), truth.sizes[start : start + block_size]
        found = {
            f"{metric}@{k}": function(hits, sizes, k)
            for metric, function in METRICS.items()
            for k in beyond.cuts
        }
        blocks.append(found | beyond.metrics(start, block, hits))
    per_user = {metric: np.concatenate([block[metric] for block in blocks]) for metric in blocks[0]}
    overall: dict[str, float] = {}
    for k in beyond.cuts:
        shown = places[:, :k]
        shown = shown[(shown >= 0) & (shown < len(truth.items))]
        counts = np.bincount(shown, minlength=len(truth.items))[truth.catalogue]
        overall[f"coverage@{k}"] = float(np.count_nonzero(counts) / len(counts))
        overall[f"gini@{k}"] = gini_of(counts)
    return per_user, overall


def _checked(name: str, answer: Any, queries: Queries, k: int) -> Ranked:
    """The first ``k`` places, if ``answer`` is a ranking of as many lists as were asked for."""
    if not isinstance(answer, Ranked) or len(answer) != len(queries):
        received = f"{len(answer)} lists" if isinstance(answer, Ranked) else repr(answer)
        raise DataError(
            f"The model {name!r} was expected to return a Ranked with a list for each of "
            f"{len(queries)} queries; it returned {received}."
        )
    ranked = answer.top(k)
    wrong = np.isnan(ranked.scores) & ranked.valid
    if wrong.any():
        raise _refusal(name, wrong, ranked, queries, "with a NaN score")
    return ranked


def _places(name: str, ranked: Ranked, queries: Queries, truth: Truth) -> np.ndarray:
    """Where each item stands in ``truth.items`` ``[B, K]``, and -1 where there is none.

    Items that stand in no collection get numbers beyond the last one.
    """
    ids = ranked.ids[ranked.valid]
    found = truth.places.of(ids)
    if (found < 0).any():
        unknown = ids[found < 0].tolist()
        numbers = {item: len(truth.items) + n for n, item in enumerate(dict.fromkeys(unknown))}
        found[found < 0] = [numbers[item] for item in unknown]
    places = np.full(ranked.ids.shape, -1, dtype=np.int64)
    places[ranked.valid] = found
    order = np.argsort(places, axis=1, kind="stable")
    ordered = np.take_along_axis(places, order, axis=1)
    repeated = (ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)
    if repeated.any():
        twice = np.zeros(places.shape, dtype=bool)
        np.put_along_axis(twice, order[:, 1:], repeated, axis=1)
        raise _refusal(name, twice, ranked, queries, "more than once")
    return places


def _refusal(name: str, wrong: np.ndarray, ranked: Ranked, queries: Queries, how: str) -> DataError:
    """The error that names the model, the user and the item of the first wrong place."""
    row, column = np.argwhere(wrong)[0]
    user, item = queries.users[[row]].tolist()[0], ranked.ids[row, [column]].tolist()[0]
    return DataError(f"The model {name!r} recommended item {item!r} to user {user!r} {how}.")
