"""Random numbers that belong to a query and not to its place in a batch."""

from __future__ import annotations

import hashlib

import numpy as np

from shortlist.queries import Queries

__all__ = ["generators"]


def generators(queries: Queries, seed: int, purpose: str) -> list[np.random.Generator]:
    """One generator for each query, decided by the seed, the purpose, the user and the history.

    So a user's list is the same alone and in any batch, on any machine, and another one once the
    user did something more.
    """
    made = []
    for user, history in zip(queries.users.tolist(), queries.history, strict=True):
        latest = [str(item) for item in history[-3:]]
        text = repr((seed, purpose, str(user), len(history), latest))
        digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
        made.append(np.random.default_rng(int.from_bytes(digest, "little")))
    return made
