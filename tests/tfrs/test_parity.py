"""The same lines give the same values as tensorflow-recommenders itself gave (`make_golden.py`)."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import keras
import numpy as np
import pytest

from shortlist import tfrs

pytestmark = pytest.mark.backend

HERE = Path(__file__).parent
GOLDEN = json.loads((HERE / "golden.json").read_text(encoding="utf-8"))


def load():
    spec = importlib.util.spec_from_file_location("tfrs_cases", HERE / "cases.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


cases = load()


def close(got, expected):
    assert len(got) == len(expected)
    for mine, theirs in zip(got, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=2e-5, atol=1e-5)


def test_the_values_are_those_of_the_version_we_follow():
    assert GOLDEN["version"] == "v0.7.7"
    assert set(GOLDEN["cases"]) == {
        *cases.CASES,
        "factorized-scores",
        "factorized-ids",
        "movielens-evaluate",
        "movielens-lists",
    }


@pytest.mark.parametrize("name", cases.CASES)
def test_the_same_program_gives_the_same_values(name):
    close(cases.CASES[name](tfrs, keras), GOLDEN["cases"][name])


def test_factorized_top_k_gives_the_same_values():
    corpus = [cases.CORPUS[:7], cases.CORPUS[7:]]
    scores = cases.factorized(tfrs, corpus, layer=False, ids=False)
    close(scores, GOLDEN["cases"]["factorized-scores"])
    close(cases.factorized(tfrs, corpus, layer=True, ids=True), GOLDEN["cases"]["factorized-ids"])


def take(table, ids):
    return keras.ops.take(keras.ops.convert_to_tensor(table), ids, axis=0)


def test_the_helpers_of_movielens_give_the_same_values():
    movielens = tfrs.examples.movielens
    got = cases.evaluated(movielens, lambda columns: columns, take)
    close([got], [GOLDEN["cases"]["movielens-evaluate"]])
    lists = movielens.sample_listwise(cases.RATINGS, 3, 5, seed=42)
    if not isinstance(lists, dict):
        lists = next(lists.batch(100).as_numpy_iterator())
    close([cases.flat(lists[n]) for n in cases.RATINGS], GOLDEN["cases"]["movielens-lists"])
