from __future__ import annotations

import functools

import keras
import pytest

from shortlist.losses import LIST_LOSSES, bpr, gumbel_approx_ndcg_loss, pairwise_hinge_loss
from shortlist.losses.named import is_list_loss, needs_seed

pytestmark = pytest.mark.backend


def test_a_name_is_that_of_the_function_without_its_ending():
    for name, loss in LIST_LOSSES.items():
        if name != "lambda_rank":
            assert loss.__name__ == f"{name}_loss"


def test_the_losses_of_lists_are_told_from_all_others():
    assert all(map(is_list_loss, LIST_LOSSES.values()))
    assert is_list_loss(functools.partial(pairwise_hinge_loss, margin=2.0))
    assert not is_list_loss(bpr)
    assert not is_list_loss(keras.losses.MeanSquaredError())


def test_only_the_loss_with_noise_needs_a_seed():
    assert [name for name, loss in LIST_LOSSES.items() if needs_seed(loss)] == [
        "gumbel_approx_ndcg"
    ]
    assert needs_seed(functools.partial(gumbel_approx_ndcg_loss, samples=2))
    assert not needs_seed(functools.partial(gumbel_approx_ndcg_loss, seed=3))
