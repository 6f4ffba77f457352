"""Sparse products in PyTorch; the contract is in the package's docstring."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from keras import ops

from shortlist._backend.graph.entries import Entries

Tensor = Any


class _Rows(NamedTuple):
    columns: Tensor
    starts: Tensor
    values: Tensor

    @classmethod
    def of(cls, entries: Entries) -> _Rows:
        indices = (entries.columns, entries.starts[:-1])
        columns, starts = (ops.convert_to_tensor(x.astype(np.int64)) for x in indices)
        return cls(columns, starts, ops.convert_to_tensor(entries.values))

    def times(self, dense: Tensor) -> Tensor:
        if not len(self.columns):
            return dense.new_zeros(len(self.starts), dense.shape[1])
        # The sum of the rows of a bag, weighted: four times as fast as a sparse tensor's product.
        return torch.nn.functional.embedding_bag(
            self.columns,
            dense.contiguous(),
            self.starts,
            mode="sum",
            per_sample_weights=self.values.to(dense.dtype),
        )


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: _Rows, transposed: _Rows, dense: Tensor) -> Tensor:
        ctx.transposed = transposed
        return rows.times(dense)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[None, None, Tensor]:
        return None, None, ctx.transposed.times(upstream)


def prepare(entries: Entries) -> tuple[_Rows, _Rows]:
    """See the package's docstring."""
    return _Rows.of(entries), _Rows.of(entries.T)


def product(prepared: tuple[_Rows, _Rows], dense: Tensor) -> Tensor:
    """See the package's docstring."""
    return _Product.apply(*prepared, dense)
