"""`Retrieval`: embeddings of queries and of their candidates to a loss."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
from keras import ops

from shortlist._backend.replicas import with_others
from shortlist._backend.softmax import integer_ids
from shortlist.errors import ConfigError
from shortlist.losses import (
    EXCLUDED,
    LearnedTemperature,
    StreamingFrequency,
    log_probability,
    mine_hard_negatives,
    remove_accidental_hits,
    sampled_softmax,
)
from shortlist.tasks.base import MeasuredTask, as_list

Tensor = Any

__all__ = ["Retrieval"]


class _Batch(NamedTuple):
    """The tensors of one call; see `Retrieval.call`."""

    queries: Tensor
    candidates: Tensor
    weight: Tensor | None
    log_q: Tensor | None
    ids: Tensor | None
    mask: Tensor | None
    positives: Tensor | None
    rows: Tensor | None
    counts: Tensor | None


class Retrieval(MeasuredTask):
    """Tells each query's own candidate from the others of the batch.

    Logits ``[B, C]`` are made in this order: inner products (of the best of several heads, where
    a query has several), divided by the temperature, less the logarithm of the sampling
    probability, accidental hits out, masked ones out, the hardest negatives kept; then the loss.
    With the default loss and two-dimensional queries the softmax is taken block by block and the
    logits are never stored; `num_hard_negatives`, `batch_metrics`, a loss of one's own and several
    heads need them whole. Where ``tf.distribute`` splits a batch over replicas, the candidates of
    all of them are negatives, as if the batch were whole.

    Args:
        loss: a Keras loss of one-hot labels and logits; by default the softmax cross-entropy,
            as a *sum* over the batch.
        metrics: a `Factorized` metric, or several, that rank each candidate among the whole corpus.
        batch_metrics: Keras metrics of labels and logits ``[B, C]`` of the batch.
        loss_metrics: Keras metrics of the loss.
        temperature: divides the scores: a number, or a `LearnedTemperature`.
        num_hard_negatives: how many negatives with the highest logits count; all of them where it
            is None, not positive or too large.
        remove_accidental_hits: leave a candidate out of the negatives of those queries whose
            positive has the same id. Needs ``candidate_ids``.
        name: the layer's name.
        sampling: how the sampling probability of candidates is found where it is not given: counts
            ``[V]`` of the interactions of each item code, or a `StreamingFrequency`. Needs
            ``candidate_ids`` that are such codes.
        reduction: ``"sum"`` or ``"mean"``, of the default loss.
        merge_repeats: score candidates and queries that repeat in a batch once, where nothing is
            removed or masked; the loss and its gradients stay the same. On TensorFlow this rules
            out XLA, so there it is the default on a CPU alone. See `sampled_softmax`.

    >>> import numpy as np
    >>> task = Retrieval(temperature=0.1)
    >>> embeddings = np.eye(2, dtype="float32")
    >>> print(f"{float(task(embeddings, embeddings)):.6f}")
    0.000091
    """

    def __init__(
        self,
        loss: Any = None,
        metrics: Any = None,
        batch_metrics: list[Any] | None = None,
        loss_metrics: list[Any] | None = None,
        temperature: float | LearnedTemperature | None = None,
        num_hard_negatives: int | None = None,
        remove_accidental_hits: bool = False,
        name: str | None = None,
        *,
        sampling: Any = None,
        reduction: str = "sum",
        merge_repeats: bool | None = None,
    ) -> None:
        groups = {"factorized": metrics, "batch": batch_metrics, "loss": loss_metrics}
        super().__init__(groups, name)
        if reduction != "sum" and loss is not None:
            raise ConfigError("Retrieval takes `reduction` only with its own loss; set it there.")
        self._loss = loss
        self._reduction = reduction
        on_tensorflow = keras.backend.backend() == "tensorflow"
        if merge_repeats is None:
            merge_repeats = not (on_tensorflow and keras.distribution.list_devices("gpu"))
        self._merge_repeats = merge_repeats
        # Keras asks this before it compiles a model with XLA.
        self.supports_jit = not (on_tensorflow and merge_repeats)
        self._temperature = temperature
        self._num_hard_negatives = num_hard_negatives or 0
        self._remove_accidental_hits = remove_accidental_hits
        self._estimator = sampling if isinstance(sampling, StreamingFrequency) else None
        self._log_q = None
        if sampling is not None and self._estimator is None:
            self._log_q = log_probability(sampling)

    @property
    def factorized_metrics(self) -> list[Any]:
        """The metrics over the whole corpus; one or several may be assigned at any time."""
        return self._group("factorized")

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "factorized_metrics":
            self._groups.by_name["factorized"] = as_list(value)
        else:
            super().__setattr__(name, value)

    def call(
        self,
        query_embeddings: Tensor,
        candidate_embeddings: Tensor,
        sample_weight: Tensor | None = None,
        candidate_sampling_probability: Tensor | None = None,
        candidate_ids: Tensor | None = None,
        compute_metrics: bool = True,
        compute_batch_metrics: bool = True,
        score_mask: Tensor | None = None,
        *,
        positives: Tensor | None = None,
        query_rows: Tensor | None = None,
        candidate_counts: Tensor | None = None,
        training: bool | None = None,
    ) -> Tensor:
        """The loss of a batch of ``N`` examples; metrics are updated on the way.

        Args:
            query_embeddings: ``[B, D]``, or ``[B, H, D]`` where the best of ``H`` heads counts.
            candidate_embeddings: ``[C, D]``. The first ``B`` are the positives of the queries, in
                order; any more are negatives of all.
            sample_weight: ``[N]``, 1 by default.
            candidate_sampling_probability: ``[C]``, how often each is drawn as a negative.
            candidate_ids: ``[C]``, integers, or strings on TensorFlow. Given, the metrics over the
                corpus find the positive by its id.
            compute_metrics: False leaves out the metrics over the corpus, and them alone.
            compute_batch_metrics: False leaves out the batch metrics.
            score_mask: ``[N, C]`` bool, False where a candidate does not count for a query. With
                the default loss the positive always counts.
            positives: ``[N]``, the column of each example's candidate, where each distinct
                candidate of the batch is one column.
            query_rows: ``[N]``, the row of each example's query, likewise.
            candidate_counts: ``[C]``, how often each distinct candidate stands in the batch; 0 is
                padding.
            training: whether this is a training step; known by itself inside a `Model`.

        Raises:
            ConfigError: ``candidate_ids`` are needed and missing, or shapes do not fit.
        """
        batch = _Batch(
            ops.convert_to_tensor(query_embeddings),
            ops.convert_to_tensor(candidate_embeddings),
            sample_weight,
            self._log_sampling(candidate_sampling_probability, candidate_ids, training),
            candidate_ids,
            score_mask,
            positives,
            query_rows,
            candidate_counts,
        )
        if self._remove_accidental_hits and candidate_ids is None:
            raise ConfigError(
                "Retrieval with remove_accidental_hits=True expected candidate_ids; received none. "
                "Pass the id of each row of candidate_embeddings."
            )
        batch_metrics = self._group("batch") if compute_batch_metrics else []
        batch = _over_replicas(batch)
        blockwise = len(batch.queries.shape) == 2 and not self._num_hard_negatives > 0
        if self._loss is None and blockwise and not batch_metrics:
            loss = self._softmax(batch)
        else:
            batch = _in_pairs(batch)
            logits, labels = self._logits(batch)
            loss = self._dense_loss(labels, logits, batch.weight)
            for metric in batch_metrics:
                metric.update_state(labels, logits, sample_weight=batch.weight)
        for metric in self._group("loss"):
            metric.update_state(loss)
        if compute_metrics and len(batch.queries.shape) == 2:
            self._measure(batch, training)
        return loss

    def _divisor(self) -> Any:
        if isinstance(self._temperature, LearnedTemperature):
            return self._temperature.value
        return self._temperature

    def _log_sampling(self, probability: Any, ids: Any, training: bool | None) -> Any:
        """The logQ ``[C]`` of the candidates, or None."""
        if probability is not None:
            return ops.log(ops.clip(ops.cast(probability, "float32"), 1e-6, 1.0))
        if self._estimator is None and self._log_q is None:
            return None
        if ids is None:
            raise ConfigError(
                "Retrieval with `sampling` expected candidate_ids; received none. Pass the item "
                "code of each row of candidate_embeddings."
            )
        if self._estimator is not None:
            return self._estimator(integer_ids(ids), training=bool(training))
        return ops.take(ops.convert_to_tensor(self._log_q), ops.reshape(ids, (-1,)))

    def _softmax(self, batch: _Batch) -> Tensor:
        return sampled_softmax(
            batch.queries,
            batch.candidates,
            positives=batch.positives,
            rows=batch.rows,
            temperature=self._divisor(),
            log_q=batch.log_q,
            counts=batch.counts,
            candidate_ids=batch.ids if self._remove_accidental_hits else None,
            mask=batch.mask,
            sample_weight=batch.weight,
            reduction=self._reduction,
            merge_repeats=self._merge_repeats,
        )

    def _logits(self, batch: _Batch) -> tuple[Tensor, Tensor]:
        candidates = ops.cast(batch.candidates, batch.queries.dtype)
        if len(batch.queries.shape) == 3:
            logits = ops.max(ops.einsum("qhd,cd->qhc", batch.queries, candidates), axis=1)
        else:
            logits = ops.matmul(batch.queries, ops.transpose(candidates))
        labels = ops.eye(*ops.shape(logits), dtype=logits.dtype)
        if self._temperature is not None:
            logits = logits / ops.cast(self._divisor(), logits.dtype)
        if batch.log_q is not None:
            logits = logits - ops.cast(batch.log_q, logits.dtype)
        if batch.counts is not None:
            logits = ops.where(ops.cast(batch.counts, logits.dtype) > 0, logits, EXCLUDED)
        if self._remove_accidental_hits:
            logits = remove_accidental_hits(labels, logits, integer_ids(batch.ids))
        if batch.mask is not None:
            logits = ops.where(batch.mask, logits, EXCLUDED)
        return mine_hard_negatives(logits, labels, self._num_hard_negatives)

    def _dense_loss(self, labels: Tensor, logits: Tensor, weight: Tensor | None) -> Tensor:
        if self._loss is not None:
            return self._loss(labels, logits, sample_weight=weight)
        summed = keras.losses.CategoricalCrossentropy(from_logits=True, reduction="sum")
        loss = summed(labels, logits, sample_weight=weight)
        if self._reduction == "sum":
            return loss
        if weight is None:
            return loss / ops.cast(ops.shape(logits)[0], loss.dtype)
        total = ops.sum(ops.cast(weight, loss.dtype))
        return ops.where(total > 0, loss / ops.where(total > 0, total, 1), 0)

    def _measure(self, batch: _Batch, training: bool | None) -> None:
        if not any(_wanted(metric, training) for metric in self._group("factorized")):
            return
        batch = _in_pairs(batch)
        # More candidates than queries are negatives of the batch, and no part of the metric.
        examples = ops.shape(batch.queries)[0]
        ids = None if batch.ids is None else ops.reshape(batch.ids, (-1,))[:examples]
        for metric in self._group("factorized"):
            if not _wanted(metric, training):
                continue
            # A metric of the user's own has the signature of `Factorized`, without `training`.
            options = {"training": training} if hasattr(metric, "during_training") else {}
            metric.update_state(
                batch.queries,
                batch.candidates[:examples],
                true_candidate_ids=ids,
                sample_weight=batch.weight,
                **options,
            )


def _wanted(metric: Any, training: bool | None) -> bool:
    return not training or getattr(metric, "during_training", True)


def _over_replicas(batch: _Batch) -> _Batch:
    """The batch with the candidates of all replicas, where there are several: more negatives."""
    ids = None if batch.ids is None else integer_ids(batch.ids)
    own = [batch.candidates, batch.log_q, ids, batch.counts]
    joined = with_others(own)
    if joined[0] is batch.candidates:
        return batch
    candidates, log_q, ids, counts = joined
    mask = batch.mask
    if mask is not None:
        more = ops.shape(candidates)[0] - ops.shape(batch.candidates)[0]
        others = ops.ones((ops.shape(mask)[0], more), dtype="bool")
        mask = ops.concatenate([ops.cast(mask, "bool"), others], axis=1)
    return batch._replace(candidates=candidates, log_q=log_q, ids=ids, counts=counts, mask=mask)


def _in_pairs(batch: _Batch) -> _Batch:
    """The batch with a row and a column for every example again."""
    if batch.rows is not None:
        batch = batch._replace(queries=ops.take(batch.queries, batch.rows, axis=0), rows=None)
    if batch.positives is None:
        return batch

    def expanded(value: Tensor | None, axis: int = 0) -> Tensor | None:
        return None if value is None else ops.take(value, batch.positives, axis=axis)

    return batch._replace(
        candidates=expanded(batch.candidates),
        log_q=expanded(batch.log_q),
        ids=expanded(batch.ids),
        mask=expanded(batch.mask, 1),
        positives=None,
        counts=None,
    )
