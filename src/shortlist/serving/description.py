"""What OpenAPI says beyond what FastAPI finds out: problems, and how keys are given."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from shortlist.serving.schemas import Problem

__all__ = ["describe"]

_KEYS = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}


def describe(app: FastAPI) -> dict[str, Any]:
    """The description of ``app``, made once."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
        )
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        parts = made["components"]
        parts["schemas"] |= {**problem.pop("$defs", {}), "Problem": problem}
        parts["securitySchemes"] = _KEYS
        # A server without keys asks for none.
        made["security"] = [{"bearer": []}, {"header": []}, {}]
        app.openapi_schema = made
    return app.openapi_schema
