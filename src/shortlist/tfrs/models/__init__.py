"""Models."""

from __future__ import annotations

from shortlist.models import Model

__all__ = ["Model"]
