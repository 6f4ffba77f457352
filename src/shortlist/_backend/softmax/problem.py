"""What the blockwise softmax is given, and how its rows are divided into blocks."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

Tensor = Any


class Problem(NamedTuple):
    """``R`` queries, each with its positive, against ``C`` candidates of dimension ``D``.

    Attributes:
        queries: ``[R, D]``.
        candidates: ``[C, D]``.
        bias: ``[C]`` or None, added to each column's logits; ``-inf`` leaves the column out.
        weight: ``[R]``.
        positive: ``[R]``, the logit of each row's own candidate.
        row_ids: ``[R]`` integers or None. Given, they and the mask say what is left out.
        column_ids: ``[C]`` integers; those equal to the row's id are left out of its sum, and
            ``positive`` is added to the sum in their place.
        mask: ``[R, C]`` bool or None; False leaves out as well.
        rows_used: integer scalar or None. Rows from there on are padding of weight 0; given (on
            JAX alone), no work is done for them.
    """

    queries: Tensor
    candidates: Tensor
    bias: Tensor | None
    weight: Tensor
    positive: Tensor
    row_ids: Tensor | None = None
    column_ids: Tensor | None = None
    mask: Tensor | None = None
    rows_used: Tensor | None = None


def block_shape(rows: int, block_size: int) -> tuple[int, int]:
    """Return (number of blocks, rows a block) so that no block holds more than ``block_size``.

    Blocks are made equal, which leaves fewer rows of padding than there are blocks.

    >>> block_shape(4096, 512), block_shape(600, 512), block_shape(1, 512)
    ((8, 512), (2, 300), (1, 1))
    """
    blocks = -(-rows // block_size)
    return blocks, -(-rows // max(blocks, 1))


def hash_factors(dim: int) -> np.ndarray:
    """Odd 64-bit numbers ``[dim]``: the sum of a row's bits times them is its hash."""
    return np.random.default_rng(0).integers(-(2**62), 2**62, dim) * 2 + 1
