"""Recommendations for everybody, into one Parquet file: in blocks, and where it stopped before."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from shortlist.errors import ConfigError

if TYPE_CHECKING:
    from shortlist.recommender.pipeline import Recommender

__all__ = ["USERS_A_PART", "Parts", "Work", "recommend_all"]

USERS_A_PART = 4096


def recommend_all(
    recommender: Recommender,
    out: Path,
    *,
    k: int = 10,
    identity: str = "",
    on_progress: Callable[[int, int], None] | None = None,
    users_a_part: int = USERS_A_PART,
    **options: Any,
) -> int:
    """Recommend to every known user and write the lists to the Parquet file ``out``.

    A row an item: ``user``, ``item``, ``place`` (from 1), ``score``. Parts are written to a hidden
    folder beside ``out``, each whole or not at all, and put together at the end; the same call
    after a crash goes on after the last whole part. Memory holds one part at a time.

    Args:
        recommender: who answers.
        out: the file; one that stands there is replaced at the very end.
        k: the length of the lists.
        identity: what tells this recommender from others, such as its bundle's fingerprint: parts
            of an earlier call are used only where it, ``k`` and ``options`` are the same.
        on_progress: called as ``on_progress(users done, users in all)``.
        users_a_part: how many users a part holds.
        **options: as for `Recommender.recommend`, the same for all: ``where``, ``exclude_seen``,
            ``diversity``, ``rules``, ``seed``.

    Returns:
        The number of rows written.

    Raises:
        ConfigError: there are no known users, or an option is wrong.
        OSError: the file cannot be written.
    """
    work = Work(recommender, k, users_a_part, options)
    parts = Parts(out, work, identity)
    for number in range(work.count):
        if number not in parts:
            parts.put(number, work.part(number))
        if on_progress is not None:
            on_progress(min((number + 1) * users_a_part, work.users), work.users)
    return parts.finish()


class Work:
    """One call of `recommend_all` as parts that can be made in any order and anywhere.

    Args:
        recommender: who answers.
        k: the length of the lists.
        users_a_part: how many users a part holds.
        options: as for `Recommender.recommend`.

    Attributes:
        users: how many there are.
        count: how many parts they make.
        call: the arguments besides the recommender.
        asked: what the parts depend on, besides the recommender.
    """

    def __init__(
        self, recommender: Recommender, k: int, users_a_part: int, options: dict[str, Any]
    ) -> None:
        self._recommender, self._k, self._options = recommender, k, options
        self.call = (k, users_a_part, options)
        self._users = recommender.users.histories.users
        self._size = users_a_part
        self.users = len(self._users)
        self.count = -(-self.users // users_a_part)
        self.asked = {
            "k": k,
            "users": self.users,
            "part": users_a_part,
            **{name: str(value) for name, value in options.items()},
        }
        recommender.check_k(k)
        if not self.users:
            raise ConfigError("Expected a recommender that knows users; it knows none.")

    def part(self, number: int) -> bytes:
        """The lists of one part's users, as a Parquet file."""
        block = self._users[number * self._size :][: self._size]
        file = io.BytesIO()
        _rows(self._recommender, block, self._k, self._options).write_parquet(file)
        return file.getvalue()


class Parts:
    """The finished parts of a call, in a hidden folder beside the file they become.

    Args:
        out: that file.
        work: the call.
        identity: what tells its recommender from others.
    """

    def __init__(self, out: Path, work: Work, identity: str) -> None:
        self._out = out
        # Where the parts of this very call are, so that those of another are never mixed in.
        asked = json.dumps({**work.asked, "identity": identity}, sort_keys=True)
        digest = hashlib.sha256(asked.encode()).hexdigest()
        self._folder = out.parent / f".{out.name}.{digest[:16]}.parts"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._paths = [self._folder / f"{number:06d}.parquet" for number in range(work.count)]

    def __contains__(self, number: int) -> bool:
        return self._paths[number].exists()

    def put(self, number: int, data: bytes) -> None:
        """Keep a part; it is there whole or not at all."""
        unfinished = self._paths[number].with_suffix(".unfinished")
        unfinished.write_bytes(data)
        unfinished.replace(self._paths[number])

    def finish(self) -> int:
        """Put the parts together; the number of rows."""
        unfinished = self._folder / "all"
        pl.scan_parquet(self._paths, glob=False).sink_parquet(unfinished)
        rows = pl.scan_parquet(unfinished, glob=False).select(pl.len()).collect().item()
        unfinished.replace(self._out)
        shutil.rmtree(self._folder)
        return int(rows)


def _rows(
    recommender: Recommender, users: np.ndarray, k: int, options: dict[str, Any]
) -> pl.DataFrame:
    """The lists of ``users`` as rows of user, item, place (from 1) and score."""
    found = recommender.recommend(users, k, **options)
    counts = found.valid.sum(axis=1)
    places = np.broadcast_to(np.arange(1, found.k + 1, dtype=np.int32), found.ids.shape)
    items, people = recommender.items["item"].dtype, pl.Series(users.tolist()).dtype
    return pl.DataFrame(
        [
            # As Python's values: texts in an array of objects would become a column of objects.
            pl.Series("user", np.repeat(users, counts).tolist(), dtype=people),
            pl.Series("item", found.ids[found.valid].tolist(), dtype=items),
            pl.Series("place", places[found.valid]),
            pl.Series("score", found.scores[found.valid]),
        ]
    )
