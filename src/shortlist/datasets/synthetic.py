"""Interactions drawn from a known latent structure, for tests and for scale."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from shortlist.data import Interactions
from shortlist.datasets.dataset import Dataset
from shortlist.errors import ConfigError

__all__ = ["Synthetic", "synthetic"]

_BLOCK = 1 << 13  # a block of looked-up vectors stays in the cache
_ROUNDS = 64
_START = 1_600_000_000


@dataclass(frozen=True, eq=False, kw_only=True)
class Synthetic(Dataset):
    """A `Dataset` that knows what it was drawn from.

    Attributes:
        user_factors: ``[users, dim]`` float32 of unit length; user id ``u`` has row ``u - 1``.
        item_factors: ``[items, dim]`` float32 of unit length; item id ``i`` has row ``i - 1``.
        popularity: ``[items]``, the probability that an item is among those a user looks at.
        strength: how much affinity counts beside chance.
    """

    user_factors: np.ndarray
    item_factors: np.ndarray
    popularity: np.ndarray
    strength: float

    def scores(self, users: np.ndarray) -> np.ndarray:
        """What a perfect model would rank by: ``strength * u . v + log popularity``.

        Args:
            users: ``[B]`` user ids.

        Returns:
            ``[B, items]``, the columns in the order of the item ids.
        """
        factors = self.user_factors[np.asarray(users) - 1]
        return self.strength * factors @ self.item_factors.T + np.log(self.popularity)


def synthetic(
    users: int = 1_000,
    items: int = 500,
    interactions: int = 20_000,
    dim: int = 8,
    *,
    seed: int = 0,
    popularity: float = 1.0,
    strength: float = 6.0,
    choices: int = 8,
    days: int = 90,
) -> Synthetic:
    """Draw a data set of any size in which the true tastes are known.

    Users and items have random directions in ``dim`` dimensions. For each event a user, drawn by a
    log-normal activity, looks at ``choices`` items, drawn by a Zipf law, and takes one of them by a
    softmax over ``strength * u . v``. Nobody takes an item twice. Events spread evenly over
    ``days`` days, and the rows are in the order of time.

    Args:
        users: the number of users, with ids from 1.
        items: the number of items, with ids from 1; popularity does not follow the ids.
        interactions: the exact number of rows.
        dim: of the latent space.
        seed: the same seed gives the same data.
        popularity: the exponent of the Zipf law; 0 makes all items equally popular.
        strength: 0 makes choices random; the larger, the more predictable.
        choices: how many items a user looks at for each event.
        days: over how long.

    Returns:
        A `Synthetic`: interactions with user, item, time and rating (1 to 5, by affinity with some
        noise); users with their segment and items with title and genres, both taken from the
        dimensions that are largest in their factors.

    Raises:
        ConfigError: a number is out of range, or there are too many interactions for so few users
            and items.

    >>> data = synthetic(users=50, items=40, interactions=300, seed=1)
    >>> len(data.interactions), data.item_factors.shape
    (300, (40, 8))
    """
    sizes = {"users": users, "items": items, "interactions": interactions}
    _check(sizes | {"dim": dim, "choices": choices, "days": days})
    rng = np.random.default_rng(seed)
    user_factors = _directions(rng, users, dim)
    item_factors = _directions(rng, items, dim)
    exposure = rng.permutation(np.arange(1, items + 1, dtype=np.float64) ** -popularity)
    exposure /= exposure.sum()
    activity = rng.lognormal(size=users)
    taste = _Taste(user_factors, item_factors, exposure, activity / activity.sum(), strength)
    pairs = _distinct_pairs(rng, taste, interactions, choices)
    who, what = np.divmod(pairs, items)
    times = _START + np.sort(rng.integers(0, days * 86_400, interactions))
    affinity = np.einsum("nd,nd->n", user_factors[who], item_factors[what])
    rating = np.rint(3 + 2 * affinity + rng.normal(0, 0.5, interactions)).clip(1, 5)
    columns = {"user": who + 1, "item": what + 1, "time": times, "rating": rating}
    return Synthetic(
        name="synthetic",
        interactions=Interactions(columns),
        users=_users(user_factors),
        items=_items(item_factors),
        source=f"synthetic, seed {seed}",
        user_factors=user_factors,
        item_factors=item_factors,
        popularity=exposure,
        strength=strength,
    )


@dataclass(frozen=True)
class _Taste:
    user_factors: np.ndarray
    item_factors: np.ndarray
    exposure: np.ndarray
    activity: np.ndarray
    strength: float

    def events(self, rng: np.random.Generator, count: int, choices: int) -> Iterator[np.ndarray]:
        """Blocks of ``user * items + item``, one number an event."""
        exposed = np.cumsum(self.exposure)
        active = np.cumsum(self.activity)
        n_users, n_items = len(active), len(exposed)
        for start in range(0, count, _BLOCK):
            size = min(_BLOCK, count - start)
            # Rounding may leave the last sum a hair below 1.
            who = np.minimum(np.searchsorted(active, rng.random(size)), n_users - 1)
            seen = np.searchsorted(exposed, rng.random((size, choices)))
            seen = np.minimum(seen, n_items - 1)
            liking = np.einsum("bd,bcd->bc", self.user_factors[who], self.item_factors[seen])
            # The largest of scores with Gumbel noise is a draw from their softmax, and minus the
            # logarithm of an exponential variable is Gumbel noise.
            exponential = rng.standard_exponential(seen.shape, dtype=np.float32)
            noise = -np.log(np.maximum(exponential, np.finfo(np.float32).tiny))
            chosen = (np.float32(self.strength) * liking + noise).argmax(axis=1)
            yield who * n_items + seen[np.arange(size), chosen]


def _distinct_pairs(
    rng: np.random.Generator, taste: _Taste, count: int, choices: int
) -> np.ndarray:
    """Draw events until ``count`` distinct pairs ``[count]`` are there, in the order drawn."""
    pairs = np.empty(0, dtype=np.int64)
    for _ in range(_ROUNDS):
        missing = count - len(pairs)
        if missing == 0:
            return pairs
        drawn = list(taste.events(rng, missing + missing // 4 + 16, choices))
        pairs = pl.Series(np.concatenate([pairs, *drawn])).unique(maintain_order=True).to_numpy()
        pairs = pairs[:count]
    raise ConfigError(
        f"Expected few enough interactions for users to find something new; {count:,} among "
        f"{len(taste.activity):,} users and {len(taste.exposure):,} items are too many. Ask for "
        "fewer, or for more items, or lower popularity or strength."
    )


def _directions(rng: np.random.Generator, count: int, dim: int) -> np.ndarray:
    vectors = rng.normal(size=(count, dim))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def _users(factors: np.ndarray) -> pl.DataFrame:
    ids = np.arange(1, len(factors) + 1)
    return pl.DataFrame({"user": ids, "segment": _labels("segment", factors.argmax(axis=1))})


def _items(factors: np.ndarray) -> pl.DataFrame:
    ids = pl.Series("item", np.arange(1, len(factors) + 1))
    largest = np.argsort(-factors, axis=1, kind="stable")[:, :2]
    genres = [_labels("genre", column) for column in largest.T]
    frame = pl.DataFrame({"item": ids, "title": "Item " + ids.cast(pl.String)})
    return frame.with_columns(genres=pl.concat_list(genres))


def _labels(word: str, numbers: np.ndarray) -> pl.Series:
    return f"{word} " + pl.Series(numbers + 1).cast(pl.String)


def _check(sizes: dict[str, int]) -> None:
    for name, value in sizes.items():
        if value < 1:
            raise ConfigError(f"{name} expected 1 or more; received {value!r}.")
    if sizes["interactions"] > sizes["users"] * sizes["items"]:
        raise ConfigError(
            f"interactions expected at most users * items = {sizes['users'] * sizes['items']:,}; "
            f"received {sizes['interactions']:,}."
        )
