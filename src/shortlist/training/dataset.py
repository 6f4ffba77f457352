"""`BatchDataset`: the batches of `shortlist.data` as what Keras' ``fit`` takes."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import keras

from shortlist.data import Batches

__all__ = ["BatchDataset"]


class BatchDataset(keras.utils.PyDataset):
    """Gives ``fit`` one epoch of `Batches` after the other, made ahead by a thread.

    The batches are shuffled by `Batches` themselves, so pass ``shuffle=False`` to ``fit``, which
    would otherwise ask for them in an order of its own (and get each, but not ahead of time).

    Args:
        batches: the batches, dicts of arrays.
        epoch: the number of the first epoch; give the epochs already done when going on.

    >>> import numpy as np
    >>> from shortlist.data import Batches
    >>> dataset = BatchDataset(Batches({"x": np.arange(5)}, 2, shuffle=False))
    >>> len(dataset), dataset[2][0]["x"].tolist()
    (3, [4])
    """

    def __init__(self, batches: Batches, *, epoch: int = 0) -> None:
        super().__init__()
        self.batches = batches
        self.epoch = epoch
        self._stream: Generator[dict[str, Any]] | None = None
        self._next = 0

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        return len(self.batches)

    def __getitem__(self, index: int) -> tuple[dict[str, Any]]:
        """Batch ``index`` of the current epoch, in a tuple as Keras wants it."""
        if index == 0:
            self._open()
        if self._stream is None or index != self._next:
            return (self.batches.batch(self.epoch, index),)
        self._next += 1
        return (next(self._stream),)

    def on_epoch_end(self) -> None:
        """Go to the next epoch."""
        self.epoch += 1
        self._close()

    def _open(self) -> None:
        self._close()
        self._stream, self._next = self.batches.stream(self.epoch), 0

    def _close(self) -> None:
        if self._stream is not None:
            self._stream.close()
        self._stream = None
