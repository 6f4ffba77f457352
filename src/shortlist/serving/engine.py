"""`Engine`: a loaded recommender that answers asks, many in one call where they go together."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from copy import copy
from functools import lru_cache, partial
from typing import Any

import numpy as np

from shortlist.recommender import Recommendations, Recommender
from shortlist.serving.asks import Answer, Ask, Id, Item
from shortlist.serving.keys import IdKind
from shortlist.serving.known import Known
from shortlist.serving.stages import Drawing, asked_for
from shortlist.serving.state import ItemChange, Profile

__all__ = ["Engine"]

# Asks that go through the stages in one call.
_AT_ONCE = 128


class Engine:
    """Answers from one version of a bundle.

    Args:
        recommender: loaded.
        version: its name, which stands in every answer.
    """

    def __init__(self, recommender: Recommender, version: str) -> None:
        self.recommender = recommender
        self.version = version
        self.users = IdKind(recommender.users.histories.users, "user")
        self.items = IdKind(recommender.items["item"].head(1).to_list(), "item")
        self.known = Known(recommender)
        # Bound to what it needs and not to this object, which would then be in a cycle: a version
        # that is replaced is to go at once, without a collection that everybody waits for.
        self._postranker = lru_cache(64)(partial(asked_for, recommender.postranker))

    def check(self, ask: Ask) -> None:
        """Refuse, before it waits, what cannot be answered.

        Raises:
            DataError: ids of another kind than the bundle's.
            ConfigError: rules that contradict each other.
        """
        if ask.user is not None:
            self.users.check([ask.user])
        self.items.check(ask.history)
        self.items.check(ask.exclude)
        if ask.rules or ask.diversity is not None:
            self._postranker(ask.diversity, ask.rules, ask.exclude_seen)

    def answer(
        self, asks: Sequence[Ask], profiles: Mapping[Id, Profile]
    ) -> list[Answer | BaseException]:
        """An answer for each of ``asks``, or what is wrong with it."""
        found: dict[int, Answer | BaseException] = {}
        groups: dict[tuple[Any, ...], list[int]] = {}
        for place, ask in enumerate(asks):
            groups.setdefault(ask.together, []).append(place)
        for places in groups.values():
            for start in range(0, len(places), _AT_ONCE):
                block = places[start : start + _AT_ONCE]
                answers = self._together([asks[place] for place in block], profiles)
                found.update(zip(block, answers, strict=True))
        return [found[place] for place in range(len(asks))]

    def similar(self, items: Sequence[Id], k: int) -> list[list[Item]]:
        """The items nearest to each of ``items``.

        Raises:
            DataError: an item is not in the catalogue.
            ConfigError: the bundle's retriever has no vectors.
        """
        ranked = self.recommender.similar(list(items), min(k, self.recommender.size))
        titles = iter(self.recommender.titles(ranked.ids[ranked.valid]))
        return [[Item(item, score, next(titles)) for item, score in row] for row in ranked]

    def check_changes(self, changes: Sequence[ItemChange]) -> None:
        """Refuse items that could not be taken in.

        Raises:
            ConfigError: the bundle cannot take in new items.
            SchemaError, DataError: an attribute is no column of the catalogue, or does not fit.
        """
        put = _rows(changes)
        for row in put:
            self.known.check_lists(row)
        if put:
            self.recommender.embed_items(put)

    def apply(self, changes: Sequence[ItemChange]) -> None:
        """Create, update and delete items.

        Raises:
            ConfigError, SchemaError, DataError: as `check_changes` says.
        """
        put = _rows(changes)
        if put:
            self.recommender.upsert_items(put)
            self.known.put(row["item"] for row in put)
        dropped = [c.item for c in changes if c.attributes is None and c.item in self.known]
        if dropped:
            self.recommender.remove_items(dropped)
            self.known.drop(dropped)

    def _together(
        self, asks: Sequence[Ask], profiles: Mapping[Id, Profile]
    ) -> list[Answer | BaseException]:
        try:
            return list(self._answer(asks, profiles))
        except Exception as error:
            if len(asks) == 1:
                return [error]
        # One of them is to blame, and the others must not suffer for it.
        return [answer for ask in asks for answer in self._together([ask], profiles)]

    def _answer(self, asks: Sequence[Ask], profiles: Mapping[Id, Profile]) -> list[Answer]:
        first, recommender = asks[0], copy(self.recommender)
        postranker = self._postranker(first.diversity, first.rules, first.exclude_seen)
        drawing = None if postranker is None else Drawing(postranker)
        recommender.postranker = drawing  # type: ignore[assignment]  # it is called like one
        told = [self._told_of(ask, profiles.get(ask.user or "")) for ask in asks]
        features = [one[2] or None for one in told]
        found = recommender.recommend(
            [one[0] for one in told],
            min(first.k, recommender.size),
            history=[one[1] for one in told],
            features=features if any(features) else None,
            exclude=[ask.exclude for ask in asks],
            exclude_seen=first.exclude_seen,
            where=first.where,
            explain=first.explain,
            degrade=True,
            seed=random.getrandbits(32),
        )
        return self._answers(found, drawing)

    def _told_of(
        self, ask: Ask, profile: Profile | None
    ) -> tuple[Id | None, list[Id], Mapping[str, Any]]:
        """An ask's user, latest items and attributes, from the request and the state."""
        features = ask.features or {}
        if ask.user is None or profile is None:
            return ask.user, self.known.met(ask.history), features
        user = None if profile.erased else ask.user
        # A bundle that was trained again knows of these events by itself.
        stored: set[Id] = set()
        if profile.items and user is not None:
            stored = set(self.recommender.users.history([user])[0].tolist())
        latest = [item for item in profile.items if item not in stored]
        attributes = self.known.read(profile.attributes or {})
        return user, self.known.met([*latest, *ask.history]), {**attributes, **features}

    def _answers(self, found: Recommendations, drawing: Drawing | None) -> list[Answer]:
        titles = iter(self.recommender.titles(found.ids[found.valid]))
        drawn = None if drawing is None or not drawing.propensities else drawing.propensities[0]
        answers = []
        for row, pairs in enumerate(found):
            why = None if found.explanations is None else found.explanations[row]
            items = tuple(
                Item(
                    item,
                    score,
                    next(titles),
                    None if drawn is None else _number(drawn[row, place]),
                    None if why is None else why[place],
                )
                for place, (item, score) in enumerate(pairs)
            )
            cold = bool(found.fallback[row])
            answers.append(Answer(items, self.version, cold, found.degraded))
        return answers


def _rows(changes: Sequence[ItemChange]) -> list[dict[str, Any]]:
    """The items that are created or updated, the last change of each."""
    last = {c.item: c.attributes for c in changes if c.attributes is not None}
    return [{**attributes, "item": item} for item, attributes in last.items()]


def _number(value: np.floating[Any]) -> float | None:
    return None if math.isnan(value) else float(value)
