"""Keras metrics of predicted probabilities, batch by batch: AUC, GAUC, entropy and calibration.

Usable in `shortlist.tasks.Ranking` and in any Keras ``compile``. Labels and predictions are
``[B]``, ``[B, 1]`` or lists ``[B, L]``; a label below 0 masks its place; weights are ``[B]`` or of
the labels' shape. Without examples the result is 0, as in Keras. Counts are float32: exact up to 16
million examples a bin.

For the log loss, RMSE and MAE take `keras.metrics.BinaryCrossentropy`, `RootMeanSquaredError` and
`MeanAbsoluteError`, which stream without loss.
"""

from __future__ import annotations

import abc
from typing import Any

from shortlist import _backend  # noqa: F401  # isort: skip
import keras
from keras import ops

from shortlist.errors import ConfigError

Tensor = Any

__all__ = ["AUC", "CalibrationError", "GroupedAUC", "NormalizedEntropy"]

# The scale on which predictions are binned: logits up to this far from 0.
_FARTHEST = 20.0


class _Streaming(keras.metrics.Metric, abc.ABC):
    def __init__(self, name: str, from_logits: bool, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.from_logits = from_logits

    def _flat(
        self, labels: Tensor, predictions: Tensor, sample_weight: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Labels, predictions and weights ``[N]``, float32, weight 0 where masked."""
        labels = ops.cast(labels, "float32")
        weight = ops.cast(labels >= 0, "float32")
        if sample_weight is not None:
            given = ops.cast(sample_weight, "float32")
            while len(given.shape) < len(labels.shape):
                given = given[..., None]
            weight = weight * (ops.reshape(given, (-1,)) if len(labels.shape) == 1 else given)
        weight = ops.reshape(weight, (-1,))
        known = weight > 0
        labels = ops.where(known, ops.reshape(labels, (-1,)), 0)
        predictions = ops.reshape(ops.cast(predictions, "float32"), (-1,))
        return labels, ops.where(known, predictions, 0), weight

    def _logits(self, predictions: Tensor) -> Tensor:
        if self.from_logits:
            return predictions
        p = ops.clip(predictions, 1e-9, 1.0 - 1e-7)
        return ops.log(p) - ops.log1p(-p)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {**super().get_config(), "from_logits": self.from_logits}


class _Histogram(_Streaming):
    """Positives and negatives, counted by group and by bin of the score."""

    def __init__(self, name: str, from_logits: bool, bins: int, groups: int, **kwargs: Any) -> None:
        super().__init__(name, from_logits, **kwargs)
        if bins < 2 or groups < 1:
            raise ConfigError(
                f"{type(self).__name__} expected 2 bins or more and 1 group or more; received "
                f"{bins} and {groups}."
            )
        self.bins = bins
        self._groups = groups
        shape = (groups, bins)
        self._positives = self.add_variable(shape, "zeros", name="positives")
        self._negatives = self.add_variable(shape, "zeros", name="negatives")

    def _count(self, labels: Tensor, scores: Tensor, weight: Tensor, group: Tensor) -> None:
        share = (ops.clip(self._logits(scores), -_FARTHEST, _FARTHEST) / _FARTHEST + 1) / 2
        place = ops.minimum(ops.cast(share * self.bins, "int32"), self.bins - 1)
        place = ops.cast(group, "int32") * self.bins + place
        total = self._groups * self.bins
        shape = (self._groups, self.bins)
        for counts, each in (
            (self._positives, weight * labels),
            (self._negatives, weight * (1 - labels)),
        ):
            added = ops.segment_sum(each, place, num_segments=total)
            counts.assign_add(ops.reshape(added, shape))

    def _areas(self) -> tuple[Tensor, Tensor]:
        """By group, the AUC (0 without pairs) and the weight of its examples if it has pairs."""
        negatives, positives = ops.convert_to_tensor(self._negatives), self._positives
        before = ops.cumsum(negatives, axis=1) - negatives / 2
        size = ops.sum(positives, axis=1), ops.sum(negatives, axis=1)
        # Divided one after the other: the number of pairs may be beyond float32.
        share = positives / ops.maximum(size[0], 1e-12)[:, None]
        below = before / ops.maximum(size[1], 1e-12)[:, None]
        both = ops.logical_and(size[0] > 0, size[1] > 0)
        area = ops.where(both, ops.sum(share * below, axis=1), 0)
        return area, ops.where(both, size[0] + size[1], 0)


@keras.saving.register_keras_serializable(package="shortlist")
class AUC(_Histogram):
    """The area under the ROC curve, from a histogram of the scores on the logit scale.

    Scores in one bin count as tied. The bins are of equal width in logits from -20 to 20, so rare
    clicks are told apart as well as frequent ones, where `keras.metrics.AUC` has thresholds of
    equal steps in probability. For the exact value, offline, `shortlist.metrics.auc`.

    Args:
        from_logits: whether predictions are logits rather than probabilities.
        bins: how many; the error is at most half the share of pairs that fall in one bin.
        name: the metric's name.

    >>> import numpy as np
    >>> metric = AUC()
    >>> metric.update_state(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.4, 0.8]))
    >>> float(metric.result())
    0.875
    """

    def __init__(
        self, from_logits: bool = False, bins: int = 8192, name: str = "auc", **kwargs: Any
    ) -> None:
        super().__init__(name, from_logits, bins, 1, **kwargs)

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> None:
        """Count one batch."""
        labels, scores, weight = self._flat(y_true, y_pred, sample_weight)
        self._count(labels, scores, weight, ops.zeros_like(labels))

    def result(self) -> Tensor:
        """The area, 0 where there is only one class."""
        return self._areas()[0][0]

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {**super().get_config(), "bins": self.bins}


@keras.saving.register_keras_serializable(package="shortlist")
class GroupedAUC(_Histogram):
    """The AUC within each user, averaged by their examples (GAUC), from a histogram a user.

    `shortlist.tasks.Ranking` hands it the ``groups=`` it is called with. It keeps
    ``2 x groups x bins`` numbers; for the exact value, offline, `shortlist.metrics.gauc`.

    Args:
        groups: how many users there are.
        from_logits: whether predictions are logits rather than probabilities.
        bins: see `AUC`; fewer, as a user has fewer examples.
        name: the metric's name.

    >>> import numpy as np
    >>> metric = GroupedAUC(groups=2)
    >>> labels, scores = np.array([0, 1, 1, 0]), np.array([0.1, 0.2, 0.8, 0.9])
    >>> metric.update_state(labels, scores, groups=np.array([0, 0, 1, 1]))
    >>> float(metric.result())
    0.5
    """

    needs_groups = True

    def __init__(
        self,
        groups: int,
        from_logits: bool = False,
        bins: int = 512,
        name: str = "gauc",
        **kwargs: Any,
    ) -> None:
        super().__init__(name, from_logits, bins, groups, **kwargs)

    def update_state(
        self,
        y_true: Tensor,
        y_pred: Tensor,
        sample_weight: Tensor | None = None,
        *,
        groups: Tensor,
    ) -> None:
        """Count one batch; ``groups`` are codes from 0, of the labels' shape or ``[B]``."""
        labels, scores, weight = self._flat(y_true, y_pred, sample_weight)
        groups = ops.cast(groups, "int32")
        if len(y_true.shape) == 2 and len(groups.shape) == 1:
            groups = groups[:, None] * ops.ones(y_true.shape, "int32")
        self._count(labels, scores, weight, ops.reshape(groups, (-1,)))

    def result(self) -> Tensor:
        """The mean over users with both classes, 0 where there is none."""
        area, size = self._areas()
        total = ops.sum(size)
        return ops.sum(area * size) / ops.where(total > 0, total, 1)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {**super().get_config(), "bins": self.bins, "groups": self._groups}


@keras.saving.register_keras_serializable(package="shortlist")
class NormalizedEntropy(_Streaming):
    """The log loss over that of always saying the mean label; see `metrics.normalized_entropy`.

    Args:
        from_logits: whether predictions are logits rather than probabilities.
        name: the metric's name.

    >>> import numpy as np
    >>> metric = NormalizedEntropy()
    >>> metric.update_state(np.array([1, 0, 0, 0]), np.full(4, 0.25))
    >>> print(f"{float(metric.result()):.4f}")
    1.0000
    """

    def __init__(
        self, from_logits: bool = False, name: str = "normalized_entropy", **kwargs: Any
    ) -> None:
        super().__init__(name, from_logits, **kwargs)
        self._loss = self.add_variable((), "zeros", name="loss")
        self._positive = self.add_variable((), "zeros", name="positive")
        self._weight = self.add_variable((), "zeros", name="weight")

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> None:
        """Count one batch."""
        labels, scores, weight = self._flat(y_true, y_pred, sample_weight)
        z = self._logits(scores)
        losses = ops.relu(z) - z * labels + ops.log1p(ops.exp(-ops.abs(z)))
        self._loss.assign_add(ops.sum(weight * losses))
        self._positive.assign_add(ops.sum(weight * labels))
        self._weight.assign_add(ops.sum(weight))

    def result(self) -> Tensor:
        """The ratio, 0 where all labels are the same."""
        weight = ops.maximum(self._weight, 1e-12)
        rate = self._positive / weight
        some = ops.logical_and(rate > 0, rate < 1)
        p = ops.where(some, rate, 0.5)
        base = -p * ops.log(p) - (1 - p) * ops.log1p(-p)
        return ops.where(some, self._loss / weight / base, 0)


@keras.saving.register_keras_serializable(package="shortlist")
class CalibrationError(_Streaming):
    """The expected calibration error in bins of equal width; see `metrics.calibration_error`.

    Args:
        bins: how many bins.
        from_logits: whether predictions are logits rather than probabilities.
        name: the metric's name.

    >>> import numpy as np
    >>> metric = CalibrationError()
    >>> metric.update_state(np.array([1, 0, 0, 0]), np.full(4, 0.5))
    >>> print(f"{float(metric.result()):.4f}")
    0.2500
    """

    def __init__(
        self,
        bins: int = 15,
        from_logits: bool = False,
        name: str = "calibration_error",
        **kwargs: Any,
    ) -> None:
        super().__init__(name, from_logits, **kwargs)
        if bins < 1:
            raise ConfigError(f"CalibrationError expected 1 bin or more; received {bins}.")
        self.bins = bins
        self._gaps = self.add_variable((bins,), "zeros", name="gaps")
        self._weight = self.add_variable((), "zeros", name="weight")

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> None:
        """Count one batch."""
        labels, scores, weight = self._flat(y_true, y_pred, sample_weight)
        p = ops.sigmoid(scores) if self.from_logits else scores
        place = ops.clip(ops.cast(p * self.bins, "int32"), 0, self.bins - 1)
        gaps = ops.segment_sum(weight * (labels - p), place, num_segments=self.bins)
        self._gaps.assign_add(gaps)
        self._weight.assign_add(ops.sum(weight))

    def result(self) -> Tensor:
        """The error."""
        return ops.sum(ops.abs(self._gaps)) / ops.maximum(self._weight, 1e-12)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {**super().get_config(), "bins": self.bins}
