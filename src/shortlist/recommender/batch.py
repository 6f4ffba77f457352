"""Recommendations for everybody, into one Parquet file: in blocks, and where it stopped before."""

from __future__ import annotations

import hashlib
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

__all__ = ["recommend_all"]

_USERS_A_PART = 4096


def recommend_all(
    recommender: Recommender,
    out: Path,
    *,
    k: int = 10,
    identity: str = "",
    on_progress: Callable[[int, int], None] | None = None,
    users_a_part: int = _USERS_A_PART,
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
    users = recommender.users.histories.users
    recommender.check_k(k)
    if not len(users):
        raise ConfigError("Expected a recommender that knows users; it knows none.")
    asked = {"k": k, "users": len(users), "part": users_a_part, "identity": identity}
    folder = _parts_folder(out, {**asked, **{name: str(value) for name, value in options.items()}})
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, start in enumerate(range(0, len(users), users_a_part)):
        path = folder / f"{number:06d}.parquet"
        block = users[start : start + users_a_part]
        if not path.exists():
            _write_whole(_rows(recommender, block, k, options), path)
        paths.append(path)
        if on_progress is not None:
            on_progress(start + len(block), len(users))
    unfinished = folder / "all"
    pl.scan_parquet(paths, glob=False).sink_parquet(unfinished)
    rows = pl.scan_parquet(unfinished, glob=False).select(pl.len()).collect().item()
    unfinished.replace(out)
    shutil.rmtree(folder)
    return int(rows)


def _rows(
    recommender: Recommender, users: np.ndarray, k: int, options: dict[str, Any]
) -> pl.DataFrame:
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


def _parts_folder(out: Path, asked: dict[str, Any]) -> Path:
    """Where the parts of this very call are, so that those of another are never mixed in."""
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
    return out.parent / f".{out.name}.{digest[:16]}.parts"


def _write_whole(frame: pl.DataFrame, path: Path) -> None:
    unfinished = path.with_suffix(".unfinished")
    with unfinished.open("wb") as file:
        frame.write_parquet(file)
    unfinished.replace(path)
