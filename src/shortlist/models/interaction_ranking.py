"""`InteractionRanking`: embeddings and numbers, crossed, to a score (DLRM, DCN)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from shortlist.errors import DataError, SchemaError, nearest
from shortlist.layers import MLP, DotInteraction
from shortlist.models.base import Model
from shortlist.tasks import Ranking

__all__ = ["InteractionRanking"]


class InteractionRanking(Model):
    """A ranking model of exchangeable blocks.

    ::

        dense features  -> bottom_stack ----+--------------> concatenate -> top_stack -> score
                                            |                     |
        sparse features -> embedding_layer -+-> feature_interaction

    With the default `DotInteraction` it is the DLRM (Naumov et al. 2019); with
    ``keras.Sequential([keras.layers.Concatenate(), Cross()])`` a DCN (Wang et al. 2021).

    Args:
        embedding_layer: from the dict of sparse features to a nest of embeddings, each ``[B, D]``
            or ``[B, 1, D]``.
        bottom_stack: from dense features to ``[B, D]``; `MLP` of 256, 64 and 16 by default.
        feature_interaction: from the list of embeddings, the dense one last, to ``[B, N]``.
        top_stack: to ``[B, 1]``, in [0, 1] for the default task; `MLP` of 512, 256 and 1.
        concat_dense: whether the top stack sees the dense embedding beside the interactions.
        task: a task called as ``task(labels, predictions, sample_weight=)``; by default `Ranking`
            with the binary cross-entropy, and metrics ``auc``, ``accuracy``, ``prediction_mean``
            and ``label_mean``.

    Call arguments:
        inputs: a dict of ``dense_features`` ``[B, F]`` and ``sparse_features``, a dict.

    Returns:
        Scores ``[B]``.

    It trains on pairs ``(inputs, labels [B])`` or triples with sample weights ``[B]``. The loss is
    the mean over the batch.
    """

    def __init__(
        self,
        embedding_layer: Any,
        bottom_stack: Any = None,
        feature_interaction: Any = None,
        top_stack: Any = None,
        concat_dense: bool = True,
        task: Any = None,
    ) -> None:
        super().__init__()
        self._embedding_layer = embedding_layer
        self._concat_dense = concat_dense
        self._bottom_stack = bottom_stack or MLP([256, 64, 16], final_activation="relu")
        self._top_stack = top_stack or MLP([512, 256, 1], final_activation="sigmoid")
        self._feature_interaction = feature_interaction or DotInteraction()
        self._task = task or Ranking(
            loss=keras.losses.BinaryCrossentropy(reduction="none"),
            metrics=[
                keras.metrics.AUC(name="auc"),
                keras.metrics.BinaryAccuracy(name="accuracy"),
            ],
            prediction_metrics=[keras.metrics.Mean("prediction_mean")],
            label_metrics=[keras.metrics.Mean("label_mean")],
        )

    def compute_loss(self, inputs: Any, training: bool = False) -> Any:
        """The mean loss of ``(features, labels)`` or ``(features, labels, sample_weight)``.

        Raises:
            DataError: it is neither.
        """
        if not isinstance(inputs, tuple | list) or len(inputs) not in (2, 3):
            size = f"{len(inputs)} parts" if isinstance(inputs, tuple | list) else type(inputs)
            raise DataError(
                "Inputs should be either a tuple of (features, labels), or a tuple of (features, "
                f"labels, sample weights); received {size}."
            )
        features, labels = inputs[:2]
        weights = inputs[2] if len(inputs) == 3 else None
        predictions = self(features, training=training)
        labels = ops.reshape(labels, (-1,))
        weights = None if weights is None else ops.reshape(weights, (-1,))
        return ops.mean(self._task(labels, predictions, sample_weight=weights))

    def call(self, inputs: Mapping[str, Any], training: bool | None = None) -> Any:
        """Score a batch."""
        for name in ("dense_features", "sparse_features"):
            if name not in inputs:
                raise SchemaError(
                    f"Expected the feature {name!r}; received {sorted(inputs)}."
                    f"{nearest(name, inputs)}"
                )
        del training  # Keras hands it down to the layers by itself.
        embeddings = [
            _flat(x) for x in keras.tree.flatten(self._embedding_layer(inputs["sparse_features"]))
        ]
        dense = self._bottom_stack(inputs["dense_features"])
        crossed = self._feature_interaction([*embeddings, dense])
        if self._concat_dense:
            crossed = ops.concatenate([dense, crossed], axis=1)
        return ops.reshape(self._top_stack(crossed), (-1,))

    @property
    def embedding_trainable_variables(self) -> Sequence[Any]:
        """The trainable variables of the embedding layer."""
        return self._embedding_layer.trainable_variables

    @property
    def dense_trainable_variables(self) -> Sequence[Any]:
        """All other trainable variables."""
        apart = {id(v) for v in self.embedding_trainable_variables}
        return [v for v in self.trainable_variables if id(v) not in apart]


def _flat(embedding: Any) -> Any:
    """``[B, 1, D]`` as ``[B, D]``, whatever ``B`` is."""
    if len(embedding.shape) == 3 and embedding.shape[1] == 1:
        return ops.squeeze(embedding, axis=1)
    return embedding
