"""Ids become codes of a vocabulary, alone or in padded lists."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shortlist.errors import ConfigError, DataError
from shortlist.features import Categorical, FeatureInfo, MultiCategorical, Vocabulary
from shortlist.features import categorical as module

genres = Vocabulary(["Drama", "Comedy", "War"])


def multi(values, **options):
    spec = MultiCategorical("genres", **options)
    column = pl.Series(values)
    return spec.bind(spec.learn(column), genres).transform(column).tolist()


def test_categorical():
    feature = Categorical("genre").bind({}, genres)
    assert feature.info == FeatureInfo("categorical", size=4, vocabulary="genre")
    codes = feature.transform(pl.Series(["War", None, "Western"]))
    assert codes.dtype == np.int32
    assert codes.tolist() == [3, 0, 0]


def test_categorical_takes_no_lists():
    with pytest.raises(DataError, match="MultiCategorical"):
        Categorical("genre").bind({}, genres).transform(pl.Series([["War"]]))


def test_multi_info():
    spec = MultiCategorical("genres", vocabulary="genre", max_length=2)
    assert spec.bind({}, genres).info == FeatureInfo("multi", size=4, length=2, vocabulary="genre")


def test_lists():
    lists = [["Drama", "Western", "War"], [], None, [None, "Comedy"]]
    assert multi(lists) == [[1, 3, 0], [0] * 3, [0] * 3, [2, 0, 0]]
    assert multi(lists, max_length=1) == [[3], [0], [0], [2]]
    assert multi(lists, max_length=1, keep="first") == [[1], [0], [0], [2]]


def test_delimited_strings():
    texts = ["Drama|War", "", None, " Comedy | |Western"]
    assert multi(texts, separator="|") == [[1, 3], [0, 0], [0, 0], [2, 0]]
    assert multi([["Drama"]], separator="|") == [[1]]
    assert multi(["Drama  War"], separator=" ") == [[1, 3]]


@settings(deadline=None)
@given(st.lists(st.none() | st.text("ab |é\t", max_size=8), min_size=1, max_size=5))
def test_splitting_many_rows_agrees_with_splitting_a_few(texts):
    column = pl.Series(texts, dtype=pl.String)
    few = module._split(column, "|")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "FEW", -1)
        many = module._split(column, "|")
    rows = [np.repeat(np.arange(len(texts)), lengths) for _, lengths in (few, many)]
    pairs = [
        [(row, piece) for row, piece in zip(places, pieces, strict=True) if piece is not None]
        for places, (pieces, _) in zip(rows, (few, many), strict=True)
    ]
    assert pairs[0] == pairs[1]


def test_nothing_at_all():
    assert multi([None, None]) == [[0], [0]]
    assert multi([[], []]) == [[0], [0]]
    assert multi([None], separator="|", max_length=2) == [[0, 0]]


@pytest.mark.parametrize(
    ("values", "match"),
    [(["a|b"], "separator="), ([1], "list of ids.*Int64"), ([[1]], "received int ids")],
)
def test_columns_that_hold_no_lists_of_ids(values, match):
    with pytest.raises(DataError, match=match):
        multi(values)


@pytest.mark.parametrize(
    "options",
    [
        {"min_count": 0},
        {"min_count": None},
        {"max_size": "5"},
        {"vocabulary": ""},
        {"max_length": 0},
        {"keep": "middle"},
        {"separator": ""},
        {"name": 5},
    ],
)
def test_options_out_of_range(options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        MultiCategorical("genres", **options)


def test_specs_without_a_vocabulary_say_what_they_lack():
    for spec in (Categorical("genre"), MultiCategorical("genre", max_length=1)):
        with pytest.raises(DataError, match="Encoder"):
            spec.bind({})
