"""The losses of lists by their names, for `shortlist.tasks.Ranking` and configurations."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from shortlist.losses.approx_ndcg import approx_ndcg_loss, gumbel_approx_ndcg_loss
from shortlist.losses.list_pairwise import pairwise_hinge_loss, pairwise_logistic_loss
from shortlist.losses.list_pointwise import (
    mean_squared_loss,
    ordinal_loss,
    sigmoid_cross_entropy_loss,
)
from shortlist.losses.listwise import list_mle_loss, softmax_loss

__all__ = ["LIST_LOSSES", "is_list_loss", "needs_seed"]

#: name -> ``loss(labels, scores, sample_weight=None)``: the function without its ``_loss``.
#: ``gumbel_approx_ndcg`` also takes ``seed``.
LIST_LOSSES: dict[str, Callable[..., Any]] = {
    "approx_ndcg": approx_ndcg_loss,
    "gumbel_approx_ndcg": gumbel_approx_ndcg_loss,
    "lambda_rank": functools.partial(pairwise_logistic_loss, lambda_weight="ndcg"),
    "list_mle": list_mle_loss,
    "mean_squared": mean_squared_loss,
    "ordinal": ordinal_loss,
    "pairwise_hinge": pairwise_hinge_loss,
    "pairwise_logistic": pairwise_logistic_loss,
    "sigmoid_cross_entropy": sigmoid_cross_entropy_loss,
    "softmax": softmax_loss,
}


def is_list_loss(loss: Any) -> bool:
    """Whether it is one of these losses, with options set or not."""
    return any(_bare(loss) is _bare(known) for known in LIST_LOSSES.values())


def needs_seed(loss: Any) -> bool:
    """Whether it draws random numbers and has not been told from which seed."""
    given = loss.keywords if isinstance(loss, functools.partial) else {}
    return _bare(loss) is gumbel_approx_ndcg_loss and "seed" not in given


def _bare(loss: Any) -> Any:
    while isinstance(loss, functools.partial):
        loss = loss.func
    return loss
