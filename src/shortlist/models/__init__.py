"""`Model`, the base class of trainable recommenders, and ready-made models."""

from __future__ import annotations

from shortlist import _backend as _backend  # isort: skip
from shortlist.models.base import Model

__all__ = ["Model"]
