"""`Engine`: a loaded recommender that answers asks, many in one call where they go together."""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from shortlist.postranking import MMR, Pipeline, PostRanker, Rules, Stage
from shortlist.recommender import Recommendations, Recommender
from shortlist.serving.asks import Answer, Ask, Id, Item
from shortlist.serving.catalogue import Catalogue
from shortlist.serving.explaining import explanations
from shortlist.serving.keys import IdKind
from shortlist.serving.stages import Notes, watched
from shortlist.serving.state import ItemChange, Profile

__all__ = ["Engine"]

# Asks that go through the stages in one call; a recommender works through more in blocks.
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
        self.catalogue = Catalogue(recommender)
        self._postranker = lru_cache(64)(self._make_postranker)

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
            self._postranker(ask.diversity, ask.rules)

    def answer(
        self, asks: Sequence[Ask], profiles: Mapping[Id, Profile]
    ) -> list[Answer | BaseException]:
        """An answer for each of ``asks``, or what is wrong with it."""
        found: list[Answer | BaseException | None] = [None] * len(asks)
        groups: dict[tuple[Any, ...], list[int]] = {}
        for place, ask in enumerate(asks):
            groups.setdefault(ask.together, []).append(place)
        for places in groups.values():
            for start in range(0, len(places), _AT_ONCE):
                block = places[start : start + _AT_ONCE]
                answers = self._together([asks[place] for place in block], profiles)
                for place, answer in zip(block, answers, strict=True):
                    found[place] = answer
        return [answer for answer in found if answer is not None]

    def similar(self, items: Sequence[Id], k: int) -> list[list[Item]]:
        """The items nearest to each of ``items``.

        Raises:
            DataError: an item is not in the catalogue.
            ConfigError: the bundle's retriever has no vectors.
        """
        ranked = self.recommender.similar(list(items), min(k, self.recommender.size))
        return [[Item(i, s, self.catalogue.title(i)) for i, s in row] for row in ranked]

    def check_changes(self, changes: Sequence[ItemChange]) -> None:
        """Refuse items that could not be taken in.

        Raises:
            SchemaError: an attribute is no column of the catalogue, or does not fit it.
        """
        self.catalogue.frame([(c.item, c.attributes or {}) for c in changes])

    def apply(self, changes: Sequence[ItemChange]) -> None:
        """Create, update and delete items, the whole of ``changes`` or nothing.

        Raises:
            SchemaError: an attribute does not fit.
        """
        put = [(c.item, c.attributes) for c in changes if c.attributes is not None]
        dropped = [c.item for c in changes if c.attributes is None and c.item in self.catalogue]
        if put:
            frame = self.catalogue.frame(put)
            self.recommender.upsert_items(frame)
            self.catalogue.put(frame)
        if dropped:
            self.recommender.remove_items(dropped)
            self.catalogue.drop(dropped)

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
        first, notes = asks[0], Notes()
        postranker = self._postranker(first.diversity, first.rules)
        recommender = watched(
            self.recommender,
            notes,
            postranker=postranker,
            seed=secrets.randbits(32),
            explain=first.explain,
        )
        known = [_Known.of(ask, profiles, self.catalogue, self.recommender) for ask in asks]
        options: dict[str, Any] = {}
        if first.where is not None:
            options["where"] = first.where
        if any(one.features for one in known):
            options["features"] = self.catalogue.features([one.features for one in known])
        found = recommender.recommend(
            [one.user for one in known],
            min(first.k, recommender.size),
            history=[one.history for one in known],
            exclude=[ask.exclude for ask in asks],
            exclude_seen=first.exclude_seen,
            **options,
        )
        return self._told(found, notes, first.explain)

    def _told(self, found: Recommendations, notes: Notes, explain: bool) -> list[Answer]:
        drawn = _propensities(notes, found.k)
        answers = []
        for row, pairs in enumerate(found):
            why = explanations(notes, row, [item for item, _ in pairs]) if explain else None
            items = tuple(
                Item(
                    item,
                    score,
                    self.catalogue.title(item),
                    None if drawn is None else _number(drawn[row][place]),
                    None if why is None else why[place],
                )
                for place, (item, score) in enumerate(pairs)
            )
            degraded = notes.degraded is not None
            answers.append(Answer(items, self.version, bool(found.fallback[row]), degraded))
        return answers

    def _make_postranker(
        self, diversity: float | None, rules: tuple[tuple[tuple[str, Any], ...], ...]
    ) -> PostRanker | None:
        """The bundle's post-rankers, with what a request asks for in its place among them."""
        usual = self.recommender.postranker
        if diversity is None and not rules:
            return usual
        steps = list(usual) if isinstance(usual, Pipeline) else [] if usual is None else [usual]
        if diversity is not None:
            steps = [step for step in steps if step.stage is not Stage.DIVERSITY]
            steps.append(MMR(trade_off=1 - diversity))
        if rules:
            steps.append(Rules(rules=tuple(dict(rule) for rule in rules)))  # type: ignore[misc]
        return Pipeline(sorted(steps, key=lambda step: step.stage))


class _Known:
    """What is known of an ask's user: from the request, the state and the bundle."""

    def __init__(self, user: Id | None, history: list[Id], features: Mapping[str, Any]) -> None:
        self.user = user
        self.history = history
        self.features = features

    @classmethod
    def of(
        cls,
        ask: Ask,
        profiles: Mapping[Id, Profile],
        catalogue: Catalogue,
        recommender: Recommender,
    ) -> _Known:
        profile = None if ask.user is None else profiles.get(ask.user)
        features = ask.features or {}
        if profile is None:
            return cls(ask.user, catalogue.known(ask.history), features)
        user = None if profile.erased else ask.user
        # A bundle that was trained again knows of these events by itself.
        stored = set() if user is None else set(recommender.users.history([user])[0].tolist())
        latest = [item for item in profile.items if item not in stored]
        return cls(
            user,
            catalogue.known([*latest, *ask.history]),
            {**(profile.attributes or {}), **features},
        )


def _propensities(notes: Notes, k: int) -> np.ndarray | None:
    """The probabilities with which the first ``k`` items were drawn, ``[B, k]``."""
    if notes.context is None or not notes.context.propensities:
        return None
    # Exploration comes last, and of several the last one decides.
    return list(notes.context.propensities.values())[-1][:, :k]


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
