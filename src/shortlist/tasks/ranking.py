"""`Ranking`: labels and predictions to a loss."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from shortlist.errors import ConfigError, DataError, nearest
from shortlist.losses.named import LIST_LOSSES, is_list_loss, needs_seed
from shortlist.tasks.base import MeasuredTask

Tensor = Any

__all__ = ["Ranking"]


class Ranking(MeasuredTask):
    """Predicts a label, such as a click or a rating, of one query and one candidate, or of lists.

    Args:
        loss: a Keras loss, one of the losses of lists in `shortlist.losses` (an object such as
            ``functools.partial(pairwise_hinge_loss, margin=0.5)``, or by its name in
            `shortlist.losses.LIST_LOSSES`, such as ``"lambda_rank"``), or a function
            ``loss(labels, predictions, sample_weight=)`` of one's own. By default
            `keras.losses.BinaryCrossentropy`, which expects probabilities.
        metrics: Keras metrics of labels and predictions.
        prediction_metrics: Keras metrics of the predictions alone, such as their mean.
        label_metrics: Keras metrics of the labels alone.
        loss_metrics: Keras metrics of the loss.
        name: the layer's name.

    The losses of lists score logits, labels and predictions ``[B, L]``, and labels below 0 mask
    their places. ``"gumbel_approx_ndcg"`` draws new noise in every training step, and none in
    evaluation.

    Raises:
        ConfigError: no loss has that name.

    >>> import numpy as np
    >>> task = Ranking(loss=keras.losses.MeanSquaredError())
    >>> labels, predictions = np.array([1.0, 3.0], "float32"), np.array([1.0, 1.0], "float32")
    >>> float(task(labels=labels, predictions=predictions))
    2.0
    >>> lists = Ranking("softmax")
    >>> print(f"{float(lists(np.array([[0.0, 1.0, -1.0]]), np.zeros((1, 3)))):.4f}")
    0.6931
    """

    def __init__(
        self,
        loss: Any = None,
        metrics: list[Any] | None = None,
        prediction_metrics: list[Any] | None = None,
        label_metrics: list[Any] | None = None,
        loss_metrics: list[Any] | None = None,
        name: str | None = None,
    ) -> None:
        groups = {
            "ranking": metrics,
            "prediction": prediction_metrics,
            "label": label_metrics,
            "loss": loss_metrics,
        }
        super().__init__(groups, name)
        self._loss = _loss_of(loss)
        self._silent = self._loss
        if needs_seed(self._loss):
            self._seed = keras.random.SeedGenerator()
            self._silent = functools.partial(self._loss, seed=self._seed, samples=1, noise=0.0)
            self._loss = functools.partial(self._loss, seed=self._seed)

    def call(
        self,
        labels: Tensor,
        predictions: Tensor,
        sample_weight: Tensor | None = None,
        training: bool = False,
        compute_metrics: bool = True,
        *,
        label_mask: Tensor | None = None,
        groups: Tensor | None = None,
    ) -> Tensor:
        """The loss of a batch.

        Args:
            labels: ``[B]`` or ``[B, ...]``.
            predictions: of the same shape; ``[B, 1]`` goes with labels ``[B]`` too.
            sample_weight: ``[B]``, 1 by default.
            training: whether this is a training step.
            compute_metrics: False leaves all metrics as they are.
            label_mask: ``[B]`` (or, for lists, of the labels' shape) bool, False where the label
                is missing. Such examples take no part in loss and metrics: the loss is that of
                the others alone, and 0 where there are none.
            groups: ``[B]`` codes of users, for metrics that need them (`metrics.GroupedAUC`).

        Returns:
            What the loss returns: a scalar, unless its reduction is none.

        Raises:
            DataError: ``label_mask`` has a shape that the loss cannot use.
        """
        function = self._loss if training else self._silent
        seen, weight, correction = labels, sample_weight, 1.0
        if label_mask is not None:
            labels, mask = _broad(labels, label_mask)
            self._check_mask(labels, label_mask)
            seen, weight, correction = self._masked(labels, sample_weight, mask)
            labels = ops.where(mask, labels, ops.cast(-1, labels.dtype))
        if is_list_loss(self._loss):
            flat = len(labels.shape) == 1 and len(predictions.shape) == 2
            scores = predictions[:, 0] if flat and predictions.shape[1] == 1 else predictions
            loss = function(labels, scores, sample_weight=sample_weight)
        else:
            loss = function(_column(seen), _column(predictions), sample_weight=weight) * correction
        if compute_metrics:
            self._measure(seen, predictions, weight, loss, groups)
        return loss

    def _check_mask(self, labels: Tensor, label_mask: Tensor) -> None:
        shape = tuple(label_mask.shape)
        of_places = len(shape) > 1 and shape[-1] != 1
        if len(shape) > len(labels.shape) or (of_places and not is_list_loss(self._loss)):
            raise DataError(
                f"Ranking expected a label_mask of shape [B] with labels of shape "
                f"{tuple(labels.shape)} and this loss; received {shape}. The losses of lists take "
                "a mask of every place."
            )

    def _masked(
        self, labels: Tensor, sample_weight: Tensor | None, mask: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Labels and weights in which the missing do not count, and by what to multiply a loss."""
        if is_list_loss(self._loss) and len(labels.shape) > 1:
            return ops.where(mask, labels, ops.cast(-1, labels.dtype)), sample_weight, 1.0
        known = ops.cast(ops.reshape(mask, (-1,)), "float32")
        weight = known
        if sample_weight is not None:
            weight = known * ops.reshape(ops.cast(sample_weight, "float32"), (-1,))
        correction = 1.0
        if getattr(self._loss, "reduction", None) in ("sum_over_batch_size", "mean"):
            # Keras divides by the size of the batch; here by how many labels there are.
            size = ops.cast(ops.shape(known)[0], "float32")
            correction = size / ops.maximum(ops.sum(known), 1)
        return ops.where(mask, labels, ops.zeros_like(labels)), weight, correction

    def _measure(
        self,
        labels: Tensor,
        predictions: Tensor,
        sample_weight: Tensor | None,
        loss: Tensor,
        groups: Tensor | None,
    ) -> None:
        pair = labels, predictions
        if sample_weight is not None and len(labels.shape) == 1:
            # As for the loss: Keras' means over the last axis would leave nothing to weigh.
            pair = _column(labels), _column(predictions)
        for metric in self._group("ranking"):
            options = {}
            if getattr(metric, "needs_groups", False):
                if groups is None:
                    raise DataError(
                        f"The metric {metric.name!r} expected groups; received none. Pass the "
                        "codes of the users, groups=, when the task is called."
                    )
                options = {"groups": groups}
            metric.update_state(*pair, sample_weight=sample_weight, **options)
        for metric in self._group("prediction"):
            metric.update_state(predictions, sample_weight=sample_weight)
        for metric in self._group("label"):
            metric.update_state(labels, sample_weight=sample_weight)
        for metric in self._group("loss"):
            metric.update_state(loss)


def _loss_of(loss: Any) -> Callable[..., Tensor]:
    if loss is None:
        return keras.losses.BinaryCrossentropy()
    if not isinstance(loss, str):
        return loss
    if loss not in LIST_LOSSES:
        raise ConfigError(
            f"Ranking expected a loss or one of the names {sorted(LIST_LOSSES)}; received "
            f"{loss!r}.{nearest(loss, LIST_LOSSES)} A loss of Keras goes in as an object, such as "
            "keras.losses.MeanSquaredError()."
        )
    return LIST_LOSSES[loss]


def _broad(labels: Tensor, label_mask: Tensor) -> tuple[Tensor, Tensor]:
    """The labels, and the mask with as many axes."""
    labels, mask = ops.convert_to_tensor(labels), ops.cast(label_mask, "bool")
    while len(mask.shape) < len(labels.shape):
        mask = mask[..., None]
    return labels, mask


def _column(values: Tensor) -> Tensor:
    """``[B]`` as ``[B, 1]``: Keras' losses average over the last axis before they weigh."""
    values = ops.convert_to_tensor(values)
    return values[:, None] if len(values.shape) == 1 else values
