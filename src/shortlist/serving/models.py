"""`Models`: the versions of a bundle, of which one serves; a bad one never replaces a good one."""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from shortlist.bundle.folder import read_manifest
from shortlist.errors import BundleError, ShortlistError
from shortlist.recommender import Recommender
from shortlist.serving.asks import Ask
from shortlist.serving.engine import Engine
from shortlist.serving.state import ItemChange, StateStore

__all__ = ["Models", "Served", "Version"]

_log = logging.getLogger("shortlist.serving")

# A few calls, so that what is made at the first use is made before the first user.
_WARM_UPS = (1, 8, 32)


@dataclass
class Served:
    """A version that is loaded.

    Attributes:
        engine: answers.
        fingerprint: of its manifest, and through it of all its bytes.
        since: when it began to serve, in seconds since 1970.
        sequence: the number of the last change of an item that it knows.
    """

    engine: Engine
    fingerprint: str
    since: float
    sequence: int = 0

    @property
    def version(self) -> str:
        """Its name."""
        return self.engine.version


@dataclass(frozen=True)
class Version:
    """A version on the disk: its name, whether it serves, and what is wrong with it."""

    name: str
    status: str
    error: str | None = None


class Models:
    """Loads versions of a bundle and serves one of them.

    Args:
        bundle: a bundle's folder, or one of numbered versions.
        state: whose changes of items are applied to whatever is loaded.
        on_reload: told ``"loaded"`` or ``"refused"`` after every attempt.
    """

    def __init__(
        self,
        bundle: Path,
        state: StateStore,
        *,
        on_reload: Callable[[str], None] | None = None,
    ) -> None:
        self._bundle = bundle
        self._state = state
        self._on_reload = on_reload
        self._served: Served | None = None
        # What could not be loaded: its fingerprint then, and why.
        self._bad: dict[str, tuple[str | None, str]] = {}
        # The latest version, and its fingerprint, when one was last loaded.
        self._seen: tuple[str, str | None] | None = None
        self._loading = threading.Lock()
        self._changing = threading.Lock()

    @property
    def served(self) -> Served | None:
        """The version that serves; None before the first is loaded."""
        return self._served

    def versions(self) -> list[Version]:
        """The versions on the disk, the lowest first."""
        serving = None if self._served is None else self._served.version
        found = []
        for name, path in self._paths().items():
            bad = self._bad.get(name)
            if name == serving:
                found.append(Version(name, "serving"))
            elif bad is not None and bad[0] == _fingerprint(path):
                found.append(Version(name, "bad", bad[1]))
            else:
                found.append(Version(name, "available"))
        return found

    def load(self, name: str | None = None) -> Served:
        """Verify, load and warm up a version, the latest by default, and let it serve.

        Until it does, and if it cannot, the one before goes on. The same version again is loaded
        again.

        Raises:
            BundleError: there is no such version, or it is damaged; the one before goes on.
        """
        with self._loading:
            try:
                served = self._load(name)
            except Exception as error:
                self._tell("refused")
                if isinstance(error, ShortlistError):
                    raise
                _log.exception("a version could not be loaded")
                raise BundleError(
                    f"The version could not be loaded ({type(error).__name__}: {error}). The one "
                    "before goes on serving; train or copy this one again."
                ) from error
            self._tell("loaded")
        _tidy()
        return served

    def look(self) -> Served | None:
        """Load the latest version if it was not there before; what watching repeats.

        So one that was refused is not tried again, and one that was chosen by hand stays until
        there is a new one.
        """
        found = self._latest()
        if found is None or found == self._seen:
            return None
        return self.load(found[0])

    def catch_up(self) -> None:
        """Apply the changes of items that are stored and not yet known to the version served."""
        with self._changing:
            if self._served is not None:
                self._apply(self._served)

    def _load(self, name: str | None) -> Served:
        paths = self._paths()
        self._seen = self._latest()
        if not paths or (name is not None and name not in paths):
            there = f"there are {list(paths)}" if paths else "there is none"
            raise BundleError(
                f"Expected the version {name or 'of a bundle'} in {self._bundle}; {there}."
            )
        chosen = list(paths)[-1] if name is None else name
        began = time.perf_counter()
        fingerprint = _fingerprint(paths[chosen])
        try:
            served = Served(
                Engine(Recommender.load(paths[chosen]), chosen), fingerprint or "", time.time()
            )
            self._apply(served)
            _warm_up(served.engine)
        except Exception as error:
            self._bad[chosen] = (fingerprint, str(error))
            raise
        self._bad.pop(chosen, None)
        with self._changing:
            # Items changed while this version was loading.
            self._apply(served)
            self._served = served
        _log.info("version %s serves, after %.2f s", chosen, time.perf_counter() - began)
        return served

    def _apply(self, served: Served) -> None:
        changes = self._state.item_changes(after=served.sequence)
        if not changes:
            return
        try:
            served.engine.apply(changes)
        except Exception:
            _apply_one_by_one(served.engine, changes)
        served.sequence = changes[-1].sequence

    def _latest(self) -> tuple[str, str | None] | None:
        paths = self._paths()
        name = next(reversed(paths), None)
        return None if name is None else (name, _fingerprint(paths[name]))

    def _paths(self) -> dict[str, Path]:
        """The versions by name, the lowest first."""
        if (self._bundle / "manifest.json").is_file():
            return {self._bundle.name: self._bundle}
        if not self._bundle.is_dir():
            return {}
        found = [entry for entry in self._bundle.iterdir() if entry.name.isdecimal()]
        return {entry.name: entry for entry in sorted(found, key=lambda entry: int(entry.name))}

    def _tell(self, outcome: str) -> None:
        if self._on_reload is not None:
            self._on_reload(outcome)


def _tidy() -> None:
    """Look no more at what the new version holds.

    A version is a hundred thousand objects that stay; a full collection goes through all of them
    while everybody waits. The version before is in no cycle, so it has gone by itself.
    """
    gc.collect(1)
    gc.freeze()


def _apply_one_by_one(engine: Engine, changes: list[ItemChange]) -> None:
    """One change that this version cannot take must not keep the others out."""
    for change in changes:
        try:
            engine.apply([change])
        except Exception as error:
            _log.warning("item %r could not be changed: %s", change.item, error)


def _warm_up(engine: Engine) -> None:
    """Answer a few questions, cold and known, one by one and many at once."""
    users = engine.recommender.users.histories.users[: max(_WARM_UPS)].tolist()
    for size in _WARM_UPS:
        known = [Ask(user=user) for user in users[:size]]
        for outcome in engine.answer([*known, Ask()], {}):
            if isinstance(outcome, BaseException):
                raise outcome
            if outcome.degraded:
                raise BundleError(
                    f"The version {engine.version} has a ranker that fails; it is not served. "
                    "Train it again."
                )


def _fingerprint(path: Path) -> str | None:
    try:
        return read_manifest(path).fingerprint
    except (BundleError, OSError):
        return None
