import polars as pl
import pytest

from shortlist.errors import ConfigError, SchemaError
from shortlist.recommender import source
from shortlist.recommender.config import DataConfig


@pytest.fixture
def files(tmp_path):
    events = {"who": [1, 1, 2, 2, 3], "what": ["a", "b", "a", "c", "b"], "when": [1, 2, 3, 4, 5]}
    pl.DataFrame(events).write_csv(tmp_path / "events.csv")
    pl.DataFrame({"who": [1, 2], "age": [20, 30]}).write_parquet(tmp_path / "users.parquet")
    pl.DataFrame({"what": ["a", "z"], "title": ["A", "Z"]}).write_csv(tmp_path / "items.csv")
    return tmp_path


def config(files, **more):
    names = {"user": "who", "item": "what", "time": "when"}
    return DataConfig(interactions=str(files / "events.csv"), **names, **more)


def test_own_files(files):
    data = source.load(
        config(files, users=str(files / "users.parquet"), items=str(files / "items.csv"))
    )
    assert data.interactions.frame.columns[:3] == ["user", "item", "time"]
    assert data.users.to_dicts()[1] == {"user": 2, "age": 30}
    assert data.items["item"].to_list() == ["a", "z"]


def test_without_attributes_there_are_still_ids(files):
    data = source.load(config(files))
    assert data.users["user"].to_list() == [1, 2, 3]
    assert data.items["item"].to_list() == ["a", "b", "c"]


def test_attribute_files_that_do_not_fit(files):
    pl.DataFrame({"wat": ["a"]}).write_csv(files / "bad.csv")
    with pytest.raises(SchemaError, match=r"expected a column 'what'.*Did you mean 'wat'"):
        source.load(config(files, items=str(files / "bad.csv")))
    pl.DataFrame({"what": [1, 2]}).write_csv(files / "bad.csv")
    with pytest.raises(SchemaError, match=r"expected the type of those in the"):
        source.load(config(files, items=str(files / "bad.csv")))
    pl.DataFrame({"what": ["a", "a"]}).write_csv(files / "bad.csv")
    with pytest.raises(SchemaError, match=r"one row for each item; 'a' has more"):
        source.load(config(files, items=str(files / "bad.csv")))


def test_an_unknown_data_set_is_named_with_the_nearest():
    with pytest.raises(ConfigError, match=r"Did you mean 'movielens-100k'"):
        source.load(DataConfig(dataset="movielens-100"))
