"""Data larger than memory: Parquet files to codes and numbers in memory maps, in one pass.

log = ingest("events/*.parquet", "log", codes=["user", "item"], values=["time"])
Batches(log, 4096)                 # shuffled, read from the maps
Vocabulary(log.ids("item"))        # gives the same codes

sources.py    files -> blocks of rows, and what is wrong with a file
columns.py    a block -> arrays -> files that only grow, so that they can be cut back
journal.py    how far it has come, so that it can go on after the process was killed
"""

from __future__ import annotations

from shortlist.data.ingestion.ingest import ingest
from shortlist.data.ingestion.ingested import Ingested, Skipped

__all__ = ["Ingested", "Skipped", "ingest"]
