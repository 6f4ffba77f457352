from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from shortlist._backend.products import products, rows_at

pytestmark = pytest.mark.backend

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_products_are_those_of_all_pairs_of_rows(dtype):
    queries, candidates = (RNG.normal(size=(n, 4)).astype(dtype) for n in (3, 7))
    for given in (candidates, keras.Variable(candidates, dtype=dtype)):
        found = ops.convert_to_numpy(products(queries, given))
        np.testing.assert_allclose(found, queries @ candidates.T, rtol=1e-2, atol=1e-2)


def test_rows_keep_the_shape_of_their_places():
    values, places = np.arange(10) * 2, np.array([[3, 0], [9, 9]], dtype="int32")
    found = rows_at(ops.convert_to_tensor(values), ops.convert_to_tensor(places))
    np.testing.assert_array_equal(ops.convert_to_numpy(found), values[places])
