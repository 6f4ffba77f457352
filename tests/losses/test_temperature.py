from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from shortlist.errors import ConfigError
from shortlist.losses import LearnedTemperature

pytestmark = pytest.mark.backend


def test_it_divides_and_never_falls_below_its_minimum():
    layer = LearnedTemperature(0.5, minimum=0.1)
    scores = np.ones((2, 3), dtype="float32")
    np.testing.assert_allclose(ops.convert_to_numpy(layer(scores)), 2 * scores, rtol=1e-6)
    layer.set_weights([np.float32(-50.0)])
    np.testing.assert_allclose(ops.convert_to_numpy(layer.value), 0.1, rtol=1e-5)


def test_it_is_rebuilt_from_its_configuration():
    layer = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(LearnedTemperature(0.5, minimum=0.1))
    )
    assert (layer.initial, layer.minimum) == (0.5, 0.1)


@pytest.mark.parametrize(("initial", "minimum"), [(0.1, 0.2), (0.1, 0.0), (-1.0, -2.0)])
def test_values_that_are_not_positive_are_refused(initial, minimum):
    with pytest.raises(ConfigError, match="0 < minimum <= initial"):
        LearnedTemperature(initial, minimum=minimum)
