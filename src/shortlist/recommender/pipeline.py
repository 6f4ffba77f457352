"""`Recommender`: retrieve, rank, post-rank."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from shortlist.baselines import Popularity
from shortlist.errors import ConfigError
from shortlist.ids import as_ids
from shortlist.postranking import PostRanker
from shortlist.queries import Queries
from shortlist.ranked import Ranked
from shortlist.recommender.answers import Recommendations, Stages, explain
from shortlist.recommender.asking import (
    FeaturesOf,
    Where,
    allowed,
    asked,
    towers,
    with_vectors,
)
from shortlist.recommender.catalogue import Catalogue, rows_of
from shortlist.recommender.live import Live
from shortlist.recommender.models import Engine
from shortlist.recommender.stages import Machine, Ranker, Retriever, Wishes, adjusted
from shortlist.recommender.storage import load_recommender, save_recommender
from shortlist.recommender.users import UserStore

__all__ = ["Recommendations", "Recommender"]

# Vectors and signals of all candidates exist at once, so many queries are answered in blocks.
_QUERIES_AT_ONCE = 128


class Recommender:
    """From a user to a short list: retrieve a pool, rank it, post-rank it.

    It may be used by several threads, also while items change: each answer is that of one moment.

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
        self.fallback = fallback
        self.ranker = ranker
        self.postranker = postranker
        self.pool = pool
        self.title = title
        self._live = Live(Catalogue(items, title), fallback)

    @property
    def items(self) -> pl.DataFrame:
        """The items that can be recommended, with their attributes, as they are now."""
        return self._live.catalogue.items

    @property
    def size(self) -> int:
        """The number of items that can be recommended."""
        return len(self._live.catalogue)

    def __call__(self, queries: Queries, k: int) -> Ranked:
        """Answer ``queries`` with ``k`` items each; what evaluation calls."""
        with self._live.gate.reading():
            blocks = self._blocks(queries, self._cold(queries), Wishes(k, None, self.postranker))
        return Ranked.concatenate([block.final for block in blocks])

    def recommend(
        self,
        users: Sequence[Any] | np.ndarray,
        k: int = 10,
        *,
        history: Sequence[Sequence[Any]] | None = None,
        features: FeaturesOf | None = None,
        exclude: Sequence[Sequence[Any]] | None = None,
        exclude_seen: bool = True,
        where: Where | None = None,
        allow: Sequence[Sequence[Any]] | np.ndarray | None = None,
        diversity: float | None = None,
        rules: Sequence[PostRanker] = (),
        explain: bool = False,
        degrade: bool = False,
        seed: int = 0,
    ) -> Recommendations:
        """Recommend ``k`` items to each of ``users``.

        Args:
            users: ``B`` user ids of the kind seen in training; None for somebody without a name.
                One never met is no error.
            k: the length of each list, from 1 to the size of the catalogue.
            history: what each user did last, oldest first; it follows what is stored of a known
                user, and is all there is of an unknown one (a session).
            features: attributes of the users, which count in place of those that are stored: one
                mapping for all, or one (or None) for each. With them somebody new gets lists of
                their own: ``recommend([None], features={"age": 30})``.
            exclude: items not to recommend, one sequence a user, besides those seen.
            exclude_seen: leave out the items of each user's own history; False also leaves out the
                post-ranker `Seen`.
            where: a condition on the items' attributes, such as ``"year >= 1990"`` (see
                `shortlist.index.matching`): one for all users, or one (or None) for each.
            allow: the only items that may come back: a list for each user, or one flat NumPy array
                for all. With ``where`` an item must pass both.
            diversity: from 0, the order of relevance alone, to 1; in place of the diversity of the
                post-ranker. None keeps that.
            rules: further post-rankers for this call, each at its stage.
            explain: say of each item what every stage made of it.
            degrade: where the ranker fails, answer in retrieval's order and say so, rather than
                raise.
            seed: of post-rankers that draw.

        Returns:
            ``B`` lists. Where neither the user, a history nor a feature is known the list holds
            the most popular items and ``fallback`` is True.

        Raises:
            ConfigError: ``k`` is no whole number from 1 to the size of the catalogue, a condition
                cannot be read, or ``diversity`` is out of range.
            SchemaError: a condition names no column, or a feature is none that the model reads.
            DataError: ids of another kind than those of training, or features that do not fit.
        """
        postranker = adjusted(self.postranker, diversity, rules, exclude_seen)
        with self._live.gate.reading():
            self.check_k(k)
            queries, told = asked(
                self.users, self.retriever, users, history, features, exclude, exclude_seen
            )
            may = allowed(self._live.catalogue, len(queries), where, allow)
            cold = self._cold(queries) & ~told
            wishes = Wishes(k, may, postranker, degrade=degrade, explain=explain, seed=seed)
            return _recommendations(self._blocks(queries, cold, wishes), cold, wishes)

    def similar(
        self,
        items: Sequence[Any] | np.ndarray,
        k: int = 10,
        *,
        where: Where | None = None,
        allow: Sequence[Sequence[Any]] | np.ndarray | None = None,
    ) -> Ranked:
        """The ``k`` items nearest to each of ``items`` by the cosine of their vectors.

        Args:
            items: ``B`` item ids of the catalogue.
            k: the length of each list, from 1 to the size of the catalogue.
            where: as for `recommend`.
            allow: as for `recommend`.

        Raises:
            ConfigError: ``k`` is out of range, or the retriever has no vectors (a baseline).
            DataError: an item is not in the catalogue.
        """
        retriever = with_vectors(self.retriever, "similar()")
        ids = as_ids(items)
        with self._live.gate.reading():
            self.check_k(k)
            may = allowed(self._live.catalogue, len(ids), where, allow)
            neighbours = self._live.neighbours(retriever.vectors)
            themselves = [ids[i : i + 1] for i in range(len(ids))]
            vectors = neighbours.vectors(ids)
            return neighbours.search(vectors, k, allow=may, deny=themselves)

    def queries(
        self,
        users: Sequence[Any] | np.ndarray,
        *,
        history: Sequence[Sequence[Any]] | None = None,
        features: FeaturesOf | None = None,
        exclude: Sequence[Sequence[Any]] | None = None,
        exclude_seen: bool = True,
    ) -> Queries:
        """What `recommend` asks: each user with the stored history and attributes."""
        parts = (history, features, exclude, exclude_seen)
        return asked(self.users, self.retriever, users, *parts)[0]

    def embed_items(self, items: Any) -> np.ndarray:
        """The candidate tower's vectors ``[N, D]`` of items, be they in the catalogue or new.

        Args:
            items: a frame, a dict of columns or a list of dicts with ``item`` and any of the
                columns of `items`; what is not said is null.

        Raises:
            ConfigError: the recommender does not retrieve with two towers.
            SchemaError: there is no ``item``, or a column that `items` does not have.
            DataError: an id is missing or stands twice, or a value does not fit its column.
        """
        return towers(self.retriever, "embed_items()").embed_items(
            rows_of(items, self.items.schema)
        )

    def upsert_items(self, items: Any) -> int:
        """Add items or replace them; they can be recommended as soon as this returns.

        A new item is found by its attributes through the candidate tower.

        Args:
            items: as for `embed_items`.

        Returns:
            How many items were given.

        Raises:
            ConfigError, SchemaError, DataError: as for `embed_items`; nothing is then changed.
        """
        rows = rows_of(items, self.items.schema)
        self._live.upsert(towers(self.retriever, "upsert_items()"), self.ranker, rows)
        return rows.height

    def remove_items(self, ids: Sequence[Any] | np.ndarray) -> None:
        """Take items out; they are not recommended once this returns.

        Raises:
            DataError: an item is not in the catalogue, or stands twice; nothing is then changed.
        """
        self._live.remove(self.retriever, ids)

    def forget_users(self, ids: Sequence[Any] | np.ndarray) -> None:
        """Forget what is stored of these users, who from then on are new; unknown ones are none."""
        with self._live.gate.writing():
            self.users = self.users.without(ids)

    def knowing(self, users: UserStore) -> Recommender:
        """The same recommender with other histories, such as those up to today."""
        other = copy(self)
        other.users = users
        return other

    def titles(self, ids: Sequence[Any] | np.ndarray) -> list[str]:
        """What a person reads for each of these item ids; the id itself where there is no title."""
        return self._live.catalogue.titles(ids)

    def check_k(self, k: int) -> None:
        """Raise `ConfigError` unless ``k`` is a whole number from 1 to the catalogue's size."""
        size = self.size
        if type(k) is not int or not 1 <= k <= size:
            raise ConfigError(
                f"k expected a whole number from 1 to {size}, the size of the catalogue; "
                f"received {k!r}."
            )

    def save(self, path: str | Path, *, about: Mapping[str, Any] | None = None) -> None:
        """Write everything into the new folder ``path``, whole or not at all.

        Args:
            path: where the bundle shall stand.
            about: what a reader should know of it (configuration, metrics), as JSON values.

        Raises:
            ConfigError: a stage cannot be saved, such as a plain function.
            BundleError: something else stands at ``path``, or the disk is full.

        Warns:
            NotExportedWarning: a model has no ONNX graph, so that serving it needs Keras.
        """
        with self._live.gate.reading():
            save_recommender(self, path, about or {})

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
        return cls(**load_recommender(Path(path), engine, threads))

    def _blocks(self, queries: Queries, cold: np.ndarray, wishes: Wishes) -> list[Stages]:
        machine = Machine(
            self.retriever,
            self.ranker,
            self._live.popular,
            self.pool,
            self._live.catalogue,
            self._live.removed,
        )
        if len(queries) <= _QUERIES_AT_ONCE:
            return [machine.answer(queries, cold, wishes.allow, wishes)]
        blocks = []
        for start in range(0, len(queries), _QUERIES_AT_ONCE):
            stop = start + _QUERIES_AT_ONCE
            part, may = queries.rows(start, stop), wishes.rows(start, stop)
            blocks.append(machine.answer(part, cold[start:stop], may, wishes))
        return blocks

    def _cold(self, queries: Queries) -> np.ndarray:
        empty = np.array([len(row) == 0 for row in queries.history], dtype=bool)
        return empty & ~self.users.knows(queries.users) if empty.any() else empty


def _recommendations(blocks: list[Stages], cold: np.ndarray, wishes: Wishes) -> Recommendations:
    first = blocks[0].final
    found = first if len(blocks) == 1 else Ranked.concatenate([block.final for block in blocks])
    told = [row for block in blocks for row in explain(block)] if wishes.explain else None
    degraded = any(block.degraded for block in blocks)
    return Recommendations(found.ids, found.scores, found.valid, cold, degraded, told)
