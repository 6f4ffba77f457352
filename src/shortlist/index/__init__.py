"""Vectors in, the best few for each query out.

    index = Exact().build(vectors, ids)
    index.search(queries, k=100, deny=seen)      # -> Ranked
    index.upsert(new_vectors, new_ids)           # while searches go on

Every engine is an `Index` and passes `shortlist.testing.IndexTests`.
"""

from __future__ import annotations

from shortlist.index.base import Index
from shortlist.index.exact import Exact
from shortlist.index.faiss import Faiss
from shortlist.index.opening import open_index
from shortlist.index.pgvector import PgVector
from shortlist.index.qdrant import Qdrant
from shortlist.index.scann import Scann
from shortlist.index.sharded import Sharded
from shortlist.index.where import matching

__all__ = [
    "Exact",
    "Faiss",
    "Index",
    "PgVector",
    "Qdrant",
    "Scann",
    "Sharded",
    "matching",
    "open_index",
]
