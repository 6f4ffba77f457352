"""The base class of tasks."""

from __future__ import annotations

from shortlist.tasks import Task

__all__ = ["Task"]
