"""`MaskNet`: blocks that multiply the vectors by masks of the whole example."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import keras
from keras import ops

from shortlist.errors import ConfigError, nearest
from shortlist.features import Encoder, FeatureInfo
from shortlist.layers.mask_block import MaskBlock
from shortlist.models.inputs import Inputs
from shortlist.models.ranker import Ranker

__all__ = ["MaskNet"]

Structure = Literal["parallel", "serial"]
_STRUCTURES = ("parallel", "serial")


@keras.saving.register_keras_serializable(package="shortlist")
class MaskNet(Ranker):
    """Mask blocks on normalised vectors: several beside each other, or one after the other.

    Args:
        features: as for `Ranker`.
        mask_blocks: how many there are.
        block_units: the width of each block's output.
        reduction: see `MaskBlock`.
        structure: "parallel" or "serial".
        **kwargs: the options of `Ranker`; ``hidden_units`` are the MLP on the blocks' outputs.

    Raises:
        ConfigError: the structure is unknown.

    Reference: Wang, She and Zhang 2021, "MaskNet: Introducing Feature-Wise Multiplication to CTR
    Ranking Models by Instance-Guided Mask".

    >>> from shortlist.features import FeatureInfo
    >>> features = {name: FeatureInfo("categorical", size=10) for name in ("user", "item")}
    >>> MaskNet(features).score({"user": [1, 2], "item": [3, 4]}).shape
    (2,)
    """

    def __init__(
        self,
        features: Encoder | Mapping[str, FeatureInfo | Mapping[str, Any]],
        *,
        mask_blocks: int = 3,
        block_units: int = 64,
        reduction: float = 1.0,
        structure: Structure = "parallel",
        **kwargs: Any,
    ) -> None:
        super().__init__(features, **kwargs)
        if structure not in _STRUCTURES:
            raise ConfigError(
                f"structure expected one of {_STRUCTURES}; received {structure!r}."
                f"{nearest(str(structure), _STRUCTURES)}"
            )
        self.mask_blocks = mask_blocks
        self.block_units = block_units
        self.reduction = reduction
        self.structure = structure
        self.normalization = keras.layers.LayerNormalization(name="normalization")
        self.masked = [
            MaskBlock(block_units, reduction, self.dropout, name=f"mask_{n}")
            for n in range(mask_blocks)
        ]

    def logits(self, inputs: Inputs) -> Any:
        """The score of the blocks' outputs."""
        guide = inputs.flat
        normal = guide
        if inputs.vectors is not None:
            # Each vector by itself, as the paper has it; numbers stay as they are.
            vectors = self.normalization(inputs.vectors)
            normal = Inputs(vectors, inputs.numbers, {}).flat
        if self.structure == "parallel":
            blocks = [block(guide, normal) for block in self.masked]
            return self.head(self.hidden(ops.concatenate(blocks, axis=-1)))
        for block in self.masked:
            normal = block(guide, normal)
        return self.head(self.hidden(normal))

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {
            **super().get_config(),
            "mask_blocks": self.mask_blocks,
            "block_units": self.block_units,
            "reduction": self.reduction,
            "structure": self.structure,
        }
