from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist.cli.asked import split_list, typed_ids
from shortlist.errors import DataError


@given(st.lists(st.text(st.characters(exclude_characters=",", categories=["L", "N"]), min_size=1)))
def test_a_list_is_split_into_what_was_joined(entries: list[str]) -> None:
    assert split_list(",".join(entries)) == entries
    assert split_list(" , ".join(entries)) == entries


@given(st.lists(st.integers(), min_size=1))
def test_whole_numbers_are_read_as_such(ids: list[int]) -> None:
    assert typed_ids([str(value) for value in ids], [1], "user") == ids


def test_texts_stay_texts_also_when_they_look_like_numbers() -> None:
    assert typed_ids(["12", "nobody"], ["12", "anna"], "user") == ["12", "nobody"]


def test_ids_of_another_kind_are_found_by_how_they_print() -> None:
    assert typed_ids(["1.5", "b'x'"], [1.5, b"x"], "item") == [1.5, b"x"]


def test_a_text_among_whole_numbers_is_an_error() -> None:
    with pytest.raises(DataError, match="item ids of this bundle are whole numbers; received 'a'"):
        typed_ids(["1", "a"], [1, 2], "item")
