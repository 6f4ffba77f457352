"""Helpers for the MovieLens tutorials."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import keras
import numpy as np

from shortlist._backend.slices import sliced
from shortlist.errors import DataError, SchemaError, nearest

__all__ = ["evaluate", "sample_listwise"]

_BATCH = 4096


def evaluate(
    user_model: Any,
    movie_model: Any,
    test: Any,
    movies: Any,
    train: Any = None,
    k: int = 10,
) -> dict[str, float]:
    """Precision and recall of the ``k`` best movies of each user in ``test``.

    What a user watched in ``train`` is never recommended, even where fewer than ``k`` movies are
    left, and movies of one score rank in the order of ``movies``.

    Args:
        user_model: from ``{"user_id": [B]}`` to ``[B, D]``.
        movie_model: from ``{"movie_id": [B]}`` to ``[B, D]``.
        test: rows with ``user_id`` and ``movie_id``: a `tf.data.Dataset` of dicts, any other
            iterable of dicts, or a dict of columns.
        movies: rows with ``movie_id``, the catalogue, each movie once.
        train: rows as in ``test``, or None to recommend anything.
        k: how many movies are recommended.

    Returns:
        ``precision_at_k`` and ``recall_at_k``, means over users.

    Raises:
        DataError: a movie is not in the catalogue, or there is no row.
        SchemaError: a column is missing.

    >>> def embed(name):
    ...     return lambda rows: keras.ops.one_hot(keras.ops.convert_to_tensor(rows[name]), 3)
    >>> watched = {"user_id": np.array([1, 2]), "movie_id": np.array([1, 0])}
    >>> movies = {"movie_id": np.arange(3)}
    >>> evaluate(embed("user_id"), embed("movie_id"), watched, movies, k=1)
    {'precision_at_k': 0.5, 'recall_at_k': 0.5}
    """
    ids = _columns(movies, ("movie_id",))["movie_id"]
    places = {movie: place for place, movie in enumerate(ids.tolist())}
    vectors = _embed(movie_model, "movie_id", ids)
    watched = _by_user(test, places)
    before = {} if train is None else _by_user(train, places)
    users = np.array(list(watched), dtype=_columns(test, ("user_id",))["user_id"].dtype)
    queries = _embed(user_model, "user_id", users)
    hits, sizes = [], []
    for query, (user, held) in zip(queries, watched.items(), strict=True):
        scores = vectors @ query
        seen = before.get(user, [])
        scores[seen] = -np.inf
        best = np.argsort(-scores, kind="stable")[: min(k, len(ids) - len(set(seen)))]
        hits.append(np.isin(held, best).sum())
        sizes.append(len(held))
    found = np.array(hits, dtype=np.float64)
    return {
        "precision_at_k": float(np.mean(found / k)),
        "recall_at_k": float(np.mean(found / np.array(sizes))),
    }


def sample_listwise(
    rating_dataset: Any,
    num_list_per_user: int = 10,
    num_examples_per_list: int = 10,
    seed: int | None = None,
) -> Any:
    """Lists of movies that a user rated, drawn without repetition, for listwise ranking.

    A seed gives the lists that TensorFlow Recommenders draws with it. Users with fewer ratings
    than a list is long are left out.

    Args:
        rating_dataset: rows with ``user_id``, ``movie_title`` and ``user_rating``: a
            `tf.data.Dataset` of dicts, any other iterable of dicts, or a dict of columns.
        num_list_per_user: how many lists are drawn for each user.
        num_examples_per_list: how many movies there are in a list, ``L``.
        seed: of the draws; None for other lists at every call.

    Returns:
        ``user_id`` ``[N]``, ``movie_title`` ``[N, L]`` and ``user_rating`` ``[N, L]`` float32: a
        `tf.data.Dataset` of rows on TensorFlow, a dict of columns on JAX and PyTorch.

    Raises:
        DataError: no user has ratings enough.
        SchemaError: a column is missing.
    """
    names = ("user_id", "movie_title", "user_rating")
    columns = _columns(rating_dataset, names)
    # The generator of NumPy's old interface, for the same lists as TensorFlow Recommenders.
    random = np.random.RandomState(seed)
    rows_of: dict[Any, list[int]] = {}
    for row, user in enumerate(columns["user_id"].tolist()):
        rows_of.setdefault(user, []).append(row)
    chosen: list[np.ndarray] = []
    for rows in rows_of.values():
        if len(rows) >= num_examples_per_list:
            for _ in range(num_list_per_user):
                at = random.choice(range(len(rows)), size=num_examples_per_list, replace=False)
                chosen.append(np.array(rows)[at])
    if not chosen:
        raise DataError(
            f"sample_listwise expected users with at least {num_examples_per_list} ratings; the "
            f"{len(rows_of)} users have fewer. Make num_examples_per_list smaller."
        )
    lists = np.stack(chosen)
    return sliced(
        {
            "user_id": columns["user_id"][lists[:, 0]],
            "movie_title": columns["movie_title"][lists],
            "user_rating": columns["user_rating"][lists].astype(np.float32),
        }
    )


def _by_user(dataset: Any, places: Mapping[Any, int]) -> dict[Any, list[int]]:
    """The places in the catalogue of the movies of each user, users in order of appearance."""
    columns = _columns(dataset, ("user_id", "movie_id"))
    found: dict[Any, list[int]] = {}
    for user, movie in zip(columns["user_id"].tolist(), columns["movie_id"].tolist(), strict=True):
        if movie not in places:
            raise DataError(
                f"The movie {movie!r} of user {user!r} is not in movies, which must hold every "
                "movie of test and train."
            )
        found.setdefault(user, []).append(places[movie])
    return found


def _embed(model: Any, name: str, ids: np.ndarray) -> np.ndarray:
    parts = [
        keras.ops.convert_to_numpy(model({name: ids[start : start + _BATCH]}))
        for start in range(0, len(ids), _BATCH)
    ]
    return np.concatenate(parts)


def _columns(dataset: Any, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Some columns of a data set of any kind."""
    if not isinstance(dataset, Mapping):
        if hasattr(dataset, "as_numpy_iterator"):
            batches = list(dataset.batch(_BATCH).as_numpy_iterator())
            join: Callable[..., np.ndarray] = np.concatenate
        else:
            batches, join = list(dataset), np.array
        if not batches:
            raise DataError("Expected rows with user and movie; the data set has none.")
        known = batches[0]
        dataset = {n: join([np.asarray(b[n]) for b in batches]) for n in names if n in known}
    for name in names:
        if name not in dataset:
            raise SchemaError(
                f"Expected a column {name!r}; received {sorted(dataset)}.{nearest(name, dataset)}"
            )
    return {name: np.asarray(dataset[name]) for name in names}
