"""Keras layers that recommenders are made of."""

from __future__ import annotations

from shortlist import _backend as _backend  # isort: skip
from shortlist.layers.clippy_adagrad import ClippyAdagrad
from shortlist.layers.composite_optimizer import CompositeOptimizer
from shortlist.layers.cross import Cross
from shortlist.layers.dot_interaction import DotInteraction
from shortlist.layers.embedding import Embedding
from shortlist.layers.history import HistoryPooling
from shortlist.layers.mlp import MLP
from shortlist.layers.multi_layer_dcn import MultiLayerDCN
from shortlist.layers.partial_tpu_embedding import PartialTPUEmbedding
from shortlist.layers.rowwise_adagrad import RowwiseAdagrad
from shortlist.layers.table_config import FeatureConfig, TableConfig
from shortlist.layers.tpu_embedding import TPUEmbedding
from shortlist.layers.unified_embedding import UnifiedEmbedding, UnifiedEmbeddingConfig

__all__ = [
    "MLP",
    "ClippyAdagrad",
    "CompositeOptimizer",
    "Cross",
    "DotInteraction",
    "Embedding",
    "FeatureConfig",
    "HistoryPooling",
    "MultiLayerDCN",
    "PartialTPUEmbedding",
    "RowwiseAdagrad",
    "TPUEmbedding",
    "TableConfig",
    "UnifiedEmbedding",
    "UnifiedEmbeddingConfig",
]
