import numpy as np
import pytest
from keras import ops

from shortlist.errors import ConfigError
from shortlist.layers import InteractingAttention

pytestmark = pytest.mark.backend

FIELDS = np.random.default_rng(1).normal(size=(4, 5, 3)).astype("float32")
MASK = np.array([[1, 1, 1, 0, 0], [1, 0, 1, 1, 1], [0] * 5, [1] * 5], bool)


def naive(layer, weights, fields, mask):
    """The formula, one example, head and field at a time."""
    query, key, value, *residual = weights
    units, heads = layer.units, layer.heads
    found = np.zeros((*fields.shape[:2], heads * units))
    for b, example in enumerate(fields.astype("float64")):
        for m in np.flatnonzero(mask[b]):
            for h in range(heads):
                part = slice(h * units, (h + 1) * units)
                there = np.flatnonzero(mask[b])
                scores = np.array(
                    [(example[m] @ query[:, part]) @ (example[k] @ key[:, part]) for k in there]
                )
                if layer.scaled:
                    scores /= np.sqrt(units)
                weight = np.exp(scores) / np.exp(scores).sum()
                found[b, m, part] = sum(
                    w * (example[k] @ value[:, part]) for w, k in zip(weight, there, strict=True)
                )
            if residual:
                found[b, m] += example[m] @ residual[0]
    return np.maximum(found, 0)


@pytest.mark.parametrize("options", [{}, {"residual": False}, {"scaled": True}])
@pytest.mark.parametrize("masked", [False, True])
def test_equals_the_formula(randomized, options, masked):
    layer = InteractingAttention(units=2, heads=3, **options)
    weights = randomized(layer, FIELDS)
    mask = MASK if masked else np.ones_like(MASK)
    found = layer(FIELDS, mask=MASK) if masked else layer(FIELDS)
    expected = naive(layer, weights, FIELDS, mask)
    np.testing.assert_allclose(ops.convert_to_numpy(found), expected, rtol=1e-4, atol=1e-5)


def test_fields_have_no_order():
    layer = InteractingAttention(units=2)
    order = np.array([3, 1, 0, 4, 2])
    found, expected = layer(FIELDS[:, order]), ops.convert_to_numpy(layer(FIELDS))[:, order]
    np.testing.assert_allclose(ops.convert_to_numpy(found), expected, rtol=1e-5, atol=1e-6)


def test_it_is_a_good_layer(conforms):
    conforms(InteractingAttention(units=2, heads=3), FIELDS)


def test_what_is_refused():
    with pytest.raises(ConfigError, match="heads=0"):
        InteractingAttention(heads=0)
