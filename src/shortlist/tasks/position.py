"""`PositionBias`: what a click owes to the place it was shown in, learned and then left out."""

from __future__ import annotations

from typing import Any, Literal

import keras
from keras import ops

from shortlist.errors import ConfigError, nearest
from shortlist.layers.mlp import MLP
from shortlist.tasks.entire_space import entire_space_logits

Tensor = Any

__all__ = ["PositionBias"]

_MODES = ("additive", "product")


@keras.saving.register_keras_serializable(package="shortlist")
class PositionBias(keras.layers.Layer):
    r"""A shallow tower of the position beside the model of the item.

    ::

        logits = self.ranker(features)
        clicks = self.bias(logits, features["position"], training=training)   # to the loss
        return self.task(labels=features["click"], predictions=clicks)

    To serve, take the model's own logits, or call it without positions: the same.

    - ``mode="additive"``: the tower's logit is added to the model's (the shallow tower of YouTube's
      ranking). In training positions are hidden at random, at ``unknown_rate``, so that the model
      does not lean on them.
    - ``mode="product"``: :math:`P(\mathrm{click}) = P(\mathrm{looked at} \mid \mathrm{position}) \,
      P(\mathrm{click} \mid \mathrm{looked\ at})`, each a sigmoid (PAL). What the model itself says
      is then the second factor.

    Args:
        positions: how many positions there are. They count from 1; any beyond share the last, and
            0 is an unknown position, which has no bias.
        mode: see above.
        context_units: the tower's layers over ``context``, such as the device; none by default.
        unknown_rate: the share of training examples whose position is hidden (additive mode).

    Call arguments:
        logits: ``[...]`` of the model of the item.
        positions: whole numbers of the same shape, or None when serving.
        context: ``[..., F]``, what else the bias depends on, or None.

    Returns:
        ``[...]`` logits of a click.

    Raises:
        ConfigError: an option is wrong.

    Reference: Zhao et al. 2019, "Recommending what video to watch next: a multitask ranking
    system"; Guo et al. 2019, "PAL: a position-bias aware learning framework for CTR prediction in
    live recommender systems".

    >>> import numpy as np
    >>> bias = PositionBias(10)
    >>> logits = np.array([0.5, -1.0], "float32")
    >>> keras.ops.convert_to_numpy(bias(logits, np.array([1, 2]))).tolist()    # nothing learned yet
    [0.5, -1.0]
    """

    def __init__(
        self,
        positions: int,
        *,
        mode: Literal["additive", "product"] = "additive",
        context_units: tuple[int, ...] = (),
        unknown_rate: float = 0.1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if mode not in _MODES:
            raise ConfigError(
                f"mode expected one of {_MODES}; received {mode!r}.{nearest(str(mode), _MODES)}"
            )
        if positions < 1 or not 0.0 <= unknown_rate < 1.0:
            raise ConfigError(
                "PositionBias expected 1 position or more and an unknown_rate in [0, 1); received "
                f"{positions} and {unknown_rate}."
            )
        self.positions, self.mode, self.unknown_rate = positions, mode, unknown_rate
        self.context_units = tuple(context_units)
        self._seed = keras.random.SeedGenerator()
        # In product mode everything is likely to be looked at until something else is learned.
        start = 0.0 if mode == "additive" else 3.0
        self._bias = self.add_weight(
            (positions,), keras.initializers.Constant(start), name="position_bias"
        )
        self._tower = MLP([*self.context_units, 1], name="context") if context_units else None
        self.built = True

    def bias(
        self, positions: Tensor, context: Tensor | None = None, training: bool = False
    ) -> Tensor:
        """The tower's logits ``[...]``: added, or of being looked at."""
        positions = ops.cast(positions, "int32")
        known = positions > 0
        if training and self.mode == "additive" and self.unknown_rate > 0:
            drawn = keras.random.uniform(ops.shape(positions), seed=self._seed)
            known = ops.logical_and(known, drawn >= self.unknown_rate)
        place = ops.clip(positions - 1, 0, self.positions - 1)
        logits = ops.take(ops.convert_to_tensor(self._bias), place, axis=0)
        if self._tower is not None and context is not None:
            logits = logits + ops.squeeze(self._tower(context), axis=-1)
        # An unknown place adds nothing, and in product mode is as good as looked at.
        return ops.where(known, logits, 0.0 if self.mode == "additive" else 30.0)

    def call(
        self,
        logits: Tensor,
        positions: Tensor | None = None,
        context: Tensor | None = None,
        training: bool = False,
    ) -> Tensor:
        """The logits of a click in these positions; without them, the model's own."""
        logits = ops.convert_to_tensor(logits)
        if positions is None:
            return logits
        bias = ops.cast(self.bias(positions, context, training), logits.dtype)
        return logits + bias if self.mode == "additive" else entire_space_logits(logits, bias)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {
            **super().get_config(),
            "positions": self.positions,
            "mode": self.mode,
            "context_units": list(self.context_units),
            "unknown_rate": self.unknown_rate,
        }
