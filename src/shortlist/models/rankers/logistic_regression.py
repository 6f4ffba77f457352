"""`LogisticRegression`: a weight for each code and each number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from shortlist.features import Encoder, FeatureInfo
from shortlist.models.inputs import Inputs, LinearTerm
from shortlist.models.ranker import Ranker

__all__ = ["LogisticRegression"]


@keras.saving.register_keras_serializable(package="shortlist")
class LogisticRegression(Ranker):
    """Adds up a weight for each code and each number: the baseline of all rankers.

    Args:
        features: as for `Ranker`.
        **kwargs: ``loss``, ``label`` and ``initial`` of `Ranker`. With the loss "squared" it is a
            linear regression.

    >>> from shortlist.features import FeatureInfo
    >>> ranker = LogisticRegression({"item": FeatureInfo("categorical", size=10)})
    >>> ranker.score({"item": [1, 2]}).tolist()
    [0.0, 0.0]
    """

    _has_vectors = False
    _has_head = False
    _fixed = frozenset({"embedding_dim", "hidden_units", "dropout"})

    def __init__(
        self,
        features: Encoder | Mapping[str, FeatureInfo | Mapping[str, Any]],
        **kwargs: Any,
    ) -> None:
        super().__init__(features, **kwargs)
        self.linear = LinearTerm(self.features, name="linear")

    def logits(self, inputs: Inputs) -> Any:
        """The sum of the weights."""
        return self.linear(inputs.codes, inputs.numbers)
