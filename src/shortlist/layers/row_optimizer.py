"""`RowOptimizer`: the optimizer of a model some of whose variables are updated row by row.

A step of `shortlist.models.Model` goes

    tape of lookups -> begin(gradients) -> the dense optimizer -> finish

``begin`` adds up the gradients of each row and reads the learning rates; the optimizer given to
``compile`` then updates all other variables as Keras does; ``finish`` writes the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from shortlist._backend.rows import native
from shortlist._backend.rows.lookups import Lookup
from shortlist.errors import ConfigError
from shortlist.layers.composite_optimizer import CompositeOptimizer
from shortlist.layers.embedding import Embedding
from shortlist.layers.rules import Moment, Rule, rule_for

__all__ = ["RowOptimizer", "check_rows"]


@dataclass(frozen=True)
class Table:
    """A table, the optimizer of its rows and what that remembers of them."""

    variable: Any
    rule: Rule
    optimizer: Any
    slots: dict[str, Any]


@dataclass(frozen=True)
class Update:
    """The rows of one table that a step changes.

    Attributes:
        table: where they are.
        ids: ``[U]`` distinct row numbers.
        gradients: ``[U, D]`` the sum over the step, still scaled and not clipped.
    """

    table: Table
    ids: Any
    gradients: Any


@dataclass(frozen=True)
class Plan:
    """What `RowOptimizer.begin` found out, for the dense optimizer and for ``finish``.

    Attributes:
        updates: one for each table.
        anchor: the gradient of the anchor, whose size is that of the gradients of all rows.
        moments: the learning rate and the number of this step, of each table's optimizer.
        scale: what the gradients are multiplied by.
        norms: the norm over all the variables of each table's optimizer, unscaled.
        finite: whether the step counts, or None where it always does.
    """

    updates: list[Update]
    anchor: Any
    moments: list[Moment]
    scale: Any
    norms: list[Any]
    finite: Any | None


def check_rows(optimizer: Any, layers: Sequence[Embedding]) -> None:
    """Refuse, when a model is compiled, what cannot be done row by row.

    Raises:
        ConfigError: an optimizer has no rule, averages the weights or accumulates gradients.
    """
    for layer in layers:
        chosen = _chosen(optimizer, layer)
        if chosen is None:
            continue
        rule_for(chosen)
        for option in ("use_ema", "gradient_accumulation_steps"):
            if getattr(chosen, option):
                raise ConfigError(
                    f"Embedding {layer.name!r} expected an optimizer without {option}; received "
                    f"{type(chosen).__name__} with {option}={getattr(chosen, option)!r}, which "
                    "changes every row at every step. Give the layer an optimizer of its own with "
                    "optimizer=, or use keras.layers.Embedding."
                )


class RowOptimizer(keras.optimizers.Optimizer):
    """Wraps the optimizer given to ``compile`` and adds the memory of rows.

    It is made by `shortlist.models.Model`. ``inner`` is the optimizer given; ``learning_rate`` and
    ``iterations`` are its own, so callbacks that read or set them work as ever. Saving it saves
    both.

    One more scalar, the anchor, is handed to the inner optimizer beside the dense variables. Its
    gradient is the norm of the gradients of all rows. So the inner optimizer counts its steps
    where there is no dense variable, ``global_clipnorm`` sees the rows, and a loss scale reacts to
    a row that overflows.
    """

    def __init__(self, inner: Any) -> None:
        super().__init__(learning_rate=0.0, name="row_optimizer")
        self.inner = inner
        self.tables: list[Table] = []
        self._own: list[Any] = []

    def build_rows(self, variables: list[Any], layers: Sequence[Embedding]) -> None:
        """Create what is remembered of the trainable ``variables``, rows of ``layers`` apart."""
        if self.built:
            return
        if isinstance(_unscaled(self.inner), CompositeOptimizer):
            _unscaled(self.inner).assign_variables()
        check_rows(self.inner, layers)
        super().build([])
        apart = {id(layer.table) for layer in layers}
        self.anchor = self.add_variable(shape=(), name="anchor")
        if isinstance(_unscaled(self.inner), CompositeOptimizer):
            _unscaled(self.inner).adopt(self.anchor)
        self.inner.build([*(v for v in variables if id(v) not in apart), self.anchor])
        self._own = _distinct(layer.optimizer for layer in layers if layer.optimizer is not None)
        trained = {id(v) for v in variables}
        self.tables = [self._table(x) for x in layers if id(x.table) in trained]

    def _table(self, layer: Embedding) -> Table:
        optimizer = _chosen(self.inner, layer)
        rule = rule_for(optimizer)
        rows, columns = layer.table.shape
        slots = {
            name: self.add_variable(
                shape=(rows, 1 if slot.per_row else columns),
                initializer=_filled_with(slot.initial),
                dtype=layer.table.dtype,
                name=f"{layer.table.path.replace('/', '_')}_{name}",
            )
            for name, slot in rule.slots.items()
        }
        return Table(layer.table, rule, optimizer, slots)

    @property
    def variables(self) -> list[Any]:
        """Own variables, those of the inner optimizer and those of the layers' optimizers."""
        parts = [super().variables, self.inner.variables, *(x.variables for x in self._own)]
        return [variable for part in parts for variable in part]

    @property
    def row_variables(self) -> list[Any]:
        """The tables that are updated row by row, but those frozen since."""
        return [table.variable for table in self.tables if table.variable.trainable]

    @property
    def learning_rate(self) -> Any:
        """The learning rate of the inner optimizer."""
        return self.inner.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.inner.learning_rate = value

    @property
    def iterations(self) -> Any:
        """The number of steps the inner optimizer made."""
        return self.inner.iterations

    def scale_loss(self, loss: Any) -> Any:
        """The loss as the inner optimizer wants it."""
        return self.inner.scale_loss(loss)

    def finalize_variable_values(self, var_list: list[Any]) -> None:
        """What the inner optimizer does after the last step."""
        self.inner.finalize_variable_values(var_list)

    def begin(self, lookups: list[Lookup], dense_gradients: list[Any]) -> Plan:
        """Add up the gradients of each row, before the dense optimizer runs."""
        updates = [u for table in self.tables if (u := _summed(table, lookups)) is not None]
        anchor = _norm([u.gradients for u in updates])
        scaled = isinstance(self.inner, keras.optimizers.LossScaleOptimizer)
        scale = self.inner.dynamic_scale if scaled else self.inner.loss_scale_factor or 1.0
        finite = ops.isfinite(_norm([anchor, *dense_gradients])) if scaled else None
        return Plan(
            updates=updates,
            anchor=anchor,
            moments=[_moment(u.table) for u in updates],
            scale=scale,
            norms=[self._group_norm(u, updates, dense_gradients) / scale for u in updates],
            finite=finite,
        )

    def _group_norm(self, update: Update, updates: list[Update], dense: list[Any]) -> Any:
        """The norm that ``global_clipnorm`` of this update's optimizer bounds."""
        optimizer = update.table.optimizer
        rows = [u.gradients for u in updates if u.table.optimizer is optimizer]
        shared = optimizer is _unscaled(self.inner)
        return _norm([*rows, *(dense if shared else [])]) if optimizer.global_clipnorm else 1.0

    def finish(self, plan: Plan) -> None:
        """Write the rows, after the dense optimizer has run."""
        for update, moment, norm in zip(plan.updates, plan.moments, plan.norms, strict=True):
            gradients = _clipped(update.table.optimizer, update.gradients / plan.scale, norm)
            _write(update.table, update.ids, gradients, moment, plan.finite)
        for optimizer in self._own:
            count = 1 if plan.finite is None else ops.cast(plan.finite, optimizer.iterations.dtype)
            optimizer.iterations.assign_add(count)

    def get_config(self) -> dict[str, Any]:
        """The inner optimizer's configuration."""
        return {"inner": keras.optimizers.serialize(self.inner)}


def _filled_with(value: float) -> Callable[..., Any]:
    """As ``keras.initializers.Constant``, which holds a second array of the size for a moment."""
    return lambda shape, dtype=None: ops.full(shape, value, dtype=dtype)


def _summed(table: Table, lookups: list[Lookup]) -> Update | None:
    found = [x for x in lookups if x.variable is table.variable]
    if not found:
        return None
    ids = ops.concatenate([x.ids for x in found]) if len(found) > 1 else found[0].ids
    rows = ops.concatenate([x.rows for x in found]) if len(found) > 1 else found[0].rows
    return Update(table, *native.sum_repeated(ids, rows, table.variable.shape[0]))


def _moment(table: Table) -> Moment:
    rate = ops.cast(table.optimizer.learning_rate, table.variable.dtype)
    return Moment(rate, ops.convert_to_tensor(table.optimizer.iterations + 1))


def _write(table: Table, ids: Any, gradients: Any, moment: Moment, finite: Any) -> None:
    old = {name: native.gather(slot, ids) for name, slot in table.slots.items()}
    rows = native.gather(table.variable, ids)
    gradients = ops.cast(gradients, rows.dtype)
    new, kept = table.rule.update(_decayed(table, rows, moment), gradients, old, moment)
    if finite is not None:
        new = ops.where(finite, new, rows)
        kept = {name: ops.where(finite, value, old[name]) for name, value in kept.items()}
    native.write(table.variable, ids, new)
    for name, value in kept.items():
        native.write(table.slots[name], ids, value)


def _decayed(table: Table, rows: Any, moment: Moment) -> Any:
    """Weight decay as Keras has it, of the rows that the step looked up."""
    optimizer = table.optimizer
    if optimizer.weight_decay is None or not optimizer._use_weight_decay(table.variable):
        return rows
    return rows - rows * ops.cast(optimizer.weight_decay, rows.dtype) * moment.rate


def _clipped(optimizer: Any, gradients: Any, norm: Any) -> Any:
    """Clip a table's gradient as Keras clips one of a whole variable: other rows are zero."""
    if optimizer.clipvalue:
        return ops.clip(gradients, -optimizer.clipvalue, optimizer.clipvalue)
    limit = optimizer.global_clipnorm
    if optimizer.clipnorm:
        limit, norm = optimizer.clipnorm, _norm([gradients])
    if not limit:
        return gradients
    return gradients * (limit / ops.maximum(norm, limit))


def _norm(tensors: list[Any]) -> Any:
    squares = [ops.sum(ops.square(ops.cast(x, "float32"))) for x in tensors if x is not None]
    return ops.sqrt(sum(squares[1:], squares[0])) if squares else ops.zeros(())


def _chosen(optimizer: Any, layer: Embedding) -> Any:
    """The optimizer of a layer's rows; None where it has none, or none that is known yet."""
    optimizer = _unscaled(optimizer)
    if layer.optimizer is not None:
        return layer.optimizer
    if not isinstance(optimizer, CompositeOptimizer):
        return optimizer
    if not optimizer.is_assigned or not layer.table.trainable:
        return None
    chosen = optimizer.optimizer_of(layer.table)
    if chosen.global_clipnorm:
        raise ConfigError(
            f"The optimizer of the embedding {layer.name!r} in a CompositeOptimizer expected no "
            f"global_clipnorm; received {chosen.global_clipnorm!r}. Use clipnorm."
        )
    return chosen


def _unscaled(optimizer: Any) -> Any:
    return getattr(optimizer, "inner_optimizer", optimizer)


def _distinct(items: Any) -> list[Any]:
    return list({id(item): item for item in items}.values())
