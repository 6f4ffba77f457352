"""iALS and the library ``implicit`` walk the same way down the same problem."""

from __future__ import annotations

import numpy as np
import pytest

from shortlist.baselines import IALS
from shortlist.data import Interactions
from shortlist.queries import Queries

ALPHA, PENALTY, DIM, SEED = 0.2, 0.05, 6, 3


@pytest.fixture(scope="module")
def problem():
    """Interactions with some order in them, and the same as ones in a matrix of their codes."""
    draw = np.random.default_rng(0)
    tastes, kinds = draw.normal(size=(60, 3)), draw.normal(size=(40, 3))
    users, items = np.nonzero(tastes @ kinds.T + draw.normal(size=(60, 40)) > 1.5)
    log = Interactions({"user": users, "item": items}, time=None)
    matrix = np.zeros((len(log.users), len(log.items)))
    matrix[log.user_codes, log.item_codes] = 1.0
    return matrix, log


def theirs(matrix, iterations):
    """Their factors, scaled to ours.

    They weigh each met pair by ``c`` with the target 1, and all others by 1. With ``c - 1`` of
    ``1 / alpha`` that is ``1 / alpha`` times our problem with a target of ``1 + alpha``, which in
    turn is ours for vectors ``sqrt(1 + alpha)`` times as long and a penalty ``1 + alpha`` times.
    """
    implicit = pytest.importorskip("implicit")
    sparse = pytest.importorskip("scipy.sparse")
    limits = pytest.importorskip("threadpoolctl").threadpool_limits
    longer = np.sqrt(1 + ALPHA)
    begin = np.random.default_rng(SEED).normal(0, 0.1 / np.sqrt(DIM), (matrix.shape[1], DIM))
    with limits(1, "blas"):  # they warn of more threads
        model = implicit.cpu.als.AlternatingLeastSquares(
            factors=DIM,
            regularization=PENALTY * (1 + ALPHA) / ALPHA,
            alpha=1.0,
            dtype=np.float64,
            iterations=iterations,
            use_cg=False,
            num_threads=1,
            random_state=0,
        )
        model.item_factors = begin * longer
        confidence = sparse.csr_matrix(matrix * (1 / ALPHA + 1))
        model.fit(confidence, show_progress=False)
    return model.user_factors / longer, model.item_factors / longer


def ours(matrix, log, iterations):
    options = {"alpha": ALPHA, "regularization": PENALTY, "nu": 0.0, "seed": SEED}
    model = IALS(embedding_dim=DIM, epochs=iterations, **options).fit(log)
    history = [log.items[row > 0] for row in matrix]
    return model._vectors(Queries.of(log.users, history=history)), model.item_vectors


def objective(matrix, users, items):
    """What `IALS` says it minimises, with ``nu`` of 0, in float64."""
    scores = users.astype(np.float64) @ items.T.astype(np.float64)
    fit = (matrix * (scores - 1) ** 2).sum() + ALPHA * (scores**2).sum()
    return fit + PENALTY * ((users**2).sum() + (items**2).sum())


@pytest.mark.parametrize("iterations", [1, 4, 30])
def test_after_the_same_steps_the_items_are_in_the_same_places(problem, iterations):
    matrix, log = problem
    items = ours(matrix, log, iterations)[1]
    np.testing.assert_allclose(items, theirs(matrix, iterations)[1], atol=2e-4)


def test_both_reach_the_same_objective_and_rank_alike(problem):
    matrix, log = problem
    mine, other = ours(matrix, log, 60), theirs(matrix, 60)
    assert objective(matrix, *mine) == pytest.approx(objective(matrix, *other), rel=1e-4)
    a, b = (np.where(matrix > 0, -np.inf, users @ items.T) for users, items in (mine, other))
    assert (np.argmax(a, axis=1) == np.argmax(b, axis=1)).mean() > 0.98
