from __future__ import annotations

import importlib.util
import sys

import numpy as np
import pytest

from shortlist.errors import BundleError
from shortlist.index import Exact, Scann
from shortlist.index.scann import load_scann
from shortlist.index.tuning import overlap
from shortlist.testing import IndexTests

# A plain import would fail beside a TensorFlow of another release; ours does not.
if importlib.util.find_spec("scann") is None:
    pytest.skip("scann is not installed", allow_module_level=True)


class TestFlat(IndexTests):
    def make(self):
        return Scann()


class TestParts(IndexTests):
    def make(self):
        return Scann(kind="ivf")


def test_it_is_loaded_without_tensorflow():
    before = sys.modules.get("tensorflow")
    assert hasattr(load_scann(), "builder")
    assert sys.modules.get("tensorflow") is before


def test_tune_and_filters_and_storage(tmp_path):
    draw = np.random.default_rng(0)
    centres = draw.standard_normal((40, 16))
    vectors = centres[draw.integers(0, 40, 6000)] + 0.6 * draw.standard_normal((6000, 16))
    queries = centres[draw.integers(0, 40, 300)] + 0.6 * draw.standard_normal((300, 16))
    index, exact = (e.build(vectors, np.arange(6000)) for e in (Scann(kind="ivf"), Exact()))
    assert index.tune(0.95, k=20, queries=queries).reached
    allow = np.flatnonzero(draw.random(6000) < 0.3)
    for filters in ({}, {"allow": allow}, {"deny": allow}, {"deny": [allow[:200]] * 300}):
        found, true = (i.search(queries, 20, **filters).ids for i in (index, exact))
        assert overlap(found, true).mean() > 0.93
    index.save(tmp_path / "index")
    again = Scann.load(tmp_path / "index")
    assert again.search(queries, 20).lists() == index.search(queries, 20).lists()
    with pytest.raises(BundleError, match="engine"):
        Exact.load(tmp_path / "index")
