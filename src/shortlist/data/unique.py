"""The distinct codes of a batch, padded to one of a few sizes so that nothing recompiles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from shortlist.errors import ConfigError, DataError

__all__ = ["Unique", "unique_codes", "unique_sizes"]


class Unique(NamedTuple):
    """The ``U`` distinct codes of a batch of ``B`` rows, ``U`` counting the padding.

    Attributes:
        codes: ``[U]`` the distinct codes in ascending order, then zeros.
        first: ``[U]`` int32, the row in which each code comes first: ``x[first]`` takes whatever
            else belongs to it. 0 in the padding.
        inverse: ``[B]`` int32, each row's place in ``codes``: ``codes[inverse]`` is the batch.
        counts: ``[U]`` int32, how many rows have each code. 0 marks the padding.
    """

    codes: np.ndarray
    first: np.ndarray
    inverse: np.ndarray
    counts: np.ndarray


def unique_codes(codes: np.ndarray, sizes: Sequence[int]) -> Unique:
    """Find the distinct ``codes`` ``[B]`` and pad them to the smallest of ``sizes`` that fits.

    Raises:
        DataError: the codes are no flat array of integers.
        ConfigError: no size fits.

    >>> found = unique_codes(np.array([7, 3, 7]), sizes=[4])
    >>> [part.tolist() for part in found]
    [[3, 7, 0, 0], [1, 0, 0, 0], [1, 0, 1], [1, 2, 0, 0]]
    """
    if codes.ndim != 1 or not np.issubdtype(codes.dtype, np.integer):
        raise DataError(
            f"Expected a flat array of integer codes; received {codes.dtype} {codes.shape}."
        )
    distinct, first, inverse, counts = np.unique(
        codes, return_index=True, return_inverse=True, return_counts=True
    )
    size = min((size for size in sizes if size >= len(distinct)), default=None)
    if size is None:
        raise ConfigError(f"Expected a size of {len(distinct)} or more; received {list(sizes)}.")
    room = (0, size - len(distinct))
    return Unique(
        np.pad(distinct, room),
        np.pad(first.astype(np.int32), room),
        inverse.astype(np.int32),
        np.pad(counts.astype(np.int32), room),
    )


def unique_sizes(batch_size: int) -> list[int]:
    """The default sizes: sixteenths of a batch, rounded up to multiples of 8.

    Batches of one data set have much the same number of distinct codes, so a run meets one or two
    of them, and pads by a sixteenth of a batch at most.

    >>> unique_sizes(4096)[:3]
    [256, 512, 768]
    """
    step = max(8, -(-batch_size // 128) * 8)
    return [*range(step, batch_size, step), batch_size]
