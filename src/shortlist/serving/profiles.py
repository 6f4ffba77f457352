"""`Profiles`: what the state knows of users, kept in memory as long as it is true."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence

from shortlist.serving.state import Change, Erasure, Event, Profile, StateStore, UserChange

__all__ = ["Profiles"]

Id = int | str


class Profiles:
    """Reads profiles from a state, and remembers them until this server changes them.

    Args:
        store: the state.
        seconds: after which one is read again, as another server may have changed it.
        size: how many users are remembered.
    """

    def __init__(
        self, store: StateStore, *, seconds: float = math.inf, size: int = 100_000
    ) -> None:
        self._store = store
        self._seconds = seconds
        self._size = size
        self._kept: OrderedDict[Id, tuple[float, Profile | None]] = OrderedDict()
        # Who was changed while a profile was being read, which must then not be remembered.
        self._changed: set[Id] = set()
        self._lock = threading.Lock()

    def of(self, users: Sequence[Id]) -> dict[Id, Profile]:
        """Those of ``users`` of whom something is known; to be called from one thread."""
        found: dict[Id, Profile] = {}
        missing: list[Id] = []
        oldest = time.monotonic() - self._seconds
        with self._lock:
            self._changed = set()
            for user in users:
                since, profile = self._kept.get(user, (-math.inf, None))
                if since <= oldest:
                    missing.append(user)
                elif profile is not None:
                    found[user] = profile
        if missing:
            found.update(self._read(missing))
        return found

    def forget(self, changes: Iterable[Change]) -> None:
        """Forget the users of ``changes``, which are stored by now."""
        users = {c.user for c in changes if isinstance(c, Event | UserChange | Erasure)}
        with self._lock:
            self._changed |= users
            for user in users:
                self._kept.pop(user, None)

    def _read(self, users: Sequence[Id]) -> dict[Id, Profile]:
        now = time.monotonic()
        found = self._store.profiles(users)
        with self._lock:
            for user in users:
                if user not in self._changed:
                    self._kept[user] = (now, found.get(user))
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)
        return found
