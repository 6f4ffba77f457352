"""Who may ask: keys compared in constant time, and nobody else's web page on this machine."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit

from shortlist.serving.problems import ProblemError
from shortlist.serving.settings import Settings, is_loopback

__all__ = ["Gate"]

_OPEN = "/health/"


class Gate:
    """Decides whether a request may go on.

    Args:
        settings: with the keys.
    """

    def __init__(self, settings: Settings) -> None:
        self._api = _bytes(settings.api_key)
        self._admin = _bytes(settings.admin_key)

    def check(self, path: str, headers: Mapping[bytes, bytes], *, admin: bool) -> None:
        """Refuse who has no key, or, where there are no keys, who comes from elsewhere.

        Args:
            path: of the request.
            headers: with lower-case names.
            admin: whether the request changes items or models.

        Raises:
            ProblemError: 401 without a key, 403 with one that is not enough.
        """
        if path.startswith(_OPEN):
            return
        if self._api is None and self._admin is None:
            _check_local(headers)
            return
        given = _given(headers)
        is_admin = _same(given, self._admin)
        if admin:
            self._check_admin(given, is_admin=is_admin)
        elif self._api is None:
            _check_local(headers)
        elif not (is_admin or _same(given, self._api)):
            raise ProblemError(
                401,
                f"Expected the API key in 'Authorization: Bearer KEY' or 'X-API-Key: KEY'; "
                f"received {'another one' if given else 'none'}.",
            )

    def _check_admin(self, given: bytes, *, is_admin: bool) -> None:
        if is_admin:
            return
        if self._admin is None:
            raise ProblemError(
                403,
                "Changing items and models needs an admin key, and this server has none. Start it "
                "with SHORTLIST_ADMIN_KEY set.",
            )
        if given:
            raise ProblemError(403, "Expected the admin key; received another one.")
        raise ProblemError(401, "Expected the admin key in 'Authorization: Bearer KEY'; got none.")


def _check_local(headers: Mapping[bytes, bytes]) -> None:
    """A page in a browser on this machine can reach it too, under a name it chose."""
    host = _host(headers.get(b"host", b"localhost"))
    origin = headers.get(b"origin")
    for name in (host, None if origin is None else urlsplit(_text(origin)).hostname or "null"):
        if name is not None and not is_loopback(name):
            raise ProblemError(
                403,
                f"Without an API key only this machine is answered; the request names "
                f"{name[:100]!r}. Ask 127.0.0.1, or start the server with SHORTLIST_API_KEY set.",
            )


def _host(value: bytes) -> str:
    try:
        return urlsplit(f"//{_text(value)}").hostname or ""
    except ValueError:
        return ""


def _given(headers: Mapping[bytes, bytes]) -> bytes:
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer":
        return token.strip()
    return headers.get(b"x-api-key", b"")


def _same(given: bytes, key: bytes | None) -> bool:
    return key is not None and hmac.compare_digest(given, key)


def _bytes(key: str | None) -> bytes | None:
    return None if key is None else key.encode("ascii")


def _text(value: bytes) -> str:
    return value.decode("latin-1")
