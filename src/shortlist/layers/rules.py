"""How each optimizer changes the rows that a step looked up.

A `Rule` is the formula of a Keras optimizer on the rows ``[U, D]`` of one step and on their slots,
the optimizer's memory of each row. SGD and Adagrad change no row whose gradient is zero, so their
rules give what the dense update of the whole table gives. The others move every row at every step;
their rules are the usual lazy form, which moves a row, and lets its memory fade, only at the steps
that look it up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
from keras import ops

from shortlist.errors import ConfigError
from shortlist.layers.clippy_adagrad import ClippyAdagrad
from shortlist.layers.rowwise_adagrad import RowwiseAdagrad

__all__ = ["Moment", "Rule", "Slot", "rule_for"]

Slots = dict[str, Any]


@dataclass(frozen=True)
class Moment:
    """The learning rate of a step, in the dtype of the rows, and its number from 1."""

    rate: Any
    step: Any


@dataclass(frozen=True)
class Slot:
    """One number for each element of a row, or one for the row, and what it starts from."""

    initial: float = 0.0
    per_row: bool = False


@dataclass(frozen=True)
class Rule:
    """An optimizer's update of rows.

    Attributes:
        update: ``(rows [U, D], gradients [U, D], slots, moment)`` to the new rows and slots.
        slots: what is kept for each row of the table.
    """

    update: Callable[[Any, Any, Slots, Moment], tuple[Any, Slots]]
    slots: dict[str, Slot] = field(default_factory=dict)


def rule_for(optimizer: keras.optimizers.Optimizer) -> Rule:
    """The rule that updates rows as ``optimizer`` does.

    Raises:
        ConfigError: there is none.
    """
    for kind, make in _MAKERS.items():
        # A subclass with a formula of its own needs a rule of its own.
        if isinstance(optimizer, kind) and type(optimizer).update_step is kind.update_step:
            return make(optimizer)
    known = ", ".join(kind.__name__ for kind in _MAKERS)
    raise ConfigError(
        f"Embedding tables expected one of the optimizers {known}; received "
        f"{type(optimizer).__name__}, which has no form that updates single rows. Choose one of "
        "them, give the Embedding layers their own with optimizer=, or use keras.layers.Embedding, "
        "whose whole table is updated at every step."
    )


def _sgd(optimizer: Any) -> Rule:
    momentum, nesterov = optimizer.momentum, optimizer.nesterov
    if not momentum:
        return Rule(lambda rows, g, slots, now: (rows - g * now.rate, slots))

    def update(rows: Any, g: Any, slots: Slots, now: Moment) -> tuple[Any, Slots]:
        m = slots["momentum"] * momentum - g * now.rate
        return rows + (m * momentum - g * now.rate if nesterov else m), {"momentum": m}

    return Rule(update, {"momentum": Slot()})


def _adagrad(optimizer: Any) -> Rule:
    def update(rows: Any, g: Any, slots: Slots, now: Moment) -> tuple[Any, Slots]:
        total = slots["accumulator"] + ops.square(g)
        return rows - now.rate * g / ops.sqrt(total + optimizer.epsilon), {"accumulator": total}

    return Rule(update, {"accumulator": Slot(optimizer.initial_accumulator_value)})


def _rowwise_adagrad(optimizer: Any) -> Rule:
    def update(rows: Any, g: Any, slots: Slots, now: Moment) -> tuple[Any, Slots]:
        total = slots["accumulator"] + ops.mean(ops.square(g), axis=-1, keepdims=True)
        return rows - now.rate * g / ops.sqrt(total + optimizer.epsilon), {"accumulator": total}

    return Rule(update, {"accumulator": Slot(optimizer.initial_accumulator_value, per_row=True)})


def _clippy_adagrad(optimizer: Any) -> Rule:
    if optimizer.export_clipping_factors:
        raise ConfigError(
            "ClippyAdagrad cannot export the clipping factors of tables that are updated row by "
            "row. Leave export_clipping_factors out, or use keras.layers.Embedding."
        )

    def update(rows: Any, g: Any, slots: Slots, now: Moment) -> tuple[Any, Slots]:
        step, total, _ = optimizer.step(rows, g, slots["accumulator"], now.rate)
        return rows - step, {"accumulator": total}

    return Rule(update, {"accumulator": Slot(optimizer.initial_accumulator_value)})


def _adam(optimizer: Any) -> Rule:
    beta_1, beta_2 = optimizer.beta_1, optimizer.beta_2

    def update(rows: Any, g: Any, slots: Slots, now: Moment) -> tuple[Any, Slots]:
        m = slots["momentum"] + (g - slots["momentum"]) * (1 - beta_1)
        v = slots["velocity"] + (ops.square(g) - slots["velocity"]) * (1 - beta_2)
        kept, scale = {"momentum": m, "velocity": v}, v
        if optimizer.amsgrad:
            scale = kept["velocity_hat"] = ops.maximum(slots["velocity_hat"], v)
        step = ops.cast(now.step, rows.dtype)
        one = ops.ones((), rows.dtype)
        alpha = now.rate * ops.sqrt(one - ops.power(one * beta_2, step))
        alpha = alpha / (one - ops.power(one * beta_1, step))
        return rows - m * alpha / (ops.sqrt(scale) + optimizer.epsilon), kept

    names = ["momentum", "velocity", *(["velocity_hat"] if optimizer.amsgrad else [])]
    return Rule(update, {name: Slot() for name in names})


def _rmsprop(optimizer: Any) -> Rule:
    rho, momentum, centered = optimizer.rho, optimizer.momentum, optimizer.centered

    def update(rows: Any, g: Any, slots: Slots, now: Moment) -> tuple[Any, Slots]:
        v = rho * slots["velocity"] + (1 - rho) * ops.square(g)
        kept, scale = {"velocity": v}, v
        if centered:
            mean = rho * slots["average_gradient"] + (1 - rho) * g
            kept["average_gradient"], scale = mean, v - ops.square(mean)
        move = now.rate * g / ops.sqrt(scale + optimizer.epsilon)
        if momentum > 0:
            move = kept["momentum"] = momentum * slots["momentum"] + move
        return rows - move, kept

    names = ["velocity", *(["momentum"] if momentum > 0 else [])]
    return Rule(
        update, {name: Slot() for name in [*names, *(["average_gradient"] if centered else [])]}
    )


def _ftrl(optimizer: Any) -> Rule:
    power, l1 = -optimizer.learning_rate_power, optimizer.l1_regularization_strength
    shrinkage = optimizer.l2_shrinkage_regularization_strength

    def update(rows: Any, g: Any, slots: Slots, now: Moment) -> tuple[Any, Slots]:
        before, linear = slots["accumulator"], slots["linear"]
        l2 = optimizer.l2_regularization_strength + optimizer.beta / (2.0 * now.rate)
        total = before + ops.square(g)
        growth = (ops.power(total, power) - ops.power(before, power)) / now.rate
        linear = linear + g + 2 * shrinkage * rows - growth * rows
        quadratic = ops.power(total, power) / now.rate + 2 * l2
        rows = (ops.clip(linear, -l1, l1) - linear) / quadratic
        return rows, {"accumulator": total, "linear": linear}

    return Rule(
        update, {"accumulator": Slot(optimizer.initial_accumulator_value), "linear": Slot()}
    )


_MAKERS: dict[Any, Callable[[Any], Rule]] = {
    keras.optimizers.SGD: _sgd,
    RowwiseAdagrad: _rowwise_adagrad,
    ClippyAdagrad: _clippy_adagrad,
    keras.optimizers.Adagrad: _adagrad,
    keras.optimizers.Adam: _adam,
    keras.optimizers.AdamW: _adam,
    keras.optimizers.RMSprop: _rmsprop,
    keras.optimizers.Ftrl: _ftrl,
}
