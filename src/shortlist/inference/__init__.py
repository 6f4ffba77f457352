"""Models without a training framework: ONNX graphs, written from weights and run by ONNX Runtime.

    Graph    an ONNX graph in the making; its large weights stay in the safetensors file beside it
    Session  a graph in ONNX Runtime, with its inputs checked and its threads counted
    OnnxTowers, OnnxRanker   what a `TwoTower` and a `Ranker` answer, from their exported graphs

Nothing here knows Keras. `shortlist.models.onnx_graphs` draws the graphs of the models we have.
"""

from __future__ import annotations

from shortlist.inference.graph import Graph, has_onnx
from shortlist.inference.models import OnnxRanker, OnnxTowers
from shortlist.inference.session import Session, has_runtime

__all__ = ["Graph", "OnnxRanker", "OnnxTowers", "Session", "has_onnx", "has_runtime"]
