"""A text is the bag of its n-grams, in order, hashed."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shortlist.errors import ConfigError, DataError
from shortlist.features import FeatureInfo, Text
from shortlist.features import text as module
from shortlist.features.hashing import hash_codes


def expected(*ngrams, buckets=10_000, length=None):
    codes = hash_codes(pl.Series(ngrams, dtype=pl.String), buckets).tolist()
    return codes + [0] * ((length or len(codes)) - len(codes))


def transform(values, **options):
    spec = Text("title", **options)
    column = pl.Series(values)
    return spec.bind(spec.learn(column)).transform(column).tolist()


def test_words():
    assert transform(["The Net, the"]) == [expected("the", "net", "the", "the net", "net the")]
    assert transform(["The Net"], ngrams=[2]) == [expected("the net")]
    assert transform(["Net"], ngrams=2) == [[0]]


def test_characters():
    found = transform(["Été"], unit="character", ngrams=[2, 3])
    assert found == [expected("ét", "té", "été")]


def test_length_is_learned_and_padded():
    spec = Text("title", buckets=50, ngrams=1)
    state = spec.learn(pl.Series(["a b c", "a", None]))
    feature = spec.bind(state)
    assert feature.info == FeatureInfo("multi", size=51, length=3)
    assert feature.transform(pl.Series(["b", None, "a b c d"])).tolist() == [
        expected("b", buckets=50, length=3),
        [0, 0, 0],
        expected("a", "b", "c", buckets=50),
    ]


def test_given_length_keeps_the_first():
    assert transform(["a b c"], max_length=2) == [expected("a", "b")]


def test_nothing_at_all():
    assert transform([None, None]) == [[0], [0]]
    assert transform(["", "?!"]) == [[0], [0]]
    assert transform([None] * 100) == [[0]] * 100


@settings(deadline=None)
@given(st.lists(st.none() | st.text("ab é"), min_size=1))
def test_many_rows_agree_with_a_few(texts):
    feature = Text("title", max_length=5).bind({})
    column = pl.Series(texts, dtype=pl.String)
    few = feature.transform(column).tolist()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "FEW", -1)
        assert feature.transform(column).tolist() == few


def test_only_strings_are_texts():
    with pytest.raises(DataError, match="Int64"):
        transform([1])


@pytest.mark.parametrize(
    "options",
    [
        {"buckets": 0},
        {"ngrams": []},
        {"ngrams": [1, 1]},
        {"ngrams": 0},
        {"unit": "byte"},
        {"max_length": 0},
    ],
)
def test_options_out_of_range(options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        Text("title", **options)
