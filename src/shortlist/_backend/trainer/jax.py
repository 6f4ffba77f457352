"""The training step on JAX: a pure function of the model's variables, compiled by Keras."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import jax
import keras
import numpy as np

from shortlist._backend import processes
from shortlist._backend.rows.jax import Tape
from shortlist._backend.rows.lookups import Lookup
from shortlist._backend.trainer.interrupts import interrupts_held
from shortlist._backend.trainer.wide_ids import WideIds, refuse_wide
from shortlist.errors import ConfigError, DataError

State = tuple[list[Any], ...]

_FOUND = "ids out of range"
# The parts of a training state, by the names that Keras keeps them under.
_STATE = (
    "trainable_variables",
    "non_trainable_variables",
    "optimizer_variables",
    "metrics_variables",
)


class StepTrainer:
    """Trains and evaluates a model through its ``compute_loss`` on JAX."""

    def fit(self: Any, *args: Any, **kwargs: Any) -> Any:
        """Keras' own ``fit``; of several processes that train together, one alone never goes on."""
        _check_processes()
        refuse_wide(_arrays(args, kwargs))
        with processes.stops_together():
            return super().fit(*args, **kwargs)  # type: ignore[misc]

    def evaluate(self: Any, *args: Any, **kwargs: Any) -> Any:
        """Keras' own ``evaluate``; of several processes that do it, one alone never goes on."""
        _check_processes()
        refuse_wide(_arrays(args, kwargs))
        with processes.stops_together():
            return super().evaluate(*args, **kwargs)  # type: ignore[misc]

    def _symbolic_build(self: Any, iterator: Any = None, data_batch: Any = None) -> None:
        if data_batch is None and self._needs_batch():
            for _, _, batches in iterator:
                data_batch = next(_divided(batches))
                _check_parts(data_batch)
                break
        self._prepare_to_run(data_batch)

    def _trace_loss(self: Any, features: Any) -> None:
        """Create every variable by following ``compute_loss`` on the shapes of one batch."""
        if self.compiled and self.run_eagerly:
            with keras.StatelessScope():
                self._new_loss_step()(features=features, training=False)
            return
        symbols = keras.tree.map_structure(
            lambda x: keras.KerasTensor(x.shape, keras.backend.standardize_dtype(x.dtype)),
            features,
        )
        self._new_loss_step()(features=symbols, training=False)

    def make_train_function(self: Any, force: bool = False) -> None:
        """Compile the step, and look at its ids before and after it."""
        if self.train_function is None or force:
            self._make_metric_variables()
            super().make_train_function(force)  # type: ignore[misc]
            self.train_function = self._with_skips(self._with_id_guard(self.train_function, _STATE))

    def make_test_function(self: Any, force: bool = False) -> None:
        """Compile the evaluation of a batch, and look at its ids before and after it."""
        if self.test_function is None or force:
            self._make_metric_variables()
            super().make_test_function(force)  # type: ignore[misc]
            names = tuple(name for name in _STATE if name != "optimizer_variables")
            self.test_function = self._with_id_guard(self.test_function, names)

    def _make_metric_variables(self: Any) -> None:
        # Over several devices Keras asks where each variable lies when it compiles the step, before
        # the reset in which a metric first embeds its corpus.
        if keras.distribution.distribution() is not None:
            self.reset_metrics()

    def _with_id_guard(self: Any, function: Callable[..., Any], names: tuple[str, ...]) -> Any:
        def run(state: State, batches: Iterator[Any]) -> tuple[dict[str, Any], State]:
            # The step is given the arrays of the variables to write over. Whatever happens after
            # it, Keras must find the new ones.
            with interrupts_held():
                logs, state = function(state, map(self._wide_ids.narrow, _divided(batches)))
                self._jax_state = dict(zip(names, state, strict=True))
            # Waiting for this step would keep the next batch waiting, so look at the one before.
            found, self._found = self._found, logs.pop(_FOUND, None)
            try:
                self._refuse_ids(found, self._wide_ids.original)
            except DataError:
                super(StepTrainer, self).jax_state_sync()  # type: ignore[misc]
                raise
            return logs, state

        self._found = None
        self._wide_ids = WideIds()
        return run

    def _with_skips(self: Any, function: Callable[..., Any]) -> Any:
        def run(state: State, batches: Iterator[Any]) -> tuple[dict[str, Any], State]:
            if not self._steps_to_skip:
                return function(state, batches)
            if self._skip_execution(batches):
                return {}, state
            references = list(zip(self.metrics_variables, state[-1], strict=True))
            with keras.StatelessScope(state_mapping=references):
                return self.get_metrics_result(), state

        return run

    def jax_state_sync(self: Any) -> None:
        """Give the variables their values of the last step, once it is known to be sound."""
        super().jax_state_sync()  # type: ignore[misc]
        found, self._found = getattr(self, "_found", None), None
        if found is not None:
            self._refuse_ids(found, self._wide_ids.original)

    def train_step(self: Any, state: State, data: Any) -> tuple[dict[str, Any], State]:
        """One update of all variables from one batch."""
        trainable, non_trainable, optimizer_values, metric_values = state
        apart = {id(v) for v in self._row_variables()}
        places = [i for i, v in enumerate(self.trainable_variables) if id(v) not in apart]
        variables: list[Any] = []

        def loss(dense: list[Any], zeros: list[Any] | None) -> tuple[Any, Any]:
            values = _replaced(trainable, places, dense)
            tape = Tape(self._row_variables(), zeros)
            total, aux = self._stateless_loss(
                (values, non_trainable, metric_values, optimizer_values), data, True, tape
            )
            variables[:] = [x.variable for x in tape.lookups]
            # The first trace wants the shapes of the rows, the second their ids.
            rows = [x.rows if zeros is None else x.ids for x in tape.lookups]
            return total, (aux, rows)

        dense = [trainable[i] for i in places]
        zeros = []
        if apart:
            _, (_, shapes) = jax.eval_shape(lambda values: loss(values, None), dense)
            zeros = [jax.numpy.zeros(x.shape, x.dtype) for x in shapes]
        (_, (aux, ids)), gradients = jax.value_and_grad(loss, argnums=(0, 1), has_aux=True)(
            dense, zeros
        )
        non_trainable, metric_values, logs = aux
        lookups = [Lookup(*parts) for parts in zip(variables, ids, gradients[1], strict=True)]
        trainable, optimizer_values = self._stateless_update(
            trainable, optimizer_values, places, gradients[0], lookups
        )
        return logs, (trainable, non_trainable, optimizer_values, metric_values)

    def _stateless_update(
        self: Any,
        trainable: list[Any],
        optimizer_values: list[Any],
        places: list[int],
        gradients: list[Any],
        lookups: list[Lookup],
    ) -> tuple[list[Any], list[Any]]:
        optimizer = self.optimizer
        if not hasattr(optimizer, "begin"):
            return optimizer.stateless_apply(optimizer_values, gradients, trainable)
        references = [
            *zip(self.trainable_variables, trainable, strict=True),
            *zip(optimizer.variables, optimizer_values, strict=True),
        ]
        with keras.StatelessScope(state_mapping=references) as scope:
            plan = optimizer.begin(lookups, gradients)
            values = [scope.get_current_value(v) for v in optimizer.inner.variables]
            dense = [*(trainable[i] for i in places), optimizer.anchor.value]
        # The optimizer of the dense variables never sees the tables: its conditional branches
        # (a loss scale, accumulated gradients) would copy them.
        dense, values = optimizer.inner.stateless_apply(values, [*gradients, plan.anchor], dense)
        with scope:
            optimizer.finish(plan)
        updated = {id(v): scope.get_current_value(v) for v, _ in references}
        updated |= {id(v): x for v, x in zip(optimizer.inner.variables, values, strict=True)}
        updated[id(optimizer.anchor)] = dense[-1]
        trainable = [updated[id(v)] for v in self.trainable_variables]
        return (
            _replaced(trainable, places, dense[:-1]),
            [updated[id(v)] for v in optimizer.variables],
        )

    def test_step(self: Any, state: State, data: Any) -> tuple[dict[str, Any], State]:
        """The loss and metrics of one batch, with no update of the weights."""
        trainable, *_ = state
        _, aux = self._stateless_loss((*state, None), data, False, Tape([]))
        non_trainable, metric_values, logs = aux
        return logs, (trainable, non_trainable, metric_values)

    def _stateless_loss(
        self: Any, state: tuple[Any, ...], data: Any, training: bool, tape: Tape
    ) -> tuple[Any, tuple[list[Any], list[Any], dict[str, Any]]]:
        trainable, non_trainable, metric_values, optimizer_values = state
        references = [
            *zip(self.trainable_variables, trainable, strict=True),
            *zip(self.non_trainable_variables, non_trainable, strict=True),
            *zip(self.metrics_variables, metric_values, strict=True),
        ]
        if optimizer_values is not None:
            references += zip(self.optimizer.variables, optimizer_values, strict=True)
        with keras.StatelessScope(state_mapping=references, collect_losses=True) as scope:
            total, logs = self._measured_loss(data, training, tape)
            if training:
                total = self.optimizer.scale_loss(total)
        if tape.flags:
            logs[_FOUND] = scope.get_current_value(self._id_guard.found)
        updated = [scope.get_current_value(v) for v in self.non_trainable_variables]
        measured = [scope.get_current_value(v) for v in self.metrics_variables]
        return total, (updated, measured, logs)


def _check_processes() -> None:
    if processes.count() > 1 and keras.distribution.distribution() is None:
        raise ConfigError(
            f"Expected a distribution, as there are {processes.count()} processes, each of which "
            "would train a model of its own; received none. Make, compile and fit the model within "
            "many_devices().scope()."
        )


def _arrays(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What ``fit`` or ``evaluate`` was given as data, where it is arrays."""
    data = args[0] if args else kwargs.get("x")
    return data if isinstance(data, dict | list | tuple | np.ndarray) else None


def _check_parts(batch: Any) -> None:
    """Look at the first batch of a model: each part of the rows is to come from those who hold it.

    Raises:
        DataError: processes that hold the same rows were given different ones.
    """
    distribution = keras.distribution.distribution()
    if processes.count() == 1 or distribution is None:
        return
    sums = [
        zlib.crc32(np.asarray(shard.data).tobytes())
        for leaf in jax.tree.leaves(batch)
        for shard in leaf.addressable_shards
    ]
    parts = processes.gathered(distribution.data_shard_id)
    found = processes.gathered(zlib.crc32(repr(sums).encode()) >> 1)
    pairs = set(zip(parts, found, strict=True))
    if len(pairs) > len(set(parts)):
        raise DataError(
            "Processes that share a part of the batch expected the same rows; they were given "
            "different ones. Use BatchDataset with the same seed in each."
        )
    if len(set(found)) < len(pairs):
        warnings.warn(
            "Processes that were to read different parts of a batch gave the same rows, which so "
            "count twice. Use BatchDataset, or give each process its own part.",
            stacklevel=2,
        )


def _divided(batches: Iterator[Any]) -> Iterator[Any]:
    """The same batches, with an error of ours for one that does not divide among the devices."""
    try:
        # Not "yield from", which would close the data set with this generator, after each step.
        for batch in batches:  # noqa: UP028
            yield batch
    except ValueError as error:
        if type(error).__name__ != "IndivisibleError":
            raise
        raise DataError(
            "Expected batches that divide evenly among the devices; received one that does not "
            f"({error}). Choose such a batch size and drop_remainder=True or Batches(pad=True), "
            "which fills up the last one."
        ) from error


def _replaced(values: list[Any], places: list[int], new: list[Any]) -> list[Any]:
    """``values`` with those at ``places`` exchanged for ``new``."""
    values = list(values)
    for place, value in zip(places, new, strict=True):
        values[place] = value
    return values
