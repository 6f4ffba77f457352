"""What all routes share: JSON out, and the problems they may answer with."""

from __future__ import annotations

import json
from typing import Any

from fastapi import Response

from shortlist.serving.problems import MEDIA_TYPE

__all__ = ["as_json", "problems"]


def as_json(value: Any, status: int = 200) -> Response:
    """A value made of our own parts; it needs no checking against the schema again."""
    return Response(json.dumps(value).encode("ascii"), status, media_type="application/json")


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The descriptions of problems for OpenAPI; those that every route has are among them."""
    described = {
        400: "The body is no JSON.",
        401: "A key is needed.",
        403: "The key is not enough.",
        404: "There is no such thing.",
        408: "The body came too slowly.",
        409: "In conflict with what is stored.",
        413: "The body is too large.",
        415: "The body is not declared to be JSON.",
        422: "Something in the request is not what was expected.",
        503: "Overloaded, starting or ending; see `Retry-After`.",
    }
    wanted = sorted({401, 403, 503, *statuses})
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": described[status], "content": content} for status in wanted}
