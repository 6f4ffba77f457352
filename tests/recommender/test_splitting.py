from __future__ import annotations

import warnings

import numpy as np
import polars as pl
import pytest

from shortlist.data import Interactions, LeakWarning, splits
from shortlist.datasets import Dataset
from shortlist.errors import ConfigError, DataError
from shortlist.recommender.config import Config, SplitConfig
from shortlist.recommender.splitting import split, split_all, validation


def dataset(time="time", folds=False):
    draw = np.random.default_rng(0)
    pairs = draw.permutation(np.unique(draw.integers(0, (20, 30), (400, 2)), axis=0))
    columns = {"user": pairs[:, 0], "item": pairs[:, 1]}
    columns |= {"time": np.arange(len(pairs))} if time else {}
    log = Interactions(columns, time=time)
    found = {}
    if folds:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LeakWarning)
            found = {f"f{n}": splits.random(log, seed=n) for n in (1, 2)}
    users, items = pl.DataFrame({"user": log.users}), pl.DataFrame({"item": log.items})
    return Dataset("mine", log, users, items, "nowhere", found)


@pytest.mark.parametrize(
    ("method", "names"),
    [
        ("time", ["by_time"]),
        ("windows", ["window 1", "window 2", "window 3"]),
        ("user-time", ["by_user_time"]),
        ("last-out", ["leave_last_out"]),
        ("held-out-users", ["held_out_users"]),
        ("folds", ["f1", "f2"]),
        ("random", ["random"]),
        ("user-random", ["by_user_random"]),
    ],
)
@pytest.mark.filterwarnings("ignore::shortlist.data.LeakWarning")
def test_every_method_holds_a_test_part_out_and_validates_within_train(method, names):
    data, config = dataset(folds=True), SplitConfig(method=method)
    found = split_all(data, config)
    assert list(found) == names
    one = split(data, config)
    assert one.test.frame.equals(found[names[-1]].test.frame)
    inner = validation(one.train, config, 0.3)
    tested = set(one.test.frame.select("user", "item").iter_rows())
    for part in (inner.train, inner.test, inner.fold_in):
        rows = set() if part is None else set(part.frame.select("user", "item").iter_rows())
        assert not rows & tested
        assert rows <= set(one.train.frame.select("user", "item").iter_rows())


def test_windows_follow_each_other_and_are_validated_by_their_end():
    data, config = dataset(), SplitConfig(method="windows", windows=2, test=0.1)
    first, second = split_all(data, config).values()
    assert first.test.times.max() < second.test.times.min()
    assert second.train.times.max() == first.test.times.max()
    inner = validation(first.train, config, 0.25)
    assert inner.train.times.max() < inner.test.times.min() <= first.train.times.max()
    rolling = SplitConfig(method="windows", windows=2, test=0.1, expanding=False)
    assert [len(s.train) for s in split_all(data, rolling).values()] == [len(first.train)] * 2


def test_held_out_users_are_never_trained_on_and_have_a_history():
    config = SplitConfig(method="held-out-users", fold_in=0.5, seed=3)
    found = split(dataset(), config)
    tested = set(found.test.users.tolist())
    assert not tested & set(found.train.users.tolist())
    assert tested <= set(found.fold_in.users.tolist())
    assert found.test.frame.equals(split(dataset(), config).test.frame)


@pytest.mark.parametrize("method", ["random", "user-random", "folds"])
def test_methods_that_leak_say_so_once(method):
    with pytest.warns(LeakWarning) as told:
        split_all(dataset(folds=True) if method != "folds" else _warning(), SplitConfig(method))
    assert len(told) == 1


def _warning():
    class Folds(dict):
        def __getitem__(self, name):
            warnings.warn(f"{name} leaks", LeakWarning, stacklevel=2)
            return super().__getitem__(name)

    data = dataset(folds=True)
    return Dataset("mine", data.interactions, data.users, data.items, "", Folds(data.folds))


def test_folds_can_be_chosen_and_are_named_where_there_are_none():
    chosen = SplitConfig(method="folds", folds=("f2",))
    assert list(split_all(dataset(folds=True), chosen)) == ["f2"]
    with pytest.raises(ConfigError, match=r"names 'f3'; mine has \['f1', 'f2'\]"):
        split_all(dataset(folds=True), SplitConfig(method="folds", folds=("f3",)))
    with pytest.raises(ConfigError, match="mine has none"):
        split_all(dataset(), SplitConfig(method="folds"))


def test_methods_of_time_need_times_and_others_do_not():
    data = dataset(time=None)
    for method in ("time", "windows", "user-time", "last-out"):
        with pytest.raises(DataError, match="needs times"):
            split(data, SplitConfig(method=method))
    assert len(split(data, SplitConfig(method="held-out-users")).test)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"windows": 2}, "`windows`.*goes with `method = 'windows'`.*Leave it out"),
        ({"method": "windows", "fold_in": 0.5}, "`fold_in`.*'held-out-users'"),
        ({"method": "windows", "windows": 5}, "5 `windows` of 0.2 .*100%"),
        ({"method": "windows", "windows": 0}, "`windows` in .split. expected a number above 0"),
        ({"method": "held-out-users", "fold_in": 1.0}, "`fold_in`.*between 0 and 1"),
        ({"method": "folds", "folds": []}, "`folds`.*at least one fold, each once"),
        ({"method": "folds", "folds": ["u1", "u1"]}, "`folds`.*each once"),
        ({"method": "window"}, "`method` in .split. expected one of 'time', 'windows'"),
    ],
)
def test_what_is_wrong_is_said_at_once(wrong, message):
    with pytest.raises(ConfigError, match=message):
        Config.from_dict({"data": {"dataset": "synthetic"}, "split": wrong})
