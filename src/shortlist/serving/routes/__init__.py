"""The routes, by what they are about; each module makes an `APIRouter` for a `Service`."""

from __future__ import annotations

from shortlist.serving.routes import feedback, health, items, models, recommend, users

__all__ = ["feedback", "health", "items", "models", "recommend", "users"]
