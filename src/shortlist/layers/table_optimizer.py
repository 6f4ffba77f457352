"""The Keras optimizer that updates a table as an optimizer of ``tf.tpu`` does."""

from __future__ import annotations

from typing import Any

import keras

from shortlist.errors import ConfigError, nearest

__all__ = ["table_optimizer"]

_NAMES = {
    "sgd": keras.optimizers.SGD,
    "adagrad": keras.optimizers.Adagrad,
    "adam": keras.optimizers.Adam,
    "ftrl": keras.optimizers.Ftrl,
}
# What each keeps under the same name, and what only a TPU has: no Keras optimizer does that.
_ARGUMENTS = {
    "sgd": (),
    "adagrad": ("initial_accumulator_value",),
    "adam": ("beta_1", "beta_2", "epsilon"),
    "ftrl": (
        "learning_rate_power",
        "l1_regularization_strength",
        "l2_regularization_strength",
        "beta",
        "initial_accumulator_value",
    ),
}
_TPU_ONLY = ("clip_weight_min", "clip_weight_max", "weight_decay_factor")


def table_optimizer(optimizer: Any) -> Any:
    """A Keras optimizer, or None where the model's own is to be used.

    Args:
        optimizer: None; ``"sgd"``, ``"adagrad"``, ``"adam"`` or ``"ftrl"``; a Keras optimizer; or
            an ``SGD``, ``Adagrad``, ``Adam`` or ``FTRL`` of ``tf.tpu.experimental.embedding``.

    Raises:
        ConfigError: it is none of these, or has an option that only a TPU knows.

    >>> type(table_optimizer("sgd")).__name__
    'SGD'
    """
    if optimizer is None or isinstance(optimizer, keras.optimizers.Optimizer):
        return optimizer
    if isinstance(optimizer, str):
        if optimizer in _NAMES:
            return _NAMES[optimizer]()
        raise ConfigError(
            f"The optimizer of an embedding table expected one of {sorted(_NAMES)} or a Keras "
            f"optimizer; received {optimizer!r}.{nearest(optimizer, _NAMES)}"
        )
    kind = type(optimizer).__name__.lower()
    if kind not in _NAMES or not hasattr(optimizer, "use_gradient_accumulation"):
        raise ConfigError(
            f"The optimizer of an embedding table expected a name, a Keras optimizer or one of the "
            f"SGD, Adagrad, Adam and FTRL of tf.tpu.experimental.embedding; received "
            f"{type(optimizer).__name__}."
        )
    for option in _TPU_ONLY:
        if getattr(optimizer, option, None) is not None:
            raise ConfigError(
                f"The optimizer {type(optimizer).__name__} of an embedding table received "
                f"{option}={getattr(optimizer, option)!r}, which only a TPU knows. Leave it out, "
                "or give a Keras optimizer with an option like it, such as weight_decay."
            )
    return _NAMES[kind](**_arguments(optimizer, kind))


def _arguments(optimizer: Any, kind: str) -> dict[str, Any]:
    arguments = {name: getattr(optimizer, name) for name in _ARGUMENTS[kind]}
    arguments["learning_rate"] = optimizer.learning_rate
    if kind == "adagrad":
        # A TPU adds nothing below the root.
        arguments["epsilon"] = 0.0
    low, high = optimizer.clip_gradient_min, optimizer.clip_gradient_max
    if low is None and high is None:
        return arguments
    if low is None or high is None or -low != high:
        raise ConfigError(
            "The optimizer of an embedding table expected clipvalue to be one number or a pair "
            f"(-x, x); received the bounds {low!r} and {high!r}."
        )
    return {**arguments, "clipvalue": high}
