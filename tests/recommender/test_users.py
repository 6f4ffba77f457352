import numpy as np
import polars as pl
import pytest

from shortlist.bundle import read_folder, write_folder
from shortlist.data import Interactions
from shortlist.errors import DataError
from shortlist.recommender.users import UserStore

LOG = Interactions(
    {"user": ["b", "a", "b", "a"], "item": [4, 3, 2, 1], "time": [9.0, 2.0, 3.0, 2.0]}
)
ATTRIBUTES = pl.DataFrame({"user": ["a", "c"], "age": [30, 40]})


def test_histories_are_in_the_order_of_time_then_of_rows():
    store = UserStore.of(LOG)
    assert [row.tolist() for row in store.history(["a", "b", "z"])] == [[3, 1], [2, 4], []]
    assert store.knows(["a", "z"]).tolist() == [True, False]
    assert store.features(["a"]) is None


def test_attributes_keep_the_order_of_the_users():
    features = UserStore.of(LOG, ATTRIBUTES).features(["b", "c", "a"])
    assert features["age"].to_list() == [None, 40, 30]


def test_a_number_for_a_text_is_refused():
    with pytest.raises(DataError, match=r"such as 'b'; received 12"):
        UserStore.of(LOG).history([12])
    numbers = Interactions({"user": [1], "item": [1], "time": [1]})
    with pytest.raises(DataError, match=r"such as 1; received '1'"):
        UserStore.of(numbers).history(["1"])


@pytest.mark.parametrize("ids", [["a", "b"], [1, 2]])
def test_somebody_without_a_name_has_no_history(ids):
    log = Interactions({"user": ids, "item": [1, 2], "time": [1, 2]})
    store = UserStore.of(log, pl.DataFrame({"user": ids, "age": [30, 40]}))
    assert [row.tolist() for row in store.history([None, ids[1]])] == [[], [2]]
    assert store.history([None])[0].tolist() == []
    assert store.features([None])["age"].to_list() == [None]


@pytest.mark.parametrize("attributes", [None, ATTRIBUTES])
def test_written_and_read(tmp_path, attributes):
    store = UserStore.of(LOG, attributes)
    write_folder(tmp_path / "x", store.write, kind="users")
    again = UserStore.read(read_folder(tmp_path / "x", kind="users"))
    for ids in (["a", "b"], ["z"]):
        for one, other in zip(store.history(ids), again.history(ids), strict=True):
            np.testing.assert_array_equal(one, other)
    if attributes is not None:
        assert again.attributes.equals(attributes)
