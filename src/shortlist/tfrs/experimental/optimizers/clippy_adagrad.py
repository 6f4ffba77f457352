"""Adagrad with an adaptive limit to each step."""

from __future__ import annotations

from shortlist.layers.clippy_adagrad import ClippyAdagrad, shrink_by_references

__all__ = ["ClippyAdagrad", "shrink_by_references"]
