"""Every error as a problem document (RFC 9457): what was expected, received, and what to do."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from shortlist.errors import BundleError, ShortlistError

__all__ = ["MEDIA_TYPE", "ProblemError", "add_handlers", "problem_response"]

MEDIA_TYPE = "application/problem+json"
_SHOWN = 120  # characters of what was received that are repeated
_ERRORS = 10  # fields that are named

_TITLES = {
    400: "The request cannot be read",
    401: "A key is needed",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    408: "The request took too long to arrive",
    409: "Conflict with what is stored",
    413: "The request is too large",
    415: "JSON is expected",
    422: "The request is not what was expected",
    500: "Unexpected error",
    503: "Not available now",
}
_KINDS = {
    400: "unreadable",
    401: "unauthorized",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    408: "timeout",
    409: "conflict",
    413: "too-large",
    415: "unsupported-media-type",
    422: "invalid-request",
    503: "unavailable",
}


class ProblemError(HTTPException):
    """An answer that is a problem document.

    Attributes:
        status_code: the HTTP status.
        detail: what was expected, what was received and what to do.
        kind: the last part of its type, such as ``"overloaded"``; the status decides without it.
        retry_after: seconds after which another try is worth it.
        errors: the fields that are wrong, each with its place, what was expected and received.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        kind: str | None = None,
        retry_after: int | None = None,
        errors: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        # An HTTPException, which FastAPI lets pass where it wraps others.
        super().__init__(status, detail)
        self.kind = kind or _KINDS.get(status, "unexpected")
        self.retry_after = retry_after
        self.errors = errors

    def body(self) -> bytes:
        """The document, in ASCII, which every JSON reader takes."""
        document: dict[str, Any] = {
            "type": f"urn:shortlist:problem:{self.kind}",
            "title": _TITLES.get(self.status_code, "Error"),
            "status": self.status_code,
            "detail": self.detail,
        }
        if self.errors:
            document["errors"] = list(self.errors)
        return json.dumps(document).encode("ascii")

    def more_headers(self) -> dict[str, str]:
        """What goes with the document."""
        headers = {}
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        if self.status_code == 401:
            headers["WWW-Authenticate"] = 'Bearer realm="shortlist"'
        return headers


def problem_response(problem: ProblemError) -> Response:
    """The problem as a response."""
    headers = problem.more_headers()
    return Response(problem.body(), problem.status_code, headers, MEDIA_TYPE)


def add_handlers(app: FastAPI) -> None:
    """Let ``app`` answer every error with a problem document."""
    app.add_exception_handler(ProblemError, _problem)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ShortlistError, _problem)
    app.add_exception_handler(Exception, _unexpected)


async def _problem(request: Request, error: Exception) -> Response:
    del request
    if isinstance(error, ProblemError):
        return problem_response(error)
    if isinstance(error, BundleError):
        return problem_response(ProblemError(409, str(error), kind="bundle"))
    return problem_response(ProblemError(422, str(error)))


async def _unexpected(request: Request, error: Exception) -> Response:
    # Nothing of its inside is told; it is raised again behind this, into the server's log.
    del request, error
    return problem_response(
        ProblemError(500, "Nobody foresaw this error. It stands in the server's log.")
    )


async def _http(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 500)
    detail = {
        400: "Expected a JSON object as the body; what was received is no valid JSON.",
        404: f"There is nothing at {request.url.path[:_SHOWN]!r}. See /openapi.json.",
        405: f"{request.method} is not for {request.url.path[:_SHOWN]!r}. See /openapi.json.",
    }.get(status, str(getattr(error, "detail", "")))
    response = problem_response(ProblemError(status, detail))
    response.headers.update(getattr(error, "headers", None) or {})
    return response


async def _validation(request: Request, error: Exception) -> Response:
    del request
    found = error.errors() if isinstance(error, RequestValidationError) else []
    if any(entry["type"] == "json_invalid" for entry in found):
        detail = "Expected a JSON object as the body; what was received is no valid JSON."
        return problem_response(ProblemError(400, detail))
    if any(isinstance(entry.get("input"), bytes) for entry in found):
        detail = "Expected a JSON object as the body and 'Content-Type: application/json' with it."
        return problem_response(ProblemError(415, detail))
    errors = [_field(entry) for entry in found[:_ERRORS]]
    first = errors[0]
    detail = f"{first['field']}: expected {first['expected']}; received {first['received']}."
    if len(found) > 1:
        detail += f" {len(found) - 1} more such."
    return problem_response(ProblemError(422, detail, errors=errors))


def _field(entry: Mapping[str, Any]) -> dict[str, str]:
    place = ".".join(str(part) for part in entry["loc"])
    said = str(entry["msg"]).removeprefix("Value error, ")
    expected = {
        "missing": "a value",
        "extra_forbidden": "no such field (see /openapi.json)",
    }.get(entry["type"], said.removeprefix("Input should be "))
    received = "nothing" if entry["type"] == "missing" else _short(entry.get("input"))
    return {"field": place[:_SHOWN], "expected": expected[: 2 * _SHOWN], "received": received}


def _short(value: Any) -> str:
    # Only the outside of what may be large or deep.
    if isinstance(value, str):
        return repr(value[:_SHOWN]) + ("..." if len(value) > _SHOWN else "")
    if isinstance(value, list | tuple | dict | bytes):
        return f"{type(value).__name__} of {len(value)}"
    return repr(value)[:_SHOWN]
