import pytest

from shortlist.serving.profiles import Profiles
from shortlist.serving.state import Erasure, Event, ItemChange, StateStore, UserChange


@pytest.fixture
def store(tmp_path):
    made = StateStore.open(tmp_path / "state.db")
    made.write([event("a", 1), event("b", 2)])
    yield made
    made.close()


def event(key, user, item=10):
    return Event(key, user, item, "click", 1.0)


def items(profiles, *users):
    return {user: profile.items for user, profile in profiles.of(users).items()}


def test_a_profile_is_read_once_until_it_changes(store, monkeypatch):
    profiles, asked = Profiles(store), []
    read = store.profiles
    monkeypatch.setattr(store, "profiles", lambda users: asked.append(list(users)) or read(users))
    assert items(profiles, 1, 2, 3) == {1: (10,), 2: (10,)}
    assert items(profiles, 1, 3) == {1: (10,)}
    assert asked == [[1, 2, 3]]
    for change in (event("c", 1, 11), UserChange(3, {"age": 5}), Erasure(2)):
        store.write([change])
        profiles.forget([change])
    assert items(profiles, 1, 2, 3) == {1: (10, 11), 2: (), 3: ()}
    assert sorted(asked[1]) == [1, 2, 3]
    profiles.forget([ItemChange(1, {})])
    items(profiles, 1)
    assert len(asked) == 2


def test_what_changes_while_it_is_read_is_not_remembered(store, monkeypatch):
    profiles, read = Profiles(store), store.profiles

    def overtaken(users):
        found = read(users)
        store.write([event("c", 1, 11)])
        profiles.forget([event("c", 1, 11)])
        return found

    monkeypatch.setattr(store, "profiles", overtaken)
    assert items(profiles, 1) == {1: (10,)}
    monkeypatch.setattr(store, "profiles", read)
    assert items(profiles, 1) == {1: (10, 11)}


def test_a_shared_state_is_read_again_and_memory_is_bounded(store):
    profiles = Profiles(store, seconds=0.0)
    assert items(profiles, 1) == {1: (10,)}
    store.write([event("c", 1, 11)])  # by another server, which tells nobody
    assert items(profiles, 1) == {1: (10, 11)}
    small = Profiles(store, size=2)
    items(small, 1, 2, 3, 4)
    assert len(small._kept) == 2
