"""Which crosses of features a DCN-v2 has learned."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import polars as pl

from shortlist.errors import ConfigError

__all__ = ["cross_figure", "cross_strengths"]


def cross_strengths(model: Any, layer: int = 0) -> pl.DataFrame:
    r"""How strongly a cross layer multiplies each feature by each other.

    A cross layer computes :math:`x_0 \odot (W x + b) + x`. The part of ``W`` that takes feature
    ``j`` of ``x`` to feature ``i`` of ``x_0`` is a matrix of its own, whose Frobenius norm, divided
    by the root of its number of entries so that wide features have no advantage, is the strength
    of the cross. In the first layer, where ``x`` is ``x_0``, it says how much the product of ``i``
    and ``j`` matters; later layers multiply by crosses of a higher degree.

    Args:
        model: a trained `DCNv2`, or any model with ``cross_matrices()`` and ``blocks``.
        layer: which of its cross layers, from 0.

    Returns:
        A frame of ``feature`` (of ``x_0``), ``by`` (of ``x``) and ``strength``, in the order of
        the features; `polars` sorts it.

    Raises:
        ConfigError: the model has no such layer, or no cross matrices to look at.

    Reference: Wang et al. 2021, "DCN V2: Improved Deep & Cross Network and Practical Lessons for
    Web-scale Learning to Rank Systems", whose picture it is.
    """
    if not hasattr(model, "cross_matrices"):
        raise ConfigError(
            f"cross_strengths expected a DCNv2; received {type(model).__name__}, which has no "
            "cross layers. permutation_importance tells the features of any ranker."
        )
    matrices: Sequence[np.ndarray] = model.cross_matrices()
    if not 0 <= layer < len(matrices):
        raise ConfigError(f"layer expected 0 to {len(matrices) - 1}; received {layer}.")
    names = [*model.blocks]
    edges = [0, *accumulate(model.blocks.values())]
    spans = [slice(a, b) for a, b in pairwise(edges)]
    matrix = matrices[layer].astype(np.float64)
    return pl.DataFrame(
        [
            # The input is multiplied from the left: rows are of x, columns go with x_0.
            {
                "feature": own,
                "by": other,
                "strength": float(np.sqrt(np.mean(matrix[rows, columns] ** 2))),
            }
            for own, columns in zip(names, spans, strict=True)
            for other, rows in zip(names, spans, strict=True)
        ],
        schema={"feature": pl.String, "by": pl.String, "strength": pl.Float64},
    )


def cross_figure(strengths: pl.DataFrame, title: str = "Learned crosses") -> dict[str, Any]:
    """What `cross_strengths` returns as a heat map: a Vega-Lite specification with its data.

    Args:
        strengths: the frame.
        title: stands above the figure.

    >>> frame = pl.DataFrame({"feature": ["a"], "by": ["b"], "strength": [1.0]})
    >>> cross_figure(frame)["mark"]
    {'type': 'rect', 'tooltip': True}
    """
    order = strengths["feature"].unique(maintain_order=True).to_list()
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "title": title,
        "data": {"values": strengths.to_dicts()},
        "mark": {"type": "rect", "tooltip": True},
        "width": {"step": 22},
        "height": {"step": 22},
        "encoding": {
            "x": {"field": "by", "type": "nominal", "sort": order, "title": "multiplied by"},
            "y": {"field": "feature", "type": "nominal", "sort": order, "title": "feature"},
            "color": {"field": "strength", "type": "quantitative", "scale": {"scheme": "blues"}},
        },
    }
