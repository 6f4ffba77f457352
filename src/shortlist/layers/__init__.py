"""Keras layers that recommenders are made of."""

from __future__ import annotations

from shortlist import _backend as _backend  # isort: skip
from shortlist.layers.clippy_adagrad import ClippyAdagrad
from shortlist.layers.composite_optimizer import CompositeOptimizer
from shortlist.layers.cross import Cross
from shortlist.layers.cross_mixture import CrossMixture
from shortlist.layers.dot_interaction import DotInteraction
from shortlist.layers.embedding import Embedding
from shortlist.layers.experts import PLE, MMoE, SharedBottom
from shortlist.layers.fm import FM
from shortlist.layers.history import HistoryPooling
from shortlist.layers.interacting_attention import InteractingAttention
from shortlist.layers.light_graph_convolution import LightGraphConvolution
from shortlist.layers.mask_block import MaskBlock
from shortlist.layers.mlp import MLP
from shortlist.layers.multi_layer_dcn import MultiLayerDCN
from shortlist.layers.partial_tpu_embedding import PartialTPUEmbedding
from shortlist.layers.rowwise_adagrad import RowwiseAdagrad
from shortlist.layers.table_config import FeatureConfig, TableConfig
from shortlist.layers.target_attention import TargetAttention
from shortlist.layers.tpu_embedding import TPUEmbedding
from shortlist.layers.two_stream import FeatureGate, TwoStreamMLP
from shortlist.layers.unified_embedding import UnifiedEmbedding, UnifiedEmbeddingConfig

__all__ = [
    "FM",
    "MLP",
    "PLE",
    "ClippyAdagrad",
    "CompositeOptimizer",
    "Cross",
    "CrossMixture",
    "DotInteraction",
    "Embedding",
    "FeatureConfig",
    "FeatureGate",
    "HistoryPooling",
    "InteractingAttention",
    "LightGraphConvolution",
    "MMoE",
    "MaskBlock",
    "MultiLayerDCN",
    "PartialTPUEmbedding",
    "RowwiseAdagrad",
    "SharedBottom",
    "TPUEmbedding",
    "TableConfig",
    "TargetAttention",
    "TwoStreamMLP",
    "UnifiedEmbedding",
    "UnifiedEmbeddingConfig",
]
