from __future__ import annotations

import warnings

import numpy as np
import pytest

from shortlist.data import Interactions, LeakWarning
from shortlist.data.protocols import by_user_random, held_out_users, rolling_windows
from shortlist.errors import ConfigError, DataError


def log(users=20, each=10, time=True):
    draw = np.random.default_rng(0)
    rows = users * each
    columns = {"user": np.repeat(np.arange(users), each), "item": np.arange(rows)}
    if time:
        columns["time"] = draw.permutation(rows)
    return Interactions(columns, time="time" if time else None)


def items(interactions):
    return set(interactions.frame["item"].to_list())


@pytest.fixture(autouse=True)
def _leaks_are_known():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LeakWarning)
        yield


def test_every_user_gives_a_share_at_random():
    split = by_user_random(log(), 0.2, 0.1, seed=1)
    for part, count in ((split.train, 7), (split.validation, 1), (split.test, 2)):
        assert np.bincount(part.frame["user"]).tolist() == [count] * 20
    assert items(split.train) | items(split.validation) | items(split.test) == set(range(200))
    again, other = by_user_random(log(), 0.2, 0.1, seed=1), by_user_random(log(), 0.2, seed=2)
    assert items(again.test) == items(split.test) != items(other.test)
    assert other.validation is None


def test_the_first_event_stays():
    data = Interactions({"user": [1, 2, 2], "item": [1, 2, 3]}, time=None)
    split = by_user_random(data, 0.9, seed=0)
    assert set(split.train.users.tolist()) == {1, 2}
    assert split.test.users.tolist() == [2]


def test_a_random_share_warns():
    with pytest.warns(LeakWarning):
        by_user_random(log(), 0.2, seed=0)


@pytest.mark.parametrize("expanding", [True, False])
def test_windows_follow_each_other(expanding):
    data = log()
    windows = list(rolling_windows(data, 3, 0.1, expanding=expanding))
    assert [len(split.test) for split in windows] == [20] * 3
    assert [len(split.train) for split in windows] == ([140, 160, 180] if expanding else [140] * 3)
    for split in windows:
        assert split.train.times.max() < split.test.times.min()
    assert windows[-1].test.times.max() == 199
    assert items(windows[0].test) <= items(windows[1].train)


def test_held_out_users_are_not_trained_on():
    split = held_out_users(log(), 0.2, 0.1, fold_in=0.8, seed=0)
    parts = [set(p.users.tolist()) for p in (split.train, split.validation, split.test)]
    assert [len(part) for part in parts] == [14, 2, 4]
    assert not parts[0] & parts[1]
    assert not parts[1] & parts[2]
    assert set(split.fold_in.users.tolist()) == parts[1] | parts[2]
    assert len(split.test) == 4 * 2
    assert len(split.fold_in) == 6 * 8
    assert not items(split.fold_in) & items(split.test)


def test_bad_input():
    for make in (
        lambda: by_user_random(log(), 1.0, seed=0),
        lambda: by_user_random(log(), 0.5, 0.5, seed=0),
        lambda: held_out_users(log(), 0.0, seed=0),
        lambda: held_out_users(log(), fold_in=1.0, seed=0),
        lambda: list(rolling_windows(log(), 0)),
        lambda: list(rolling_windows(log(), 10, 0.1)),
    ):
        with pytest.raises(ConfigError, match="received"):
            make()
    with pytest.raises(DataError, match="time=None"):
        list(rolling_windows(log(time=False)))
    with pytest.raises(DataError, match="nothing for test"):
        held_out_users(log(each=1), seed=0)
    with pytest.raises(DataError, match="nothing for test"):
        by_user_random(log(each=1), seed=0)
