"""Counting candidates by their scores in PyTorch; the contract is in the package's docstring."""

from __future__ import annotations

from typing import Any

import torch

from shortlist._backend.ranks.blocks import block_size

Tensor = Any


@torch.no_grad()
def count(queries: Tensor, candidates: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """See the package's docstring."""
    above = torch.zeros(len(queries), dtype=torch.int32, device=queries.device)
    reached = torch.zeros_like(above)
    columns = queries.T
    for block in candidates.split(block_size(len(queries))):
        scores = block @ columns
        # Comparing into floats and adding those up takes a quarter of the time of bools.
        passed = torch.empty_like(scores)
        above += torch.gt(scores, high, out=passed).sum(0).to(torch.int32)
        reached += torch.ge(scores, low, out=passed).sum(0).to(torch.int32)
    return above, reached
