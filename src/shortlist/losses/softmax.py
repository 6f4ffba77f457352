"""Sampled softmax over the candidates of a batch, computed block by block."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from shortlist._backend.softmax import (
    Problem,
    cross_entropy_sum,
    integer_ids,
    places_of_distinct,
)
from shortlist.errors import ConfigError

Tensor = Any

__all__ = ["sampled_softmax"]


def sampled_softmax(
    queries: Tensor,
    candidates: Tensor,
    *,
    positives: Tensor | None = None,
    rows: Tensor | None = None,
    temperature: Any = None,
    log_q: Tensor | None = None,
    counts: Tensor | None = None,
    candidate_ids: Tensor | None = None,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    reduction: str = "sum",
    merge_repeats: bool = False,
    block_size: int = 512,
) -> Tensor:
    r"""Cross-entropy of each query's own candidate against all candidates of the batch.

    For the examples ``i`` with weights ``w``::

        z[i, c] = queries[i] . candidates[c] / temperature - log_q[c]
        loss    = sum_i w[i] * (log sum_c counts[c] exp(z[i, c]) - z[i, positives[i]])

    The ``[B, C]`` logits are never stored: blocks of rows are taken through the softmax and their
    gradient at once. Given a whole catalogue as ``candidates`` and item codes as ``positives``,
    this is the full softmax. A batch whose items repeat costs a fraction when each distinct item
    is one column: pass the distinct candidates with their ``counts``, and ``positives`` saying
    which column each example's item is; the loss and the gradients stay the same. ``rows`` does
    so for repeated queries.

    Args:
        queries: ``[B, D]`` query embeddings.
        candidates: ``[C, D]`` candidate embeddings. By default the first ``B`` are the positives
            of the queries, in order, and any more are negatives for every query.
        positives: ``[N]`` integers, the column of each example's own candidate; ``0 .. N - 1`` by
            default.
        rows: ``[N]`` integers, the row of each example's query. By default ``N = B`` and each
            query is one example.
        temperature: number or scalar tensor that divides the scores (1 by default). A learned
            one receives its gradient.
        log_q: ``[C]``, the logarithm of how often each candidate is sampled into a batch, up to a
            constant: the logQ correction of Yi et al. (2019), "Sampling-bias-corrected neural
            modeling for large corpus item recommendations". No gradient flows into it.
        counts: ``[C]``, how many times each column stands in the batch (1 by default). Columns
            with 0 are padding and take no part. No gradient flows into it.
        candidate_ids: ``[C]``. When given, accidental hits are removed: a candidate with the id
            of the example's positive is not among its negatives.
        mask: ``[N, C]`` bool, False for candidates to be left out of an example's negatives. The
            positive itself always counts.
        sample_weight: ``[N]``, 1 by default. Examples with weight 0 are padding.
        reduction: ``"sum"`` (the default) or ``"mean"``: divided by the sum of the weights, 0 where
            that is 0.
        merge_repeats: find repeated rows of ``queries`` and ``candidates`` by their contents and
            take them through the softmax once: the same loss and gradients with less work, where
            neither ``candidate_ids`` nor ``mask`` is given. Queries with ``rows`` and candidates
            with ``positives`` are taken to be distinct already. On JAX only queries are merged. On
            TensorFlow shapes then depend on the batch, so in a function compiled by XLA pass
            ``rows``, ``positives`` and ``counts`` instead.
        block_size: how many rows of logits exist at a time.

    Returns:
        A scalar of the embeddings' dtype (float32 for half precision).

    Raises:
        ConfigError: the shapes do not fit together, or ``reduction`` is unknown.

    >>> from keras import ops
    >>> queries = ops.convert_to_tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> print(f"{float(sampled_softmax(queries, queries)):.4f}")
    0.6265
    """
    _check(queries, candidates, positives, rows, reduction)
    queries = _full_precision(queries)
    candidates = ops.cast(candidates, queries.dtype)
    if temperature is not None:
        queries = queries / ops.cast(temperature, queries.dtype)
    if rows is not None and (candidate_ids is not None or mask is not None):
        # What is left out depends on the example, so each example needs a row of its own.
        queries, rows = ops.take(queries, rows, axis=0), None
    column_bias = _column_bias(log_q, queries.dtype)
    repeats = _log_counts(counts, queries.dtype)
    logits = _positive_logits(queries, candidates, positives, rows, column_bias)
    weight = _weights(sample_weight, logits)
    exclude, own = (None, None, None), logits
    if candidate_ids is not None or mask is not None:
        columns = _columns(positives, logits)
        exclude = _exclusion(columns, candidates, candidate_ids, mask)
        if candidate_ids is None and repeats is not None:
            own = logits + _own_repeats(repeats, columns, exclude[2])
    bias = _sum_of(column_bias, repeats)
    rows_used = None
    if merge_repeats and exclude[0] is None:
        if positives is None:
            candidates, bias = _merge_columns(candidates, bias)
        if rows is None:
            queries, rows, rows_used = _merge_rows(queries)
    row_weight, positive = (weight, own) if rows is None else _by_row(rows, weight, own, queries)
    problem = Problem(queries, candidates, bias, row_weight, positive, *exclude, rows_used)
    loss = cross_entropy_sum(problem, block_size)
    if own is not logits:
        loss = loss + ops.sum(weight * (own - logits))
    if reduction == "mean":
        total = ops.sum(weight)
        loss = ops.where(total > 0, loss / ops.where(total > 0, total, 1), 0)
    return loss


def _check(
    queries: Tensor, candidates: Tensor, positives: Tensor | None, rows: Any, reduction: str
) -> None:
    if reduction not in ("sum", "mean"):
        raise ConfigError(f"reduction expected 'sum' or 'mean'; received {reduction!r}.")
    shapes = tuple(queries.shape), tuple(candidates.shape)
    if [len(shape) for shape in shapes] != [2, 2] or shapes[0][1] != shapes[1][1]:
        raise ConfigError(
            "sampled_softmax expected queries [B, D] and candidates [C, D] of one dimension D; "
            f"received {shapes[0]} and {shapes[1]}."
        )
    if positives is None:
        examples = shapes[0][0] if rows is None else rows.shape[0]
        if None not in (examples, shapes[1][0]) and shapes[1][0] < examples:
            raise ConfigError(
                "sampled_softmax expected a candidate for each of the "
                f"{examples} examples; received {shapes[1][0]}. Pass `positives`, the column of "
                "each example's candidate, where candidates are shared."
            )


def _full_precision(value: Tensor) -> Tensor:
    value = ops.convert_to_tensor(value)
    half = keras.backend.standardize_dtype(value.dtype) in ("float16", "bfloat16")
    return ops.cast(value, "float32") if half else value


def _column_bias(log_q: Tensor | None, dtype: Any) -> Tensor | None:
    return None if log_q is None else -ops.stop_gradient(ops.cast(log_q, dtype))


def _log_counts(counts: Tensor | None, dtype: Any) -> Tensor | None:
    if counts is None:
        return None
    counts = ops.stop_gradient(ops.cast(counts, dtype))
    return ops.where(counts > 0, ops.log(ops.where(counts > 0, counts, 1)), -float("inf"))


def _sum_of(first: Tensor | None, second: Tensor | None) -> Tensor | None:
    if first is None or second is None:
        return second if first is None else first
    return first + second


def _positive_logits(
    queries: Tensor,
    candidates: Tensor,
    positives: Tensor | None,
    rows: Tensor | None,
    bias: Tensor | None,
) -> Tensor:
    """The logit ``[N]`` of each example's own candidate."""
    own_queries = queries if rows is None else ops.take(queries, rows, axis=0)
    if positives is None:
        examples = ops.shape(own_queries)[0]
        logits = ops.sum(own_queries * candidates[:examples], axis=1)
        return logits if bias is None else logits + bias[:examples]
    logits = ops.sum(own_queries * ops.take(candidates, positives, axis=0), axis=1)
    return logits if bias is None else logits + ops.take(bias, positives, axis=0)


def _weights(sample_weight: Tensor | None, logits: Tensor) -> Tensor:
    if sample_weight is None:
        return ops.ones_like(logits)
    return ops.reshape(ops.cast(sample_weight, logits.dtype), (-1,))


def _columns(positives: Tensor | None, logits: Tensor) -> Tensor:
    if positives is not None:
        return ops.convert_to_tensor(positives)
    return ops.arange(ops.shape(logits)[0], dtype="int32")


def _exclusion(
    columns: Tensor, candidates: Tensor, candidate_ids: Tensor | None, mask: Tensor | None
) -> tuple[Tensor, Tensor, Tensor | None]:
    """What leaves each row's sum; the positive always does, and comes back as a whole."""
    if mask is not None:
        mask = ops.convert_to_tensor(mask, "bool")
    if candidate_ids is None:
        return columns, ops.arange(ops.shape(candidates)[0], dtype=columns.dtype), mask
    ids = integer_ids(candidate_ids)
    return ops.take(ids, columns, axis=0), ids, mask


def _own_repeats(repeats: Tensor, columns: Tensor, mask: Tensor | None) -> Tensor:
    """The logarithm of how often the positive's item counts: once where the rest is masked."""
    own = ops.take(repeats, columns, axis=0)
    if mask is None:
        return own
    kept = ops.take_along_axis(mask, columns[:, None], axis=1)[:, 0]
    return ops.where(kept, own, 0)


def _merge_columns(candidates: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Equal columns as one, whose bias is the log of the sum of their exponentials."""
    places, number, used = places_of_distinct(candidates)
    if used is not None:  # The merged columns would be as many as the columns: nothing is saved.
        return candidates, bias
    if bias is None:
        bias = ops.zeros_like(candidates[:, 0])
    top = ops.max(bias)
    summed = ops.segment_sum(ops.exp(bias - top), places, num_segments=number)
    return _mean_of_equals(candidates, places, number), ops.log(summed) + top


def _merge_rows(queries: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
    """Equal rows as one, the row of each example, and how many rows are used where not all are."""
    places, number, used = places_of_distinct(queries)
    return _mean_of_equals(queries, places, number), places, used


def _mean_of_equals(values: Tensor, places: Tensor, number: Any) -> Tensor:
    """Each distinct row once. As a mean it shares its gradient out among the equal rows."""
    counts = ops.segment_sum(ops.ones_like(values[:, :1]), places, num_segments=number)
    return ops.segment_sum(values, places, num_segments=number) / ops.maximum(counts, 1)


def _by_row(
    rows: Tensor, weight: Tensor, positive: Tensor, queries: Tensor
) -> tuple[Tensor, Tensor]:
    """Weights and mean positive logits ``[B]`` of the queries, from those of the examples."""
    count = ops.shape(queries)[0]
    row_weight = ops.segment_sum(weight, rows, num_segments=count)
    summed = ops.segment_sum(weight * positive, rows, num_segments=count)
    return row_weight, summed / ops.where(row_weight > 0, row_weight, 1)
