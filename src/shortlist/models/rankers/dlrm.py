"""`DLRM`: the products of all pairs of vectors, then an MLP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from shortlist.features import Encoder, FeatureInfo
from shortlist.layers.dot_interaction import DotInteraction
from shortlist.layers.mlp import MLP
from shortlist.models.inputs import Inputs
from shortlist.models.ranker import Ranker

__all__ = ["DLRM"]


@keras.saving.register_keras_serializable(package="shortlist")
class DLRM(Ranker):
    """The numbers become one vector, and an MLP sees it and all products of two vectors.

    Args:
        features: as for `Ranker`.
        bottom_units: hidden layers from the numbers to their vector.
        **kwargs: the options of `Ranker`; ``hidden_units`` are those of the top MLP.

    Reference: Naumov et al. 2019, "Deep Learning Recommendation Model for Personalization and
    Recommendation Systems".

    >>> from shortlist.features import FeatureInfo
    >>> features = {name: FeatureInfo("categorical", size=10) for name in ("user", "item")}
    >>> DLRM(features).score({"user": [1, 2], "item": [3, 4]}).shape
    (2,)
    """

    def __init__(
        self,
        features: Encoder | Mapping[str, FeatureInfo | Mapping[str, Any]],
        *,
        bottom_units: Sequence[int] = (64,),
        **kwargs: Any,
    ) -> None:
        super().__init__(features, **kwargs)
        self.bottom_units = tuple(bottom_units)
        self.bottom = (
            MLP((*self.bottom_units, self.embedding_dim), final_activation="relu", name="bottom")
            if self.numbers
            else None
        )
        self.products = DotInteraction()

    def logits(self, inputs: Inputs) -> Any:
        """The top MLP's score of the numbers' vector and of the products."""
        if self.bottom is None:
            return self.head(self.hidden(self.products(inputs.vectors)))
        bottom = self.bottom(inputs.numbers)
        vectors = [] if inputs.vectors is None else [inputs.vectors]
        products = self.products(ops.concatenate([*vectors, bottom[:, None, :]], axis=1))
        return self.head(self.hidden(ops.concatenate([bottom, products], axis=-1)))

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {**super().get_config(), "bottom_units": list(self.bottom_units)}
