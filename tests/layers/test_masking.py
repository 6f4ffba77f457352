import numpy as np
import pytest
from keras import ops

from shortlist.layers._masking import masked_softmax

pytestmark = pytest.mark.backend


def test_masked_equals_shortened():
    scores = np.random.default_rng(0).normal(size=(3, 5)).astype("float32")
    mask = np.array([[True, True, False, True, False]] * 3)
    found = ops.convert_to_numpy(masked_softmax(scores, mask))
    short = ops.convert_to_numpy(masked_softmax(scores[:, mask[0]]))
    np.testing.assert_allclose(found[:, mask[0]], short, rtol=1e-6)
    assert not found[:, ~mask[0]].any()


def test_half_precision_and_large_scores():
    scores = np.array([[6e4, 0.0], [-6e4, -6e4]], "float16")
    found = ops.convert_to_numpy(masked_softmax(scores))
    assert found.dtype == np.float16
    assert found.tolist() == [[1.0, 0.0], [0.5, 0.5]]


def test_one_place_has_all_the_weight_or_nothing_at_all():
    scores = np.array([[3.0], [4.0]], "float32")
    assert ops.convert_to_numpy(masked_softmax(scores)).tolist() == [[1.0], [1.0]]
    mask = np.array([[True], [False]])
    assert ops.convert_to_numpy(masked_softmax(scores, mask)).tolist() == [[1.0], [0.0]]
