"""The data that both sides are given, as arrays on disk that any of them can read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from shortlist.datasets import movielens

__all__ = ["events", "movielens_codes", "movielens_strings", "spread", "zipf_codes"]


def events(folder: Path, users: np.ndarray, items: np.ndarray) -> str:
    """Write events as two arrays of codes; the folder is what a worker is told."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "users.npy", users.astype(np.int32))
    np.save(folder / "items.npy", items.astype(np.int32))
    return str(folder)


def movielens_codes(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Codes of ``count`` ratings of MovieLens-100K drawn without repetition."""
    interactions = movielens("100k").interactions
    rows = np.random.default_rng(seed).permutation(len(interactions))[:count]
    return interactions.user_codes[rows], interactions.item_codes[rows]


def movielens_strings() -> tuple[np.ndarray, np.ndarray]:
    """The user ids and film titles of all ratings of MovieLens-100K, as the TFRS tutorials read.

    The ratings are shuffled, as those of the tutorials' data set are.
    """
    data = movielens("100k")
    titles = dict(data.items.select("item", "title").iter_rows())
    rows = np.random.default_rng(0).permutation(len(data.interactions))
    frame = data.interactions.frame[rows]
    return (
        frame["user"].cast(str).to_numpy().astype(str),
        np.array([titles[item] for item in frame["item"]], dtype=str),
    )


def zipf_codes(count: int, rows: int, seed: int) -> np.ndarray:
    """Codes of a table of ``rows`` rows, a few of them often, scattered over the table."""
    drawn = np.minimum(np.random.default_rng(seed).zipf(1.2, size=count) - 1, 10**12)
    return (drawn * 2654435761) % rows


def spread(codes: np.ndarray, distinct: int, rows: int) -> np.ndarray:
    """The same codes out of ``distinct``, at random places of a table of ``rows`` rows."""
    # Not evenly: rows a round number of bytes apart share a few sets of the processor's cache.
    places = np.random.default_rng(0).permutation(rows)[:distinct]
    return places[codes].astype(codes.dtype)
