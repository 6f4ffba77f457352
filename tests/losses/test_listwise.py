import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from shortlist.errors import DataError
from shortlist.losses.listwise import listwise_softmax

pytestmark = pytest.mark.backend


def naive(labels, logits, weights):
    losses = []
    for every, scores in zip(labels, logits, strict=True):
        y, z = every[every >= 0], scores[every >= 0]
        if y.sum() == 0:
            losses.append(0.0)
            continue
        losses.append(-np.sum(y / y.sum() * (z - np.log(np.exp(z).sum()))))
    return np.average(losses, weights=weights)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**31))
def test_equals_the_naive_formula(seed):
    rng = np.random.default_rng(seed)
    labels = rng.choice([-1.0, 0.0, 0.0, 1.0, 2.0], size=(4, 6))
    logits, weights = rng.normal(size=(4, 6)), rng.uniform(0.1, 2, size=4)
    loss = listwise_softmax(labels.astype("float32"), logits.astype("float32"))
    assert float(loss) == pytest.approx(naive(labels, logits, None), abs=1e-5)
    weighted = listwise_softmax(
        labels.astype("float32"), logits.astype("float32"), sample_weight=weights
    )
    assert float(weighted) == pytest.approx(naive(labels, logits, weights), abs=1e-5)


def test_a_masked_list_equals_the_shortened_one():
    labels = np.array([[1.0, 0.0, -1.0, -1.0]], "float32")
    logits = np.array([[0.3, 1.2, 50.0, -3.0]], "float32")
    whole = float(listwise_softmax(labels, logits))
    assert whole == pytest.approx(float(listwise_softmax(labels[:, :2], logits[:, :2])))


def test_empty_masked_and_weightless_lists_are_zero():
    logits = np.ones((2, 3), "float32")
    for labels in (np.full((2, 3), -1.0, "float32"), np.zeros((2, 3), "float32")):
        assert float(listwise_softmax(labels, logits)) == 0.0
    ones = np.ones((2, 3), "float32")
    assert float(listwise_softmax(ones, logits, sample_weight=np.zeros(2))) == 0.0


def test_a_list_of_one_is_zero_and_uniform_scores_are_log_l():
    assert float(listwise_softmax(np.ones((1, 1), "float32"), np.ones((1, 1), "float32"))) == 0.0
    labels = np.eye(8, dtype="float32")
    loss = listwise_softmax(labels, np.zeros((8, 8), "float32"))
    assert float(loss) == pytest.approx(np.log(8), abs=1e-6)


def test_shapes_that_differ_are_refused():
    with pytest.raises(DataError, match=r"\(2, 3\) and \(2, 4\)"):
        listwise_softmax(np.ones((2, 3), "float32"), ops.ones((2, 4)))
