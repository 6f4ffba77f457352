"""Making up for how candidates come into a batch: logQ, accidental hits, hard negatives."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from shortlist.errors import ConfigError

Tensor = Any

__all__ = [
    "EXCLUDED",
    "StreamingFrequency",
    "correct_sampling",
    "log_probability",
    "mine_hard_negatives",
    "remove_accidental_hits",
]

#: The logit of a candidate that takes no part: far below any score, and still finite.
EXCLUDED = float(np.finfo(np.float32).min) / 100.0


def log_probability(counts: Any) -> np.ndarray:
    """How often each item is drawn into a batch, from how often it stands in the data.

    ``log(max(counts, 1) / sum(counts))``; an item that was never seen counts as seen once.

    Args:
        counts: ``[V]``, the number of interactions of each item code.

    Returns:
        ``[V]`` float32, to be indexed by item code and given as ``log_q``.

    >>> [round(float(value), 3) for value in log_probability([3, 1, 0])]
    [-0.288, -1.386, -1.386]
    """
    counts = np.asarray(counts, dtype=np.float64)
    if counts.ndim != 1 or not (counts >= 0).all() or counts.sum() == 0:
        raise ConfigError(
            "log_probability expected counts [V], none negative and not all 0; received an array "
            f"of shape {counts.shape}. Count the interactions of each item code."
        )
    return np.log(np.maximum(counts, 1.0) / counts.sum()).astype(np.float32)


@keras.saving.register_keras_serializable(package="shortlist")
class StreamingFrequency(keras.layers.Layer):
    """Estimates while training how often each item is drawn into a batch.

    For every slot ``h`` it keeps the step ``A[h]`` at which an item was last seen and a moving
    average ``B[h]`` of the steps between two sightings::

        B[h] <- (1 - rate) B[h] + rate (step - A[h]),   A[h] <- step,   probability = 1 / B[h]

    Yi et al. (2019), "Sampling-bias-corrected neural modeling for large corpus item
    recommendations", algorithm 2. Needs no pass over the data and follows a changing catalogue.

    Args:
        slots: how many slots there are; ids share slots modulo this number, so give at least the
            number of items.
        rate: how fast the average forgets.
        initial_interval: the average before an item was seen, in steps.

    Called with ``candidate_ids`` ``[C]`` (integers) and ``training``; returns ``log_q`` ``[C]``.
    The estimates change only where ``training`` is true.

    >>> layer = StreamingFrequency(slots=10, rate=0.5, initial_interval=4.0)
    >>> for _ in range(20):
    ...     log_q = layer(np.array([3], dtype="int32"), training=True)
    >>> abs(float(log_q[0])) < 1e-4      # an item of every batch: probability 1
    True
    """

    def __init__(
        self, slots: int, *, rate: float = 0.05, initial_interval: float = 100.0, **kwargs: Any
    ) -> None:
        super().__init__(autocast=False, **{"dtype": "float32", **kwargs})
        if slots < 1 or not 0.0 < rate <= 1.0 or initial_interval < 1.0:
            raise ConfigError(
                "StreamingFrequency expected slots >= 1, 0 < rate <= 1 and initial_interval >= 1; "
                f"received {slots}, {rate} and {initial_interval}."
            )
        self.slots, self.rate, self.initial_interval = slots, rate, initial_interval
        self._step = self.add_weight((), "zeros", "int32", trainable=False, name="step")
        self._seen = self.add_weight((slots,), "zeros", "int32", trainable=False, name="seen")
        self._interval = self.add_weight(
            (slots,),
            keras.initializers.Constant(initial_interval),
            trainable=False,
            name="interval",
        )
        self.built = True

    def call(self, candidate_ids: Tensor, training: bool | None = None) -> Tensor:
        """See the class."""
        slot = ops.cast(ops.mod(ops.reshape(candidate_ids, (-1,)), self.slots), "int32")
        if training:
            step = self._step + 1
            seen = ops.take(self._seen, slot)
            old = ops.take(self._interval, slot)
            new = (1.0 - self.rate) * old + self.rate * ops.cast(step - seen, "float32")
            # An item never seen before says nothing yet about how often it comes.
            new = ops.where(seen > 0, new, old)
            where = slot[:, None]
            # Repeated ids write the same value, so their order does not matter.
            self._interval.assign(ops.scatter_update(self._interval, where, new))
            self._seen.assign(
                ops.scatter_update(self._seen, where, ops.broadcast_to(step, ops.shape(slot)))
            )
            self._step.assign(step)
        return -ops.log(ops.maximum(ops.take(self._interval, slot), 1.0))

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {
            **super().get_config(),
            "slots": self.slots,
            "rate": self.rate,
            "initial_interval": self.initial_interval,
        }


def correct_sampling(logits: Tensor, probability: Tensor) -> Tensor:
    """``logits - log(clip(probability, 1e-6, 1))``, the logQ correction of ``[B, C]`` logits.

    Args:
        logits: ``[B, C]``.
        probability: ``[C]``, how often each candidate is sampled as a negative.

    >>> import numpy as np
    >>> logits = correct_sampling(np.zeros((1, 2), "float32"), np.array([1.0, 0.5], "float32"))
    >>> [round(float(value), 3) for value in logits[0]]
    [0.0, 0.693]
    """
    logits = ops.convert_to_tensor(logits)
    return logits - ops.log(ops.clip(ops.cast(probability, logits.dtype), 1e-6, 1.0))


def remove_accidental_hits(labels: Tensor, logits: Tensor, candidate_ids: Tensor) -> Tensor:
    """Take candidates with the id of a row's positive out of that row's negatives.

    Args:
        labels: ``[B, C]``, 1 at each row's positive and 0 elsewhere.
        logits: ``[B, C]``.
        candidate_ids: ``[C]``.

    Returns:
        ``[B, C]`` logits, `EXCLUDED` at the accidental hits.

    >>> import numpy as np
    >>> logits, ids = np.zeros((2, 3), "float32"), np.array([7, 8, 7])
    >>> logits = remove_accidental_hits(np.eye(2, 3), logits, ids)
    >>> (keras.ops.convert_to_numpy(logits) < 0).tolist()
    [[False, False, True], [False, False, False]]
    """
    labels, logits = ops.convert_to_tensor(labels), ops.convert_to_tensor(logits)
    ids = ops.reshape(ops.convert_to_tensor(candidate_ids), (-1,))
    own = ops.take(ids, ops.argmax(labels, axis=1), axis=0)
    duplicate = ops.logical_and(own[:, None] == ids, labels == 0)
    return ops.where(duplicate, EXCLUDED, logits)


def mine_hard_negatives(logits: Tensor, labels: Tensor, number: int) -> tuple[Tensor, Tensor]:
    """Keep each row's positive and the ``number`` negatives with the highest logits.

    Args:
        logits: ``[B, C]``.
        labels: ``[B, C]``, 1 at each row's positive and 0 elsewhere.
        number: how many negatives; all of them where it is not positive or too large.

    Returns:
        Logits and labels ``[B, min(number, C - 1) + 1]``, the positive first.

    >>> import numpy as np
    >>> kept, _ = mine_hard_negatives(np.array([[1.0, 3.0, 2.0]], "float32"), np.eye(1, 3), 1)
    >>> keras.ops.convert_to_numpy(kept).tolist()
    [[1.0, 3.0]]
    """
    logits = ops.convert_to_tensor(logits)
    labels = ops.cast(labels, logits.dtype)
    width = logits.shape[1]
    if number <= 0 or (width is not None and number >= width - 1):
        return logits, labels
    # TensorFlow may compile for batches of any size.
    kept = number + 1 if width is not None else ops.minimum(number + 1, ops.shape(logits)[1])
    _, columns = ops.top_k(ops.where(labels > 0, float("inf"), logits), kept)
    return ops.take_along_axis(logits, columns, axis=1), ops.take_along_axis(
        labels, columns, axis=1
    )
