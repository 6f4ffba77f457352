from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from shortlist.errors import ConfigError, DataError
from shortlist.losses import (
    inverse_propensity_weights,
    position_propensity,
    sigmoid_cross_entropy_loss,
)

pytestmark = pytest.mark.backend


def test_propensity_falls_by_a_power_of_the_position():
    positions = np.array([[0, 1, 2], [4, 10, 100]], "int32")
    got = ops.convert_to_numpy(position_propensity(positions, eta=0.5))
    np.testing.assert_allclose(got, np.maximum(positions, 1.0) ** -0.5, rtol=1e-6)
    assert (ops.convert_to_numpy(position_propensity(positions, eta=0.0)) == 1).all()


def test_weighed_clicks_give_back_the_relevance():
    # Items of relevance 0.8, looked at half as often in the second place.
    rng = np.random.default_rng(0)
    positions = rng.integers(1, 3, 200_000)
    seen = position_propensity(positions.astype("int32"))
    clicks = (rng.random(200_000) < 0.8 * ops.convert_to_numpy(seen)).astype("float32")
    weight = ops.convert_to_numpy(inverse_propensity_weights(seen))
    assert np.mean(clicks) < 0.65
    assert np.mean(clicks * weight) == pytest.approx(0.8, abs=0.01)
    assert np.isfinite(float(sigmoid_cross_entropy_loss(clicks, 0 * clicks, weight)))


def test_values_outside_their_range_are_refused():
    with pytest.raises(ConfigError, match="eta"):
        position_propensity([1], eta=-1.0)
    with pytest.raises(DataError, match="received -1"):
        position_propensity([-1])
    with pytest.raises(ConfigError, match="clip"):
        inverse_propensity_weights([0.5], clip=0.0)
    with pytest.raises(DataError, match="from 0 to 1"):
        inverse_propensity_weights([1.5])
