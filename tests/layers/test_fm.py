import itertools

import keras
import numpy as np
import pytest
from keras import ops

from shortlist.errors import DataError
from shortlist.layers import FM

pytestmark = pytest.mark.backend

VECTORS = np.random.default_rng(1).normal(size=(4, 5, 3))


def naive(vectors):
    return np.array(
        [
            sum(
                (row[i] * row[j] for i, j in itertools.combinations(range(len(row)), 2)), 0 * row[0]
            )
            for row in vectors
        ]
    )


def test_equals_the_sum_over_all_pairs():
    found = ops.convert_to_numpy(FM()(VECTORS.astype("float32")))
    np.testing.assert_allclose(found[:, 0], naive(VECTORS).sum(axis=1), rtol=1e-5, atol=1e-5)
    pooled = ops.convert_to_numpy(FM(pooled=True)(VECTORS.astype("float32")))
    np.testing.assert_allclose(pooled, naive(VECTORS), rtol=1e-5, atol=1e-5)


def test_masked_features_do_not_count():
    mask = np.array([[True, False, True, True, False]] * 4)
    found = ops.convert_to_numpy(FM()(VECTORS.astype("float32"), mask=mask))
    expected = naive(VECTORS[:, mask[0]]).sum(axis=1)
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-5, atol=1e-5)


def test_half_precision_does_not_lose_the_difference_of_large_sums():
    # 0.5 * (100^2 - (50^2 + 50^2)) = 2500, though 100^2 * D overflows nothing only in float32.
    vectors = np.full((1, 2, 8), 50.0, "float32")
    found = FM(dtype="mixed_float16")(vectors)
    assert ops.convert_to_numpy(found)[0, 0] == 20000.0


def test_it_is_a_good_layer(conforms):
    conforms(FM(), VECTORS.astype("float32"))
    conforms(FM(pooled=True), VECTORS.astype("float32"))


def test_the_shape_is_checked():
    with pytest.raises(DataError, match=r"expected one tensor .* received one of shape \(4, 5\)"):
        FM()(np.ones((4, 5), "float32"))
    assert FM()(keras.Input((3, 4))).shape == (None, 1)
