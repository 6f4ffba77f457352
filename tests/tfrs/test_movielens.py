from __future__ import annotations

import keras
import numpy as np
import pytest

from shortlist.errors import DataError, SchemaError
from shortlist.tfrs.examples import movielens

pytestmark = pytest.mark.backend

RATINGS = {
    "user_id": np.array(["a", "b", "a", "a", "b", "c"]),
    "movie_title": np.array(["t0", "t1", "t2", "t3", "t4", "t5"]),
    "user_rating": np.array([5, 4, 3, 2, 1, 5]),
}


def table(name, rows):
    return lambda batch: keras.ops.convert_to_tensor(rows[np.asarray(batch[name], int)])


def run(test, train=None, k=2):
    # The score of movie m for user u is u * m: for user 1 the last movies are the best.
    users = np.arange(3, dtype="float32")[:, None]
    films = np.arange(5, dtype="float32")[:, None]
    movies = {"movie_id": np.arange(5)}
    return movielens.evaluate(
        table("user_id", users), table("movie_id", films), test, movies, train, k
    )


def rows(*pairs):
    users, movies = np.array(pairs).T
    return {"user_id": users, "movie_id": movies}


def test_closed_forms():
    assert run(rows((1, 4), (1, 0))) == {"precision_at_k": 0.5, "recall_at_k": 0.5}
    assert run(rows((1, 4), (2, 4), (2, 3))) == {"precision_at_k": 0.75, "recall_at_k": 1.0}
    # The best two are out of the way.
    assert run(rows((1, 2)), rows((1, 4), (1, 3)))["recall_at_k"] == 1.0


def test_what_was_watched_never_comes_back():
    train = rows((1, 4), (1, 3), (1, 2), (1, 1))
    assert run(rows((1, 4), (1, 0)), train, k=3) == {
        "precision_at_k": pytest.approx(1 / 3),
        "recall_at_k": 0.5,
    }


def test_a_constant_model_ranks_in_the_order_of_the_catalogue():
    assert run(rows((0, 0)))["recall_at_k"] == 1.0
    assert run(rows((0, 4)))["recall_at_k"] == 0.0


def test_rows_may_come_one_by_one():
    columns = rows((1, 4), (1, 0))
    as_rows = [{"user_id": u, "movie_id": m} for u, m in zip(*columns.values(), strict=True)]
    assert run(as_rows) == run(columns)


def listed(*args, **options):
    found = movielens.sample_listwise(*args, **options)
    if isinstance(found, dict):
        return found
    batch = next(found.batch(100).as_numpy_iterator())
    return {n: v.astype("U") if v.dtype == object else v for n, v in batch.items()}


def test_lists_hold_what_the_user_rated_once_each():
    found = listed(RATINGS, num_list_per_user=3, num_examples_per_list=2, seed=1)
    assert found["user_id"].tolist() == ["a"] * 3 + ["b"] * 3
    assert found["user_rating"].dtype == np.float32
    pairs = dict(zip(RATINGS["movie_title"], RATINGS["user_rating"], strict=True))
    owner = dict(zip(RATINGS["movie_title"], RATINGS["user_id"], strict=True))
    for user, titles, ratings in zip(*found.values(), strict=True):
        assert len(set(titles)) == 2
        assert [owner[t] for t in titles] == [user, user]
        assert [pairs[t] for t in titles] == ratings.tolist()


def test_a_seed_repeats_the_lists():
    one, two = (listed(RATINGS, 5, 2, seed=3)["movie_title"] for _ in range(2))
    np.testing.assert_array_equal(one, two)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="a data set of TensorFlow")
def test_data_sets_of_tensorflow():
    import tensorflow as tf

    data = tf.data.Dataset.from_tensor_slices(RATINGS)
    np.testing.assert_array_equal(
        listed(data, 5, 2, seed=3)["movie_title"], listed(RATINGS, 5, 2, seed=3)["movie_title"]
    )
    pairs = tf.data.Dataset.from_tensor_slices(rows((1, 4), (1, 0)))
    assert run(pairs) == run(rows((1, 4), (1, 0)))


def test_what_is_refused():
    with pytest.raises(DataError, match="movie 9 of user 1"):
        run(rows((1, 9)))
    with pytest.raises(DataError, match="at least 10 ratings"):
        movielens.sample_listwise(RATINGS)
    with pytest.raises(SchemaError, match="Did you mean 'movie_titel'"):
        movielens.sample_listwise({"user_id": [1], "movie_titel": [1], "user_rating": [1]})
