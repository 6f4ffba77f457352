"""`DatabaseIndex`: items that a database holds and searches; what is asked of it is checked here.

A database is told of ids as values that it can hold (see `shortlist.index._stored_ids`), of checked
vectors, and of attributes with the columns it was made with.
"""

from __future__ import annotations

import abc
from collections.abc import Collection, Iterable, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl

from shortlist.bundle import Draft, Folder
from shortlist.errors import BundleError, ConfigError
from shortlist.ids import IdMap, as_ids, filler
from shortlist.index._asked import About, Asked, Given, held, values_of
from shortlist.index._attributes import as_table
from shortlist.index._storage import read_config
from shortlist.index._stored_ids import decode, encode, id_kind
from shortlist.index.base import (
    Ids,
    Index,
    check_dim,
    check_items,
    check_k,
    check_vectors,
    not_built,
    without_attributes,
)
from shortlist.ranked import Ranked

__all__ = ["DatabaseIndex"]


class DatabaseIndex(Index):
    """An index in a database that finds, filters and keeps the items itself.

    Args:
        graph: whether to search an HNSW graph; otherwise every item is scored.
        ef: how many candidates the graph keeps while it searches.
    """

    engine: ClassVar[str]
    most_ef: ClassVar[int]
    # What to do where the items are not found.
    remedy: ClassVar[str]

    def __init__(self, *, graph: bool, ef: int) -> None:
        if type(ef) is not int or not 1 <= ef <= self.most_ef:
            raise ConfigError(f"Expected ef from 1 to {self.most_ef}; received {ef!r}.")
        self.graph = graph
        self.ef = ef
        self._about: About | None = None

    @abc.abstractmethod
    def _check_schema(self, schema: pl.Schema) -> None:
        """Raise a `SchemaError` if the database cannot hold such attributes."""

    @abc.abstractmethod
    def _create(
        self, about: About, given: Given, vectors: np.ndarray, frame: pl.DataFrame | None
    ) -> None:
        """Replace everything."""

    @abc.abstractmethod
    def _find(self, about: About, asked: Asked) -> Iterable[Sequence[tuple[Any, float]]]:
        """For each query the best values and their scores, the best first."""

    @abc.abstractmethod
    def _put(
        self, about: About, given: Given, vectors: np.ndarray, frame: pl.DataFrame | None
    ) -> None:
        """Add or replace items; without ``frame`` those that are here keep their attributes."""

    @abc.abstractmethod
    def _take(self, about: About, given: Given) -> None:
        """Remove the items, or none of them if `Given.check` refuses."""

    @abc.abstractmethod
    def _vectors(self, about: About, values: Sequence[Any]) -> dict[Any, Any]:
        """The vectors of those values that are here."""

    @abc.abstractmethod
    def _here(self, about: About, values: Sequence[Any]) -> Collection[Any]:
        """Those values that are here."""

    @abc.abstractmethod
    def _count(self) -> int:
        """How many items there are."""

    @abc.abstractmethod
    def _place(self) -> dict[str, Any]:
        """Arguments that say where in the database the items are, ready for JSON."""

    @property
    @abc.abstractmethod
    def _unreachable(self) -> tuple[type[Exception], ...]:
        """What is raised where the database or the items are not to be had."""

    @property
    def is_exact(self) -> bool:
        """Whether every item is scored."""
        return not self.graph

    def build(self, vectors: np.ndarray, ids: Any, attributes: Any = None) -> Self:
        """Replace what is there; see `Index.build`."""
        array, listed_ids = check_items(vectors, ids)
        IdMap(listed_ids)
        frame = None if attributes is None else as_table(attributes, len(listed_ids))
        if frame is not None:
            self._check_schema(frame.schema)
        kind = id_kind(listed_ids.tolist())
        about = About(array.shape[1], kind, None if frame is None else frame.schema)
        self._create(about, held(listed_ids, kind), array, frame)
        self._about = about
        return self

    def search(
        self,
        queries: np.ndarray,
        k: int,
        allow: Ids | None = None,
        deny: Ids | None = None,
        where: str | None = None,
    ) -> Ranked:
        """Return the ``k`` best items for each of ``queries`` ``[B, D]``; see `Index.search`."""
        k, about = check_k(k), self._open()
        vectors = check_vectors("queries", queries)
        allowed, denied = (
            None if ids is None else values_of(name, ids, len(vectors), about.kind)
            for name, ids in (("allow", allow), ("deny", deny))
        )
        check_dim("queries", vectors, about.dim)
        if where is not None and about.attributes is None:
            raise without_attributes(self)
        schema = pl.Schema() if about.attributes is None else about.attributes.schema
        found = np.full((len(vectors), k), None, dtype=object)
        scores = np.full((len(vectors), k), -np.inf, dtype=np.float32)
        answers = self._find(about, Asked(vectors, k, allowed, denied, where, schema))
        for row, answer in enumerate(answers):
            for place, (value, score) in enumerate(answer):
                found[row, place] = decode(value, about.kind)
                scores[row, place] = score
        return Ranked(_typed(found, scores, about.kind), scores, scores > -np.inf)

    def upsert(self, vectors: np.ndarray, ids: Any, attributes: Any = None) -> None:
        """Add items, or replace the vectors of ids that are here; see `Index.upsert`."""
        about = self._open()
        array, listed_ids = check_items(vectors, ids)
        check_dim("vectors", array, about.dim)
        IdMap(listed_ids)
        given = held(listed_ids, about.kind)
        frame = None
        if attributes is not None:
            if about.attributes is None:
                raise without_attributes(self)
            frame = about.attributes.check(attributes, len(listed_ids))
        self._put(about, given, array, frame)

    def remove(self, ids: Any) -> None:
        """Take items out; see `Index.remove`."""
        about, listed_ids = self._open(), as_ids(ids)
        IdMap(listed_ids)
        self._take(about, Given(listed_ids.tolist(), encode(listed_ids.tolist(), about.kind)))

    def vectors(self, ids: Any) -> np.ndarray:
        """The stored vectors ``[N, D]`` of ``ids``, in their order; see `Index.vectors`."""
        about, listed_ids = self._open(), as_ids(ids).tolist()
        given = Given(listed_ids, encode(listed_ids, about.kind))
        rows = self._vectors(about, given.known)
        given.check(rows)
        found = [rows[value] for value in given.values]
        return np.array(found, dtype=np.float32).reshape(len(found), about.dim)

    def known(self, ids: Any) -> np.ndarray:
        """``[N]`` bool: which of ``ids`` are in the index."""
        about, listed_ids = self._open(), as_ids(ids).tolist()
        values = encode(listed_ids, about.kind)
        here = self._here(about, [value for value in values if value is not None])
        return np.array([value in here for value in values], dtype=bool)

    def __len__(self) -> int:
        return 0 if self._about is None else self._count()

    def stats(self) -> dict[str, Any]:
        """What the engine is and what it holds, ready for JSON."""
        about = self._about
        attributes = None if about is None else about.attributes
        return {
            "engine": self.engine,
            "exact": self.is_exact,
            "items": len(self),
            "dim": None if about is None else about.dim,
            "dtype": "float32",
            "attributes": [] if attributes is None else list(attributes.schema),
            **self._place(),
            "graph": self.graph,
            "ef": self.ef,
        }

    def write(self, draft: Draft) -> None:
        """Write where the items are; they stay in the database, and no password is written."""
        about = self._open()
        told = {"graph": self.graph, "ef": self.ef, "dim": about.dim, "ids": about.kind}
        draft.write_json("index.json", {"engine": self.engine, **self._place(), **told})
        if about.attributes is not None:
            draft.write_table("attributes.parquet", about.attributes.schema.to_frame())

    @classmethod
    def read(cls, folder: Folder) -> Self:
        """Connect, as the environment says, to the items that `write` named."""
        config = read_config(folder, cls.engine)
        about = About(config.pop("dim"), config.pop("ids"), None)
        config.pop("engine")
        if "attributes.parquet" in folder:
            schema = folder.read_table("attributes.parquet").schema
            about = About(about.dim, about.kind, schema)
        index = cls(**config)
        index._about = about
        try:
            len(index)
        except index._unreachable as error:
            place = ", ".join(f"{name} {value!r}" for name, value in index._place().items())
            raise BundleError(
                f"{folder.path} names the {place}, which could not be read: {error}. {cls.remedy}"
            ) from error
        return index

    def _open(self) -> About:
        if self._about is None:
            raise not_built(self)
        return self._about


def _typed(found: np.ndarray, scores: np.ndarray, kind: str) -> np.ndarray:
    if kind != "bigint":
        return found
    numbers = np.where(scores > -np.inf, found, filler(np.dtype(np.int64))[0])
    return numbers.astype(np.int64)
