from __future__ import annotations

import inspect

import numpy as np
import pytest

import shortlist
from shortlist import tfrs

pytestmark = pytest.mark.backend

# Arguments and defaults of TensorFlow Recommenders 0.7.7, self left out.
SIGNATURES = {
    "tasks.Ranking": "(loss=None, metrics=None, prediction_metrics=None, label_metrics=None, "
    "loss_metrics=None, name=None)",
    "tasks.Retrieval": "(loss=None, metrics=None, batch_metrics=None, loss_metrics=None, "
    "temperature=None, num_hard_negatives=None, remove_accidental_hits=False, name=None)",
    "metrics.FactorizedTopK": "(candidates, ks=(1, 5, 10, 50, 100), name='factorized_top_k')",
    "layers.factorized_top_k.BruteForce": "(query_model=None, k=10, name=None)",
    "layers.factorized_top_k.Streaming": "(query_model=None, k=10, handle_incomplete_batches=True, "
    "num_parallel_calls=-1, sorted_order=True)",
}
CALLS = {
    "tasks.Ranking.call": "(labels, predictions, sample_weight=None, training=False, "
    "compute_metrics=True)",
    "tasks.Retrieval.call": "(query_embeddings, candidate_embeddings, sample_weight=None, "
    "candidate_sampling_probability=None, candidate_ids=None, compute_metrics=True, "
    "compute_batch_metrics=True, score_mask=None)",
    "metrics.FactorizedTopK.update_state": "(query_embeddings, true_candidate_embeddings, "
    "true_candidate_ids=None, sample_weight=None)",
    "layers.factorized_top_k.TopK.call": "(queries, k=None)",
    "layers.factorized_top_k.TopK.index": "(candidates, identifiers=None)",
    "layers.factorized_top_k.TopK.index_from_dataset": "(candidates)",
    "layers.factorized_top_k.TopK.query_with_exclusions": "(queries, exclusions, k=None)",
    "layers.factorized_top_k.TopK.is_exact": "()",
}


def named(path):
    value = tfrs
    for part in path.split("."):
        value = getattr(value, part)
    return value


def bare(function):
    """The positional part of a signature: what we add is by keyword only."""
    parameters = [
        p.replace(annotation=p.empty)
        for p in inspect.signature(function).parameters.values()
        if p.name != "self" and p.kind is p.POSITIONAL_OR_KEYWORD
    ]
    return str(inspect.Signature(parameters))


@pytest.mark.parametrize("path", SIGNATURES)
def test_constructors_take_the_same_arguments(path):
    assert bare(named(path).__init__) == SIGNATURES[path]


@pytest.mark.parametrize("path", CALLS)
def test_methods_take_the_same_arguments(path):
    assert bare(named(path)) == CALLS[path]


def test_names_lead_to_the_working_code():
    assert tfrs.Model is tfrs.models.Model is shortlist.models.Model
    assert issubclass(tfrs.tasks.Retrieval, tfrs.tasks.Task)
    assert issubclass(tfrs.tasks.Ranking, tfrs.tasks.Task)
    assert issubclass(tfrs.metrics.FactorizedTopK, tfrs.metrics.Factorized)
    assert tfrs.metrics.FactorizedTopK(np.eye(2, dtype="float32")).during_training
