"""Where negatives come from, other than from the batch itself.

Negatives shared by all queries are rows of ``candidates`` after the positives; negatives of each
query's own go through `explicit_negatives`; `CrossBatchNegatives` remembers those of past batches;
`mixed_log_probability` is the logQ of a batch to which uniformly drawn items were added.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from shortlist.errors import ConfigError

Tensor = Any

__all__ = ["CrossBatchNegatives", "explicit_negatives", "mixed_log_probability"]


def explicit_negatives(
    queries: Tensor, positives: Tensor, negatives: Tensor, mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Labels and logits of queries, each with a positive and with negatives of its own.

    Args:
        queries: ``[B, D]``.
        positives: ``[B, D]``.
        negatives: ``[B, N, D]``.
        mask: ``[B, N]`` bool, False for places that hold no negative; all True by default.

    Returns:
        Labels and logits ``[B, 1 + N]``, the positive first, for the losses of this package.

    >>> import numpy as np
    >>> one = np.ones((1, 2), "float32")
    >>> labels, logits = explicit_negatives(one, one, np.zeros((1, 3, 2), "float32"))
    >>> ops.convert_to_numpy(logits).tolist()
    [[2.0, 0.0, 0.0, 0.0]]
    """
    queries, positives, negatives = map(ops.convert_to_tensor, (queries, positives, negatives))
    own = ops.sum(queries * positives, axis=-1, keepdims=True)
    logits = ops.concatenate([own, ops.einsum("bd,bnd->bn", queries, negatives)], axis=1)
    others = ops.zeros_like(logits[:, 1:])
    if mask is not None:
        others = ops.where(mask, others, -1)
    return ops.concatenate([ops.ones_like(own), others], axis=1), logits


def mixed_log_probability(log_q: Tensor, batch: int, uniform: int, catalogue: int) -> Tensor:
    """How often each candidate is drawn into a batch of which a part is drawn uniformly.

    ``log((batch * exp(log_q) + uniform / catalogue) / (batch + uniform))``: the logQ of mixed
    negative sampling, for the candidates of either part.

    Args:
        log_q: ``[C]``, as `log_probability` gives it for items drawn with the interactions.
        batch: how many candidates of a batch come with the interactions.
        uniform: how many are drawn uniformly from the catalogue.
        catalogue: how many items there are.

    Reference: Yang et al. 2020, "Mixed negative sampling for learning two-tower neural networks in
    recommendations".

    >>> import numpy as np
    >>> log_q = mixed_log_probability(np.log(np.array([0.4, 0.1], "float32")), 1, 1, 10)
    >>> [round(float(value), 3) for value in ops.exp(log_q)]
    [0.25, 0.1]
    """
    if batch < 1 or uniform < 0 or catalogue < 1:
        raise ConfigError(
            "mixed_log_probability expected batch >= 1, uniform >= 0 and catalogue >= 1; received "
            f"{batch}, {uniform} and {catalogue}."
        )
    drawn = batch * ops.exp(ops.convert_to_tensor(log_q)) + uniform / catalogue
    return ops.log(drawn / (batch + uniform))


@keras.saving.register_keras_serializable(package="shortlist")
class CrossBatchNegatives(keras.layers.Layer):
    """Adds the candidates of past batches to those of this one.

    After the first epochs an item's embedding changes little from batch to batch, so those of the
    last batches serve as more negatives that need not be computed. No gradient flows into them.

    Wang et al. 2021, "Cross-batch negative sampling for training two-tower recommenders".

    Args:
        size: how many candidates of the past are kept; the oldest leave first.
        embedding_dim: ``D``.
        warmup: how many training batches pass before any are added.

    Called with candidates ``[C, D]``, their integer ids ``[C]`` and ``training``, it returns
    embeddings, ids and counts of ``C + size`` candidates; counts are 0 where there is none yet.
    Only where ``training`` is true the batch is remembered, and only there others are added::

        candidates, ids, counts = memory(candidates, ids, training=training)
        task(queries, candidates, candidate_ids=ids, candidate_counts=counts)

    with a task that removes accidental hits.

    >>> import numpy as np
    >>> memory = CrossBatchNegatives(2, embedding_dim=1)
    >>> for i in range(3):
    ...     x, ids, counts = memory(np.full((1, 1), i, "float32"), np.array([i]), training=True)
    >>> ops.convert_to_numpy(ids).tolist(), ops.convert_to_numpy(counts).tolist()
    ([2, 0, 1], [1.0, 1.0, 1.0])
    """

    def __init__(self, size: int, *, embedding_dim: int, warmup: int = 0, **kwargs: Any) -> None:
        super().__init__(autocast=False, **{"dtype": "float32", **kwargs})
        if size < 1 or embedding_dim < 1 or warmup < 0:
            raise ConfigError(
                "CrossBatchNegatives expected size >= 1, embedding_dim >= 1 and warmup >= 0; "
                f"received {size}, {embedding_dim} and {warmup}."
            )
        self.size, self.embedding_dim, self.warmup = size, embedding_dim, warmup
        self._embeddings = self._memory((size, embedding_dim), "float32", "embeddings")
        self._ids = self._memory((size,), "int32", "ids")
        self._written = self._memory((), "int32", "written")
        self._steps = self._memory((), "int32", "steps")
        self.built = True

    def _memory(self, shape: tuple[int, ...], dtype: str, name: str) -> Any:
        return self.add_weight(shape, "zeros", dtype, trainable=False, name=name)

    def call(
        self, candidates: Tensor, candidate_ids: Tensor, training: bool | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """See the class."""
        if candidates.shape[0] is not None and candidates.shape[0] > self.size:
            raise ConfigError(
                f"CrossBatchNegatives keeps {self.size} candidates and received a batch of "
                f"{candidates.shape[0]}. Give it a size of at least a batch."
            )
        ids = ops.cast(ops.reshape(candidate_ids, (-1,)), "int32")
        filled = ops.arange(self.size) < self._written
        usable = ops.logical_and(filled, self._steps >= self.warmup if training else False)
        past = ops.cast(usable, "float32")
        result = (
            ops.concatenate([candidates, ops.cast(self._embeddings, candidates.dtype)]),
            ops.concatenate([ids, ops.convert_to_tensor(self._ids)]),
            ops.concatenate([ops.ones_like(ids, dtype="float32"), past]),
        )
        if training:
            self._remember(candidates, ids)
        return result

    def _remember(self, candidates: Tensor, ids: Tensor) -> None:
        number = ops.shape(ids)[0]
        places = ops.mod(self._written + ops.arange(number, dtype="int32"), self.size)[:, None]
        rows = ops.cast(ops.stop_gradient(candidates), "float32")
        self._embeddings.assign(ops.scatter_update(self._embeddings, places, rows))
        self._ids.assign(ops.scatter_update(self._ids, places, ids))
        # Kept below twice the size, so that it never overflows: full is full.
        written = self._written + number
        self._written.assign(ops.where(written < 2 * self.size, written, written - self.size))
        self._steps.assign(ops.minimum(self._steps + 1, max(self.warmup, 1)))

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {
            **super().get_config(),
            "size": self.size,
            "embedding_dim": self.embedding_dim,
            "warmup": self.warmup,
        }
