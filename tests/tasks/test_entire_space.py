from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

from shortlist.tasks import entire_space_labels, entire_space_logits

pytestmark = pytest.mark.backend


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


@given(st.floats(-8, 8), st.floats(-8, 8))
def test_it_is_the_logit_of_the_product(a, b):
    z = entire_space_logits(np.array([a], "float32"), np.array([b], "float32"))
    assert sigmoid(float(z[0])) == pytest.approx(sigmoid(a) * sigmoid(b), rel=1e-4)


def test_far_logits_neither_overflow_nor_saturate():
    a, b = np.array([-200.0, 200.0, 200.0], "float32"), np.array([-200.0, 200.0, -5.0], "float32")
    z = ops.convert_to_numpy(entire_space_logits(a, b))
    np.testing.assert_allclose(z, [-400.0, 200.0 - np.log(2), -5.0], rtol=1e-6)


def test_labels_are_missing_only_where_nothing_can_be_said():
    clicks = np.array([0, 0, 0, 1, 1, 1, np.nan])
    conversions = np.array([0, 1, np.nan, 0, 1, np.nan, 0])
    expected = [0, 0, 0, 0, 1, np.nan, np.nan]
    got = ops.convert_to_numpy(entire_space_labels(clicks, conversions))
    np.testing.assert_array_equal(got, np.array(expected, "float32"))
