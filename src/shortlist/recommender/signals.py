"""What a ranker is told about a candidate besides its attributes, from tables of the items.

All of it can be had at serving from a query's history, the candidates and their retrieval scores.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import polars as pl

from shortlist.baselines import EASE
from shortlist.bundle import Draft, Folder
from shortlist.data import Interactions
from shortlist.ids import IdMap, flatten
from shortlist.queries import Queries
from shortlist.ranked import Ranked

__all__ = ["SIGNALS", "ItemVectors", "Signals"]

SIGNALS = (
    "score",
    "log_rank",
    "log_popularity",
    "log_recent",
    "when",
    "log_history",
    "like_all",
    "like_last",
    "like_nearest",
    "pull_latest",
    "pull_recent",
    "pull_all",
    "pull_most",
    "company",
)

# Counts are shrunk towards the middle by this many imagined events.
_PRIOR = 5.0
_LATEST = 20
# An outlier of this many standard deviations says no more than a larger one.
_CLIP = 5.0

# Company is counted for each pair of items, so only where the pairs fit into a bundle.
_MOST_ITEMS_FOR_PAIRS = 5_000

_QUERIES_AT_ONCE = 128

Vectors = Callable[[np.ndarray], np.ndarray]


class ItemVectors(NamedTuple):
    """Functions from ids ``[N]`` to vectors ``[N, D]``, zeros for an item without one.

    Attributes:
        candidates: an item as something to be found.
        history: an item as something that was met: what it adds to its user's query.
    """

    candidates: Vectors
    history: Vectors


@dataclass(frozen=True, eq=False)
class Signals:
    """Numbers ``[B, K]`` for each candidate of each query, by name.

    - ``score``: the retrieval score, standardised within its list; ``log_rank``: its place.
    - ``log_popularity``, ``log_recent``: interactions of all time, and of the last fifth of it.
    - ``when``: how far into their histories people meet the item, from 0 to 1, on average.
    - ``log_history``: how much is known of the user.
    - ``like_all``, ``like_last``, ``like_nearest``: the cosine of the candidate's vector with the
      items of the history: the mean of all, of the latest 20 with more weight on the last, and
      the largest of those.
    - ``pull_latest``, ``pull_recent``, ``pull_all``, ``pull_most``: how strongly the items of the
      history ask for the candidate (history vector times candidate vector): the mean over the
      latest 5, 20 and 200, and over the strongest 3 of the latest 20.
    - ``company``: the score of `EASE`, which items are met together; 0 for catalogues of more than
      5,000 items, for which it would be too large.

    Attributes:
        items: ``[N]`` ids of the items met in training.
        table: ``[N, 3]``, the second to fourth of the above.
        company: a fitted `EASE`, or None.
        mean, scale: ``[F]`` over the lists the ranker learned from; None until `standardized`.
    """

    items: np.ndarray
    table: np.ndarray
    company: EASE | None = None
    mean: np.ndarray | None = None
    scale: np.ndarray | None = None

    @cached_property
    def _places(self) -> IdMap:
        return IdMap(self.items)

    @classmethod
    def of(cls, train: Interactions) -> Signals:
        """Count what the tables hold."""
        codes = train.item_codes
        counts = np.bincount(codes, minlength=len(train.items))
        times = train.times
        late = np.ones(len(codes), bool) if times is None else times >= np.quantile(times, 0.8)
        recent = np.bincount(codes[late], minlength=len(train.items))
        when = (
            np.bincount(codes, weights=_progress(train), minlength=len(counts)) + 0.5 * _PRIOR
        ) / (counts + _PRIOR)
        table = np.stack([np.log1p(counts), np.log1p(recent), when], axis=1)
        few = len(train.items) <= _MOST_ITEMS_FOR_PAIRS
        return cls(train.items, table.astype(np.float32), EASE().fit(train) if few else None)

    def __call__(
        self, queries: Queries, ranked: Ranked, vectors: ItemVectors
    ) -> dict[str, np.ndarray]:
        """The signals of every place, standardised once `standardized`; 0 at invalid places."""
        found = self.matrix(queries, ranked, vectors)
        return {name: found[..., column] for column, name in enumerate(SIGNALS)}

    def matrix(self, queries: Queries, ranked: Ranked, vectors: ItemVectors) -> np.ndarray:
        """As `__call__`, all side by side in the order of `SIGNALS`: float32 ``[B, K, F]``."""
        raw = self._raw(queries, ranked, vectors)
        if self.mean is not None and self.scale is not None:
            raw -= self.mean
            raw /= self.scale
            np.clip(raw, -_CLIP, _CLIP, out=raw)
        if not ranked.valid.all():
            raw[~ranked.valid] = 0.0
        return raw

    def standardized(self, queries: Queries, ranked: Ranked, vectors: ItemVectors) -> Signals:
        """The same signals, from now on with mean 0 and variance 1 over these lists."""
        raw = self._raw(queries, ranked, vectors)[ranked.valid]
        scale = raw.std(axis=0)
        return replace(self, mean=raw.mean(axis=0), scale=np.where(scale > 1e-6, scale, 1.0))

    def write(self, draft: Draft) -> None:
        """Write the tables into a part of a bundle."""
        draft.write_table("items.parquet", pl.DataFrame({"item": self.items}))
        if self.company is not None:
            self.company.write(draft.folder("company"))
        arrays = {"table": self.table, "mean": self.mean, "scale": self.scale}
        draft.write_arrays(
            "signals.safetensors", {k: v for k, v in arrays.items() if v is not None}
        )

    @classmethod
    def read(cls, folder: Folder) -> Signals:
        """Open what `write` wrote."""
        arrays = folder.read_arrays("signals.safetensors")
        items = folder.read_table("items.parquet")["item"].to_numpy()
        few = any(name.startswith("company/") for name in folder.names)
        company = EASE.read(folder.folder("company")) if few else None
        return cls(items, arrays["table"], company, arrays.get("mean"), arrays.get("scale"))

    def _raw(self, queries: Queries, ranked: Ranked, vectors: ItemVectors) -> np.ndarray:
        """``[B, K, F]`` in the order of `SIGNALS`, a block of queries at a time."""
        if len(queries) <= _QUERIES_AT_ONCE:
            return self._block(queries, ranked, vectors)
        starts = range(0, len(queries), _QUERIES_AT_ONCE)
        stops = [start + _QUERIES_AT_ONCE for start in starts]
        blocks = [
            self._block(queries.rows(start, stop), ranked.rows(start, stop), vectors)
            for start, stop in zip(starts, stops, strict=True)
        ]
        return np.concatenate(blocks)

    def _block(self, queries: Queries, ranked: Ranked, vectors: ItemVectors) -> np.ndarray:
        lengths = np.array([len(row) for row in queries.history], dtype=np.float32)
        found = np.empty((*ranked.ids.shape, len(SIGNALS)), dtype=np.float32)
        found[..., 0] = _standardized_rows(ranked)
        found[..., 1] = np.log1p(np.arange(ranked.k, dtype=np.float32))
        found[..., 2:5] = self._of_items(ranked)
        found[..., 5] = np.log1p(lengths)[:, None]
        found[..., 6:13] = _likeness(queries, ranked, vectors)
        found[..., 13] = self._company(queries, ranked)
        return found

    def _company(self, queries: Queries, ranked: Ranked) -> np.ndarray:
        if self.company is None:
            return np.zeros(ranked.ids.shape, dtype=np.float32)
        return self.company.score(queries, ranked.ids)

    def _of_items(self, ranked: Ranked) -> np.ndarray:
        # An item that was not met in training has the smallest counts and meets people half-way.
        unknown = np.array([0.0, 0.0, 0.5], dtype=np.float32)
        places = self._places.of(ranked.ids.reshape(-1)).reshape(ranked.ids.shape)
        return np.where(places[..., None] >= 0, self.table[np.maximum(places, 0)], unknown)


def _progress(train: Interactions) -> np.ndarray:
    """For each event, the share of its user's events that came before it."""
    users = train.user_codes
    times = train.times
    order = np.argsort(users, kind="stable") if times is None else np.lexsort((times, users))
    counts = np.bincount(users)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    place = np.empty(len(users))
    place[order] = np.arange(len(users)) - starts[users[order]]
    return place / counts[users]


def _standardized_rows(ranked: Ranked) -> np.ndarray:
    scores = np.where(ranked.valid, ranked.scores, 0.0)
    count = np.maximum(ranked.valid.sum(axis=1, keepdims=True), 1)
    mean = scores.sum(axis=1, keepdims=True) / count
    deviation = np.where(ranked.valid, ranked.scores - mean, 0.0)
    scale = np.sqrt((deviation**2).sum(axis=1, keepdims=True) / count)
    return deviation / (scale + 1e-6)


def _likeness(queries: Queries, ranked: Ranked, vectors: ItemVectors) -> np.ndarray:
    """The three ``like_`` and four ``pull_`` signals, ``[B, K, 7]``."""
    candidates = _candidates(ranked, vectors)
    unit = _unit(candidates)
    flat, owners = flatten(queries.history)
    alike, asking = _unit(vectors.candidates(flat)), vectors.history(flat)
    results = np.zeros((*ranked.ids.shape, 7), dtype=np.float32)
    bounds = np.searchsorted(owners, np.arange(queries.batch_size + 1))
    for row, (start, end) in enumerate(pairwise(bounds.tolist())):
        if start < end:
            _like(unit[row], alike[start:end][::-1], results[row, :, :3])
            _pull(candidates[row], asking[start:end][::-1], results[row, :, 3:])
    return results


def _candidates(ranked: Ranked, vectors: ItemVectors) -> np.ndarray:
    """The candidates' vectors ``[B, K, D]``; zeros at invalid places."""
    if ranked.valid.all():
        return vectors.candidates(ranked.ids.reshape(-1)).reshape(*ranked.ids.shape, -1)
    found = vectors.candidates(ranked.ids[ranked.valid])
    candidates = np.zeros((*ranked.ids.shape, found.shape[1]), dtype=np.float32)
    candidates[ranked.valid] = found
    return candidates


# A mean of products is a product with the mean, so only what is not linear looks at every pair.


def _like(candidates: np.ndarray, history: np.ndarray, out: np.ndarray) -> None:
    """Cosines of ``candidates`` ``[K, D]`` with a history ``[H, D]``, latest first, three ways."""
    latest = history[:_LATEST]
    weights = 1.0 / np.sqrt(np.arange(1, len(latest) + 1, dtype=np.float32))
    means = np.stack([history.mean(axis=0), (weights / weights.sum()) @ latest])
    np.matmul(candidates, means.T, out=out[:, :2])
    (candidates @ latest.T).max(axis=1, out=out[:, 2])


def _pull(candidates: np.ndarray, history: np.ndarray, out: np.ndarray) -> None:
    """Products of ``candidates`` ``[K, D]`` with a history ``[H, D]``, latest first, four ways."""
    means = np.stack([history[:count].mean(axis=0) for count in (5, _LATEST, 200)])
    np.matmul(candidates, means.T, out=out[:, :3])
    products = candidates @ history[:_LATEST].T
    if products.shape[1] > 3:
        products = np.partition(products, -3, axis=1)[:, -3:]
    products.mean(axis=1, out=out[:, 3])


def _unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.sqrt(np.einsum("...d,...d->...", vectors, vectors))
    return vectors / np.maximum(lengths, 1e-12)[..., None]
