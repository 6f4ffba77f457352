"""What is run by TensorFlow Recommenders, to be recorded, and by us, to be compared.

Every case is written against ``tfrs`` and ``keras`` as they are handed over, so that both sides run
the same lines. Nothing here needs more than NumPy.
"""

from __future__ import annotations

import numpy as np

RNG = np.random.default_rng(7)
QUERIES = RNG.normal(size=(6, 4)).astype("float32")
HEADS = RNG.normal(size=(6, 3, 4)).astype("float32")
CANDIDATES = RNG.normal(size=(9, 4)).astype("float32")
CORPUS = RNG.normal(size=(40, 4)).astype("float32")
ROWS = RNG.integers(0, 40, 6)
IDS = np.array([1, 2, 3, 1, 2, 4, 1, 2, 9], dtype="int64")
WEIGHT = RNG.random(6).astype("float32")
PROBABILITY = RNG.random(9).astype("float32")
MASK = (RNG.random((6, 9)) < 0.6) | np.eye(6, 9, dtype=bool)
LABELS = (RNG.random(6) < 0.5).astype("float32")
PREDICTIONS = RNG.uniform(0.05, 0.95, 6).astype("float32")

CALLS = {
    "plain": {},
    "weighted": {"sample_weight": WEIGHT},
    "corrected": {"candidate_sampling_probability": PROBABILITY},
    "masked": {"score_mask": MASK},
    "all": {
        "sample_weight": WEIGHT,
        "candidate_sampling_probability": PROBABILITY,
        "score_mask": MASK,
    },
}
OPTIONS = {
    "plain": {},
    "temperature": {"temperature": 0.3},
    "hard": {"num_hard_negatives": 3},
    "accidental": {"remove_accidental_hits": True},
    "all": {"temperature": 0.3, "num_hard_negatives": 3, "remove_accidental_hits": True},
}


def retrieval(tfrs, keras, options, call):
    task = tfrs.tasks.Retrieval(**OPTIONS[options])
    arguments = {**CALLS[call], "candidate_ids": IDS}
    return [float(task(QUERIES, CANDIDATES, **arguments))]


def heads(tfrs, keras):
    return [float(tfrs.tasks.Retrieval(temperature=0.5)(HEADS, CANDIDATES))]


def own_loss(tfrs, keras):
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    return [float(tfrs.tasks.Retrieval(loss=loss)(QUERIES, CANDIDATES, sample_weight=WEIGHT))]


def batch_metrics(tfrs, keras):
    accuracy = keras.metrics.TopKCategoricalAccuracy(k=2)
    total = keras.metrics.Sum()
    task = tfrs.tasks.Retrieval(batch_metrics=[accuracy], loss_metrics=[total])
    task(QUERIES, CANDIDATES, sample_weight=WEIGHT)
    return [float(accuracy.result()), float(total.result())]


def ranking(tfrs, keras):
    error = keras.metrics.RootMeanSquaredError()
    mean = keras.metrics.Mean()
    task = tfrs.tasks.Ranking(metrics=[error], prediction_metrics=[mean])
    loss = task(labels=LABELS[:, None], predictions=PREDICTIONS[:, None], sample_weight=WEIGHT)
    return [float(loss), float(error.result()), float(mean.result())]


def brute_force(tfrs, keras):
    layer = tfrs.layers.factorized_top_k.BruteForce(k=4)
    layer.index(CORPUS, np.arange(100, 140))
    scores, found = layer(QUERIES)
    _, without = layer.query_with_exclusions(QUERIES, np.array(found)[:, [0, 2]], k=3)
    return [np.array(x, dtype="float64").ravel().tolist() for x in (scores, found, without)]


def hard_negatives(tfrs, keras):
    logits = QUERIES @ CANDIDATES.T
    layer = tfrs.layers.loss.HardNegativeMining(3)
    kept, labels = (np.array(x) for x in layer(logits, np.eye(6, 9, dtype="float32")))
    # The order within a row is not said.
    order = np.argsort(kept, axis=1)
    return [np.take_along_axis(x, order, 1).ravel().tolist() for x in (kept, labels)]


def accidental_hits(tfrs, keras):
    logits = QUERIES @ CANDIDATES.T
    layer = tfrs.layers.loss.RemoveAccidentalHits()
    changed = np.array(layer(np.eye(6, 9, dtype="float32"), logits, IDS))
    return [np.maximum(changed, -100.0).ravel().tolist()]


def correction(tfrs, keras):
    layer = tfrs.layers.loss.SamplingProbablityCorrection()
    return [np.array(layer(QUERIES @ CANDIDATES.T, PROBABILITY)).ravel().tolist()]


TABLE = RNG.normal(size=(40, 4)).astype("float32")
LISTS = np.array([[1, 2, 0], [3, 0, 0], [0, 0, 0], [5, 5, 7]], dtype="int32")
LIST_WEIGHTS = np.array([[1, 2, 0], [0.5, 0, 0], [0, 0, 0], [1, 0.5, 3]], dtype="float32")
GRADIENTS = RNG.normal(size=(3, 6, 4)).astype("float32")
CLIPPY = {
    "plain": {},
    "clipped": {"clip_accumulator_update": True},
    "standard": {"use_standard_accumulator_update": True},
    "thresholds": {"accumulator_relative_threshold": 0.01, "variable_relative_threshold": 0.5},
}
RATINGS = {
    "user_id": RNG.integers(0, 5, 60),
    "movie_title": RNG.permutation(60),
    "user_rating": RNG.integers(1, 6, 60).astype("float32"),
}


def flat(value):
    value = value.detach() if hasattr(value, "detach") else value  # a tensor of PyTorch
    return np.array(value, dtype="float64").ravel().tolist()


def tensor(keras, value):
    if hasattr(keras, "ops"):
        return keras.ops.convert_to_tensor(value)
    import tensorflow as tf

    return tf.constant(value)


def weights(shapes):
    rng = np.random.default_rng(11)
    return [rng.normal(size=shape).astype("float32") for shape in shapes]


def mlp(tfrs, keras):
    layer = tfrs.layers.blocks.MLP([5, 2], activation="tanh", final_activation="sigmoid")
    layer(QUERIES)
    layer.set_weights(weights([(4, 5), (5,), (5, 2), (2,)]))
    return [flat(layer(QUERIES))]


def dot_interaction(tfrs, keras, own, skip):
    layer = tfrs.layers.feature_interaction.DotInteraction(own, skip)
    return [flat(layer([tensor(keras, HEADS[:, i]) for i in range(3)]))]


def cross(tfrs, keras, rank):
    layer = tfrs.layers.feature_interaction.Cross(rank, 0.1, preactivation="relu")
    layer(QUERIES, HEADS[:, 0])
    kernels = [(4, 4)] if rank is None else [(4, rank), (rank, 4)]
    layer.set_weights(weights([*kernels, (4,)]))
    return [flat(layer(QUERIES, HEADS[:, 0]))]


def multi_layer_dcn(tfrs, keras):
    layer = tfrs.layers.feature_interaction.MultiLayerDCN(projection_dim=2)
    layer(QUERIES)
    made = weights([(4, 2), (2, 4), (4,)] * 3)
    if hasattr(layer, "_dense_u_kernels"):  # kept in another order there
        made = made[0::3] + [w for i in range(3) for w in made[3 * i + 1 : 3 * i + 3]]
    layer.set_weights(made)
    return [flat(layer(QUERIES))]


def configs(tfrs):
    """The configuration classes: ours, or those of TensorFlow."""
    if hasattr(tfrs.layers.embedding, "TableConfig"):
        return tfrs.layers.embedding
    import tensorflow as tf

    return tf.tpu.experimental.embedding


def fill(layer):
    for config, table in layer.embedding_tables.items():
        table.assign(TABLE[: config.vocabulary_size] * (1 + int(config.name[-1])))


def tpu_embedding(tfrs, keras, combiner):
    made = configs(tfrs)
    table = made.TableConfig(vocabulary_size=20, dim=4, combiner=combiner, name="t0")
    layer = tfrs.layers.embedding.TPUEmbedding(
        {"one": made.FeatureConfig(table=table), "list": made.FeatureConfig(table=table)}, None
    )
    ids, given = LISTS, LIST_WEIGHTS
    if made is not tfrs.layers.embedding:  # lists are ragged there
        import tensorflow as tf

        kept = LISTS > 0
        ids = tf.ragged.boolean_mask(LISTS, kept)
        given = tf.ragged.boolean_mask(LIST_WEIGHTS, kept)
    one = tensor(keras, LISTS[:, 0])
    layer({"one": one, "list": ids}, {"one": None, "list": given})
    fill(layer)
    found = layer({"one": one, "list": ids}, {"one": None, "list": given})
    return [flat(found["one"]), flat(found["list"])]


def unified_embedding(tfrs, keras):
    from importlib import import_module

    module = import_module(f"{tfrs.__name__}.layers.feature_multiplexing")
    config = module.UnifiedEmbeddingConfig(30, 4, 2, "all")
    config.add_feature("b", 3)
    config.add_feature("a", 2)
    layer = module.UnifiedEmbedding(config, None)
    features = {
        "a": tensor(keras, LISTS[:, 0]),
        "b": tensor(keras, LISTS * 12345),
    }
    layer(features)
    fill(layer._embedding_layer)
    return [flat(x) for x in layer(features)]


def variable(keras, value):
    if hasattr(keras, "Variable"):
        return keras.Variable(value)
    import tensorflow as tf

    return tf.Variable(value)


def clippy(tfrs, keras, options):
    optimizer = tfrs.experimental.optimizers.ClippyAdagrad(
        0.7, export_clipping_factors=True, **CLIPPY[options]
    )
    weight = variable(keras, QUERIES)
    for gradient in GRADIENTS:
        optimizer.apply_gradients([(tensor(keras, gradient), weight)])
    return [flat(weight), flat(optimizer.clipping_factors[0])]


def composite(tfrs, keras):
    kinds = keras.optimizers if hasattr(keras, "ops") else keras.optimizers.legacy
    first, second = variable(keras, QUERIES), variable(keras, QUERIES)
    optimizer = tfrs.experimental.optimizers.CompositeOptimizer(
        [(kinds.Adam(0.1), lambda: [first]), (kinds.SGD(0.5), lambda: [second])]
    )
    for gradient in (tensor(keras, g) for g in GRADIENTS):
        optimizer.apply_gradients([(gradient, first), (gradient, second)])
    return [flat(first), flat(second), [int(optimizer.iterations)]]


def ranking_model(tfrs, keras):
    dense = tfrs.layers.blocks.MLP([4])
    top = tfrs.layers.blocks.MLP([3, 1], final_activation="sigmoid")
    model = tfrs.experimental.models.Ranking(
        lambda sparse: {name: TABLE[np.array(ids)] for name, ids in sparse.items()},
        dense,
        None,
        top,
    )
    features = {
        "dense_features": tensor(keras, QUERIES),
        "sparse_features": {"a": np.arange(6), "b": np.arange(6) + 9},
    }
    model.call(features)
    dense.set_weights(weights([(4, 4), (4,)]))
    top.set_weights(weights([(7, 3), (3,), (3, 1), (1,)]))
    return [flat(model.call(features))]


CASES = {
    **{
        f"retrieval-{options}-{call}": lambda tfrs, keras, o=options, c=call: retrieval(
            tfrs, keras, o, c
        )
        for options in OPTIONS
        for call in CALLS
    },
    "heads": heads,
    "own_loss": own_loss,
    "batch_metrics": batch_metrics,
    "ranking": ranking,
    "brute_force": brute_force,
    "hard_negatives": hard_negatives,
    "accidental_hits": accidental_hits,
    "correction": correction,
    "mlp": mlp,
    **{
        f"dot_interaction-{own}-{skip}": lambda tfrs, keras, o=own, s=skip: dot_interaction(
            tfrs, keras, o, s
        )
        for own in (False, True)
        for skip in (False, True)
    },
    **{f"cross-{rank}": lambda tfrs, keras, r=rank: cross(tfrs, keras, r) for rank in (None, 2)},
    "multi_layer_dcn": multi_layer_dcn,
    **{
        f"tpu_embedding-{c}": lambda tfrs, keras, c=c: tpu_embedding(tfrs, keras, c)
        for c in ("mean", "sum", "sqrtn")
    },
    "unified_embedding": unified_embedding,
    **{f"clippy-{name}": lambda tfrs, keras, n=name: clippy(tfrs, keras, n) for name in CLIPPY},
    "composite": composite,
    "ranking_model": ranking_model,
}


def factorized(tfrs, corpus, layer, ids):
    """``layer``: the corpus comes through a BruteForce; ``ids``: the true ones are found by id."""
    if layer:
        corpus = tfrs.layers.factorized_top_k.BruteForce().index(CORPUS, np.arange(100, 140))
    metric = tfrs.metrics.FactorizedTopK(corpus, ks=(1, 3, 10, 20))
    options = {"true_candidate_ids": 100 + ROWS} if ids else {}
    metric.update_state(QUERIES, CORPUS[ROWS], sample_weight=WEIGHT, **options)
    result = metric.result()
    return [float(x) for x in result]


def evaluated(movielens, data, take):
    """``data`` makes a data set of columns, ``take`` looks rows of an array up."""
    pairs = {"user_id": RATINGS["user_id"], "movie_id": RATINGS["movie_title"] % 40}
    test, train = ({n: x[part] for n, x in pairs.items()} for part in (slice(30), slice(30, 60)))
    found = movielens.evaluate(
        lambda rows: take(TABLE, rows["user_id"]),
        lambda rows: take(CORPUS, rows["movie_id"]),
        data(test),
        data({"movie_id": np.arange(40)}),
        data(train),
    )
    return [float(found["precision_at_k"]), float(found["recall_at_k"])]
