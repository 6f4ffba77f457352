"""One model over all the questions, block by block, so that memory stays bounded."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from shortlist.errors import DataError
from shortlist.evaluation.truth import Truth
from shortlist.metrics.ranking import METRICS, novelty
from shortlist.queries import Queries
from shortlist.ranked import Ranked

__all__ = ["Retriever", "Run", "run"]

Retriever = Callable[[Queries, int], Ranked]


@dataclass(frozen=True, eq=False)
class Run:
    """What came of asking one model; the parts are those of `Report`."""

    per_user: dict[str, np.ndarray]
    coverage: dict[str, float]
    seconds: float


def run(
    name: str, model: Retriever, truth: Truth, cuts: tuple[int, ...], *, block_size: int
) -> Run:
    """Ask ``model`` every question of ``truth`` and measure its lists at ``cuts``."""
    size = len(truth.items)
    blocks: list[dict[str, np.ndarray]] = []
    covered = {k: np.zeros(size, dtype=bool) for k in cuts}
    seconds = 0.0
    for start in range(0, len(truth.queries), block_size):
        queries = truth.queries.rows(start, start + block_size)
        began = time.perf_counter()
        answer = model(queries, cuts[-1])
        seconds += time.perf_counter() - began
        ranked = _checked(name, answer, queries, cuts[-1])
        places = _places(name, ranked, queries, truth)
        blocks.append(_metrics(start, places, truth, cuts))
        for k in cuts:
            shown = places[:, :k]
            covered[k][shown[(shown >= 0) & (shown < size)]] = True
    per_user = {metric: np.concatenate([block[metric] for block in blocks]) for metric in blocks[0]}
    inside = truth.catalogue
    coverage = {f"coverage@{k}": float((covered[k] & inside).sum() / inside.sum()) for k in cuts}
    return Run(per_user, coverage, seconds)


def _metrics(
    start: int, places: np.ndarray, truth: Truth, cuts: tuple[int, ...]
) -> dict[str, np.ndarray]:
    """Every metric of every user of a block that begins at query ``start``."""
    hits, sizes = truth.hits(start, places), truth.sizes[start : start + len(places)]
    found = {
        f"{metric}@{k}": function(hits, sizes, k)
        for metric, function in METRICS.items()
        for k in cuts
    }
    # An item that is in no collection was met by no one in training.
    counts = np.append(truth.train_counts, 0)
    known = np.minimum(places, len(truth.items))
    for k in cuts:
        found[f"novelty@{k}"] = novelty(known, places >= 0, counts, truth.train_users, k)
    return found


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
