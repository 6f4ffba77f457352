"""`Recommender`: retrieve, rank, post-rank."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from shortlist.baselines import Popularity
from shortlist.bundle import Draft, read_folder, write_folder
from shortlist.errors import ConfigError, DataError
from shortlist.ids import as_ids
from shortlist.index import Exact
from shortlist.postranking import Context, ItemTable, PostRanker
from shortlist.queries import Queries
from shortlist.ranked import Ranked
from shortlist.recommender.models import Engine
from shortlist.recommender.reranking import Reranker
from shortlist.recommender.storage import latest_version, read_retriever, write_retriever
from shortlist.recommender.users import UserStore, alike

__all__ = ["Recommendations", "Recommender"]

# Vectors and signals of all candidates exist at once, so many queries are answered in blocks.
_QUERIES_AT_ONCE = 128

Retriever = Callable[[Queries, int], Ranked]
Ranker = Callable[[Queries, Ranked], Ranked]


@dataclass(frozen=True, eq=False)
class Recommendations(Ranked):
    """A `Ranked` that says which of its rows came from the popularity fallback.

    Attributes:
        fallback: ``[B]`` bool, True where nothing was known of the user, so that the row holds
            the most popular items rather than personal ones.
    """

    fallback: np.ndarray


class Recommender:
    """From a user to a short list: retrieve a pool, rank it, post-rank it.

    Args:
        retriever: any callable ``(Queries, k) -> Ranked``: towers behind an index, a baseline.
        users: the histories and attributes of the known users.
        items: a frame with an ``item`` column and the items' attributes.
        fallback: answers for those of whom nothing is known.
        ranker: any callable ``(Queries, Ranked) -> Ranked``, or None to keep retrieval's order.
        postranker: a post-ranker or a `Pipeline` of them, or None.
        pool: how many candidates are retrieved for ranking; never fewer than ``k``.
        title: the column of ``items`` that a person reads.
    """

    def __init__(
        self,
        retriever: Retriever,
        users: UserStore,
        items: pl.DataFrame,
        *,
        fallback: Popularity,
        ranker: Ranker | None = None,
        postranker: PostRanker | None = None,
        pool: int = 200,
        title: str = "title",
    ) -> None:
        self.retriever = retriever
        self.users = users
        self.items = items
        self.fallback = fallback
        self.ranker = ranker
        self.postranker = postranker
        self.pool = pool
        self.title = title
        self._table = ItemTable(items)
        # The unit vectors of the catalogue, made when similar items are first asked for.
        self._neighbours: Exact | None = None

    def __call__(self, queries: Queries, k: int) -> Ranked:
        """Answer ``queries`` with ``k`` items each; what evaluation calls."""
        starts = range(0, max(1, len(queries)), _QUERIES_AT_ONCE)
        return Ranked.concatenate(
            [self._answer(queries.rows(start, start + _QUERIES_AT_ONCE), k) for start in starts]
        )

    def _answer(self, queries: Queries, k: int) -> Ranked:
        cold = self._cold(queries)
        ranked = self.retriever(queries, max(self.pool, k))
        if self.ranker is not None:
            ranked = self.ranker(queries, ranked)
        if cold.any():
            ranked = _replace_rows(ranked, cold, self.fallback(queries, ranked.k))
        if self.postranker is not None:
            ranked = self.postranker(ranked, self._context(queries, k))
        return ranked.top(k)

    def recommend(
        self,
        users: Sequence[Any] | np.ndarray,
        k: int = 10,
        *,
        history: Sequence[Sequence[Any]] | None = None,
        exclude: Sequence[Sequence[Any]] | None = None,
        exclude_seen: bool = True,
    ) -> Recommendations:
        """Recommend ``k`` items to each of ``users``.

        Args:
            users: ``B`` user ids of the kind seen in training. One never met is no error.
            k: the length of each list, from 1 to the size of the catalogue.
            history: what each user did last, oldest first; it follows what is stored of a known
                user, and is all there is of an unknown one (a session).
            exclude: items not to recommend, one sequence a user, besides those seen.
            exclude_seen: leave out the items of each user's own history.

        Returns:
            ``B`` lists. Where neither the user nor a history is known the list holds the most
            popular items and ``fallback`` is True.

        Raises:
            ConfigError: ``k`` is no whole number from 1 to the size of the catalogue.
            DataError: ids of another kind than those of training.
        """
        self._check_k(k)
        queries = self.queries(users, history=history, exclude=exclude, exclude_seen=exclude_seen)
        ranked = self(queries, k)
        return Recommendations(ranked.ids, ranked.scores, ranked.valid, self._cold(queries))

    def similar(self, items: Sequence[Any] | np.ndarray, k: int = 10) -> Ranked:
        """The ``k`` items nearest to each of ``items`` by the cosine of their vectors.

        Args:
            items: ``B`` item ids of the catalogue.
            k: the length of each list, from 1 to the size of the catalogue.

        Raises:
            ConfigError: ``k`` is out of range, or the retriever has no vectors (a baseline).
            DataError: an item is not in the catalogue.
        """
        self._check_k(k)
        if not hasattr(self.retriever, "vectors"):
            raise ConfigError(
                "similar() expected a retriever with item vectors, such as two towers; this "
                f"recommender retrieves with {type(self.retriever).__name__}."
            )
        if self._neighbours is None:
            ids = self.items["item"]
            self._neighbours = Exact().build(_unit(self.retriever.vectors(ids)), ids)
        asked = as_ids(items)
        return self._neighbours.search(
            self._neighbours.vectors(asked), k, deny=[asked[i : i + 1] for i in range(len(asked))]
        )

    def queries(
        self,
        users: Sequence[Any] | np.ndarray,
        *,
        history: Sequence[Sequence[Any]] | None = None,
        exclude: Sequence[Sequence[Any]] | None = None,
        exclude_seen: bool = True,
    ) -> Queries:
        """What `recommend` asks: each user with the stored history and attributes."""
        ids = np.asarray(users)
        for name, rows in (("history", history), ("exclude", exclude)):
            if rows is not None and len(rows) != len(ids):
                raise DataError(
                    f"{name} expected one list for each of the {len(ids)} users; "
                    f"received {len(rows)}."
                )
        past = self.users.history(ids)
        if history is not None:
            past = [_append(stored, latest) for stored, latest in zip(past, history, strict=True)]
        hidden = past if exclude_seen else [row[:0] for row in past]
        if exclude is not None:
            hidden = [_append(row, more) for row, more in zip(hidden, exclude, strict=True)]
        return Queries(ids, past, self.users.features(ids), hidden)

    @property
    def size(self) -> int:
        """The number of items that can be recommended."""
        return self.items.height

    def knowing(self, users: UserStore) -> Recommender:
        """The same recommender with other histories, such as those up to today."""
        other = copy(self)
        other.users = users
        return other

    def save(self, path: str | Path, *, about: Mapping[str, Any] | None = None) -> None:
        """Write everything into the new folder ``path``, whole or not at all.

        Args:
            path: where the bundle shall stand.
            about: what a reader should know of it (configuration, metrics), as JSON values.

        Raises:
            ConfigError: a stage cannot be saved, such as a plain function.
            BundleError: something else stands at ``path``, or the disk is full.
        """
        write_folder(path, lambda draft: self._write(draft, about or {}), kind="recommender")

    @classmethod
    def load(cls, path: str | Path, *, engine: Engine = "auto", threads: int = 1) -> Recommender:
        """Open what `save` wrote: a version's folder, or one of numbered versions (the latest).

        Nothing of it is read before all of it is verified, and no code in it is run. The models
        run in ONNX Runtime, without any training framework, and first repeat the answers they
        gave when they were saved.

        Args:
            path: the bundle.
            engine: ``"onnx"``, ``"keras"`` (to train on, or to compare), or ``"auto"``: ONNX
                Runtime where it is installed and the models have been exported, else Keras.
            threads: how many processor threads one call of a model in ONNX Runtime may use.

        Raises:
            BundleError: there is no bundle, it is damaged, altered or from a newer version, or its
                models do not answer as they did.
            MissingDependencyError: neither ONNX Runtime nor Keras is installed.

        Warns:
            NotExportedWarning: a model has no ONNX graph, so it runs in Keras.
        """
        folder = read_folder(latest_version(Path(path)), kind="recommender")
        config = folder.read_json("recommender.json")
        retriever = read_retriever(folder.folder("retriever"), engine, threads=threads)
        ranker = None
        if config["ranker"]:
            ranker = Reranker.read(
                folder.folder("ranker"), retriever.item_vectors, engine, threads=threads
            )
        return cls(
            retriever,
            UserStore.read(folder.folder("users")),
            folder.read_table("items.parquet"),
            fallback=Popularity.read(folder.folder("fallback")),
            ranker=ranker,
            postranker=PostRanker.from_config(config["postranker"])
            if config["postranker"]
            else None,
            pool=config["pool"],
            title=config["title"],
        )

    def _write(self, draft: Draft, about: Mapping[str, Any]) -> None:
        if self.ranker is not None and not isinstance(self.ranker, Reranker):
            raise ConfigError(
                "A saved recommender expected a Reranker or no ranker; received "
                f"{type(self.ranker).__name__}, which could not be loaded again."
            )
        write_retriever(draft.folder("retriever"), self.retriever)
        if self.ranker is not None:
            self.ranker.write(draft.folder("ranker"))
        self.users.write(draft.folder("users"))
        self.fallback.write(draft.folder("fallback"))
        draft.write_table("items.parquet", self.items)
        draft.write_json("about.json", dict(about))
        draft.write_json(
            "recommender.json",
            {
                "ranker": self.ranker is not None,
                "postranker": self.postranker and self.postranker.to_config(),
                "pool": self.pool,
                "title": self.title,
            },
        )

    def titles(self, ids: Sequence[Any] | np.ndarray) -> list[str]:
        """What a person reads for each of these item ids; the id itself where there is no title."""
        if self.title not in self.items.columns:
            return [str(i) for i in ids]
        names = dict(
            zip(self.items["item"].to_list(), self.items[self.title].to_list(), strict=True)
        )
        found = ((names.get(i), i) for i in np.asarray(ids).tolist())
        return [str(i if name is None else name) for name, i in found]

    def _check_k(self, k: int) -> None:
        size = self.size
        if type(k) is not int or not 1 <= k <= size:
            raise ConfigError(
                f"k expected a whole number from 1 to {size}, the size of the catalogue; "
                f"received {k!r}."
            )

    def _cold(self, queries: Queries) -> np.ndarray:
        empty = np.array([len(row) == 0 for row in queries.history], dtype=bool)
        return empty & ~self.users.knows(queries.users)

    def _context(self, queries: Queries, k: int) -> Context:
        vectors = getattr(self.retriever, "vectors", None)
        return Context(queries=queries, k=k, items=self._table, vectors=vectors)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def _append(stored: np.ndarray, latest: Sequence[Any]) -> np.ndarray:
    if not len(latest):
        return stored
    added = np.asarray(latest)
    if not alike(stored, added):
        raise DataError(
            f"Item ids expected the kind of those in training, such as {stored.tolist()[0]!r}; "
            f"received {added.tolist()[0]!r}."
        )
    return np.concatenate([stored, added]) if len(stored) else added


def _replace_rows(ranked: Ranked, rows: np.ndarray, other: Ranked) -> Ranked:
    return Ranked(
        np.where(rows[:, None], other.ids, ranked.ids),
        np.where(rows[:, None], other.scores, ranked.scores),
        np.where(rows[:, None], other.valid, ranked.valid),
    )
