"""`StateStoreTests`: what every state must do, as tests to subclass."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from shortlist.errors import DataError
from shortlist.serving.state import (
    Erasure,
    Event,
    Impression,
    ItemChange,
    Outcome,
    Request,
    StateStore,
    UserChange,
)

__all__ = ["StateStoreTests"]

STORED, DUPLICATE, CONFLICT = Outcome.STORED, Outcome.DUPLICATE, Outcome.CONFLICT
_ODD = ["o'clock\"; DROP TABLE shortlist_events; --", "日本語 🎬", "\u202eabc", "%_\\", " "]


def event(key: str, user: int | str = 1, item: int | str = 10, **more: object) -> Event:
    """An event with the rest filled in."""
    return Event(key, user, item, str(more.pop("type", "click")), 1.5, **more)  # type: ignore[arg-type]


def request(name: str, user: int | str | None = 1, time: float = 2.0) -> Request:
    """A logged request."""
    return Request(name, time, "7", user, {"k": 2}, (10, 11), (0.5, 0.25), (0.75, None))


class StateStoreTests:
    """Subclass this in your tests as ``TestX`` and say how an empty state is made.

    ``make`` may be called several times with one folder and then opens the same state again.
    """

    def make(self, folder: Path) -> StateStore:
        """Return the state."""
        raise DataError(f"A StateStoreTests class has to define make(self, folder) for {folder}.")

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[StateStore]:
        """An empty state."""
        made = self.make(tmp_path)
        yield made
        made.close()

    def test_of_events_with_one_key_the_first_is_stored(self, store: StateStore) -> None:
        assert store.write([event("a"), event("b"), event("a")]) == [STORED, STORED, DUPLICATE]
        assert store.write([event("a"), event("b", item=11)]) == [DUPLICATE, CONFLICT]
        assert [e.key for _, e in store.events()] == ["a", "b"]
        assert [e.item for _, e in store.events()] == [10, 10]

    def test_an_event_comes_back_as_it_was(self, store: StateStore) -> None:
        one = event("a", "u", "i", value=4.5, request="r", context={"page": [1, {"x": None}]})
        store.write([one])
        [(number, found)] = store.events()
        assert found == one
        assert list(store.events(after=number)) == []

    def test_numbers_and_texts_stay_apart(self, store: StateStore) -> None:
        store.write([event("a", 1, "10"), event("b", "1", 10)])
        found = store.profiles([1, "1", 2])
        assert {user: p.items for user, p in found.items()} == {1: ("10",), "1": (10,)}

    def test_odd_texts_come_back_as_they_were(self, store: StateStore) -> None:
        rows = [event(f"key {t}", t, t, type=t, context={t: t}) for t in _ODD]
        store.write([*rows, *(UserChange(t, {t: t}) for t in _ODD)])
        store.write([ItemChange(t, {t: t}) for t in _ODD])
        assert [e for _, e in store.events()] == rows
        assert {u: p.attributes for u, p in store.profiles(_ODD).items()} == {
            t: {t: t} for t in _ODD
        }
        assert [change.item for change in store.item_changes()] == _ODD

    def test_a_history_holds_the_latest_oldest_first(self, store: StateStore) -> None:
        store.write([event(f"{user}-{n}", user, n) for n in range(30) for user in (1, 2)])
        found = store.profiles([1, 2, 3], length=4)
        assert set(found) == {1, 2}
        assert found[1].items == found[2].items == (26, 27, 28, 29)

    def test_attributes_are_replaced(self, store: StateStore) -> None:
        store.write([UserChange(1, {"age": 3}), UserChange(2, {}), UserChange(1, {"age": 4})])
        assert store.profiles([1])[1].attributes == {"age": 4}
        assert store.profiles([2])[2].attributes == {}

    def test_an_erased_user_leaves_nothing_but_that(self, store: StateStore) -> None:
        store.write(
            [event("a"), event("b", 2), UserChange(1, {"age": 3}), request("r"), shown("s")]
        )
        store.write([request("of nobody", None), shown("of nobody", None)])
        assert store.write([Erasure(1), Erasure(5)]) == [STORED, STORED]
        assert [e.user for _, e in store.events()] == [2]
        assert [r.id for r in store.requests()] == ["of nobody"]
        assert [i.key for i in store.impressions()] == ["of nobody"]
        one = store.profiles([1])[1]
        assert (one.items, one.attributes, one.erased) == ((), None, True)
        # They may come back; what was known before stays unknown.
        store.write([event("c", item=12), UserChange(1, {"age": 9})])
        again = store.profiles([1])[1]
        assert (again.items, again.attributes, again.erased) == ((12,), {"age": 9}, True)

    def test_changes_are_made_in_their_order(self, store: StateStore) -> None:
        store.write([event("a"), Erasure(1), event("b"), event("c"), Erasure(1), event("d")])
        assert [e.key for _, e in store.events()] == ["d"]

    def test_changes_of_items_are_numbered(self, store: StateStore) -> None:
        store.write([ItemChange(1, {"year": 1}), ItemChange(2, {}), ItemChange(1, None)])
        found = store.item_changes()
        assert [(c.item, c.attributes) for c in found] == [(2, {}), (1, None)]
        store.write([ItemChange(2, {"year": 5})])
        newer = store.item_changes(after=found[-1].sequence)
        assert [(c.item, c.attributes) for c in newer] == [(2, {"year": 5})]

    def test_requests_and_impressions_come_back(self, store: StateStore) -> None:
        assert store.write([request("r"), request("old", time=1.0)]) == [STORED, STORED]
        assert store.request("r") == request("r")
        assert store.request("no") is None
        assert store.write([shown("s"), shown("s")]) == [STORED, DUPLICATE]
        assert list(store.impressions()) == [shown("s")]
        assert store.forget_requests(before=2.0) == 1
        assert [r.id for r in store.requests()] == ["r"]

    def test_it_is_all_there_when_opened_again(self, tmp_path: Path) -> None:
        first = self.make(tmp_path)
        first.write([event("a"), UserChange(1, {"age": 3}), ItemChange(7, {"year": 1})])
        first.close()
        second = self.make(tmp_path)
        assert second.profiles([1])[1].items == (10,)
        assert second.write([event("a")]) == [DUPLICATE]
        assert [change.item for change in second.item_changes()] == [7]
        second.close()

    def test_many_threads_store_each_key_once(self, store: StateStore) -> None:
        def work(name: int) -> None:
            for n in range(20):
                store.write([event(f"shared {n}"), event(f"{name}-{n}", name, n)])
                store.profiles([1, name])
                store.write([ItemChange(f"{name}-{n}", {})])

        threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        keys = [e.key for _, e in store.events()]
        assert len(keys) == len(set(keys)) == 20 + 4 * 20
        assert len({change.sequence for change in store.item_changes()}) == 80

    def test_many_rows_at_once(self, store: StateStore) -> None:
        rows = [event(f"k{n}", n, n) for n in range(2_000)]
        assert set(store.write(rows)) == {STORED}
        assert set(store.write(rows)) == {DUPLICATE}
        assert [e.user for _, e in store.events()] == list(range(2_000))
        assert len(store.profiles(range(2_000))) == 2_000


def shown(key: str, user: int | str | None = 1) -> Impression:
    """An impression."""
    return Impression(key, "r", user, 10, 1, 3.0, 0.5)
