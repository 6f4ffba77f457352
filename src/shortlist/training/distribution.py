"""Training on many devices: how the rows of a batch and of large tables are laid out over them.

    with many_devices(shards=4).scope():        # 8 devices: 2 parts of the batch x 4 of each table
        model = MyModel()
        model.compile(...)
        model.fit(...)

The engine is `keras.distribution` on JAX; what is here is one decision: which variables are split.
A program computes the same on any number of devices, so in-batch negatives are those of the whole
batch, and the loss and the weights do not depend on how many there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shortlist import _backend  # noqa: F401  # isort: skip
import keras

from shortlist._backend import processes
from shortlist.errors import ConfigError
from shortlist.features.placement import MIN_ROWS, split_axis

__all__ = ["TableParallel", "many_devices"]

_BATCH, _SHARDS = "batch", "shards"


class TableParallel(keras.distribution.ModelParallel):
    """Splits batches over one axis of the devices and large tables over the other.

    A table is a variable of at least ``min_rows`` rows: the embeddings, and whatever an optimizer
    keeps for each row. It is split by rows where they divide evenly among the shards, so that a
    step moves only the rows it looks up; otherwise by columns; otherwise each device keeps all.

    Args:
        shards: into how many parts a table is split; it divides the number of devices.
        devices: their names, as `keras.distribution.list_devices` gives them; all by default.
        min_rows: tables with fewer rows are kept whole on each device.

    Raises:
        ConfigError: the shards do not divide the devices, the parts of the batch lie across
            processes, or Keras does not run on JAX.
    """

    def __init__(
        self, shards: int, *, devices: Sequence[str] | None = None, min_rows: int = MIN_ROWS
    ) -> None:
        names = _devices(devices)
        if not 1 <= shards <= len(names) or len(names) % shards:
            raise ConfigError(
                f"shards expected a divisor of the number of devices, {len(names)}; "
                f"received {shards!r}."
            )
        check_processes(len(names) // shards)
        mesh = keras.distribution.DeviceMesh(
            (len(names) // shards, shards), (_BATCH, _SHARDS), names
        )
        super().__init__(
            layout_map=keras.distribution.LayoutMap(mesh),
            batch_dim_name=_BATCH,
            # Each process reads its part of the batches itself.
            auto_shard_dataset=False,
        )
        self.shards = shards
        self.min_rows = min_rows

    def get_variable_layout(self, variable: Any) -> Any:
        """Where the parts of a variable lie."""
        axes = split_axes(tuple(variable.shape), self.shards, self.min_rows)
        return keras.distribution.TensorLayout(axes, self.device_mesh)


def split_axes(shape: tuple[int, ...], shards: int, min_rows: int) -> list[str | None]:
    """The axis of the devices that each axis of a variable is split over, or None.

    >>> split_axes((1_000_000, 64), 8, 100_000), split_axes((1_000_001, 64), 8, 100_000)
    (['shards', None], [None, 'shards'])
    >>> split_axes((64, 64), 8, 100_000)
    [None, None]
    """
    place = split_axis(shape, shards, min_rows)
    return [_SHARDS if axis == place else None for axis in range(len(shape))]


def many_devices(
    shards: int = 1, *, devices: Sequence[str] | None = None, min_rows: int = MIN_ROWS
) -> Any:
    """How to train on many devices: for use in a ``with``, by its ``scope()``.

    Args:
        shards: 1 keeps every table whole on each device and splits the batch alone; more split
            the large tables, see `TableParallel`.
        devices: their names; all by default.
        min_rows: what a large table is.

    Returns:
        A `keras.distribution.Distribution`. Batches must divide evenly among the parts of the
        batch, so use ``drop_remainder`` or ``Batches(pad=True)`` where the last one is smaller.

    Raises:
        ConfigError: the shards do not divide the devices, or Keras does not run on JAX.
    """
    if shards > 1:
        return TableParallel(shards, devices=devices, min_rows=min_rows)
    return keras.distribution.DataParallel(devices=_devices(devices), auto_shard_dataset=False)


def check_processes(parts: int) -> None:
    """Each process is to hold whole parts of the batch, or several of them the same one."""
    count = processes.count()
    if parts % count and count % parts:
        raise ConfigError(
            f"shards expected to leave parts of the batch that divide among {count} processes, or "
            f"processes that divide among them; it leaves {parts}. Choose other shards."
        )


def _devices(names: Sequence[str] | None) -> list[str]:
    if keras.backend.backend() != "jax":
        raise ConfigError(
            "Training on many devices expected Keras on JAX (KERAS_BACKEND=jax); it runs on "
            f"{keras.backend.backend()!r}. On TensorFlow make the model within the scope of a "
            "tf.distribute.Strategy instead."
        )
    return list(keras.distribution.list_devices() if names is None else names)
