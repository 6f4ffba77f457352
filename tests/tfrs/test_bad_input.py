"""What TensorFlow Recommenders refuses is refused with an error of the same kind."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from shortlist import tfrs
from shortlist.errors import ShortlistError

pytestmark = pytest.mark.backend

TWO = np.eye(2, dtype="float32")
top_k = tfrs.layers.factorized_top_k
optimizers = tfrs.experimental.optimizers


class Inexact:
    def is_exact(self):
        return False


def inexact_metric():
    tfrs.metrics.FactorizedTopK(Inexact()).update_state(TWO, TWO)


def no_compute_loss():
    tfrs.Model().compute_loss({}, training=True)


def ranking_of(*inputs):
    embeddings = keras.layers.Identity()
    tfrs.experimental.models.Ranking(embedding_layer=embeddings).compute_loss(inputs)


def composite():
    return optimizers.CompositeOptimizer([(keras.optimizers.SGD(), lambda: [])])


def unhandled():
    variable = keras.Variable(TWO)
    composite().apply([keras.ops.ones((2, 2))], [variable])


def handled_twice():
    variable = keras.Variable(TWO)
    parts = [(keras.optimizers.SGD(), lambda: [variable]) for _ in range(2)]
    optimizers.CompositeOptimizer(parts).apply([keras.ops.ones((2, 2))], [variable])


# What is done, the kind of error there, and the remedy in ours.
CASES = {
    "candidates of rank 1": (lambda: top_k.BruteForce().index(TWO[0]), ValueError, r"\[N, D\]"),
    "too few identifiers": (
        lambda: top_k.BruteForce().index(TWO, np.arange(1)),
        ValueError,
        "an identifier for each of the 2",
    ),
    "batches of three": (
        lambda: top_k.BruteForce().index_from_dataset([(TWO, TWO, TWO)]),
        ValueError,
        "pairs of identifiers and embeddings",
    ),
    "no candidates": (lambda: top_k.BruteForce()(TWO), ValueError, r"Call index\(\)"),
    "no stream": (lambda: top_k.Streaming()(TWO), ValueError, r"Call index_from_dataset\(\)"),
    "a stream of a matrix": (
        lambda: top_k.Streaming().index(TWO),
        NotImplementedError,
        "index_from_dataset",
    ),
    "an inexact layer without ids": (inexact_metric, ValueError, "Pass candidate_ids"),
    "accidental hits without ids": (
        lambda: tfrs.tasks.Retrieval(remove_accidental_hits=True)(TWO, TWO),
        ValueError,
        "Pass the id of each row",
    ),
    "a model without compute_loss": (no_compute_loss, NotImplementedError, "Write one"),
    "one input of a ranking": (lambda: ranking_of({}), ValueError, r"\(features, labels\)"),
    "four inputs of a ranking": (lambda: ranking_of({}, 1, 2, 3), ValueError, "sample weights"),
    "crosses of two widths": (
        lambda: tfrs.layers.dcn.Cross()(TWO, np.ones((2, 3), "float32")),
        ValueError,
        "one width",
    ),
    "a negative diagonal": (
        lambda: tfrs.layers.dcn.Cross(diag_scale=-1.0),
        ValueError,
        "at least 0",
    ),
    "dots of two widths": (
        lambda: tfrs.layers.feature_interaction.DotInteraction()([TWO, np.ones((2, 3), "float32")]),
        ValueError,
        "to one width",
    ),
    "no optimizers": (lambda: optimizers.CompositeOptimizer([]), ValueError, "received none"),
    "a variable without an optimizer": (unhandled, ValueError, "trainable=False"),
    "a variable with two optimizers": (handled_twice, ValueError, "each variable in one"),
    "a composite's configuration": (
        lambda: composite().get_config(),
        NotImplementedError,
        "save_weights",
    ),
    "both updates of an accumulator": (
        lambda: optimizers.ClippyAdagrad(
            clip_accumulator_update=True, use_standard_accumulator_update=True
        ),
        ValueError,
        "only one",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_refused_as_there_with_a_remedy(name):
    function, kind, remedy = CASES[name]
    with pytest.raises(kind, match=remedy) as caught:
        function()
    assert isinstance(caught.value, ShortlistError)
