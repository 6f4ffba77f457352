"""Fitted on training data, unchanged at serving: in memory, on disk, row by row."""

import json
import shutil

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shortlist.bundle import read_folder, write_folder
from shortlist.errors import BundleError, ConfigError, DataError, NotFittedError, SchemaError
from shortlist.features import (
    Categorical,
    Encoder,
    FeatureInfo,
    Hashed,
    MultiCategorical,
    Numeric,
    Text,
    Timestamp,
    Vector,
    Vocabulary,
)

SPECS = [
    Categorical("user"),
    Categorical("item", max_size=3),
    MultiCategorical("history", vocabulary="seen", max_length=2),
    MultiCategorical("tags", separator="|"),
    Numeric("price", transform="log"),
    Numeric("price", name="price_bucket", transform="bucketize", buckets=3),
    Timestamp("time", parts=["hour", "age"]),
    Hashed("device", buckets=7),
    Text("title", buckets=50),
    Vector("cover", 2),
]

words = st.none() | st.sampled_from(["a", "b", "c", "d", "e"])
rows = st.fixed_dictionaries(
    {
        "user": st.none() | st.integers(0, 5),
        "item": words,
        "history": st.none() | st.lists(words, max_size=4),
        "tags": st.none() | st.sampled_from(["", "x", "x|y", "z| x"]),
        "price": st.none() | st.floats(-1e6, 1e6),
        "time": st.none() | st.integers(0, 2 * 10**9),
        "device": words,
        "title": st.none() | st.sampled_from(["The Net", "Net", "Se7en (1995)"]),
        "cover": st.none() | st.lists(st.floats(-1, 1), min_size=2, max_size=2),
    }
)
FULL = {
    "user": 1,
    "item": "a",
    "history": ["a"],
    "tags": "x",
    "price": 2.0,
    "time": 10**9,
    "device": "a",
    "title": "The Net",
    "cover": [0.5, 0.5],
}
SCHEMA = {
    "user": pl.Int64,
    "item": pl.String,
    "history": pl.List(pl.String),
    "tags": pl.String,
    "price": pl.Float64,
    "time": pl.Int64,
    "device": pl.String,
    "title": pl.String,
    "cover": pl.List(pl.Float64),
}
# One whole row, so that no column is missing altogether.
frames = st.lists(rows, max_size=8).map(lambda more: pl.DataFrame([FULL, *more], schema=SCHEMA))
quick = settings(deadline=None, max_examples=50)


def same(first, second):
    assert list(first) == list(second)
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name])
        assert array.dtype == second[name].dtype


@quick
@given(frames, frames)
def test_arrays_are_as_described(train, test):
    encoder = Encoder(SPECS).fit(train)
    arrays = encoder.transform(test)
    assert list(arrays) == list(encoder.describe()) == [spec.name for spec in SPECS]
    for name, info in encoder.describe().items():
        tail = {"multi": (info.length,), "vector": (info.dim,)}.get(info.kind, ())
        assert arrays[name].shape == (test.height, *tail)
        if info.size is None:
            assert arrays[name].dtype == np.float32
            assert np.isfinite(arrays[name]).all()
        else:
            assert arrays[name].dtype == np.int32
            assert 0 <= arrays[name].min() <= arrays[name].max() < info.size


@quick
@given(frames, frames)
def test_a_row_depends_on_itself_only(train, test):
    encoder = Encoder(SPECS).fit(train)
    arrays = encoder.transform(test)
    order = np.random.default_rng(0).permutation(test.height)
    same(encoder.transform(test[order]), {name: array[order] for name, array in arrays.items()})
    for row in range(test.height):
        alone = encoder.transform(test[row : row + 1].to_dict(as_series=False))
        same(alone, {name: array[row : row + 1] for name, array in arrays.items()})


@quick
@given(frames, frames)
def test_transform_teaches_nothing(train, test):
    encoder = Encoder(SPECS).fit(train)
    before = encoder.fingerprint, encoder.transform(train)
    encoder.transform(test)
    assert encoder.fingerprint == before[0]
    same(encoder.transform(train), before[1])
    assert Encoder(SPECS).fit(train).fingerprint == before[0]


@settings(deadline=None, max_examples=10)
@given(frames, frames)
def test_what_is_loaded_is_what_was_saved(tmp_path_factory, train, test):
    path = tmp_path_factory.mktemp("encoder") / "e"
    encoder = Encoder(SPECS).fit(train)
    encoder.save(path)
    loaded = Encoder.load(path)
    assert loaded.specs == encoder.specs
    assert loaded.describe() == encoder.describe()
    assert loaded.vocabularies == encoder.vocabularies
    assert loaded.fingerprint == encoder.fingerprint
    same(loaded.transform(test), encoder.transform(test))
    shutil.rmtree(path)


def test_every_kind_of_frame_gives_the_same_arrays():
    frame = pl.DataFrame([FULL, {**FULL, "item": None, "price": None}], schema=SCHEMA)
    encoder = Encoder(SPECS).fit(frame)
    expected = encoder.transform(frame)
    same(encoder.transform(frame.lazy()), expected)
    same(encoder.transform(frame.to_arrow()), expected)
    same(encoder.transform(frame.to_dict(as_series=False)), expected)
    pandas = pd.DataFrame({name: frame[name].to_list() for name in frame.columns})
    same(encoder.transform(pandas), expected)


def test_config_round_trip():
    encoder = Encoder(SPECS)
    config = encoder.to_config()
    assert json.loads(json.dumps(config)) == config
    assert Encoder.from_config(config).specs == encoder.specs


@pytest.mark.parametrize("config", [{}, {"specs": "x"}, {"specs": [], "seed": 1}])
def test_configs_that_are_none(config):
    with pytest.raises(ConfigError, match="specs"):
        Encoder.from_config(config)


def test_features_of_one_vocabulary_share_their_codes():
    specs = [Categorical("item"), MultiCategorical("history", vocabulary="item")]
    encoder = Encoder(specs).fit({"item": ["a", "b"], "history": [["c", "c", "c"], ["b"]]})
    assert encoder.vocabulary("item").ids.tolist() == ["c", "b", "a"]
    assert list(encoder.vocabularies) == ["item"]
    assert encoder.describe() == {
        "item": FeatureInfo("categorical", size=4, vocabulary="item"),
        "history": FeatureInfo("multi", size=4, length=3, vocabulary="item"),
    }
    arrays = encoder.transform({"item": ["c"], "history": [["a", "c"]]})
    assert arrays["item"].tolist() == [1]
    assert arrays["history"].tolist() == [[3, 1, 0]]


def test_shared_integers_of_any_width():
    specs = [Categorical("item"), Categorical("last", vocabulary="item")]
    encoder = Encoder(specs).fit({"item": [1, 2], "last": [2**64 - 1, 1]})
    assert encoder.vocabulary("item").ids.tolist() == [1, 2, 2**64 - 1]


def test_a_given_vocabulary_is_used_as_it_is(tmp_path):
    items = Vocabulary(["a", "b"])
    history = MultiCategorical("history", vocabulary="item", max_length=2)
    # Nothing is to be learned from a history, so training data need not have it.
    query = Encoder([history, Categorical("user")], vocabularies={"item": items}).fit(
        {"user": ["u"]}
    )
    assert query.vocabulary("item") is items
    assert query.transform({"history": [["x", "b"]], "user": ["u"]})["history"].tolist() == [[2, 0]]
    query.save(tmp_path / "q")
    assert Encoder.load(tmp_path / "q").vocabulary("item") == items


def test_a_second_fit_forgets_the_first():
    encoder = Encoder([Categorical("x")]).fit({"x": ["a"]})
    assert encoder.fit({"x": ["b"]}).vocabulary("x").ids.tolist() == ["b"]


def test_a_failed_fit_leaves_the_encoder_as_it_was():
    encoder = Encoder([Categorical("x")]).fit({"x": ["a"]})
    with pytest.raises(DataError):
        encoder.fit({"x": [None]})
    assert encoder.vocabulary("x").ids.tolist() == ["a"]


def test_fingerprints_tell_encoders_apart():
    data = {"x": ["a", "b", "b"], "y": [1, 2, 3]}
    encoders = [
        Encoder([Categorical("x")]).fit(data),
        Encoder([Categorical("x")]).fit({"x": ["a"]}),
        Encoder([Categorical("x", name="z")]).fit(data),
        Encoder([Numeric("y")]).fit(data),
        Encoder([Numeric("y")]).fit({"y": [1, 2, 4]}),
    ]
    assert len({encoder.fingerprint for encoder in encoders}) == len(encoders)


@pytest.mark.parametrize(
    "use",
    [
        lambda encoder: encoder.transform({"x": ["a"]}),
        lambda encoder: encoder.describe(),
        lambda encoder: encoder.vocabulary("x"),
        lambda encoder: encoder.vocabularies,
        lambda encoder: encoder.fingerprint,
        lambda encoder: encoder.save("/nowhere"),
    ],
)
def test_fit_comes_first(use):
    with pytest.raises(NotFittedError, match="fit"):
        use(Encoder([Categorical("x")]))


@pytest.mark.parametrize(
    ("specs", "vocabularies", "match"),
    [
        ([], {}, "at least one"),
        (["user"], {}, "received 'user'"),
        ([Categorical], {}, "Expected feature specs"),
        ([Numeric("x"), Hashed("x")], {}, "Two features are called 'x'"),
        (
            [Categorical("a", vocabulary="v"), Categorical("b", vocabulary="v", min_count=2)],
            {},
            r"\['a', 'b'\] share .* same min_count",
        ),
        ([Categorical("item")], {"items": Vocabulary([1])}, "uses the vocabulary 'items'.*'item'"),
        ([Categorical("item", min_count=2)], {"item": Vocabulary([1])}, "leave min_count"),
        ([Categorical("item")], {"item": ["a"]}, "no Vocabulary"),
    ],
)
def test_specs_that_do_not_go_together(specs, vocabularies, match):
    with pytest.raises(ConfigError, match=match):
        Encoder(specs, vocabularies=vocabularies)


def test_errors_name_feature_and_column():
    encoder = Encoder([Numeric("price", name="cost"), Categorical("item")])
    with pytest.raises(SchemaError, match=r"'price'.*Did you mean 'prices'"):
        encoder.fit({"prices": [1.0], "item": ["a"]})
    with pytest.raises(DataError, match=r"Feature 'cost', column 'price': .*String"):
        encoder.fit({"price": ["1"], "item": ["a"]})
    encoder.fit({"price": [1.0], "item": ["a"]})
    with pytest.raises(DataError, match=r"Feature 'item', column 'item': .*holds str ids"):
        encoder.transform({"price": [1.0], "item": [1]})
    with pytest.raises(DataError, match=r"Feature 'cost', column 'price': .*row 1 has inf"):
        encoder.transform({"price": [1.0, float("inf")], "item": ["a", "a"]})
    with pytest.raises(ConfigError, match=r"Did you mean 'item'"):
        encoder.vocabulary("items")


def test_shared_vocabularies_need_one_kind_of_ids():
    specs = [Categorical("item"), Categorical("last", vocabulary="item")]
    with pytest.raises(DataError, match=r"'item'.*one kind.*'item': 'str', 'last': 'int'"):
        Encoder(specs).fit({"item": ["a"], "last": [1]})


def test_no_rows():
    encoder = Encoder([Categorical("x"), MultiCategorical("y"), Vector("z", 2)])
    with pytest.raises(DataError, match="No ids are left"):
        encoder.fit({"x": [], "y": [], "z": []})
    encoder.fit({"x": ["a"], "y": [["b", "c"]], "z": [[1.0, 2.0]]})
    arrays = encoder.transform({"x": [], "y": [], "z": []})
    assert [array.shape for array in arrays.values()] == [(0,), (0, 2), (0, 2)]


@pytest.mark.parametrize(
    "content",
    [
        {"specs": [], "states": {}, "vocabularies": []},
        {"specs": [{"type": "Numeric", "column": "x"}], "states": {}, "vocabularies": []},
        {"specs": [{"type": "Numeric", "column": "x"}], "states": {"x": {}}, "vocabularies": []},
        {"specs": [{"type": "Categorical", "column": "x"}], "states": {"x": {}}},
        [1],
    ],
)
def test_a_bundle_that_holds_no_encoder(tmp_path, content):
    write_folder(
        tmp_path / "e", lambda draft: draft.write_json("encoder.json", content), kind="encoder"
    )
    with pytest.raises(BundleError, match="no usable encoder"):
        Encoder.load(tmp_path / "e")


def test_an_encoder_is_a_part_of_something_larger(tmp_path):
    encoder = Encoder([Categorical("a/../b")]).fit({"a/../b": ["x"]})
    write_folder(tmp_path / "m", lambda draft: encoder.write(draft.folder("query")), kind="model")
    part = read_folder(tmp_path / "m", kind="model").folder("query")
    assert Encoder.read(part).fingerprint == encoder.fingerprint


def test_an_extended_encoder_knows_more_and_forgets_nothing():
    specs = [
        Categorical("item"),
        Categorical("shop", max_size=2),
        Numeric("price"),
        MultiCategorical("tags"),
    ]
    before = {"item": ["a", "b"], "shop": ["x", "y"], "price": [1.0, 3.0], "tags": [["u"], ["v"]]}
    after = {"item": ["c", "a"], "shop": ["z", "x"], "price": [9.0, 99.0], "tags": [["w"], []]}
    encoder = Encoder(specs).fit(before)
    larger = encoder.extended(after)
    for name, array in encoder.transform(before).items():
        np.testing.assert_array_equal(larger.transform(before)[name], array)
    found = larger.transform(after)
    assert found["item"].tolist() == [3, 1]
    assert found["shop"].tolist() == [0, 1]
    assert found["tags"].tolist() == [[3], [0]]
    assert encoder.extended({}).fingerprint == encoder.fingerprint
    with pytest.raises(DataError, match="Feature 'item'"):
        encoder.extended({"item": [1, 2]})
