"""`Ranking`: labels and predictions to a loss."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from shortlist.tasks.base import MeasuredTask

__all__ = ["Ranking"]


class Ranking(MeasuredTask):
    """Predicts a label, such as a click or a rating, of one query and one candidate.

    Args:
        loss: a Keras loss; `keras.losses.BinaryCrossentropy` by default.
        metrics: Keras metrics of labels and predictions.
        prediction_metrics: Keras metrics of the predictions alone, such as their mean.
        label_metrics: Keras metrics of the labels alone.
        loss_metrics: Keras metrics of the loss.
        name: the layer's name.

    >>> import numpy as np
    >>> task = Ranking(loss=keras.losses.MeanSquaredError())
    >>> labels, predictions = np.array([1.0, 3.0], "float32"), np.array([1.0, 1.0], "float32")
    >>> float(task(labels=labels, predictions=predictions))
    2.0
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
        self._loss = keras.losses.BinaryCrossentropy() if loss is None else loss

    def call(
        self,
        labels: Any,
        predictions: Any,
        sample_weight: Any = None,
        training: bool = False,  # noqa: ARG002  (part of the interface; the loss is the same)
        compute_metrics: bool = True,
    ) -> Any:
        """The loss of a batch.

        Args:
            labels: ``[B]`` or ``[B, ...]``.
            predictions: of the same shape; ``[B, 1]`` goes with labels ``[B]`` too.
            sample_weight: ``[B]``, 1 by default.
            training: whether this is a training step.
            compute_metrics: False leaves all metrics as they are.

        Returns:
            What the loss returns: a scalar, unless its reduction is none.
        """
        loss = self._loss(_column(labels), _column(predictions), sample_weight=sample_weight)
        if compute_metrics:
            for metric in self._group("ranking"):
                metric.update_state(labels, predictions, sample_weight=sample_weight)
            for metric in self._group("prediction"):
                metric.update_state(predictions, sample_weight=sample_weight)
            for metric in self._group("label"):
                metric.update_state(labels, sample_weight=sample_weight)
            for metric in self._group("loss"):
                metric.update_state(loss)
        return loss


def _column(values: Any) -> Any:
    """``[B]`` as ``[B, 1]``: Keras' losses average over the last axis before they weigh."""
    values = ops.convert_to_tensor(values)
    return values[:, None] if len(values.shape) == 1 else values
