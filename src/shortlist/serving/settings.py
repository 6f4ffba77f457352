"""What a server is told when it starts."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from shortlist.errors import ConfigError

__all__ = ["Settings", "is_loopback"]


@dataclass(frozen=True)
class Settings:
    """How a server works; the bounds hold for every request.

    Attributes:
        bundle: a bundle's folder, or one of numbered versions.
        host, port: where it listens.
        state: an SQLite file, or the URL of a database such as ``postgresql://...``; None keeps
            the state beside the bundle, in ``.state/shortlist.db`` of the folder of versions.
        api_key: asked of every request but those to ``/health``; None asks nothing.
        admin_key: asked for changes of items and models; None allows them only where there is no
            ``api_key`` either.
        watch: seconds between looks for a new version of the bundle; 0 never looks.
        deadline: seconds after which a request is given up.
        max_batch: queries that are answered together at most.
        max_queue: queries that may wait; more are refused with 503.
        max_body: bytes of a request's body.
        body_timeout: seconds in which a body must have arrived.
        log_requests: the share of recommendations that are logged with their propensities.
        keep_requests: days for which that log is kept.
        drain: seconds that running requests are given at the end.

    Raises:
        ConfigError: a bound is out of range, or an address other than this machine's own is to be
            served without an API key.
    """

    bundle: str | Path
    host: str = "127.0.0.1"
    port: int = 8000
    state: str | Path | None = None
    api_key: str | None = None
    admin_key: str | None = None
    watch: float = 0.0
    deadline: float = 1.0
    max_batch: int = 32
    max_queue: int = 512
    max_body: int = 1 << 20
    body_timeout: float = 10.0
    log_requests: float = 1.0
    keep_requests: float = 30.0
    drain: float = 10.0

    def __post_init__(self) -> None:
        for name in ("max_batch", "max_queue", "max_body"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise ConfigError(f"{name} expected a whole number from 1 up; received {value!r}.")
        for name in ("deadline", "body_timeout", "keep_requests", "drain"):
            if not getattr(self, name) > 0:
                raise ConfigError(
                    f"{name} expected a positive number; received {getattr(self, name)!r}."
                )
        if not 0 <= self.log_requests <= 1:
            raise ConfigError(
                f"log_requests expected a share in [0, 1]; received {self.log_requests!r}."
            )
        if not self.watch >= 0:
            raise ConfigError(f"watch expected seconds from 0 up; received {self.watch!r}.")
        self._check_keys()

    def _check_keys(self) -> None:
        for name in ("api_key", "admin_key"):
            key = getattr(self, name)
            if key is not None and (len(key) < 16 or not key.isascii() or not key.isprintable()):
                raise ConfigError(
                    f"{name} expected at least 16 printable ASCII characters; received "
                    f"{len(key)} characters. Make one with: openssl rand -hex 32"
                )
        if self.api_key is not None and self.api_key == self.admin_key:
            raise ConfigError("admin_key expected another key than api_key; both are the same.")
        if self.api_key is None and not is_loopback(self.host):
            raise ConfigError(
                f"Serving on {self.host!r} expected an API key, as others can reach that address; "
                "there is none. Set SHORTLIST_API_KEY (at least 16 characters), or serve on "
                "127.0.0.1."
            )

    @property
    def state_url(self) -> str:
        """The database's URL."""
        if self.state is None:
            folder = Path(self.bundle).resolve()
            root = folder.parent if (folder / "manifest.json").is_file() else folder
            return f"sqlite:///{root / '.state' / 'shortlist.db'}"
        text = str(self.state)
        return text if "://" in text else f"sqlite:///{Path(text).resolve()}"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach ``host``.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
