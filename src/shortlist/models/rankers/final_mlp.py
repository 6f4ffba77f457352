"""`FinalMLP`: two gated networks that meet in a bilinear form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from shortlist.errors import ConfigError, nearest
from shortlist.features import Encoder, FeatureInfo
from shortlist.layers.two_stream import TwoStreamMLP
from shortlist.models.inputs import Inputs
from shortlist.models.ranker import Ranker

__all__ = ["FinalMLP"]


@keras.saving.register_keras_serializable(package="shortlist")
class FinalMLP(Ranker):
    """Two MLPs, each of which sees the features through a gate of its own.

    Args:
        features: as for `Ranker`.
        second_units: the layers of the second MLP; by default those of the first.
        first_context, second_context: the feature, one with codes, that decides on each gate, such
            as ``"user"`` and ``"item"``; None for all features.
        gate_units: the hidden layers of the gates.
        heads: how many bilinear forms there are.
        **kwargs: the options of `Ranker`; ``hidden_units`` are the layers of the first MLP.

    Raises:
        ConfigError: a context is no feature with a table, there are no layers, or the last of them
            cannot be divided among the heads.

    Reference: Mao et al. 2023, "FinalMLP: An Enhanced Two-Stream MLP Model for CTR Prediction".

    >>> from shortlist.features import FeatureInfo
    >>> features = {name: FeatureInfo("categorical", size=10) for name in ("user", "item")}
    >>> ranker = FinalMLP(features, first_context="user", second_context="item")
    >>> ranker.score({"user": [1, 2], "item": [3, 4]}).shape
    (2,)
    """

    _has_head = False

    def __init__(
        self,
        features: Encoder | Mapping[str, FeatureInfo | Mapping[str, Any]],
        *,
        second_units: Sequence[int] | None = None,
        first_context: str | None = None,
        second_context: str | None = None,
        gate_units: Sequence[int] = (32,),
        heads: int = 2,
        **kwargs: Any,
    ) -> None:
        super().__init__(features, **kwargs)
        self.second_units = None if second_units is None else tuple(second_units)
        second = self.hidden_units if self.second_units is None else self.second_units
        if not self.hidden_units or not second:
            raise ConfigError("FinalMLP expected hidden layers in both streams; received none.")
        self.contexts = (first_context, second_context)
        for name in self.contexts:
            if name is not None and name not in self.tables:
                raise ConfigError(
                    f"FinalMLP expected a context to be one of the features with codes, "
                    f"{[*self.tables]}; received {name!r}.{nearest(name, self.tables)}"
                )
        self.gate_units = tuple(gate_units)
        self.heads = heads
        self.streams = TwoStreamMLP(
            self.hidden_units,
            second,
            gate_units=self.gate_units,
            heads=heads,
            dropout=self.dropout,
            name="streams",
        )

    def logits(self, inputs: Inputs) -> Any:
        """Both streams, and where they meet."""
        places = [None if name is None else [*self.tables].index(name) for name in self.contexts]
        flat = inputs.flat
        first, second = (flat if n is None else inputs.vectors[:, n, :] for n in places)  # type: ignore[index]
        return self.streams(flat, first, second)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {
            **super().get_config(),
            "second_units": None if self.second_units is None else list(self.second_units),
            "first_context": self.contexts[0],
            "second_context": self.contexts[1],
            "gate_units": list(self.gate_units),
            "heads": self.heads,
        }
