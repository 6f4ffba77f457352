"""`Live`: the items of a running recommender, which change while it answers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from shortlist.baselines import Popularity
from shortlist.errors import DataError
from shortlist.ids import as_ids
from shortlist.index import Exact
from shortlist.index.gate import Gate
from shortlist.recommender.catalogue import Catalogue
from shortlist.recommender.retrieval import TowerRetriever

__all__ = ["Live", "unit"]


class Live:
    """The catalogue of now, and everything that has to change with it in one moment.

    Whoever answers does so within ``gate.reading()``, and so sees the items before a change or
    after it. What can be worked out before a change (vectors, the next catalogue) is worked out
    while answers go on.

    Args:
        catalogue: the items at first.
        fallback: how popular each was in training.

    Attributes:
        gate: see above.
        catalogue: the items now.
        popular: the items now, the most popular first.
        removed: items that were taken out, which tables of training time still know.
    """

    def __init__(self, catalogue: Catalogue, fallback: Popularity) -> None:
        self.gate = Gate()
        self.catalogue = catalogue
        self.popular = fallback.over(catalogue.ids)
        self.removed: frozenset[Any] = frozenset()
        # The unit vectors of the catalogue, made when similar items are first asked for.
        self._neighbours: Exact | None = None
        self._fallback = fallback
        self._updating = threading.Lock()
        self._making = threading.Lock()

    def neighbours(self, vectors: Callable[[Any], np.ndarray]) -> Exact:
        """The index of unit vectors; to be called, and searched, within ``gate.reading()``."""
        with self._making:
            if self._neighbours is None:
                ids = self.catalogue.ids
                self._neighbours = Exact().build(unit(vectors(ids)), ids)
            return self._neighbours

    def upsert(self, retriever: TowerRetriever, ranker: Any, rows: pl.DataFrame) -> None:
        """Add items or replace them, with vectors from the candidate tower."""
        if not rows.height:
            return
        vectors = retriever.embed_items(rows)
        ids = rows["item"]
        with self._updating:
            catalogue = self.catalogue.with_rows(rows)
            popular = self._fallback.over(catalogue.ids)
            told = getattr(ranker, "attributes", None)
            after = None if told is None else told.with_rows(rows)
            with self.gate.writing():
                if after is not None:
                    ranker.attributes = after
                retriever.index.upsert(vectors, ids)
                if self._neighbours is not None:
                    self._neighbours.upsert(unit(vectors[:, :-1]), ids)
                self.catalogue, self.popular = catalogue, popular
                self.removed = self.removed.difference(ids.to_list())

    def remove(self, retriever: Any, ids: Any) -> None:
        """Take items out.

        Raises:
            DataError: an item is not in the catalogue, or stands twice; nothing is then changed.
        """
        listed = as_ids(ids)
        with self._updating:
            known = self.catalogue.known(listed)
            if not known.all():
                raise DataError(
                    f"Expected items of the catalogue; {listed[~known].tolist()[0]!r} is none."
                )
            if len(set(listed.tolist())) != len(listed):
                raise DataError("Expected each item once; one of those to remove stands twice.")
            if len(listed) == len(self.catalogue):
                raise DataError("Expected at least one item to stay; these are all of them.")
            catalogue = self.catalogue.without(listed)
            popular = self._fallback.over(catalogue.ids)
            with self.gate.writing():
                if isinstance(retriever, TowerRetriever):
                    retriever.index.remove(listed)
                if self._neighbours is not None:
                    self._neighbours.remove(listed)
                self.catalogue, self.popular = catalogue, popular
                self.removed = self.removed.union(listed.tolist())


def unit(vectors: np.ndarray) -> np.ndarray:
    """The vectors at length 1; a vector of zeros stays one."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
