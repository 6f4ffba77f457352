"""What the metrics beyond accuracy compare a list with: popularity, groups of items, categories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from shortlist.errors import SchemaError, nearest
from shortlist.evaluation.truth import Truth
from shortlist.ids import flatten
from shortlist.metrics import beyond
from shortlist.metrics.ranking import novelty, recall

__all__ = ["Beyond", "categories_of"]

_HEAD = 0.8


@dataclass(frozen=True, eq=False)
class Beyond:
    """The metrics of places in ``truth.items``, block by block.

    Attributes:
        truth: the questions.
        cuts: the cut-offs.
        expected: ``[U, K]`` the places that popularity shows each user, below 0 for none.
        categories: ``[len(truth.items), C]`` float, or None.
    """

    truth: Truth
    cuts: tuple[int, ...]
    expected: np.ndarray
    categories: np.ndarray | None

    def metrics(self, start: int, places: np.ndarray, hits: np.ndarray) -> dict[str, np.ndarray]:
        """Every metric of the users from ``start`` on; ``places`` and ``hits`` are ``[B, K]``."""
        truth, part = self.truth, slice(start, start + len(places))
        # An item that is in no collection was met by no one in training.
        counts = np.append(truth.train_counts, 0)
        known, held = np.minimum(places, len(truth.items)), places >= 0
        rank = self._rank(start, places)
        found: dict[str, np.ndarray] = {}
        for k in self.cuts:
            users, sizes = truth.train_users, truth.sizes[part]
            found[f"novelty@{k}"] = novelty(known, held, counts, users, k)
            found[f"popularity@{k}"] = beyond.popularity(known, held, counts, users, k)
            found[f"serendipity@{k}"] = beyond.serendipity(hits, rank < k, sizes, k)
        for name, (group, sizes) in self._groups.items():
            inside = hits & np.append(group, False)[known]
            for k in self.cuts:
                found[f"recall_{name}@{k}"] = recall(inside, sizes[part], k)
        if self.categories is not None:
            padded = np.vstack([self.categories, np.zeros(self.categories.shape[1])])
            vectors, wanted = padded[known], self._histories[part]
            for k in self.cuts:
                found[f"diversity@{k}"] = beyond.diversity(vectors, held, k)
                found[f"calibration_kl@{k}"] = beyond.calibration_kl(wanted, vectors, held, k)
        return found

    @cached_property
    def _groups(self) -> Mapping[str, tuple[np.ndarray, np.ndarray]]:
        """Groups of items, and how many of each a user has that are to be found."""
        counts = self.truth.train_counts
        order = np.argsort(-counts, kind="stable")
        before = np.cumsum(counts[order]) - counts[order]
        head = np.zeros(len(counts), dtype=bool)
        head[order] = before < _HEAD * counts.sum()
        head &= counts > 0
        groups = {"head": head, "tail": ~head & (counts > 0), "cold": counts == 0}
        return {name: (group, self._sizes(group)) for name, group in groups.items()}

    def _sizes(self, group: np.ndarray) -> np.ndarray:
        truth = self.truth
        inside = group[truth.relevant]
        return np.bincount(truth.owners[inside], minlength=len(truth.queries))

    @cached_property
    def _histories(self) -> np.ndarray:
        """The categories of each user's history ``[U, C]``, every item adding up to 1."""
        categories = self.categories
        if categories is None:
            return np.zeros((len(self.truth.queries), 0))
        flat, owners = flatten(self.truth.queries.history)
        places = self.truth.places.of(flat)
        owners, places = owners[places >= 0], places[places >= 0]
        each = categories / np.maximum(categories.sum(axis=1, keepdims=True), 1.0)
        wanted = np.zeros((len(self.truth.queries), categories.shape[1]))
        np.add.at(wanted, owners, each[places])
        return wanted

    def _rank(self, start: int, places: np.ndarray) -> np.ndarray:
        """Where popularity's list holds each of ``places`` ``[B, K]``; its length if nowhere."""
        listed = self.expected[start : start + len(places)]
        width, rows = len(self.truth.items) + 1, np.arange(len(places))[:, None]
        keys = (rows * width + np.where(listed >= 0, listed, width - 1)).reshape(-1)
        order = np.argsort(keys, kind="stable")
        asked = rows * width + places
        found = np.minimum(np.searchsorted(keys, asked, sorter=order), len(keys) - 1)
        same = (keys[order[found]] == asked) & (places >= 0) & (places < width - 1)
        return np.where(same, order[found] % listed.shape[1], listed.shape[1])


def categories_of(
    truth: Truth, items: pl.DataFrame | None, column: str | None
) -> np.ndarray | None:
    """1 for each category ``[C]`` of each of ``truth.items``, from a column of lists or of values.

    Raises:
        SchemaError: there is no frame of items, or it has no such column.
    """
    if column is None:
        return None
    if items is None or column not in items.columns:
        columns = [] if items is None else items.columns
        raise SchemaError(
            f"Expected items with the column {column!r} of categories; they have {columns}."
            f"{nearest(column, columns)}"
        )
    frame = items.select("item", pl.col(column).alias("category"))
    if isinstance(frame["category"].dtype, pl.List):
        frame = frame.explode("category")
    frame = frame.drop_nulls().unique(maintain_order=True)
    places = truth.places.of(frame["item"].to_numpy())
    distinct = frame["category"].unique(maintain_order=True)
    found = np.zeros((len(truth.items), len(distinct)))
    codes = frame["category"].replace_strict(distinct, range(len(distinct))).to_numpy()
    found[places[places >= 0], codes[places >= 0]] = 1.0
    return found
