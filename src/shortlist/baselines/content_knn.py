"""`ContentKNN`: items whose features are like those of the history."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Self, final

import numpy as np
import polars as pl

from shortlist.baselines._neighbors import Neighbors, keep_best
from shortlist.baselines._sparse import Sparse
from shortlist.errors import ConfigError, SchemaError
from shortlist.features import Encoder
from shortlist.features.spec import Spec
from shortlist.ids import as_ids
from shortlist.index.base import check_k

__all__ = ["ContentKNN"]


@final
class ContentKNN(Neighbors):
    """Scores an item by the cosines of its features with those of the history's items.

    Each feature becomes a vector of length 1: categories weigh the logarithm of how rare they are,
    and a vector is taken as it is. A cosine is the mean over the features. What only the items say
    is used, so an item that nobody has met yet is recommended like any other.

    Args:
        specs: the features; categorical ones, with several values or one, and vectors. Give a
            number as `Numeric(transform="bucketize")`.
        neighbors: how many items like it are kept of each item.

    Raises:
        ConfigError: there is no feature, or ``neighbors`` is not a positive integer.

    >>> import polars as pl
    >>> from shortlist.features import Categorical
    >>> from shortlist.queries import Queries
    >>> items = pl.DataFrame({"item": ["a", "b", "c"], "genre": ["war", "love", "war"]})
    >>> model = ContentKNN([Categorical("genre")]).fit(items)
    >>> model(Queries.of(["new"], history=[["a"]], exclude=[["a"]]), k=1).lists()
    [['c']]
    """

    def __init__(self, specs: Sequence[Spec] = (), *, neighbors: int = 100) -> None:
        super().__init__()
        self.specs = tuple(specs)
        self.neighbors = check_k(neighbors)

    def fit(self, items: pl.DataFrame) -> Self:
        """Compare all items.

        Args:
            items: the column ``item`` and those of the features, one row an item.

        Raises:
            SchemaError: a column is missing, or an item has several rows.
            ConfigError: a feature is a plain number, or there is none.
        """
        if not self.specs:
            raise ConfigError("ContentKNN expected at least one feature in specs; received none.")
        if "item" not in items.columns:
            raise SchemaError(f"Expected items with a column 'item'; it has {items.columns}.")
        if items["item"].is_duplicated().any():
            twice = items["item"].filter(items["item"].is_duplicated())[0]
            raise SchemaError(f"Expected one row an item in items; item {twice!r} has several.")
        encoder = Encoder(self.specs).fit(items)
        arrays, infos = encoder.transform(items), encoder.describe()
        plain = [name for name, info in infos.items() if info.kind == "numeric"]
        if plain:
            raise ConfigError(
                f"ContentKNN compares categories and vectors; {plain[0]!r} is a plain number. "
                'Use Numeric(..., transform="bucketize").'
            )
        parts = [array for name, array in arrays.items() if infos[name].kind != "vector"]
        dense = [array for name, array in arrays.items() if infos[name].kind == "vector"]
        tokens = _tokens(parts, items.height)
        vectors = _joined(dense, items.height)
        weights = keep_best(_cosines(tokens, vectors, len(infos)), self.neighbors, items.height)
        return self._fill_sparse(as_ids(items["item"]), weights)


def _cosines(
    tokens: Sparse, vectors: np.ndarray, features: int
) -> Iterator[tuple[int, np.ndarray]]:
    for start, block in tokens.product(tokens.T):
        near = vectors[start : start + len(block)] @ vectors.T
        yield start, (block + near) / np.float32(features)


def _tokens(parts: Sequence[np.ndarray], n: int) -> Sparse:
    """The categories of all items ``[N, F]``, every feature of every item of length 1."""
    rows, columns, values, width = [], [], [], 0
    for codes in parts:
        row, place = np.nonzero(codes.reshape(n, -1))
        code = codes.reshape(n, -1)[row, place].astype(np.int64)
        size = int(codes.max(initial=0)) + 1
        row, code = np.divmod(np.unique(row * size + code), size)
        rarity = np.log1p(n / np.maximum(np.bincount(code, minlength=size), 1))[code]
        lengths = np.sqrt(np.bincount(row, rarity**2, minlength=n))
        rows.append(row)
        columns.append(width + code)
        values.append(rarity / lengths[row])
        width += size
    if not parts:
        none = np.zeros(0, dtype=np.int64)
        return Sparse.of(none, none, none, (n, 1))
    joined = [np.concatenate(part) for part in (rows, columns, values)]
    return Sparse.of(joined[0], joined[1], joined[2], (n, width))


def _joined(parts: Sequence[np.ndarray], n: int) -> np.ndarray:
    """The vectors of all items side by side ``[N, D]``, each of length 1, or 0 if it is that."""
    scaled = [
        part / np.maximum(np.linalg.norm(part, axis=1, keepdims=True), np.finfo(np.float32).tiny)
        for part in parts
    ]
    return np.concatenate([np.zeros((n, 0), dtype=np.float32), *scaled], axis=1)
