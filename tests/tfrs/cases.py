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
}


def factorized(tfrs, corpus, layer, ids):
    """``layer``: the corpus comes through a BruteForce; ``ids``: the true ones are found by id."""
    if layer:
        corpus = tfrs.layers.factorized_top_k.BruteForce().index(CORPUS, np.arange(100, 140))
    metric = tfrs.metrics.FactorizedTopK(corpus, ks=(1, 3, 10, 20))
    options = {"true_candidate_ids": 100 + ROWS} if ids else {}
    metric.update_state(QUERIES, CORPUS[ROWS], sample_weight=WEIGHT, **options)
    result = metric.result()
    return [float(x) for x in (result.values() if isinstance(result, dict) else result)]
