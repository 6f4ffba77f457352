"""`shortlist serve`: an HTTP server for a saved recommender, without a training framework.

    settings = Settings(bundle="shortlist-bundles/movielens-100k")
    app = create_app(settings)                 # an ASGI application, for any server
    Client("http://127.0.0.1:8000").recommend(user=12, k=10)

    routes -> batching -> engine (retrieve, rank, post-rank) -> answer
           -> batching -> state (events, impressions, users, items)

Needs ``pip install 'shortlist[serve]'``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shortlist.serving.app import create_app
    from shortlist.serving.client import AsyncClient, Client, ServerError
    from shortlist.serving.settings import Settings
    from shortlist.serving.state import StateStore

# Loaded when first used, so that what is missing of the extra is named where it is needed.
_EXPORTS = {
    "AsyncClient": "client",
    "Client": "client",
    "ServerError": "client",
    "Settings": "settings",
    "StateStore": "state",
    "create_app": "app",
}

__all__ = ["AsyncClient", "Client", "ServerError", "Settings", "StateStore", "create_app"]


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module 'shortlist.serving' has no attribute {name!r}")
    return getattr(importlib.import_module(f"shortlist.serving.{_EXPORTS[name]}"), name)
