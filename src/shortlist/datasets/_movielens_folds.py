"""The folds u1 to u5 of MovieLens-100K."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl

from shortlist.data import Interactions, LeakWarning, Split
from shortlist.datasets.archive import Archive
from shortlist.errors import DataError

__all__ = ["Folds", "check_folds"]

_NAMES = ("u1", "u2", "u3", "u4", "u5")
_FILE = {"user": pl.Int64, "item": pl.Int64, "rating": pl.Float32, "time": pl.Int64}


class Folds(Mapping[str, Split]):
    """The five splits GroupLens made: the k-th fifth of the ratings, in file order, is test.

    GroupLens' script cuts u.data, which is in random order, into five runs of 20,000 lines. Rows
    keep the order of u.data here; the original files are sorted by user and item.

    Warns:
        LeakWarning: on taking a fold, for its train holds events from the future of its test.
    """

    def __init__(self, interactions: Interactions) -> None:
        self._interactions = interactions

    def __getitem__(self, name: str) -> Split:
        if name not in _NAMES:
            raise KeyError(name)
        warnings.warn(
            f"Fold {name} is a random split: it trains on events that came after those it tests "
            "on, so its figures are higher than they will be live. Use it to compare with others.",
            LeakWarning,
            stacklevel=2,
        )
        start, stop = _bounds(len(self._interactions), name)
        test = np.zeros(len(self._interactions), dtype=bool)
        test[start:stop] = True
        return Split(
            self._interactions.filter(~test),
            None,
            self._interactions.filter(test),
            name,
            f"GroupLens' fold {name}: a random fifth of all ratings is test; train holds events "
            "from their future.",
        )

    def __iter__(self) -> Iterator[str]:
        return iter(_NAMES)

    def __len__(self) -> int:
        return len(_NAMES)


def check_folds(archive: Archive, ratings: pl.DataFrame) -> None:
    """Hold the rule to the fold files, where the archive has them.

    Raises:
        DataError: a file holds other ratings than the rule gives.
    """
    for name in _NAMES:
        if f"{name}.test" not in archive:
            continue
        start, stop = _bounds(ratings.height, name)
        expected = ratings[start:stop].sort("user", "item")
        if not archive.table(f"{name}.test", _FILE, separator="\t").equals(expected):
            raise DataError(
                f"{name}.test in {str(archive.path)!r} is not the part of u.data that it should "
                "be. The files have been changed; download them again."
            )


def _bounds(rows: int, name: str) -> tuple[int, int]:
    place = _NAMES.index(name)
    return place * rows // 5, (place + 1) * rows // 5
