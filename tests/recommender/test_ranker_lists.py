"""What a ranker learns from: gains and labels of the candidates that were met."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist.data import Interactions
from shortlist.errors import ConfigError, DataError, SchemaError
from shortlist.queries import Queries
from shortlist.ranked import Ranked
from shortlist.recommender.config import Config
from shortlist.recommender.ranker_lists import check_tasks, gains, kept, task_labels

HELD_OUT = Interactions(
    {
        "user": ["ann", "ann", "bob"],
        "item": [1, 2, 3],
        "time": [1, 2, 3],
        "stars": [5.0, 2.0, 4.0],
        "bought": [True, False, None],
        "word": ["a", "b", "c"],
        "nothing": [None, None, None],
        "when": [0.5, float("inf"), 1.0],
    },
    rating="stars",
)
QUERIES = Queries(np.array(["bob", "ann"]), [np.array([], int)] * 2)
POOL = Ranked(
    np.array([[3, 1, 9], [2, 9, 1]]),
    np.zeros((2, 3)),
    np.array([[True, True, True], [True, True, False]]),
)
NO = np.nan


def config(tasks, **ranking):
    return Config.from_dict(
        {
            "data": {"interactions": "x.csv", "rating": "stars"},
            "ranking": {"name": "multi_task", "tasks": tasks, **ranking},
        }
    )


def test_gains_are_of_the_query_the_candidate_and_no_other():
    np.testing.assert_array_equal(gains(POOL, HELD_OUT, QUERIES), [[1, 0, 0], [1, 0, -1]])


def test_labels_are_those_of_the_events_and_missing_elsewhere():
    tasks = {
        "met": {},
        "stars": {"column": "rating", "loss": "squared"},
        "by_its_own_name": {"column": "stars", "at_least": 3},
        "bought": {"column": "bought"},
    }
    found = task_labels(POOL, HELD_OUT, QUERIES, config(tasks))
    np.testing.assert_array_equal(found["met"], [[1, 0, 0], [1, 0, NO]])
    np.testing.assert_array_equal(found["stars"], [[4, NO, NO], [2, NO, NO]])
    np.testing.assert_array_equal(found["by_its_own_name"], [[1, NO, NO], [0, NO, NO]])
    np.testing.assert_array_equal(found["bought"], [[NO, NO, NO], [0, NO, NO]])
    assert {values.dtype for values in found.values()} == {np.dtype("float32")}


@pytest.mark.parametrize(
    ("task", "error", "message"),
    [
        ({"column": "star"}, SchemaError, r"'like'.*column 'star', which .*Did you mean '"),
        ({"column": "word"}, SchemaError, r"'like'.*numbers in the column 'word'; it has the type"),
        ({"column": "rating"}, DataError, r"labels from 0 to 1 .*has 5\. Set `at_least`, or"),
        ({"column": "when", "loss": "squared"}, DataError, r"finite numbers .*an event has inf"),
        ({"column": "nothing"}, SchemaError, r"column 'nothing'; it has the type Null"),
    ],
)
def test_a_task_that_cannot_be_learned_is_named(task, error, message):
    with pytest.raises(error, match=message):
        check_tasks(config({"like": task}), HELD_OUT)


def test_a_task_without_labels_is_named():
    empty = HELD_OUT.filter(np.array([False, False, True]))
    with pytest.raises(ConfigError, match=r"'like'.* no labels: all 1 values of the column 'boug"):
        check_tasks(config({"like": {"column": "bought"}}), empty)
    of_nobody = Ranked(np.array([[9], [9]]), np.zeros((2, 1)), np.ones((2, 1), dtype=bool))
    with pytest.raises(ConfigError, match=r"'like'.* nothing to learn from: no candidate"):
        task_labels(of_nobody, HELD_OUT, QUERIES, config({"like": {"column": "bought"}}))


def test_a_task_may_not_be_called_as_a_signal():
    with pytest.raises(ConfigError, match=r"'score' in .* has the name of a signal"):
        check_tasks(config({"score": {}}), HELD_OUT)


def test_a_product_takes_labels_above_0():
    log = Interactions({"user": [1, 1], "item": [1, 2], "time": [1, 2], "minutes": [0.0, 9.0]})
    tasks = {"met": {}, "minutes": {"column": "minutes", "loss": "squared"}}
    with pytest.raises(ConfigError, match=r"above 0 of the task 'minutes'; .* has 0\. Set `comb"):
        check_tasks(config(tasks), log)
    check_tasks(config(tasks, combine="sum"), log)
    check_tasks(config(tasks, formula={"met": 1.0}), log)


@given(st.lists(st.booleans(), min_size=3, max_size=3))
def test_rows_are_kept_and_views_stay_views(rows):
    mask, values = np.array(rows), np.arange(6.0).reshape(3, 2)
    wide = np.broadcast_to(values[:, None], (3, 4, 2))
    np.testing.assert_array_equal(kept(wide, mask), wide.copy()[mask])
    assert kept(wide, mask).strides[1] == 0
    np.testing.assert_array_equal(kept(values, mask), values[mask])
