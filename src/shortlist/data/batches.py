"""`Batches`: shuffled batches of rows, the same for the same seed, from any position on."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from shortlist.data.order import RowOrder
from shortlist.data.prefetch import prefetched
from shortlist.data.tables import ArrayTable, ParquetTable, Table
from shortlist.data.unique import unique_codes, unique_sizes
from shortlist.errors import ConfigError, DataError, nearest

__all__ = ["Batches"]

Batch = dict[str, np.ndarray]
_WHOLE = (0, 1)


class Batches:
    """Iterate over one epoch at a time, in batches: dicts of arrays ``[batch_size, ...]``.

    Each time it is iterated over, it gives the next epoch, in an order that follows from ``seed``
    and the number of the epoch alone. A thread makes the next batches while one is used. Rows in
    memory are shuffled throughout; those of memory maps and Parquet files in windows of blocks,
    see `ArrayTable` and `ParquetTable`.

    Args:
        columns: arrays ``[N, ...]``, or objects with ``__len__`` and ``take(rows) -> array`` such
            as `HistoryColumn`, by name; or a `ParquetTable` or another table.
        batch_size: rows in a batch.
        shuffle: False for the rows in their own order.
        seed: of the order, >= 0.
        drop_remainder: leave out the rows at the end that do not fill a batch.
        pad: fill up the last batch by repeating its rows, so that all have one shape and a compiled
            step is compiled once. Each batch then holds ``weight`` ``[B]`` float32, 0 for what is
            repeated; elsewhere it is 1, or what the column of that name says. Give it to the task
            as ``sample_weight``. Repeated rows are no part of ``unique``'s counts; without those
            they would serve as negatives once more.
        prefetch: how many batches are made ahead; 0 for no thread.
        unique: columns of integer codes ``[N]`` whose distinct values are wanted. For a column
            ``item`` each batch then also holds ``item_unique``, ``item_first``, ``item_inverse``
            and ``item_counts``, the parts of `shortlist.data.unique.Unique`.
        sizes: what the distinct values are padded to, so that few shapes occur; by default
            sixteenths of the batch size. The batch size is always among them.

    Raises:
        SchemaError: the columns differ in length.
        DataError: there is no row.
        ConfigError: a number is out of range, or a column of ``unique`` is not there.

    >>> batches = Batches({"x": np.arange(5)}, 2, shuffle=False)
    >>> [batch["x"].tolist() for batch in batches]
    [[0, 1], [2, 3], [4]]
    >>> batches.state()["epoch"]
    1
    """

    def __init__(
        self,
        columns: Mapping[str, Any] | ParquetTable | Table,
        batch_size: int,
        *,
        shuffle: bool = True,
        seed: int = 0,
        drop_remainder: bool = False,
        pad: bool = False,
        prefetch: int = 2,
        unique: Sequence[str] = (),
        sizes: Sequence[int] | None = None,
    ) -> None:
        for name, value, least in (
            ("batch_size", batch_size, 1),
            ("seed", seed, 0),
            ("prefetch", prefetch, 0),
        ):
            if value < least:
                raise ConfigError(f"{name} expected {least} or more; received {value!r}.")
        self._table = ArrayTable(columns) if isinstance(columns, Mapping) else columns
        if len(self._table) == 0:
            raise DataError("Expected at least one row to make batches of; received none.")
        self.batch_size = batch_size
        self._order = RowOrder(self._table.blocks, self._table.window, shuffle=shuffle, seed=seed)
        #: What the order of the rows and their division into batches depend on, for JSON.
        self.settings = {
            "rows": len(self._table),
            "batch_size": int(batch_size),
            "shuffle": bool(shuffle),
            "seed": int(seed),
            "drop_remainder": bool(drop_remainder),
        }
        self._pad = pad
        self._prefetch = prefetch
        self._unique = tuple(unique)
        self._sizes = sorted({*(sizes or unique_sizes(batch_size)), batch_size})
        rows = len(self._table)
        self._length = rows // batch_size if drop_remainder else -(-rows // batch_size)
        if self._length == 0:
            raise ConfigError(
                f"batch_size expected at most the {rows} rows there are, as drop_remainder is set; "
                f"received {batch_size}."
            )
        self._epoch = self._start = self._next = 0
        if self._unique:
            self._check_unique()

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        return self._length

    @property
    def rows(self) -> int:
        """The number of rows, ``N``."""
        return len(self._table)

    def batch(self, epoch: int, index: int, part: tuple[int, int] = _WHOLE) -> Batch:
        """Make one batch, whatever was made before it.

        Args:
            epoch: which epoch it is of.
            index: its number in the epoch.
            part: ``(i, n)`` for the i-th of n equal parts of its rows, as one of n processes wants
                them; put together in order they are the batch. Only its own rows are read where
                neither ``unique`` nor padding needs the others.

        Raises:
            IndexError: an epoch has fewer batches.
            DataError: the rows cannot be divided into such parts.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"Expected a batch from 0 to {len(self) - 1}; received {index}.")
        start = index * self.batch_size
        stop = min(start + self.batch_size, self.rows)
        missing = self.batch_size - (stop - start) if self._pad else 0
        if part != _WHOLE and not missing and not self._unique:
            number, count = part
            size = _divided("rows", stop - start, count)
            start, stop, part = start + number * size, start + (number + 1) * size, _WHOLE
        made = self._rows(epoch, start, stop)
        sizes = self._sizes_of_first(epoch) if missing else {}
        distinct = self._distinct(made, sizes)
        whole = _padded(made, distinct, missing) if self._pad else made | distinct
        return whole if part == _WHOLE else _part(whole, *part)

    def stream(
        self, epoch: int, start: int = 0, part: tuple[int, int] = _WHOLE
    ) -> Generator[Batch]:
        """The batches of one epoch from number ``start`` on, made ahead by a thread.

        It neither uses nor moves the position of this object. ``part`` is as for `batch`.
        """
        batches: Iterator[Batch] = (self.batch(epoch, i, part) for i in range(start, len(self)))
        if self._prefetch:
            return prefetched(batches, self._prefetch)
        return (batch for batch in batches)

    def __iter__(self) -> Generator[Batch]:
        """The rest of the current epoch; at its end the next one becomes current."""
        self._next = self._start
        with contextlib.closing(self.stream(self._epoch, self._start)) as batches:
            for number, batch in enumerate(batches, start=self._start + 1):
                # The position is that of the batches handed out, not of those made ahead.
                self._next = number
                if number == len(self):
                    self._epoch, self._start, self._next = self._epoch + 1, 0, 0
                yield batch

    def state(self) -> dict[str, Any]:
        """The position, for JSON: the next batch to be handed out, and what it depends on.

        An epoch is over once its last batch is handed out. Iterating again after a break starts
        the epoch anew.
        """
        return {"epoch": self._epoch, "batch": self._next, **self.settings}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go to a position saved by `state`: the next iteration goes on with that very batch.

        Raises:
            ConfigError: the state is of other rows or settings, so its batches would be others.
        """
        expected = {"epoch", "batch", *self.settings}
        if set(state) != expected:
            raise ConfigError(f"Expected a state with {sorted(expected)}; received {dict(state)}.")
        for name, value in self.settings.items():
            if state[name] != value:
                raise ConfigError(
                    f"Cannot go on from this state: {name} was {state[name]!r} and is {value!r} "
                    "now. Use the data and settings it was saved with, or start anew."
                )
        self._epoch = int(state["epoch"])
        self._start = self._next = int(state["batch"])

    def _rows(self, epoch: int, start: int, stop: int) -> Batch:
        parts = [self._table.take(rows) for rows in self._order.rows(epoch, start, stop)]
        if len(parts) == 1:
            return parts[0]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _check_unique(self) -> None:
        columns = self._table.take(np.zeros(1, dtype=np.int64))
        for name in self._unique:
            if name not in columns:
                raise ConfigError(
                    f"unique expected columns among {sorted(columns)}; received {name!r}."
                    f"{nearest(name, columns)}"
                )
        taken = sorted(set(self._distinct(columns)) & set(columns))
        if taken:
            raise ConfigError(f"unique would replace the columns {taken}; rename them first.")

    def _sizes_of_first(self, epoch: int) -> dict[str, int]:
        """How many distinct codes the first batch of an epoch is padded to, by column."""
        if not self._unique or len(self) == 1:
            return {}
        first = self.batch(epoch, 0)
        return {name: len(first[f"{name}_unique"]) for name in self._unique}

    def _distinct(self, batch: Batch, least: Mapping[str, int] | None = None) -> Batch:
        made: Batch = {}
        for name in self._unique:
            smallest = (least or {}).get(name, 0)
            found = unique_codes(batch[name], [n for n in self._sizes if n >= smallest])
            made |= {
                f"{name}_unique": found.codes,
                f"{name}_first": found.first,
                f"{name}_inverse": found.inverse,
                f"{name}_counts": found.counts,
            }
        return made


def _padded(rows: Batch, distinct: Batch, missing: int) -> Batch:
    """Repeat what is said of each row until ``missing`` more are there, and weigh those nothing."""
    count = len(next(iter(rows.values())))
    weight = np.asarray(rows.get("weight", np.ones(count)), dtype=np.float32)
    whole = rows | distinct | {"weight": weight}
    if not missing:
        return whole
    places = np.arange(count + missing) % count
    by_row = [*rows, "weight", *(name for name in distinct if name.endswith("_inverse"))]
    whole |= {name: whole[name][places] for name in by_row}
    whole["weight"][count:] = 0
    return whole


def _part(batch: Batch, number: int, count: int) -> Batch:
    """The part of every array of a batch that one of several processes reads."""
    sizes = {name: _divided(name, len(values), count) for name, values in batch.items()}
    return {name: batch[name][number * size :][:size] for name, size in sizes.items()}


def _divided(what: str, size: int, count: int) -> int:
    if size % count:
        raise DataError(
            f"Expected batches that divide evenly among {count} processes; received one of {size} "
            f"{what}. Choose such a batch size (and sizes, with unique), and drop_remainder=True "
            "or pad=True for the last batch."
        )
    return size // count
