"""`AutoInt`: features that attend to each other, beside an MLP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from shortlist.features import Encoder, FeatureInfo
from shortlist.layers.interacting_attention import InteractingAttention
from shortlist.models.inputs import Inputs, NumberVectors
from shortlist.models.ranker import Ranker

__all__ = ["AutoInt"]


@keras.saving.register_keras_serializable(package="shortlist")
class AutoInt(Ranker):
    """Layers of self-attention over the features, beside an MLP (AutoInt+).

    Args:
        features: as for `Ranker`.
        attention_layers: how many there are.
        attention_units: the width of a head.
        heads: the heads of each layer.
        **kwargs: the options of `Ranker`; with ``hidden_units=()`` there is no MLP (AutoInt).

    Reference: Song et al. 2019, "AutoInt: Automatic Feature Interaction Learning via
    Self-Attentive Neural Networks".

    >>> from shortlist.features import FeatureInfo
    >>> features = {name: FeatureInfo("categorical", size=10) for name in ("user", "item")}
    >>> AutoInt(features).score({"user": [1, 2], "item": [3, 4]}).shape
    (2,)
    """

    def __init__(
        self,
        features: Encoder | Mapping[str, FeatureInfo | Mapping[str, Any]],
        *,
        attention_layers: int = 2,
        attention_units: int = 16,
        heads: int = 2,
        **kwargs: Any,
    ) -> None:
        super().__init__(features, **kwargs)
        self.attention_layers = attention_layers
        self.attention_units = attention_units
        self.heads = heads
        self.number_vectors = NumberVectors(self.number_dims, self.embedding_dim)
        self.attention = [
            InteractingAttention(attention_units, heads, name=f"attention_{n}")
            for n in range(attention_layers)
        ]

    def logits(self, inputs: Inputs) -> Any:
        """The score of what the features have become, and of the MLP."""
        fields = inputs.fields(self.number_vectors)
        for layer in self.attention:
            fields = layer(fields)
        _, count, width = fields.shape
        parts = [ops.reshape(fields, (-1, count * width))]
        if self.hidden_units:
            parts.append(self.hidden(inputs.flat))
        return self.head(ops.concatenate(parts, axis=-1))

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {
            **super().get_config(),
            "attention_layers": self.attention_layers,
            "attention_units": self.attention_units,
            "heads": self.heads,
        }
