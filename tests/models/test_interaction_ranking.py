import keras
import numpy as np
import pytest
from keras import ops

from shortlist.errors import DataError, SchemaError
from shortlist.layers import (
    MLP,
    CompositeOptimizer,
    Cross,
    FeatureConfig,
    PartialTPUEmbedding,
    TableConfig,
)
from shortlist.models import InteractionRanking
from shortlist.tasks import Ranking

pytestmark = pytest.mark.backend

RNG = np.random.default_rng(9)
ROWS = 10
FEATURES = {
    "dense_features": RNG.normal(size=(ROWS, 3)).astype("float32"),
    "sparse_features": {
        "a": RNG.integers(0, 5, ROWS).astype("int32"),
        # The keeper of a single id as a list of one.
        "b": RNG.integers(0, 7, (ROWS, 1)).astype("int32"),
    },
}
LABELS = (RNG.random(ROWS) < 0.5).astype("float32")


def model(**options):
    config = {"a": FeatureConfig(TableConfig(5, 16)), "b": FeatureConfig(TableConfig(7, 16))}
    return InteractionRanking(PartialTPUEmbedding(config, None), **options)


@pytest.mark.parametrize("size", [1, 2, ROWS])
def test_a_batch_of_any_size_scores_each_example_alone(size):
    network = model()
    features = keras.tree.map_structure(lambda x: x[:size], FEATURES)
    scores = ops.convert_to_numpy(network(features))
    assert scores.shape == (size,)
    whole = ops.convert_to_numpy(network(FEATURES))
    np.testing.assert_allclose(scores, whole[:size], rtol=1e-5, atol=1e-6)
    assert np.all((scores > 0) & (scores < 1))


def test_it_trains_and_logs_its_metrics():
    network = model()
    network.compile(keras.optimizers.Adam(0.01))
    logs = network.fit((FEATURES, LABELS), batch_size=3, epochs=8, verbose=0).history
    assert {"auc", "accuracy", "prediction_mean", "label_mean", "loss"} <= set(logs)
    assert logs["loss"][-1] < logs["loss"][0]
    assert logs["label_mean"][0] == pytest.approx(LABELS.mean(), abs=1e-6)


def test_the_blocks_can_be_changed_and_the_optimizers_differ():
    interaction = keras.Sequential([keras.layers.Concatenate(), Cross()])
    network = model(
        feature_interaction=interaction,
        bottom_stack=MLP([8, 16]),
        top_stack=MLP([4, 1]),
        concat_dense=False,
        task=Ranking(loss=keras.losses.MeanSquaredError()),
    )
    optimizer = CompositeOptimizer(
        [
            (keras.optimizers.SGD(0.1), lambda: network.embedding_trainable_variables),
            (keras.optimizers.Adam(0.01), lambda: network.dense_trainable_variables),
        ]
    )
    network.compile(optimizer)
    logs = network.fit((FEATURES, LABELS), batch_size=4, epochs=5, verbose=0).history
    assert logs["loss"][-1] < logs["loss"][0]
    assert len(network.embedding_trainable_variables) == 2
    assert len(network.dense_trainable_variables) == len(network.trainable_variables) - 2


def test_weights_weigh_each_example():
    network = model()
    weights = np.zeros(ROWS, "float32")
    weights[3] = ROWS
    loss = float(ops.convert_to_numpy(network.compute_loss((FEATURES, LABELS, weights))))
    score = ops.convert_to_numpy(network(FEATURES))[3]
    expected = -np.log(score if LABELS[3] else 1 - score)
    assert loss == pytest.approx(expected, rel=1e-4)


def test_what_is_refused():
    with pytest.raises(DataError, match="received 1 parts"):
        model().compute_loss((FEATURES,))
    with pytest.raises(SchemaError, match="Did you mean 'dense_feature'"):
        model().call({"dense_feature": FEATURES["dense_features"]})
