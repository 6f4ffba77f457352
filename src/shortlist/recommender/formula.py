"""`ScoreFormula`: the scores of several tasks to the one that a list is ordered by.

formula = ScoreFormula({"click": 1.0, "rating": 0.5}, kind="product")
recommender = Recommender(retriever, users, items, ranker=FormulaReranker(score, formula))
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np

from shortlist.errors import ConfigError, DataError, nearest
from shortlist.queries import Queries
from shortlist.ranked import Ranked

__all__ = ["FormulaReranker", "ScoreFormula"]

Kind = Literal["product", "sum"]
_KINDS = ("product", "sum")


class ScoreFormula:
    r"""Combines task scores: :math:`\prod_t s_t^{w_t}` or :math:`\sum_t w_t s_t`.

    The product is for probabilities and ratings, whose scale then does not matter; the sum for
    scores on a common scale.

    Args:
        weights: task -> ``w_t``, an exponent or a factor; negative for what is to be avoided.
        kind: ``"product"`` or ``"sum"``.

    Raises:
        ConfigError: there are no weights, one is no number, or the kind is unknown.

    >>> formula = ScoreFormula({"click": 1.0, "rating": 2.0})
    >>> scores = {"click": np.array([[0.5, 0.4]]), "rating": np.array([[1.0, 2.0]])}
    >>> formula(scores).tolist()
    [[0.5, 1.6]]
    """

    def __init__(self, weights: Mapping[str, float], kind: Kind = "product") -> None:
        if kind not in _KINDS:
            raise ConfigError(
                f"kind expected one of {_KINDS}; received {kind!r}.{nearest(str(kind), _KINDS)}"
            )
        if not weights:
            raise ConfigError("ScoreFormula expected the weight of at least one task.")
        for task, weight in weights.items():
            if not math.isfinite(weight):
                raise ConfigError(f"The weight of {task!r} expected a number; received {weight}.")
        self.weights = {task: float(weight) for task, weight in weights.items()}
        self.kind = kind

    def __call__(self, scores: Mapping[str, np.ndarray]) -> np.ndarray:
        """The combined scores, float64, of the shape that those of every task have.

        Raises:
            DataError: the scores of a task are missing, are of another shape than the others', or,
                in a product, are negative or not to be divided by.
        """
        shapes = {np.shape(scores[task]) for task in self.weights if task in scores}
        missing = [task for task in self.weights if task not in scores]
        if missing or len(shapes) != 1:
            raise DataError(
                f"The formula expected scores of one shape for {sorted(self.weights)}; received "
                f"{ {task: np.shape(values) for task, values in scores.items()} }."
            )
        total = np.full(shapes.pop(), 1.0 if self.kind == "product" else 0.0)
        for task, weight in self.weights.items():
            values = np.asarray(scores[task], dtype=np.float64)
            if self.kind == "sum":
                total += weight * values
                continue
            least = values.min(initial=np.inf)
            if least < 0 or (least == 0 and weight < 0):
                raise DataError(
                    f"A product expected scores above 0 of {task!r}; received {least:g}. Take "
                    'probabilities rather than logits, or kind="sum".'
                )
            total *= values**weight
        return total

    def to_config(self) -> dict[str, Any]:
        """The arguments, ready for JSON and TOML."""
        return {"kind": self.kind, "weights": dict(self.weights)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> ScoreFormula:
        """What `to_config` wrote."""
        return cls(config["weights"], config["kind"])


class FormulaReranker:
    """A ranker for `Recommender`: orders candidates by a formula of several tasks' scores.

    Args:
        score: ``(queries, ranked) -> task -> [B, K]``, for instance a multi-task model's outputs.
        formula: how they become one.

    Scores of places that hold no item do not matter. A recommender with this ranker cannot be
    saved: what ``score`` does is code. The ranker of several tasks that ``shortlist train`` makes
    (``name = "multi_task"`` in [ranking]) has its formula with it, and can.

    >>> found = Ranked(np.array([[7, 8]]), np.array([[2.0, 1.0]]), np.array([[True, True]]))
    >>> rank = FormulaReranker(lambda q, r: {"click": np.array([[0.1, 0.9]])},
    ...                        ScoreFormula({"click": 1.0}))
    >>> rank(None, found).lists()
    [[8, 7]]
    """

    def __init__(
        self,
        score: Callable[[Queries, Ranked], Mapping[str, np.ndarray]],
        formula: ScoreFormula,
    ) -> None:
        self.score = score
        self.formula = formula

    def __call__(self, queries: Queries, ranked: Ranked) -> Ranked:
        """The same items in the order of the combined scores."""
        return ranked.rescored(self.formula(self.task_scores(queries, ranked)))

    def task_scores(self, queries: Queries, ranked: Ranked) -> Mapping[str, np.ndarray]:
        """The scores ``[B, K]`` by task, with 1 in places that hold no item."""
        return {
            task: np.where(ranked.valid, values, 1.0)
            for task, values in self.score(queries, ranked).items()
        }
