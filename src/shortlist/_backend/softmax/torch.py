"""Blockwise softmax cross-entropy in PyTorch; the contract is in the package's docstring."""

from __future__ import annotations

from typing import Any

import torch

from shortlist._backend.softmax.problem import Problem, block_shape, hash_factors

Tensor = Any


def _logits(problem: Problem, block: slice) -> Tensor:
    rows, columns = problem.queries[block], problem.candidates.T
    logits = rows @ columns if problem.bias is None else torch.addmm(problem.bias, rows, columns)
    if problem.row_ids is not None:
        logits.masked_fill_(problem.row_ids[block, None] == problem.column_ids, -torch.inf)
        if problem.mask is not None:
            logits.masked_fill_(~problem.mask[block], -torch.inf)
    return logits


def _run(problem: Problem, block_size: int, gradients: bool) -> tuple[Tensor, ...]:
    """Losses ``[R]`` and the gradients by queries, candidates and positive (empty without)."""
    queries, candidates, positive = problem.queries, problem.candidates, problem.positive
    losses, d_positive = torch.empty_like(positive), -problem.weight
    d_queries = torch.empty(queries.shape, dtype=queries.dtype, device=queries.device)
    d_candidates = torch.zeros_like(candidates)
    _, size = block_shape(len(queries), block_size)
    for start in range(0, len(queries), max(size, 1)):
        block = slice(start, start + size)
        logits = _logits(problem, block)
        top = logits.amax(1)
        if problem.row_ids is not None:
            top = torch.maximum(top, positive[block])
        # In place from here on: the block is the only array of its size.
        exponentials = logits.sub_(top[:, None]).exp_()
        total = exponentials.sum(1)
        if problem.row_ids is not None:
            own = torch.exp(positive[block] - top)
            total += own
        losses[block] = (top - positive[block]) + total.log()
        if not gradients:
            continue
        scale = problem.weight[block] / total
        scaled = exponentials.mul_(scale[:, None])
        torch.mm(scaled, candidates, out=d_queries[block])
        d_candidates.addmm_(scaled.T, queries[block])
        if problem.row_ids is not None:
            d_positive[block] += scale * own
    return losses, d_queries, d_candidates, d_positive


class _CrossEntropySum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, block_size: int, gradients: bool, *inputs: Tensor | None) -> Tensor:
        problem = Problem(*inputs)
        losses, *rest = _run(problem, block_size, gradients)
        ctx.save_for_backward(losses, *rest)
        return (problem.weight * losses).sum()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        losses, d_queries, d_candidates, d_positive = (
            upstream * value for value in ctx.saved_tensors
        )
        grads = Problem(d_queries, d_candidates, None, losses, d_positive)
        return None, None, *grads


def cross_entropy_sum(problem: Problem, block_size: int) -> Tensor:
    """See the package's docstring."""
    return _CrossEntropySum.apply(block_size, torch.is_grad_enabled(), *problem)


def integer_ids(ids: Any) -> Tensor:
    """See the package's docstring."""
    return torch.as_tensor(ids)


@torch.no_grad()
def places_of_distinct(rows: Tensor) -> tuple[Tensor, int, None]:
    """See the package's docstring."""
    wide = rows.dtype == torch.float64
    bits = rows.detach().contiguous().view(torch.int64 if wide else torch.int32).to(torch.int64)
    factors = torch.as_tensor(hash_factors(rows.shape[1]), device=rows.device)
    values, places = torch.unique((bits * factors).sum(1), return_inverse=True)
    return places, len(values), None
