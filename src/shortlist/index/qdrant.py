"""`Qdrant`: items in a Qdrant server."""

from __future__ import annotations

import os
import re
import time
import uuid
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from typing import Any, final

import numpy as np
import polars as pl

from shortlist.errors import ConfigError, WorkerError
from shortlist.index._asked import About, Asked, Given
from shortlist.index._elsewhere import DatabaseIndex
from shortlist.index._qdrant_points import attributes_of, field, named, point_id, value_of
from shortlist.index._qdrant_server import library, server
from shortlist.index._qdrant_where import where_filter

__all__ = ["Qdrant"]

# Points in a request: large enough to be quick, small enough for a server's limit of its size.
_AT_ONCE = 1000
# Equal scores beyond the last place are looked at up to so many, and k times so many.
_MOST_TIES, _TIES_A_PLACE = 10_000, 4


@final
class Qdrant(DatabaseIndex):
    """An index in a Qdrant server, for items that outgrow one machine's memory.

    Filters and conditions on attributes are Qdrant's own. Without ``graph`` every item is scored,
    and what scores equal is ordered by when it was added, up to 10,000 that tie for the last place.
    With it, candidates come from an HNSW graph.

    `build` fills a new collection and then gives it the name, so searches go on meanwhile, also
    those of other processes. Qdrant has no transactions: to searches of this process an update is
    one step, since they wait for it; those of other processes may see a part of it.

    What is saved is where the items are, and not the items, nor how to connect: `load` takes the
    server from the environment (``QDRANT_URL``, ``QDRANT_API_KEY``).

    Args:
        url: of the server, or ``":memory:"`` for the client's own search in this process, for tests
            and for up to some 10,000 items; ``QDRANT_URL`` by default.
        collection: the name, which `build` replaces.
        graph: whether to search an HNSW graph.
        ef: how many candidates the graph keeps while it searches; more find more.
        api_key: of the server; ``QDRANT_API_KEY`` by default.

    Raises:
        ConfigError: an argument is out of range, or no server is named.
        MissingDependencyError: ``qdrant-client`` is not installed (``shortlist[qdrant]``).
    """

    engine = "qdrant"
    most_ef = 65_536
    remedy = "Set QDRANT_URL to the server it is in."

    def __init__(
        self,
        url: str | None = None,
        *,
        collection: str = "items",
        graph: bool = False,
        ef: int = 200,
        api_key: str | None = None,
    ) -> None:
        super().__init__(graph=graph, ef=ef)
        if not re.fullmatch(r"[\w.-]{1,200}", collection):
            raise ConfigError(
                "Expected collection to be a name of up to 200 letters, digits, _, - and .; "
                f"received {collection!r}."
            )
        where = url or os.environ.get("QDRANT_URL", "")
        if not where:
            raise ConfigError(
                "Expected the address of a Qdrant server; received none. Pass it, as in "
                "Qdrant('http://localhost:6333'), or set QDRANT_URL. Qdrant(':memory:') needs none."
            )
        self._server = server(where, api_key or os.environ.get("QDRANT_API_KEY"))
        self._models = library().models
        self.collection = collection
        self._last = 0

    def _check_schema(self, schema: pl.Schema) -> None:
        for name, kind in schema.items():
            field(name, kind)

    def _create(
        self, about: About, given: Given, vectors: np.ndarray, frame: pl.DataFrame | None
    ) -> None:
        """Fill a new collection, then give it the name."""
        models, client = self._models, self._server.client
        attributes = attributes_of(frame)
        fresh = f"{self.collection}-{uuid.uuid4().hex}"
        with self._server.writing():
            if self.collection in {c.name for c in client.get_collections().collections}:
                raise ConfigError(
                    f"The Qdrant server has a collection {self.collection!r} that no index of "
                    "this library made. Choose another name, or delete it."
                )
            client.create_collection(
                fresh,
                vectors_config=models.VectorParams(size=about.dim, distance=models.Distance.DOT),
                # Links are only followed, and so only made, where the graph is searched.
                hnsw_config=models.HnswConfigDiff(m=16 if self.graph else 0),
            )
            try:
                self._index_attributes(fresh, about)
                self._send(fresh, about, given, vectors, attributes)
                self._rename(fresh)
            except BaseException:
                with suppress(Exception):
                    client.delete_collection(fresh)
                raise

    def _index_attributes(self, fresh: str, about: About) -> None:
        """Let the server look conditions up; one without such indexes goes through all points."""
        if about.attributes is None or self._server.local:
            return
        for name, kind in about.attributes.schema.items():
            if name.isidentifier():  # others cannot stand in a condition
                self._server.client.create_payload_index(
                    fresh, f"attributes.{name}", field_schema=field(name, kind)
                )

    def _rename(self, fresh: str) -> None:
        """Let the name mean the collection ``fresh``, and delete the one that it meant before."""
        models, client = self._models, self._server.client
        old = [
            alias.collection_name
            for alias in client.get_aliases().aliases
            if alias.alias_name == self.collection
        ]
        steps: list[Any] = [
            models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=self.collection))
            for _ in old
        ]
        named = models.CreateAlias(collection_name=fresh, alias_name=self.collection)
        client.update_collection_aliases([*steps, models.CreateAliasOperation(create_alias=named)])
        for name in old:
            client.delete_collection(name)

    def _find(self, about: About, asked: Asked) -> Iterator[list[tuple[Any, float]]]:
        condition = None if asked.where is None else where_filter(asked.where, asked.schema)
        filters = [self._filter(asked, condition, row) for row in range(len(asked.queries))]
        with self._server.reading():
            found = self._best(asked, filters, exact=not self.graph)
            if self.graph:
                # A graph may not lead to everything; too little is no reason to return less.
                few = [row for row, points in enumerate(found) if len(points) < asked.k]
                again = self._best(asked, filters, exact=True, rows=few)
                for row, points in zip(few, again, strict=True):
                    found[row] = points
        for points in found:
            points.sort(key=lambda one: (-one.score, one.payload["seq"]))
            yield [(value_of(one, about.kind), one.score) for one in points[: asked.k]]

    def _best(
        self,
        asked: Asked,
        filters: Sequence[Any],
        *,
        exact: bool,
        rows: Sequence[int] | None = None,
    ) -> list[list[Any]]:
        """The best points of each query, with all that tie for the last place."""
        models, limit = self._models, asked.k + 8
        params = models.SearchParams(exact=exact, hnsw_ef=None if exact else self.ef)
        if self._server.local:
            params = None  # it scores every item, and warns of being told how
        found: dict[int, list[Any]] = {}
        rows = range(len(filters)) if rows is None else rows
        left = list(rows)
        while left:
            requests = [
                models.QueryRequest(
                    query=asked.queries[row].tolist(),
                    filter=filters[row],
                    limit=limit,
                    params=params,
                    with_payload=["id", "seq"],
                )
                for row in left
            ]
            answers = self._server.client.query_batch_points(self.collection, requests)
            found |= {row: answer.points for row, answer in zip(left, answers, strict=True)}
            most = max(_MOST_TIES, _TIES_A_PLACE * asked.k)
            if not exact or limit >= most:
                break
            left = [row for row in left if _ties_go_on(found[row], asked.k, limit)]
            limit = min(4 * limit, most)
        return [found[row] for row in rows]

    def _filter(self, asked: Asked, condition: dict[str, Any] | None, row: int) -> Any:
        must = [] if condition is None else [condition]
        must_not = []
        if asked.allowed is not None:
            must.append({"has_id": [point_id(value) for value in asked.allowed[row]]})
        if asked.denied is not None and asked.denied[row]:
            must_not.append({"has_id": [point_id(value) for value in asked.denied[row]]})
        if not must and not must_not:
            return None
        return self._models.Filter.model_validate({"must": must, "must_not": must_not})

    def _put(
        self, about: About, given: Given, vectors: np.ndarray, frame: pl.DataFrame | None
    ) -> None:
        attributes = attributes_of(frame)
        with self._server.writing():
            if frame is None and about.attributes is not None:
                here = {one.id: one.payload for one in self._points(given.values, payload=True)}
                nothing = dict.fromkeys(about.attributes.schema)
                attributes = [
                    here[key]["attributes"] if (key := point_id(value)) in here else nothing
                    for value in given.values
                ]
            self._send(self.collection, about, given, vectors, attributes)

    def _send(
        self,
        name: str,
        about: About,
        given: Given,
        vectors: np.ndarray,
        attributes: Sequence[dict[str, Any]],
    ) -> None:
        # Later than anything added before, in this process or, by the clock, in another.
        first = max(self._last + 1, time.time_ns())
        self._last = first + len(vectors)
        for start in range(0, len(vectors), _AT_ONCE):
            part = range(start, min(start + _AT_ONCE, len(vectors)))
            payloads = [
                {"seq": first + row, **named(given.values[row], about.kind)}
                | ({"attributes": attributes[row]} if attributes else {})
                for row in part
            ]
            points = [point_id(given.values[row]) for row in part]
            batch = self._models.Batch(
                ids=points, vectors=vectors[part.start : part.stop].tolist(), payloads=payloads
            )
            self._server.client.upsert(name, batch, wait=True)

    def _take(self, about: About, given: Given) -> None:
        del about
        with self._server.writing():
            here = {one.id for one in self._points(given.known)}
            given.check({value for value in given.known if point_id(value) in here})
            for start in range(0, len(given.values), _AT_ONCE):
                points = [point_id(value) for value in given.values[start : start + _AT_ONCE]]
                self._server.client.delete(
                    self.collection, self._models.PointIdsList(points=points), wait=True
                )

    def _vectors(self, about: About, values: Sequence[Any]) -> dict[Any, Any]:
        del about
        with self._server.reading():
            here = {one.id: one.vector for one in self._points(values, vectors=True)}
        return {value: here[key] for value in values if (key := point_id(value)) in here}

    def _here(self, about: About, values: Sequence[Any]) -> Collection[Any]:
        del about
        with self._server.reading():
            here = {one.id for one in self._points(values)}
        return {value for value in values if point_id(value) in here}

    def _points(
        self, values: Sequence[Any], *, payload: bool = False, vectors: bool = False
    ) -> list[Any]:
        found: list[Any] = []
        for start in range(0, len(values), _AT_ONCE):
            points = [point_id(value) for value in values[start : start + _AT_ONCE]]
            found += self._server.client.retrieve(
                self.collection, points, with_payload=payload, with_vectors=vectors
            )
        return found

    def _count(self) -> int:
        with self._server.reading():
            return int(self._server.client.count(self.collection, exact=True).count)

    def _place(self) -> dict[str, Any]:
        return {"collection": self.collection}

    @property
    def _unreachable(self) -> tuple[type[Exception], ...]:
        # The client's own search raises a ValueError for a collection that is not there.
        return (WorkerError, ValueError)


def _ties_go_on(points: Sequence[Any], k: int, limit: int) -> bool:
    """Whether there may be more points with the score of the last place."""
    return len(points) == limit and points[-1].score == points[k - 1].score
