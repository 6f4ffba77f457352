"""`ApproximateIndex`: another library finds candidates, and we score them by the vectors we keep.

A finder covers the first rows of a snapshot and never changes. Rows added later are scored one by
one until there are enough of them to make the next finder; removed rows stay in it, hidden.
"""

from __future__ import annotations

import abc
import math
from typing import Any, ClassVar, Self

import numpy as np

from shortlist.bundle import Draft
from shortlist.errors import ConfigError, DataError
from shortlist.index._candidates import Covered, Finder, best_of, searched_of
from shortlist.index._filters import Lists
from shortlist.index._live import Filters, LiveIndex, State
from shortlist.index._rows import Rows
from shortlist.index._scan import scan
from shortlist.index._storage import write_items
from shortlist.index.base import check_dim, check_k, check_vectors, not_built
from shortlist.index.tuning import Trial, Tuning, tuned

__all__ = ["ApproximateIndex", "check_count"]

# A finder is made anew once this share of all rows, and at least so many, came after it.
_LATE_SHARE, _LATE_LEAST = 0.01, 4096
# Fewer rows than this cannot be divided into parts.
_FEWEST = 512
# Measured: a vector takes the time of three codes, and a search by codes has to begin.
_CODES_A_VECTOR, _FEW_LEFT = 3, 4096


class ApproximateIndex(LiveIndex):
    """An engine that finds candidates in some parts of the index and rescores them."""

    # Below this number of items nothing is gained over scoring all of them.
    smallest: ClassVar[int] = 100_000

    def __init__(
        self, *, kind: str | None, parts: int | None, searched: int, rescored: float
    ) -> None:
        super().__init__()
        if kind not in (None, "flat", "ivf"):
            raise ConfigError(f"Expected kind to be None, 'flat' or 'ivf'; received {kind!r}.")
        if parts is not None:
            check_count("parts", parts)
        if type(rescored) not in (int, float) or not 1 <= rescored < math.inf:
            raise ConfigError(f"Expected rescored to be 1 or more; received {rescored!r}.")
        self.kind = kind
        self.parts = parts
        self.searched = check_count("searched", searched)
        self.rescored = float(rescored)

    @abc.abstractmethod
    def _train(self, rows: Rows, parts: int) -> Finder:
        """A finder over all of ``rows``."""

    @abc.abstractmethod
    def _extend(self, finder: Finder, rows: Rows) -> Finder:
        """A finder over all of ``rows``, of which ``finder`` covers the first."""

    def _refill(self, finder: Finder, rows: Rows, parts: int) -> Finder:
        """A finder over ``rows``, which are what is left of those that ``finder`` covers."""
        del finder
        return self._train(rows, parts)

    @property
    def is_exact(self) -> bool:
        """Whether every item is scored, as in a small index."""
        return self._state is None or self._state.own is None

    def build(self, vectors: np.ndarray, ids: Any, attributes: Any = None) -> Self:
        """Replace the contents; see `Index.build`. All that was learned of others is forgotten."""
        with self._writing:
            self._building = True
            try:
                return super().build(vectors, ids, attributes)
            finally:
                self._building = False

    def tune(
        self,
        recall: float = 0.95,
        k: int = 100,
        queries: np.ndarray | None = None,
        *,
        sample: int = 512,
        batch: int = 256,
        seed: int = 0,
    ) -> Tuning:
        """Choose ``searched`` and ``rescored``: the fastest that reach a recall on this machine.

        Settings are tried on sampled queries against exact search. The one that is chosen is in
        effect at once and is saved with the index; searches may go on meanwhile.

        Args:
            recall: the share of the true ``k`` best that must be found, on average; a margin for
                the chance in the sample is added.
            k: how many best items are asked for.
            queries: ``[N, D]`` like those to come. Without them items' own vectors stand in, which
                lie elsewhere than the queries of a two-tower model and are a poor guess.
            sample: how many of ``queries`` are used.
            batch: how many are searched at a time: 1 to tune for latency, more for throughput.
            seed: of the sample.

        Returns:
            A `Tuning`: every setting that was tried, with its recall and time, and the one chosen.

        Raises:
            NotFittedError: nothing was built.
            ConfigError: an argument is out of range.
            DataError: the queries are not finite numbers of the index's dimension, or none.

        Warns:
            RecallWarning: no setting reaches ``recall``; the best is chosen.
        """
        state = self._state
        if state is None:
            raise not_built(self)
        k = min(check_k(k), max(1, len(self)))
        asked = _sampled(state.rows, queries, check_count("sample", sample), seed)

        def search(block: np.ndarray, trial: Trial | None) -> np.ndarray:
            if trial is None:
                scores, rows = _scan(state, block, k, Filters(None, None))
            else:
                scores, rows = _look(state, block, k, Filters(None, None), trial)
            return np.where(scores > -np.inf, rows, -1)

        parts = None if state.own is None else state.own.finder.parts
        check_count("batch", batch)
        found = tuned(search, asked, parts, recall=recall, k=k, batch=batch)
        if found.chosen is not None:
            self.searched, self.rescored = found.chosen.searched, found.chosen.rescored
        return found

    def stats(self) -> dict[str, Any]:
        """What the engine is and what it holds, ready for JSON."""
        state = self._state
        finder = None if state is None or state.own is None else state.own.finder
        late = 0 if state is None or finder is None else state.rows.total - finder.rows
        return {
            **super().stats(),
            "kind": "flat" if finder is None else "ivf",
            "parts": None if finder is None else finder.parts,
            "searched": self.searched,
            "rescored": self.rescored,
            "late_rows": late,
        }

    # What is kept beside the rows.

    _building = False

    def _prepare(self, rows: Rows, before: State | None) -> Covered | None:
        parts = self.parts or max(1, round(2 * math.sqrt(rows.alive)))
        # A compaction goes on with what was learned when the index was built.
        old = None if self._building or self._state is None else self._state.own
        if before is None:
            if self.kind == "flat" or rows.alive < self._least(parts):
                return None
            # Unless the index has outgrown it since.
            if old is None or old.finder.parts < parts / 2:
                return Covered(self._train(rows, parts), rows)
            return Covered(self._refill(old.finder, rows, old.finder.parts), rows)
        if before.own is None:
            # Made as soon as the index is large, and not for each of many small additions.
            if self.kind == "flat" or rows.alive < 2 * self._least(parts):
                return None
            return Covered(self._train(rows, parts), rows)
        finder = before.own.finder
        if rows.total - finder.rows > max(_LATE_LEAST, _LATE_SHARE * rows.total):
            finder = self._extend(finder, rows)
        return Covered(finder, rows)

    def _least(self, parts: int) -> int:
        """The number of items from which parts are made."""
        return max(_FEWEST, 2 * parts) if self.kind == "ivf" else max(self.smallest, 2 * parts)

    def _find(
        self, state: State, queries: np.ndarray, k: int, filters: Filters
    ) -> tuple[np.ndarray, np.ndarray]:
        return _look(state, queries, k, filters, Trial(self.searched, self.rescored))

    def _config(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "parts": self.parts,
            "searched": self.searched,
            "rescored": self.rescored,
        }

    def _write(self, draft: Draft, engine: str) -> Finder | None:
        """Write all but the finder, and return one that covers what was written."""
        with self._writing:
            state = self._state
            if state is None:
                raise not_built(self)
            vectors, ids, table = state.rows.living()
            own, finder = state.own, None
            if own is not None:
                finder = own.finder
                if finder.rows != state.rows.total or state.rows.alive != state.rows.total:
                    finder = self._refill(finder, Rows.of(vectors, ids), finder.parts)
        draft.write_json(
            "index.json",
            {"engine": engine, **self._config(), "made": None if finder is None else finder.parts},
        )
        write_items(draft, vectors, ids, table)
        return finder


def check_count(name: str, value: Any) -> int:
    """Return ``value`` if it is a positive integer."""
    if type(value) is not int or value <= 0:
        raise ConfigError(f"Expected {name} to be a positive integer; received {value!r}.")
    return value


def _look(
    state: State, queries: np.ndarray, k: int, filters: Filters, trial: Trial
) -> tuple[np.ndarray, np.ndarray]:
    if state.own is None or _few_left(state.own, filters, trial.searched):
        return _scan(state, queries, k, filters)
    scores, rows = best_of(state.own, queries, k, filters, trial.searched, trial.rescored)
    # Parts that hold too few of what may come back are no reason to return fewer.
    short = np.flatnonzero(scores[:, -1] == -np.inf)
    if len(short):
        only = Filters(filters.allowed, _of_queries(filters.denied, short))
        scores[short], rows[short] = _scan(state, queries[short], k, only)
    return scores, rows


def _few_left(own: Covered, filters: Filters, searched: int) -> bool:
    """Whether to score what a filter leaves takes less than to look for the best of it."""
    if filters.allowed is None:
        return False
    left = len(filters.allowed.rows)
    parts = searched_of(searched, left / max(1, own.rows.total)) / own.finder.parts
    return left < _FEW_LEFT + min(1.0, parts) * own.rows.total / _CODES_A_VECTOR


def _scan(
    state: State, queries: np.ndarray, k: int, filters: Filters
) -> tuple[np.ndarray, np.ndarray]:
    return scan(
        state.rows, queries, k, allowed=filters.allowed, denied=filters.denied, block_size=None
    )


def _of_queries(lists: Lists | None, queries: np.ndarray) -> Lists | None:
    """The lists of some queries, ascending, numbered anew."""
    if lists is None or lists.owners is None:
        return lists
    kept = np.isin(lists.owners, queries)
    return Lists(lists.rows[kept], np.searchsorted(queries, lists.owners[kept]))


def _sampled(rows: Rows, queries: np.ndarray | None, sample: int, seed: int) -> np.ndarray:
    draw = np.random.default_rng(seed)
    if queries is None:
        living = np.flatnonzero(~rows.dead[: rows.total])
        if not len(living):
            raise DataError("Expected items to tune with; every item was removed.")
        return rows.vectors(np.sort(draw.permutation(living)[:sample]))
    asked = check_vectors("queries", queries)
    check_dim("queries", asked, rows.dim)
    if not len(asked):
        raise DataError("Expected at least one query to tune with; received none.")
    return asked[draw.permutation(len(asked))[:sample]]
