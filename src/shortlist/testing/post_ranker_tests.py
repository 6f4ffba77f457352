"""`PostRankerTests`: what every post-ranker must do, as tests to subclass."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import polars as pl
import pytest

from shortlist.errors import DataError
from shortlist.postranking import Context, PostRanker, Trace
from shortlist.queries import Queries
from shortlist.ranked import Ranked

__all__ = ["PostRankerTests"]

_LENGTHS = [40, 40, 7, 1, 0]


class PostRankerTests:
    """Subclass this in your tests as ``TestX`` and say how a post-ranker is made.

    The pool holds lists of 40, 40, 7, 1 and 0 items, and 10 of each are to be shown. Items are
    strings or integers and have the attributes ``genres`` (a list), ``brand``, ``year``,
    ``title``, ``clicks``, ``shown`` and ``date``; of some nothing is known.
    """

    k = 10

    def make(self) -> PostRanker:
        """Return the post-ranker."""
        raise DataError("A PostRankerTests class has to define make(self).")

    def items(self, kind: type) -> pl.DataFrame:
        """The attributes of items 0 to 49."""
        draw = np.random.default_rng(0)
        names = ["action", "comedy", "drama", "horror"]
        return pl.DataFrame(
            {
                "item": [kind(i) for i in range(50)],
                "genres": [
                    sorted(draw.choice(names, draw.integers(0, 4), replace=False).tolist())
                    for _ in range(50)
                ],
                "brand": [None if i % 7 == 0 else f"brand {i % 3}" for i in range(50)],
                "year": [None if i % 11 == 0 else 1990 + i % 30 for i in range(50)],
                "clicks": [None if i % 9 == 0 else i % 5 for i in range(50)],
                "shown": [5 * (i % 4 + 1) for i in range(50)],
                "title": [f"Title {i // 2}" for i in range(50)],
                "date": pl.Series([i * 86_400_000_000 for i in range(50)]).cast(pl.Datetime("us")),
            }
        )

    def vectors(self, ids: np.ndarray) -> np.ndarray:
        """Vectors of items 0 to 49, and NaN for others."""
        table = np.random.default_rng(1).standard_normal((61, 6))
        table[50:] = np.nan
        table[3] = 0.0
        return table[[int(i) for i in ids.tolist()]]

    def pool(self, kind: type = int, *, tied: bool = False) -> Ranked:
        """The lists that are to be post-ranked."""
        draw = np.random.default_rng(2)
        numbers = np.stack([draw.permutation(60)[:40] for _ in _LENGTHS])
        scores = np.ones(numbers.shape) if tied else -np.sort(-draw.standard_normal(numbers.shape))
        valid = np.arange(40) < np.array(_LENGTHS)[:, None]
        return Ranked(np.vectorize(kind, otypes=[kind])(numbers), scores, valid)

    def context(self, kind: type = int, **changes: Any) -> Context:
        """Who asks, and what is known of the items."""
        queries = Queries.of(
            ["u0", "u1", "u2", "u3", "u4"],
            history=[[kind(i) for i in range(n)] for n in (0, 9, 30, 5, 1)],
            exclude=[[kind(40 + i)] for i in range(5)],
        )
        served = [{kind(i): [60.0 * i, 9000.0] for i in range(0, 50, row + 2)} for row in range(5)]
        context = Context(
            queries,
            k=self.k,
            items=self.items(kind),
            vectors=self.vectors,
            served=served,
            seed=3,
        )
        return dataclasses.replace(context, **changes)

    def check_form(self, before: Ranked, after: Ranked) -> None:
        """What is true of every result."""
        assert after.ids.shape == before.ids.shape
        assert (np.diff(after.valid.astype(int), axis=1) <= 0).all(), "valid places come first"
        assert not np.isnan(after.scores[after.valid]).any()
        for old, new in zip(before.lists(), after.lists(), strict=True):
            assert set(new) <= set(old)
            assert len(set(new)) == len(new)

    @pytest.mark.parametrize("kind", [int, str])
    @pytest.mark.parametrize("tied", [False, True])
    def test_no_item_appears_or_doubles(self, kind: type, tied: bool) -> None:
        pool = self.pool(kind, tied=tied)
        ids, scores, valid = pool.ids.copy(), pool.scores.copy(), pool.valid.copy()
        self.check_form(pool, self.make()(pool, self.context(kind)))
        for now, then in ((pool.ids, ids), (pool.scores, scores), (pool.valid, valid)):
            np.testing.assert_array_equal(now, then)

    def test_strings_and_integers_are_treated_alike(self) -> None:
        numbers = self.make()(self.pool(), self.context()).lists()
        names = self.make()(self.pool(str), self.context(str)).lists()
        assert names == [[str(i) for i in row] for row in numbers]

    def test_the_same_seed_gives_the_same(self) -> None:
        first, again = (self.make()(self.pool(), self.context()) for _ in range(2))
        assert list(first) == list(again)

    def test_lists_do_not_influence_each_other(self) -> None:
        pool, context = self.pool(), self.context()
        together = self.make()(pool, context)
        # Forty at once, to go through whatever is done for many lists only.
        many = Ranked(*(np.tile(x, (8, 1)) for x in (pool.ids, pool.scores, pool.valid)))
        wide = _repeated(context, 8)
        in_many = list(self.make()(many, wide))
        for row in range(len(pool)):
            own = _row(context, row)
            alone = self.make()(pool.rows(row, row + 1), own)
            assert alone.lists()[0] == together.lists()[row]
            np.testing.assert_allclose(alone.scores[0], together.scores[row], rtol=1e-5)
            assert [item for item, _ in in_many[row + 35]] == together.lists()[row]

    def test_invalid_places_do_not_matter(self) -> None:
        pool, context = self.pool(), self.context()
        other = Ranked(
            np.where(pool.valid, pool.ids, 13), np.where(pool.valid, pool.scores, 7.0), pool.valid
        )
        assert self.make()(other, context).lists() == self.make()(pool, context).lists()

    @pytest.mark.parametrize(("batch", "k"), [(0, 5), (3, 0), (0, 0), (3, 1)])
    def test_nothing_to_rank(self, batch: int, k: int) -> None:
        pool = Ranked(np.zeros((batch, k)), np.zeros((batch, k)), np.zeros((batch, k)))
        context = Context(
            Queries.of([f"u{i}" for i in range(batch)]),
            k=self.k,
            items=self.items(int),
            vectors=self.vectors,
            served=[{}] * batch,
        )
        assert self.make()(pool, context).ids.shape == (batch, k)

    def test_infinite_scores_are_no_trouble(self) -> None:
        pool = self.pool()
        scores = pool.scores.copy()
        scores[:, 0], scores[:, 20:] = np.inf, -np.inf
        pool = Ranked(pool.ids, scores, pool.valid)
        self.check_form(pool, self.make()(pool, self.context()))

    def test_a_score_that_is_no_number_is_refused(self) -> None:
        pool = self.pool()
        scores = pool.scores.copy()
        scores[1, 4] = np.nan
        with pytest.raises(DataError, match="'u1' has NaN"):
            self.make()(Ranked(pool.ids, scores, pool.valid), self.context())
        scores[1, 4], scores[4, 4] = 0.0, np.nan
        self.make()(Ranked(pool.ids, scores, pool.valid), self.context())

    def test_as_many_lists_as_queries(self) -> None:
        with pytest.raises(DataError, match="each of 5 queries"):
            self.make()(self.pool().rows(0, 2), self.context())

    def test_the_configuration_comes_back(self) -> None:
        config = self.make().to_config()
        again = PostRanker.from_config(json.loads(json.dumps(config)))
        assert again.to_config() == config
        pool, context = self.pool(), self.context()
        assert list(again(pool, context)) == list(self.make()(pool, context))

    def test_the_trace_tells_what_happened_and_changes_nothing(self) -> None:
        trace = Trace()
        pool = self.pool()
        result = self.make()(pool, self.context(trace=trace))
        assert list(result) == list(self.make()(pool, self.context()))
        for row, items in enumerate(result.lists()):
            places = {item: place for place, item in enumerate(pool.lists()[row])}
            for move in trace.moves(row):
                assert move.reason
                assert places.get(move.item) == move.before
                if move.after is None:
                    del places[move.item]
                else:
                    places[move.item] = move.after
            assert places == {item: place for place, item in enumerate(items)}


def _row(context: Context, row: int) -> Context:
    served = None if context.served is None else context.served[row : row + 1]
    return dataclasses.replace(context, queries=context.queries.rows(row, row + 1), served=served)


def _repeated(context: Context, times: int) -> Context:
    queries = context.queries
    many = Queries(
        np.tile(queries.users, times),
        [*queries.history] * times,
        None,
        None if queries.exclude is None else [*queries.exclude] * times,
    )
    served = None if context.served is None else [*context.served] * times
    return dataclasses.replace(context, queries=many, served=served)
