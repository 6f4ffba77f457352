"""`DotInteraction`: the dot products of all pairs of features (DLRM)."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from shortlist.errors import DataError

__all__ = ["DotInteraction"]


@keras.saving.register_keras_serializable(package="shortlist")
class DotInteraction(keras.layers.Layer):
    r"""The dot products of all pairs of feature vectors.

    Of ``F`` vectors :math:`e_1, \ldots, e_F` of an example it returns :math:`e_i \cdot e_j` for
    every :math:`j < i`, in the order :math:`(2,1), (3,1), (3,2), (4,1), \ldots`

    Args:
        self_interaction: whether the pairs :math:`j = i` are there too.
        skip_gather: return all ``F * F`` places, with zeros for the pairs that are not asked for.
        name: the name of the layer.
        **kwargs: ``dtype`` and ``trainable`` as in any layer.

    Call arguments:
        inputs: a list of ``F`` tensors ``[B, D]``, or one tensor ``[B, F, D]``.

    Returns:
        ``[B, F * (F - 1) / 2]``; ``[B, F * (F + 1) / 2]`` with ``self_interaction``, and
        ``[B, F * F]`` with ``skip_gather``.

    Raises:
        DataError: the vectors are not of one shape.

    Reference: Naumov et al. 2019, "Deep Learning Recommendation Model for Personalization and
    Recommendation Systems", section 2.1.3.

    >>> import numpy as np
    >>> vectors = np.array([[[1.0, 0.0], [2.0, 3.0], [0.0, 4.0]]], "float32")
    >>> ops.convert_to_numpy(DotInteraction()(vectors)).tolist()
    [[2.0, 0.0, 12.0]]
    """

    def __init__(
        self,
        self_interaction: bool = False,
        skip_gather: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.self_interaction = self_interaction
        self.skip_gather = skip_gather
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Multiply every pair."""
        vectors = _stacked(inputs, self.name)
        products = ops.matmul(vectors, ops.swapaxes(vectors, 1, 2))
        count = vectors.shape[1]
        kept = np.tri(count, k=0 if self.self_interaction else -1)
        if self.skip_gather:
            products = products * ops.cast(kept, products.dtype)
            return ops.reshape(products, (-1, count * count))
        # Places in the flat matrix: one gather, whose shape is known without looking at values.
        flat = ops.reshape(products, (-1, count * count))
        return ops.take(flat, np.flatnonzero(kept).astype("int32"), axis=1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of what ``call`` returns."""
        as_list = not (input_shape and isinstance(input_shape[0], int | None))
        batch, count = (
            (input_shape[0][0], len(input_shape)) if as_list else (input_shape[0], input_shape[1])
        )
        if self.skip_gather:
            return (batch, count * count)
        return (batch, count * (count + (1 if self.self_interaction else -1)) // 2)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {
            **super().get_config(),
            "self_interaction": self.self_interaction,
            "skip_gather": self.skip_gather,
        }


def _stacked(inputs: Any, name: str) -> Any:
    """The vectors as ``[B, F, D]``."""
    if not isinstance(inputs, list | tuple):
        if len(inputs.shape) != 3:
            raise DataError(
                f"DotInteraction {name!r} expected a list of tensors [batch, width] or one tensor "
                f"[batch, features, width]; received one of shape {tuple(inputs.shape)}."
            )
        return inputs
    shapes = [tuple(x.shape) for x in inputs]
    if not shapes or any(len(s) != 2 for s in shapes) or len({s[1] for s in shapes}) > 1:
        raise DataError(
            f"DotInteraction {name!r} expected tensors [batch, width] whose dimensions must be "
            f"equal; received the shapes {shapes}. Bring the features to one width, for instance "
            "with a Dense layer or with shortlist.layers.MLP."
        )
    return ops.stack(list(inputs), axis=1)
