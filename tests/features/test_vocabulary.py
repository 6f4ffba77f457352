"""Codes are dense, stable and the same everywhere; what is unknown is 0, what is wrong an error."""

from collections import Counter

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shortlist.bundle import write_folder
from shortlist.errors import BundleError, ConfigError, DataError
from shortlist.features import Vocabulary
from shortlist.features import vocabulary as module

texts = st.text(st.characters(codec="utf-8"), max_size=5)
kinds = st.sampled_from([st.integers(-(2**63), 2**63 - 1), texts, st.binary(max_size=5)])
columns = kinds.flatmap(lambda ids: st.lists(ids, min_size=1, max_size=30))
quick = settings(deadline=None)


@quick
@given(columns)
def test_decode_undoes_encode(ids):
    vocabulary = Vocabulary.fit(ids)
    codes = vocabulary.encode(ids)
    assert codes.dtype == np.int32
    assert set(codes.tolist()) == set(range(1, vocabulary.size))
    assert vocabulary.decode(codes).tolist() == ids


@quick
@given(columns)
def test_the_vectorised_way_gives_the_same_codes(ids):
    vocabulary = Vocabulary.fit(ids[: len(ids) // 2 + 1])
    column = [*ids, None]
    few = vocabulary.encode(column)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_FEW", -1)
        assert vocabulary.encode(column).tolist() == few.tolist()
    assert few[-1] == 0


@quick
@given(columns, st.integers(1, 3), st.none() | st.integers(1, 5), st.booleans())
def test_fit_follows_its_rule(ids, min_count, max_size, by_frequency):
    counts = Counter(ids)
    first = list(counts)
    ranked = sorted((i for i in first if counts[i] >= min_count), key=lambda i: -counts[i])
    kept = ranked[:max_size]
    expected = kept if by_frequency else [i for i in first if i in kept]
    order = "frequency" if by_frequency else "appearance"
    if expected:
        found = Vocabulary.fit(ids, order=order, min_count=min_count, max_size=max_size)
        assert found.ids.tolist() == expected
    else:
        with pytest.raises(DataError, match="No ids are left"):
            Vocabulary.fit(ids, order=order, min_count=min_count, max_size=max_size)


@quick
@given(kinds.flatmap(lambda ids: st.tuples(st.lists(ids, min_size=1), st.lists(ids))))
def test_extend_keeps_every_code(both):
    old, new = both
    vocabulary = Vocabulary.fit(old)
    larger = vocabulary.extend(new)
    assert larger.encode(old).tolist() == vocabulary.encode(old).tolist()
    assert larger.ids.tolist() == [
        *vocabulary.ids,
        *(i for i in dict.fromkeys(new) if i not in old),
    ]
    assert larger.extend(new) == larger


@quick
@given(columns)
def test_encoding_rows_in_another_order_reorders_the_codes(ids):
    vocabulary = Vocabulary.fit(ids[::2])
    order = np.random.default_rng(0).permutation(len(ids))
    shuffled = vocabulary.encode([ids[place] for place in order])
    np.testing.assert_array_equal(shuffled, vocabulary.encode(ids)[order])


@pytest.mark.parametrize(
    "ids",
    [["a\0", "b", "é"], [3, -5], [2**64 - 1, 0], [b"\xff\0", b""], [True, False]],
    ids=["str", "int", "uint64", "bytes", "bool"],
)
def test_save_and_load(tmp_path, ids):
    vocabulary = Vocabulary(ids)
    vocabulary.save(tmp_path / "v")
    loaded = Vocabulary.load(tmp_path / "v")
    assert loaded == vocabulary
    assert hash(loaded) == hash(vocabulary)
    assert loaded.fingerprint == vocabulary.fingerprint
    assert loaded.kind == vocabulary.kind
    assert loaded.ids.tolist() == ids
    assert loaded.encode(ids).tolist() == [*range(1, len(ids) + 1)]


def test_load_refuses_what_is_no_vocabulary(tmp_path):
    for name, table in (
        ("a", pl.DataFrame({"x": [1]})),
        ("b", pl.DataFrame({"id": [1.5]})),
        ("c", pl.DataFrame({"id": [1, 1]})),
    ):
        write_folder(
            tmp_path / name,
            lambda draft, table=table: draft.write_table("ids.parquet", table),
            kind="vocabulary",
        )
        with pytest.raises(BundleError, match="no vocabulary"):
            Vocabulary.load(tmp_path / name)


def test_fingerprints_tell_vocabularies_apart():
    ids = [["a", "b"], ["b", "a"], ["ab"], ["a", "b", ""], [1, 2], [12], ["1", "2"], [b"a", b"b"]]
    vocabularies = [Vocabulary(some) for some in ids]
    assert len({v.fingerprint for v in vocabularies}) == len(ids)
    assert len(set(vocabularies)) == len(ids)
    # A value that must not change between releases: saved bundles are compared by it.
    assert Vocabulary(["a", "b"]).fingerprint.startswith("064a50a291cc")


def test_sizes_and_membership():
    vocabulary = Vocabulary([5, 7])
    assert (len(vocabulary), vocabulary.size, vocabulary.kind) == (2, 3, "int")
    assert 5 in vocabulary
    assert np.int64(5) in vocabulary
    for other in (6, "5", 5.0, None, [5]):
        assert other not in vocabulary
    assert 1 in Vocabulary([1])
    assert True not in Vocabulary([1])
    assert repr(vocabulary) == "Vocabulary([5, 7], size=3)"


def test_ids_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        Vocabulary(["a"]).ids[0] = "b"


def test_missing_and_unknown_are_0():
    vocabulary = Vocabulary(["a", "b"])
    assert vocabulary.encode([None, "x", "b"]).tolist() == [0, 0, 2]
    assert vocabulary.encode([None, None]).tolist() == [0, 0]
    assert vocabulary.encode([]).tolist() == []
    assert vocabulary.encode(np.array([], dtype=np.int64)).tolist() == []
    assert vocabulary.encode(pd.Series(["a", None])).tolist() == [1, 0]
    assert Vocabulary([1]).encode([2**64 - 1]).tolist() == [0]
    assert Vocabulary([2**64 - 1]).encode([-1, 2**64 - 1]).tolist() == [0, 1]


def test_arrays_keep_their_shape():
    vocabulary = Vocabulary([10, 20])
    assert vocabulary.encode(np.array([[10, 3], [20, 10]])).tolist() == [[1, 0], [2, 1]]
    assert vocabulary.decode(np.array([[1, 2]])).tolist() == [[10, 20]]
    assert vocabulary.decode(np.zeros((0, 3), dtype=np.int32)).shape == (0, 3)


def test_what_decode_returns():
    assert Vocabulary([10, 20]).decode([2, 1]).dtype == np.int64
    assert Vocabulary([10, 20]).decode([2, 0]).tolist() == [20, None]
    assert Vocabulary(["a"]).decode([1]).dtype == object
    assert Vocabulary(["a"]).decode([]).tolist() == []


@pytest.mark.parametrize("codes", [[3], [-1], [0.5], ["a"]])
def test_codes_that_are_none(codes):
    with pytest.raises(DataError, match="integer codes from 0 to 2"):
        Vocabulary(["a", "b"]).decode(codes)


@pytest.mark.parametrize(
    ("ids", "match"),
    [
        ([1, 2], "holds str ids, such as 'a'; received int ids, such as 1.*pl.String"),
        ([b"a"], "received bytes ids"),
        ([1.0], "Int64"),
        ([["a"]], "encode_lists"),
        (["a", 1], "received str .* at place 1, int"),
        ("a", "single value"),
    ],
)
def test_ids_of_another_kind_are_an_error(ids, match):
    with pytest.raises(DataError, match=match):
        Vocabulary(["a"]).encode(ids)


def test_digits_are_no_integers():
    with pytest.raises(DataError, match=r"holds int ids, such as 1; received str.*cast\(pl.Int64"):
        Vocabulary([1]).encode(["1"])


def test_lists_are_encoded_into_a_rectangle():
    vocabulary = Vocabulary(["a", "b", "c"])
    lists = [["a", "x", "b", "c"], [], None, ["c", None]]
    assert vocabulary.encode_lists(lists).tolist() == [[1, 2, 3], [0] * 3, [0] * 3, [3, 0, 0]]
    assert vocabulary.encode_lists(lists, length=2)[0].tolist() == [2, 3]
    assert vocabulary.encode_lists(lists, length=2, keep="first")[0].tolist() == [1, 2]
    assert vocabulary.encode_lists([[], []]).tolist() == [[0], [0]]
    assert vocabulary.encode_lists([None]).tolist() == [[0]]
    assert vocabulary.encode_lists([]).shape == (0, 1)
    assert vocabulary.encode_lists([["x"]], length=3).shape == (1, 3)
    with pytest.raises(DataError, match="list of ids in each row"):
        vocabulary.encode_lists(["a"])


def test_nested_columns_are_flattened_by_fit():
    assert Vocabulary.fit([["b"], None, ["a", "a", None]]).ids.tolist() == ["a", "b"]


@pytest.mark.parametrize(
    ("ids", "match"),
    [
        ([], "at least one id"),
        ([None], "at least one id"),
        (["a", None], "missing values"),
        ([["a"], ["b", "c"]], "missing values or lists"),
        (["b", "a", "b"], "'b' comes twice"),
        ([1.5], "received Float64"),
    ],
)
def test_what_a_vocabulary_is_not_made_of(ids, match):
    with pytest.raises(DataError, match=match):
        Vocabulary(ids)


def test_nothing_to_fit():
    for ids in ([], [None], [[]]):
        with pytest.raises(DataError, match="No ids are left"):
            Vocabulary.fit(ids)


@pytest.mark.parametrize(
    "options", [{"order": "size"}, {"min_count": 0}, {"max_size": 0}, {"max_size": 2.0}]
)
def test_options_out_of_range(options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        Vocabulary.fit(["a"], **options)


def test_extend_checks_the_kind():
    with pytest.raises(DataError, match="received int"):
        Vocabulary(["a"]).extend([1])
    assert Vocabulary([1]).extend([2**64 - 1]).ids.tolist() == [1, 2**64 - 1]
    with pytest.raises(DataError, match="64 bits"):
        Vocabulary([-1]).extend([2**64 - 1])
