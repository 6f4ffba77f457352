"""`Model`: write ``compute_loss``, then train with plain Keras on any backend."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from shortlist._backend.rows.lookups import Lookup, Tape, recording
from shortlist._backend.trainer import StepTrainer
from shortlist.errors import ConfigError, DataError
from shortlist.layers._refused import RefusedError
from shortlist.layers.embedding import Embedding, out_of_range
from shortlist.layers.row_optimizer import RowOptimizer, check_rows
from shortlist.models.id_guard import IdGuard
from shortlist.tasks.base import parts_of

__all__ = ["Model"]


class Model(StepTrainer, keras.Model):
    """A `keras.Model` that is trained through its ``compute_loss(features, training)``.

    Subclass it, make the layers and tasks in ``__init__`` and write ``compute_loss``; then
    ``compile``, ``fit`` and ``evaluate`` are Keras' own, with dicts of arrays, tuples, `tf.data`,
    PyTorch loaders, `keras.utils.PyDataset` or generators, on TensorFlow, JAX and PyTorch.
    ``call`` is needed only for ``predict`` and for calling the model itself.

    ``compute_loss`` receives a batch as the data set yields it (a dict, a tensor, or a tuple such
    as ``(features, labels)``) and returns a scalar. Losses that layers add (regularisers,
    ``add_loss``) are added to it. Layers called in it receive ``training`` unless they are given
    another value. The logs hold ``loss`` (what ``compute_loss`` returned), ``regularization_loss``,
    ``total_loss`` (their sum), each the mean over the epoch weighted by the size of the batches,
    and every metric of every layer and task.

    >>> import keras, numpy as np
    >>> class Mean(Model):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.dense = keras.layers.Dense(1)
    ...     def compute_loss(self, features, training=False):
    ...         return keras.ops.mean((self.dense(features["x"])[:, 0] - features["y"]) ** 2)
    >>> model = Mean()
    >>> model.compile(optimizer=keras.optimizers.SGD(0.1))
    >>> data = {"x": np.ones((8, 1), "float32"), "y": np.ones(8, "float32")}
    >>> history = model.fit(data, batch_size=4, epochs=20, verbose=0)
    >>> round(model.evaluate(data, return_dict=True, verbose=0)["total_loss"], 3)
    0.0
    """

    optimizer: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._regularization_tracker = keras.metrics.Mean(name="regularization_loss")
        self._total_tracker = keras.metrics.Mean(name="total_loss")
        self._id_guard = IdGuard()
        self._steps_to_skip = 0
        self._is_prepared = False
        self._batch_shapes: Any = None

    def compute_loss(self, features: Any, training: bool = False) -> Any:  # noqa: ARG002
        """The loss of one batch; every subclass writes its own.

        Args:
            features: a batch as the data set yields it.
            training: whether the weights are being updated.

        Returns:
            A scalar tensor.

        Raises:
            RefusedError: the subclass has no such method; a `ConfigError` and a
                `NotImplementedError`.
        """
        raise RefusedError(
            f"{type(self).__name__} expected a method compute_loss(self, features, "
            "training=False) that returns the loss of a batch; received none. Write one."
        )

    def compile(self, optimizer: Any = "rmsprop", **kwargs: Any) -> None:
        """Choose how to train: Keras' ``compile`` without its losses and metrics.

        Args:
            optimizer: a Keras optimizer or its name.
            **kwargs: ``run_eagerly``, ``steps_per_execution``, ``jit_compile`` and
                ``auto_scale_loss`` as Keras has them.

        Raises:
            ConfigError: ``loss``, ``loss_weights``, ``metrics`` or ``weighted_metrics`` is given,
                or the optimizer cannot update the rows of an `Embedding` one by one.
        """
        for name in ("loss", "loss_weights", "metrics", "weighted_metrics"):
            if kwargs.pop(name, None) is not None:
                raise ConfigError(
                    f"compile() received {name}=, but a shortlist Model takes its losses and "
                    "metrics from compute_loss. Give them to the task that compute_loss calls."
                )
        super().compile(optimizer=optimizer, **kwargs)
        self._set_rows_apart()

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile as a saved model was compiled."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self._is_prepared:
            self._prepare_to_run(None)

    @property
    def metrics(self) -> list[Any]:
        """The loss trackers and the metrics of all layers and tasks, each once."""
        found = [part for metric in super().metrics for part in parts_of(metric)]
        named = {id(metric): metric for metric in found if metric is not self._id_guard}
        return list(named.values())

    @property
    def metrics_variables(self) -> list[Any]:
        """The variables that a step measures in: those of `metrics`, and of the guard of ids."""
        return [*super().metrics_variables, *self._id_guard.variables]

    def reset_metrics(self) -> None:
        """Set all of them back."""
        super().reset_metrics()
        self._id_guard.reset_state()

    def add_loss(self, loss: Any) -> None:
        """Add a loss that is not made from the outputs, such as a penalty on weights.

        Args:
            loss: a scalar tensor or a number, or a list of them.
        """
        super().add_loss(keras.tree.map_structure(ops.convert_to_tensor, loss))

    def build_on(self, features: Any) -> None:
        """Create the variables of all layers from one batch of features.

        ``fit`` and ``evaluate`` do this by themselves. Call it to count parameters or to load
        weights before the first of them. No state changes.
        """
        self._trace_loss(features)
        # Not tracked: as a layer of the model it would hold the model that holds it.
        self.__dict__["_loss_step"] = self._new_loss_step()
        self._batch_shapes = keras.tree.map_structure(_shape_of, features)
        self._is_prepared = True
        self.built = True

    def skip_steps(self, count: int) -> None:
        """Let the next ``count`` steps of ``fit`` take their batches and do nothing with them.

        A run that goes on in the middle of an epoch so comes to the place where it was.
        """
        self._steps_to_skip = count

    def _skip_execution(self, batches: Iterator[Any]) -> bool:
        """Skip what one execution would train on; whether there is still more to skip."""
        for _ in range(min(self.steps_per_execution, self._steps_to_skip)):
            next(batches)
            self._steps_to_skip -= 1
        return self._steps_to_skip > 0

    def get_build_config(self) -> dict[str, Any] | None:
        """The shapes that `build_from_config` needs, for Keras' saving."""
        if not self._is_prepared:
            return None
        return {"features": keras.saving.serialize_keras_object(self._batch_shapes)}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Create the variables of all layers as a saved model had them."""
        if config:
            symbols = keras.saving.deserialize_keras_object(config["features"])
            self.build_on(keras.tree.map_structure(_blank, symbols))

    def _needs_batch(self) -> bool:
        return not self._is_prepared

    def _prepare_to_run(self, data: Any) -> None:
        """Build the layers on the first batch, then the optimizer on their variables."""
        if not self._is_prepared:
            features = unwrap(data)
            _refuse_strings(features)
            self.build_on(features)
        self._set_rows_apart()
        if isinstance(self.optimizer, RowOptimizer):
            self.optimizer.build_rows(self.trainable_variables, self._row_layers())
        elif self.optimizer is not None and not self.optimizer.built:
            self.optimizer.build(self.trainable_variables)

    def _row_layers(self) -> list[Embedding]:
        return [layer for layer in self._flatten_layers() if isinstance(layer, Embedding)]

    def _set_rows_apart(self) -> None:
        """Wrap the optimizer where there are tables; layers may come to light when built."""
        layers = self._row_layers()
        optimizer = getattr(self, "optimizer", None)
        if layers and optimizer is not None and not isinstance(optimizer, RowOptimizer):
            check_rows(optimizer, layers)
            self.optimizer = RowOptimizer(optimizer)

    def _row_variables(self) -> list[Any]:
        return self.optimizer.row_variables if isinstance(self.optimizer, RowOptimizer) else []

    def _dense_variables(self) -> list[Any]:
        apart = {id(v) for v in self._row_variables()}
        return [v for v in self.trainable_variables if id(v) not in apart]

    def _update_variables(
        self, gradients: list[Any], dense: list[Any], lookups: list[Lookup]
    ) -> None:
        """Apply the gradients of one step, where variables can be assigned to."""
        optimizer = self.optimizer
        if not isinstance(optimizer, RowOptimizer):
            optimizer.apply(gradients, dense)
            return
        plan = optimizer.begin(lookups, gradients)
        optimizer.inner.apply([*gradients, plan.anchor], [*dense, optimizer.anchor])
        optimizer.finish(plan)

    def _refuse_ids(self, found: Any, original: Callable[[int], int] = int) -> None:
        """Raise the error for the first id that was out of range, if there was one."""
        flag, place, value = (0, 0, 0) if found is None else ops.convert_to_numpy(found)
        if flag:
            raise out_of_range(self._row_layers()[int(place)], original(int(value)))

    def _new_loss_step(self) -> keras.layers.Layer:
        return _Step(self.compute_loss, name=self.name)

    def _compute_losses(self, features: Any, training: bool) -> tuple[Any, Any]:
        """The loss of a batch and the sum of the losses that layers added."""
        self._clear_losses()
        loss = self.__dict__["_loss_step"](features=features, training=training)
        added = self.losses
        if not added:
            return loss, ops.zeros((), dtype=loss.dtype)
        return loss, sum(ops.cast(ops.sum(x), loss.dtype) for x in added)

    def _measured_loss(self, data: Any, training: bool, tape: Tape) -> tuple[Any, dict[str, Any]]:
        """The total loss of a batch, and the logs after it."""
        features = unwrap(data)
        with recording(tape):
            loss, regularization = self._compute_losses(features, training)
        for layer, found in tape.flags:
            self._id_guard.update_state(self._row_layers().index(layer), found)
        total = loss + regularization
        size = ops.shape(keras.tree.flatten(features)[0])[0]
        self._loss_tracker.update_state(loss, sample_weight=size)
        self._regularization_tracker.update_state(regularization, sample_weight=size)
        self._total_tracker.update_state(total, sample_weight=size)
        return total, self.get_metrics_result()


class _Step(keras.layers.Layer):
    """Runs ``compute_loss`` as one layer call, the outermost.

    Inside it Keras hands ``training`` down to every layer and keeps the losses that a layer adds
    when it is called more than once. It tracks nothing, and casts nothing: features such as time
    stamps do not survive float16.
    """

    def __init__(self, function: Callable[..., Any], name: str) -> None:
        super().__init__(name=name, dtype="float32", autocast=False)
        self._function = function

    def call(self, features: Any, training: bool = False) -> Any:
        loss = self._function(features, training=training)
        shape = getattr(loss, "shape", None)
        if shape is None or len(shape) != 0:
            raise ConfigError(
                "compute_loss expected to return a scalar tensor; received "
                f"{'no tensor' if shape is None else f'a tensor of shape {tuple(shape)}'}. "
                "Reduce it, for instance with keras.ops.sum."
            )
        return loss


def unwrap(data: Any) -> Any:
    """What ``compute_loss`` receives of a batch: as TFRS, the element the data set yields.

    Keras' own adapters hand over ``(x,)`` or ``(x, None, None)`` where there is only an ``x``.
    """
    if isinstance(data, list):
        data = tuple(data)
    if isinstance(data, tuple):
        while len(data) > 1 and data[-1] is None:
            data = data[:-1]
        if len(data) == 1:
            return data[0]
    return data


def _shape_of(leaf: Any) -> keras.KerasTensor:
    return keras.KerasTensor(tuple(leaf.shape), keras.backend.standardize_dtype(leaf.dtype))


def _blank(symbol: keras.KerasTensor) -> np.ndarray:
    shape = tuple(2 if size is None else size for size in symbol.shape)
    return np.full(shape, "") if symbol.dtype == "string" else np.zeros(shape, symbol.dtype)


def _refuse_strings(features: Any) -> None:
    if keras.backend.backend() == "tensorflow":
        return
    for path, leaf in keras.tree.flatten_with_path(features):
        if getattr(getattr(leaf, "dtype", None), "kind", None) in {"O", "S", "U", "T"}:
            raise DataError(
                f"The feature {'/'.join(map(str, path))!r} holds strings, and the backend "
                f"{keras.backend.backend()!r} computes with numbers only. Encode it before with "
                "shortlist.features, or set KERAS_BACKEND=tensorflow and look it up in the model "
                "with keras.layers.StringLookup."
            )
