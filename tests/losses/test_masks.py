import keras
import numpy as np
import pytest

from shortlist.losses.masks import unseen_mask

pytestmark = pytest.mark.backend


@pytest.mark.parametrize("seed", range(5))
def test_equals_membership(seed):
    rng = np.random.default_rng(seed)
    candidates = rng.integers(0, 20, size=31)
    seen = rng.integers(0, 30, size=(9, 6))
    mask = keras.ops.convert_to_numpy(unseen_mask(candidates, seen))
    expected = [[c not in row for c in candidates.tolist()] for row in seen.tolist()]
    assert mask.tolist() == expected


def test_one_query_and_one_candidate():
    mask = keras.ops.convert_to_numpy(unseen_mask(np.array([7]), np.array([[0, 9]])))
    assert mask.tolist() == [[True]]
