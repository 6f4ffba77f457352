"""`BatchDataset`: the batches of `shortlist.data` as what Keras' ``fit`` takes."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import keras

from shortlist._backend.trainer.wide_ids import refuse_wide
from shortlist.data import Batches
from shortlist.training.processes import own_part

__all__ = ["BatchDataset"]


class BatchDataset(keras.utils.PyDataset):
    """Gives ``fit`` one epoch of `Batches` after the other, made ahead by a thread.

    The batches are shuffled by `Batches` themselves, so pass ``shuffle=False`` to ``fit``, which
    would otherwise ask for them in an order of its own (and get each, but not ahead of time).

    Where several processes train together, see `many_processes`, each reads its part of a batch.

    Args:
        batches: the batches, dicts of arrays.
        epoch: the number of the first epoch; give the epochs already done when going on without
            a `Checkpoint`, which sees to it.

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
        self._next = self._given = self._skipped = 0

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        return len(self.batches)

    def __getitem__(self, index: int) -> tuple[dict[str, Any]]:
        """Batch ``index`` of the current epoch, in a tuple as Keras wants it."""
        batch = self._batch(index)
        refuse_wide(batch)
        return (batch,)

    def _batch(self, index: int) -> dict[str, Any]:
        self._given += 1
        if self._given <= self._skipped:
            # What is asked for first is thrown away; the first batch stands in for it.
            return self.batches.batch(self.epoch, 0, own_part())
        if index != self._next or self._stream is None:
            if index not in (0, self._skipped):
                return self.batches.batch(self.epoch, index, own_part())
            self._open(index)
        self._next += 1
        return next(self._stream)  # type: ignore[arg-type]

    def start_epoch(self, epoch: int, skip: int = 0) -> None:
        """Go to an epoch; the first ``skip`` batches asked for will not be looked at."""
        self._close()
        self.epoch, self._skipped, self._given = epoch, skip, 0

    def on_epoch_end(self) -> None:
        """Go to the next epoch, if this one was given to its end."""
        # Keras also calls this after a look at the first batch, before it trains.
        whole = self._given >= len(self)
        self.start_epoch(self.epoch + whole)

    def _open(self, index: int) -> None:
        self._close()
        self._stream, self._next = self.batches.stream(self.epoch, index, own_part()), index

    def _close(self) -> None:
        if self._stream is not None:
            self._stream.close()
        self._stream, self._next = None, 0
