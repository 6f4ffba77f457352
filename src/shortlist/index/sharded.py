"""`Sharded`: an index over several processes, each of which holds a share of the items."""

from __future__ import annotations

import tempfile
import threading
import weakref
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Self, final

import numpy as np
import polars as pl

from shortlist.bundle import Draft, Folder
from shortlist.errors import ConfigError
from shortlist.ids import IdMap, as_ids
from shortlist.index._attributes import as_table
from shortlist.index._crew import Crew
from shortlist.index._live import added_attributes
from shortlist.index._numbered import Numbered, cut, mine, of_shard
from shortlist.index._shard import Shard
from shortlist.index._storage import read_config, read_ids, write_ids
from shortlist.index.base import (
    Ids,
    Index,
    check_dim,
    check_items,
    check_k,
    check_known,
    check_vectors,
    not_built,
)
from shortlist.index.exact import Exact
from shortlist.ranked import Ranked

__all__ = ["Sharded"]


@final
class Sharded(Index):
    """Several indexes in processes of their own, searched at once and merged.

    An item belongs to one worker. A search goes to all of them and the best of their answers are
    kept, so over exact indexes the result is exact. It is for indexes that outgrow one core: a
    search also costs a message to each worker and back.

    The processes are spawned, so a script needs the usual ``if __name__ == "__main__":``. They end
    with `close`, with a ``with`` block, when the index is forgotten or this process ends. One that
    dies is a `WorkerError` to every search that waits for it and to every later one.

    Args:
        factory: makes the index of one worker: an engine's class, or a `functools.partial` of it,
            such as ``partial(Exact, kernel="numpy")``.
        shards: how many workers.

    Raises:
        ConfigError: ``shards`` is not a positive integer or ``factory`` makes no index.

    >>> Sharded(Exact, shards=2).is_exact
    True
    """

    def __init__(self, factory: Callable[[], Index] = Exact, shards: int = 2) -> None:
        if type(shards) is not int or shards <= 0:
            raise ConfigError(f"Expected shards to be a positive integer; received {shards!r}.")
        given: Any = factory  # of whatever kind
        made = given() if callable(given) else None
        if not isinstance(made, Index):
            raise ConfigError(
                f"Expected factory to make an index, such as the class Exact; received {factory!r}."
            )
        self.factory = factory
        self.shards = shards
        self._exact = made.is_exact
        self._state: Numbered | None = None
        self._known = IdMap([])
        self._crew: Crew | None = None
        self._end: weakref.finalize[Any, Any] | None = None
        self._writing = threading.RLock()
        # Held while state and ids are looked at or replaced together with asking the workers, so
        # that all of them meet everything in the order in which it happened here.
        self._order = threading.Lock()

    @property
    def is_exact(self) -> bool:
        """Whether the index of every worker is exact."""
        if self._crew is None:
            return self._exact
        return all(part["exact"] for part in self._parts())

    def build(self, vectors: np.ndarray, ids: Any, attributes: Any = None) -> Self:
        """Replace the contents by ``vectors`` ``[N, D]``, in newly started workers."""
        array, listed = check_items(vectors, ids)
        known, numbers = IdMap(listed), np.arange(len(listed))
        table = None if attributes is None else as_table(attributes, len(listed))
        with tempfile.TemporaryDirectory(prefix="shortlist-") as folder:
            # Through a file, which each worker maps into memory to take its share.
            path = Path(folder, "vectors.npy")
            np.save(path, array)
            shares = [mine(numbers, shard, self.shards) for shard in range(self.shards)]
            crew = self._started("build", [(path, s, cut(table, s)) for s in shares])
        self._take_over(crew, Numbered.of(np.array(listed), table, numbers, array.shape[1]), known)
        return self

    def search(
        self,
        queries: np.ndarray,
        k: int,
        allow: Ids | None = None,
        deny: Ids | None = None,
        where: str | None = None,
    ) -> Ranked:
        """Return the ``k`` best items for each of ``queries`` ``[B, D]``; see `Index.search`.

        Raises:
            WorkerError: a worker process has ended.
        """
        k, vectors = check_k(k), check_vectors("queries", queries)
        with self._order:
            state, crew = self._open()
            check_dim("queries", vectors, state.dim)
            allowed = state.picked("allow", allow, len(vectors), self._known)
            denied = state.picked("deny", deny, len(vectors), self._known)
            answers = crew.ask(
                "search",
                [
                    (vectors, k, *(of_shard(f, s, self.shards) for f in (allowed, denied)), where)
                    for s in range(self.shards)
                ],
            )
        return state.merged(k, _all(answers))

    def upsert(self, vectors: np.ndarray, ids: Any, attributes: Any = None) -> None:
        """Add items, or replace the vectors of ids that are here; see `Index.upsert`."""
        with self._writing:
            state, _ = self._open()
            array, listed = check_items(vectors, ids)
            check_dim("vectors", array, state.dim)
            IdMap(listed)
            old = self._known.of(listed)
            table = added_attributes(self, state.rows, attributes, old)
            replaced = old[old >= 0]
            after, fresh = state.with_added(listed, table, replaced)
            self._change(
                after,
                state.numbers[replaced],
                (array, fresh, table),
                lambda: self._known.put(listed, np.arange(state.rows.total, after.rows.total)),
            )

    def remove(self, ids: Any) -> None:
        """Take items out; see `Index.remove`."""
        with self._writing:
            state, _ = self._open()
            listed = as_ids(ids)
            IdMap(listed)
            old = self._known.of(listed)
            check_known(listed, old)
            nothing = np.empty((0, state.dim), dtype=np.float32), np.empty(0, dtype=np.int64), None
            self._change(
                state.with_dead(old),
                state.numbers[old],
                nothing,
                lambda: self._known.drop(listed),
            )

    def vectors(self, ids: Any) -> np.ndarray:
        """The stored vectors ``[N, D]`` of ``ids``, in their order; see `Index.vectors`."""
        listed = as_ids(ids)
        with self._order:
            state, crew = self._open()
            places = self._known.of(listed)
            check_known(listed, places)
            numbers = state.numbers[places]
            asked = [(mine(numbers, s, self.shards),) for s in range(self.shards)]
            answers = crew.ask("vectors", asked)
        found = np.empty((len(listed), state.dim), dtype=np.float32)
        for shard, vectors in enumerate(_all(answers)):
            if vectors is not None:
                found[numbers % self.shards == shard] = vectors
        return found

    def known(self, ids: Any) -> np.ndarray:
        """``[N]`` bool: which of ``ids`` are in the index."""
        with self._order:
            self._open()
            return self._known.of(as_ids(ids)) >= 0

    def __len__(self) -> int:
        return 0 if self._state is None else self._state.rows.alive

    def stats(self) -> dict[str, Any]:
        """What the engine is and what it holds, with that of each worker, ready for JSON."""
        parts = [] if self._crew is None else self._parts()
        return {
            "engine": "sharded",
            "exact": all(part["exact"] for part in parts) if parts else self._exact,
            "items": len(self),
            "dim": None if self._state is None else self._state.dim,
            "shards": self.shards,
            "parts": parts,
        }

    def write(self, draft: Draft) -> None:
        """Write the index into a bundle, or a part of one; every worker writes its own share."""
        with self._writing:
            state, crew = self._open()
            ids, table, numbers = state.living()
            config = {"shards": self.shards, "next": state.next, "dim": state.dim}
            draft.write_json("index.json", {"engine": "sharded", **config})
            write_ids(draft, ids, numbers)
            if table is not None:
                draft.write_table("attributes.parquet", table)
            _all(crew.ask("write", [(draft.folder(f"shard-{s}"),) for s in range(self.shards)]))

    @classmethod
    def read(cls, folder: Folder) -> Self:
        """Open what `write` wrote, in newly started workers."""
        from shortlist.index.opening import engine_of  # noqa: PLC0415 - it lists this engine too

        config = read_config(folder, "sharded")
        index = cls(shards=config["shards"])
        ids, numbers = read_ids(folder)
        table = None
        if "attributes.parquet" in folder:
            table = folder.read_table("attributes.parquet")
        there = {name.split("/")[0] for name in folder.names if "/" in name}
        parts = [f"shard-{s}" for s in range(index.shards)]
        if there:
            index.factory = engine_of(folder.folder(min(there)))
        crew = index._started("read", [(folder.folder(p) if p in there else None,) for p in parts])
        state = Numbered.of(ids, table, numbers, config["dim"])
        index._take_over(crew, replace(state, next=config["next"]), IdMap(ids))
        return index

    def close(self) -> None:
        """End the worker processes; the index cannot be searched any more."""
        if self._end is not None:
            self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> tuple[Numbered, Crew]:
        if self._state is None or self._crew is None:
            raise not_built(self)
        return self._state, self._crew

    def _started(self, name: str, arguments: list[tuple[Any, ...]]) -> Crew:
        """New workers that have done their first task."""
        crew = Crew(self.shards, partial(Shard, self.factory))
        try:
            _all(crew.change(name, arguments))
        except BaseException:
            crew.stop()
            raise
        return crew

    def _take_over(self, crew: Crew, state: Numbered, known: IdMap) -> None:
        with self._writing:
            old = self._end
            with self._order:
                self._crew, self._state, self._known = crew, state, known
                self._end = weakref.finalize(self, crew.stop)
            if old is not None:
                old()

    def _change(
        self,
        state: Numbered,
        gone: np.ndarray,
        added: tuple[np.ndarray, np.ndarray, pl.DataFrame | None],
        note: Callable[[], None],
    ) -> None:
        """Let every worker follow, and searches that come from now on see ``state``."""
        _, crew = self._open()
        vectors, numbers, table = added
        places = [np.flatnonzero(numbers % self.shards == s) for s in range(self.shards)]
        with self._order:
            answers = crew.change(
                "update",
                [
                    (mine(gone, s, self.shards), vectors[rows], numbers[rows], cut(table, rows))
                    for s, rows in enumerate(places)
                ],
            )
            note()
            self._state = state
        _all(answers)
        # The workers clear away their own dead rows.
        if (fresh := state.compacted()) is not None:
            with self._order:
                self._state, self._known = fresh, fresh.rows.places()

    def _parts(self) -> list[dict[str, Any]]:
        with self._order:
            answers = self._open()[1].ask("stats", [()] * self.shards)
        return [part for part in _all(answers) if part is not None]


def _all(answers: Iterable[Future[Any]]) -> list[Any]:
    """Every answer, once all are there."""
    return [answer.result() for answer in answers]
