"""`FMRanker` and `DeepFM`: factorization machines, alone and beside an MLP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from shortlist.features import Encoder, FeatureInfo
from shortlist.layers.fm import FM
from shortlist.models.inputs import Inputs, LinearTerm, NumberVectors
from shortlist.models.ranker import Ranker

__all__ = ["DeepFM", "FMRanker"]


@keras.saving.register_keras_serializable(package="shortlist")
class FMRanker(Ranker):
    r"""A factorization machine: a weight a code, and an inner product for each pair of features.

    .. math:: z = b + \sum_i w_i x_i + \sum_{i < j} (v_i \cdot v_j)\, x_i x_j

    A feature of several codes counts as one, with the vector of all of them.

    Args:
        features: as for `Ranker`.
        **kwargs: the options of `Ranker` but ``hidden_units``; there are none.

    Reference: Rendle 2010, "Factorization Machines".

    >>> from shortlist.features import FeatureInfo
    >>> features = {name: FeatureInfo("categorical", size=10) for name in ("user", "item")}
    >>> FMRanker(features, embedding_dim=4).score({"user": [1, 2], "item": [3, 4]}).shape
    (2,)
    """

    _has_head = False
    _fixed = frozenset({"hidden_units"})

    def __init__(
        self,
        features: Encoder | Mapping[str, FeatureInfo | Mapping[str, Any]],
        **kwargs: Any,
    ) -> None:
        super().__init__(features, **kwargs)
        self.linear = LinearTerm(self.features, name="linear")
        self.number_vectors = NumberVectors(self.number_dims, self.embedding_dim)
        self.products = FM()

    def logits(self, inputs: Inputs) -> Any:
        """The linear term and the products of all pairs."""
        linear = self.linear(inputs.codes, inputs.numbers)
        return linear + self.products(inputs.fields(self.number_vectors))


@keras.saving.register_keras_serializable(package="shortlist")
class DeepFM(FMRanker):
    """A factorization machine and an MLP on the same vectors; their scores are added.

    Args:
        features: as for `Ranker`.
        **kwargs: the options of `Ranker`.

    Reference: Guo et al. 2017, "DeepFM: A Factorization-Machine based Neural Network for CTR
    Prediction".

    >>> from shortlist.features import FeatureInfo
    >>> DeepFM({"item": FeatureInfo("categorical", size=10)}).score({"item": [1, 2, 3]}).shape
    (3,)
    """

    _has_head = True
    _fixed = frozenset()

    def logits(self, inputs: Inputs) -> Any:
        """The factorization machine's score and the MLP's."""
        return super().logits(inputs) + self.head(self.hidden(inputs.flat))
