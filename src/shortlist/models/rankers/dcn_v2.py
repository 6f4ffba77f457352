"""`DCNv2`: crosses of bounded degree, before an MLP or beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from shortlist.errors import ConfigError, nearest
from shortlist.features import Encoder, FeatureInfo
from shortlist.layers.cross import Cross
from shortlist.layers.cross_mixture import CrossMixture
from shortlist.models.inputs import Inputs
from shortlist.models.ranker import Ranker

__all__ = ["DCNv2"]

Structure = Literal["stacked", "parallel"]
_STRUCTURES = ("stacked", "parallel")


@keras.saving.register_keras_serializable(package="shortlist")
class DCNv2(Ranker):
    """A deep and cross network: `Cross` layers multiply features explicitly, an MLP the rest.

    `shortlist.ranking.cross_strengths` tells which crosses it learned.

    Args:
        features: as for `Ranker`.
        cross_layers: how many there are; the crosses have one degree more.
        structure: the crosses "stacked" before the MLP, or both in "parallel".
        projection_dim: the rank of the cross matrices; None for full ones.
        experts: a mixture of so many low-rank matrices in each layer, see `CrossMixture`.
        **kwargs: the options of `Ranker`.

    Raises:
        ConfigError: the structure is unknown, or there are experts and no ``projection_dim``.

    Reference: Wang et al. 2021, "DCN V2: Improved Deep & Cross Network and Practical Lessons for
    Web-scale Learning to Rank Systems".

    >>> from shortlist.features import FeatureInfo
    >>> features = {name: FeatureInfo("categorical", size=10) for name in ("user", "item")}
    >>> DCNv2(features, structure="parallel").score({"user": [1, 2], "item": [3, 4]}).shape
    (2,)
    """

    def __init__(
        self,
        features: Encoder | Mapping[str, FeatureInfo | Mapping[str, Any]],
        *,
        cross_layers: int = 2,
        structure: Structure = "stacked",
        projection_dim: int | None = None,
        experts: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(features, **kwargs)
        if structure not in _STRUCTURES:
            raise ConfigError(
                f"structure expected one of {_STRUCTURES}; received {structure!r}."
                f"{nearest(str(structure), _STRUCTURES)}"
            )
        if experts > 1 and projection_dim is None:
            raise ConfigError(
                f"DCNv2 with experts={experts} expected a projection_dim, the rank of each expert; "
                "received None."
            )
        self.cross_layers = cross_layers
        self.structure = structure
        self.projection_dim = projection_dim
        self.experts = experts
        self.crosses = [self._cross(f"cross_{n}") for n in range(cross_layers)]

    def _cross(self, name: str) -> Any:
        if self.experts > 1:
            return CrossMixture(self.experts, self.projection_dim or 1, name=name)
        return Cross(self.projection_dim, name=name)

    def logits(self, inputs: Inputs) -> Any:
        """The score of the crosses and the MLP."""
        crossed = flat = inputs.flat
        for cross in self.crosses:
            crossed = cross(flat, crossed)
        if self.structure == "stacked":
            return self.head(self.hidden(crossed))
        return self.head(ops.concatenate([crossed, self.hidden(flat)], axis=-1))

    def cross_matrices(self) -> list[np.ndarray]:
        """The matrix ``[D, D]`` of each cross layer, the product of both where it has a low rank.

        Raises:
            ConfigError: the layers are mixtures of experts, whose matrices depend on the example.
        """
        if self.experts > 1:
            raise ConfigError(
                "cross_matrices() expected cross layers of one matrix; received mixtures of "
                f"{self.experts} experts, whose matrices depend on the example."
            )
        self.build_all()
        return [
            np.linalg.multi_dot([*map(ops.convert_to_numpy, cross.kernels), np.eye(width)])
            for cross in self.crosses
            for width in [sum(self.blocks.values())]
        ]

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {
            **super().get_config(),
            "cross_layers": self.cross_layers,
            "structure": self.structure,
            "projection_dim": self.projection_dim,
            "experts": self.experts,
        }
