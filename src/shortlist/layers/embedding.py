"""`Embedding`: ids to vectors, trained row by row inside `shortlist.models.Model`."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from shortlist._backend.rows import native
from shortlist._backend.rows.lookups import OutOfRange, active_tape
from shortlist.errors import ConfigError, DataError, nearest

__all__ = ["Embedding"]

_COMBINERS = ("sum", "mean", "sqrtn")


@keras.saving.register_keras_serializable(package="shortlist")
class Embedding(keras.layers.Layer):
    r"""Turns ids into vectors by looking them up in a table ``[input_dim, output_dim]``.

    Inside a `shortlist.models.Model` a step reads and updates only the rows it looks up, so that
    its cost does not depend on ``input_dim``. With SGD and Adagrad this gives what updating the
    whole table gives; the other optimizers have a lazy form (see `shortlist.layers.rules`). In any
    other Keras model the table is one more trainable weight, updated as a whole.

    Several ids for one vector are combined over the last axis:

    .. math:: \text{sum} = \sum_l w_l e_l, \qquad
              \text{mean} = \frac{\sum_l w_l e_l}{\sum_l w_l}, \qquad
              \text{sqrtn} = \frac{\sum_l w_l e_l}{\sqrt{\sum_l w_l^2}}

    with zeros where there is no id or no weight at all.

    Args:
        input_dim: the number of rows; ids run from 0 to ``input_dim - 1``.
        output_dim: the length of a vector.
        combiner: None for a vector an id, or ``"sum"``, ``"mean"`` or ``"sqrtn"``.
        mask_zero: id 0 is padding. Combined, it does not count and its row is never updated;
            otherwise the output carries a Keras mask.
        embeddings_initializer: what the table starts from.
        embeddings_regularizer: added to the loss for each distinct row of a lookup, not for the
            rest of the table.
        optimizer: a Keras optimizer for this table alone; the one given to ``compile`` by default.
        **kwargs: ``name``, ``dtype`` and ``trainable`` as in any layer.

    Call arguments:
        inputs: integers of any kind, ``[...]``, or ``[..., L]`` where they are combined.
        weights: of the same shape, only where they are combined; 1 by default.

    Returns:
        ``[..., output_dim]``; one axis of ids fewer where they are combined.

    Raises:
        ConfigError: an argument is wrong.
        DataError: an id is not a row of the table. Where a step is compiled (JAX, TensorFlow) a
            `Model` raises it after the step, whose wrong ids then read zeros or any row and update
            none. In another compiled Keras model they read NaN on JAX, and on TensorFlow are an
            error of its own.

    >>> import numpy as np
    >>> layer = Embedding(4, 2, combiner="mean", mask_zero=True, embeddings_initializer="ones")
    >>> keras.ops.convert_to_numpy(layer(np.array([[1, 2, 0], [0, 0, 0]]))).tolist()
    [[1.0, 1.0], [0.0, 0.0]]
    """

    built: bool

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        *,
        combiner: str | None = None,
        mask_zero: bool = False,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        optimizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        if combiner not in (None, *_COMBINERS):
            raise ConfigError(
                f"Embedding expected combiner to be None or one of {', '.join(_COMBINERS)}; "
                f"received {combiner!r}.{nearest(str(combiner), _COMBINERS)}"
            )
        self.input_dim = _size("input_dim", input_dim)
        self.output_dim = _size("output_dim", output_dim)
        self.combiner = combiner
        self.mask_zero = mask_zero
        self.supports_masking = mask_zero or combiner is not None
        self.embeddings_initializer = keras.initializers.get(embeddings_initializer)
        self.embeddings_regularizer = keras.regularizers.get(embeddings_regularizer)
        self.optimizer = None if optimizer is None else keras.optimizers.get(optimizer)

    def build(self, input_shape: Any = None) -> None:
        """Create the table."""
        del input_shape
        if not self.built:
            self._table = self.add_weight(
                shape=(self.input_dim, self.output_dim),
                initializer=self.embeddings_initializer,
                name="embeddings",
            )
            self.built = True

    @property
    def table(self) -> Any:
        """The variable ``[input_dim, output_dim]``; None before the layer is built."""
        return self._table if self.built else None

    @property
    def embeddings(self) -> Any:
        """All vectors: the variable, or inside a training step a lookup of every row.

        A step does not follow a gradient into the variable itself.
        """
        tape = active_tape()
        if tape is None or not tape.wants(self._table):
            return self._table
        return self._rows(ops.arange(self.input_dim, dtype="int32"))

    def call(self, inputs: Any, weights: Any = None) -> Any:
        """Look up ``inputs`` and combine what belongs together."""
        ids = self._checked(inputs)
        if self.combiner is None:
            if weights is not None:
                raise ConfigError(
                    f"Embedding {self.name!r} received weights but has no combiner to use them "
                    f"in. Choose one of {', '.join(_COMBINERS)}."
                )
            return ops.cast(self._rows(ids), self.compute_dtype)
        return self._combine(ids, weights)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of what ``call`` returns."""
        ids = tuple(input_shape)
        return (*(ids if self.combiner is None else ids[:-1]), self.output_dim)

    def compute_output_spec(self, inputs: Any, weights: Any = None) -> keras.KerasTensor:
        """The shape and dtype of what ``call`` returns."""
        del weights
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), self.compute_dtype)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Which ids are no padding; None where they are combined or none is padding."""
        del previous_mask
        if self.combiner is not None or not self.mask_zero:
            return None
        return ops.not_equal(inputs, 0)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal layer."""
        config = super().get_config()
        optimizer = self.optimizer
        return {
            **config,
            "input_dim": self.input_dim,
            "output_dim": self.output_dim,
            "combiner": self.combiner,
            "mask_zero": self.mask_zero,
            "embeddings_initializer": keras.initializers.serialize(self.embeddings_initializer),
            "embeddings_regularizer": keras.regularizers.serialize(self.embeddings_regularizer),
            "optimizer": None if optimizer is None else keras.optimizers.serialize(optimizer),
        }

    def _checked(self, inputs: Any) -> Any:
        """The ids as int32 or int64, once it is known or noted whether they are in range."""
        dtype = keras.backend.standardize_dtype(inputs.dtype)
        if dtype in {"string", "bool", "complex64", "complex128"}:
            raise DataError(
                f"Embedding {self.name!r} expected integer ids; received {dtype}. Encode them "
                "first, for instance with shortlist.features.Vocabulary."
            )
        ids = native.integers(inputs)
        try:
            outside = native.outside(ids, self.input_dim)
        except OutOfRange as error:
            raise out_of_range(self, error.value) from None
        tape = active_tape()
        if outside is not None and tape is not None:
            tape.flag(self, outside)
        return ids

    def _rows(self, ids: Any) -> Any:
        """The rows ``[..., D]`` of ``ids`` in the dtype of the table."""
        tape = active_tape()
        if tape is not None and tape.wants(self._table):
            flat = ops.reshape(ids, (-1,))
            unused = self.combiner is not None and self.mask_zero
            updated = ops.where(flat == 0, self.input_dim, flat) if unused else flat
            rows = tape.watch(self._table, flat, updated)
            rows = ops.reshape(rows, (*ops.shape(ids), self.output_dim))
        elif tape is not None:
            rows = native.gather(self._table, ids)
        else:
            rows = native.differentiable_gather(self._table, ids)
        if self.embeddings_regularizer is not None:
            self.add_loss(self._regularization(ids, rows))
        return rows

    def _combine(self, ids: Any, weights: Any) -> Any:
        weights = ops.ones_like(ids) if weights is None else weights
        weights = ops.cast(weights, self.compute_dtype)
        if self.mask_zero:
            weights = ops.where(ops.equal(ids, 0), ops.zeros_like(weights), weights)
        rows = ops.cast(self._rows(ids), self.compute_dtype)
        combined = ops.squeeze(ops.matmul(weights[..., None, :], rows), axis=-2)
        if self.combiner == "sum":
            return combined
        if self.combiner == "mean":
            total = ops.sum(weights, axis=-1, keepdims=True)
        else:
            squares = ops.sum(ops.square(weights), axis=-1, keepdims=True)
            # The root has no gradient at 0.
            total = ops.where(squares == 0, squares, ops.sqrt(ops.where(squares == 0, 1, squares)))
        return ops.where(total == 0, 0, combined / ops.where(total == 0, 1, total))

    def _regularization(self, ids: Any, rows: Any) -> Any:
        """The regulariser of each distinct row, whose repeats count as zeros."""
        ids = ops.reshape(ids, (-1,))
        order = ops.argsort(ids)
        ids = ops.take(ids, order)
        rows = ops.take(ops.reshape(rows, (-1, self.output_dim)), order, axis=0)
        first = ops.concatenate([ops.ones_like(ids[:1], dtype="bool"), ids[1:] != ids[:-1]])
        if self.mask_zero:
            first = ops.logical_and(first, ids != 0)
        return self.embeddings_regularizer(ops.where(first[:, None], rows, ops.zeros_like(rows)))


def _size(name: str, value: Any) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < 1:
        raise ConfigError(
            f"Embedding expected {name} to be an integer of at least 1; received {value!r}."
        )
    return int(value)


def out_of_range(layer: Embedding, value: int) -> DataError:
    """The error for an id that is not a row of a layer's table."""
    return DataError(
        f"Embedding {layer.name!r} expected ids from 0 to {layer.input_dim - 1}; received {value}. "
        "Encode the ids with the vocabulary the table was made for, or raise input_dim."
    )
