"""Counting candidates by their scores in PyTorch; the contract is in the package's docstring."""

from __future__ import annotations

from typing import Any

import torch

from shortlist._backend.ranks.blocks import block_size, groups

Tensor = Any


@torch.no_grad()
def count(
    queries: Tensor, candidates: Tensor, low: Tensor, high: Tensor, enough: int
) -> tuple[Tensor, Tensor]:
    """See the package's docstring."""
    above = torch.zeros(len(queries), dtype=torch.int32, device=queries.device)
    reached = torch.zeros_like(above)
    rows = torch.arange(len(queries), device=queries.device)
    for first, last in groups(len(candidates)):
        more = _count(queries, candidates[first:last], low, high)
        above[rows] += more[0]
        reached[rows] += more[1]
        kept = above[rows] < enough
        if not kept.all():
            rows, queries, low, high = rows[kept], queries[kept], low[kept], high[kept]
        if not len(rows):
            break
    return above, reached


def _count(queries: Tensor, candidates: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Count for every query, block by block."""
    above = torch.zeros(len(queries), dtype=torch.int32, device=queries.device)
    reached = torch.zeros_like(above)
    columns, size = queries.T, min(block_size(len(queries)), len(candidates))
    # Made once: a fresh buffer for every block costs page faults and memory.
    buffers = queries.new_empty((2, size, len(queries)))
    ones = queries.new_ones(size)
    for block in candidates.split(size):
        rows = len(block)
        scores, passed = buffers[:, :rows]
        torch.mm(block, columns, out=scores)
        # Compared into floats and added up by a product: much faster than adding up bools.
        above += torch.mv(torch.gt(scores, high, out=passed).T, ones[:rows]).to(torch.int32)
        reached += torch.mv(torch.ge(scores, low, out=passed).T, ones[:rows]).to(torch.int32)
    return above, reached
