"""What happened: interactions, their splits, histories and batches. No training framework here."""

from __future__ import annotations

from shortlist.data import protocols, splits
from shortlist.data.batches import Batches
from shortlist.data.histories import Histories, HistoryColumn, pad_histories
from shortlist.data.ingestion import Ingested, ingest
from shortlist.data.interactions import Interactions, UserItems
from shortlist.data.splits import LeakWarning, Split
from shortlist.data.tables import ArrayTable, ParquetTable, Table
from shortlist.data.unique import Unique, unique_codes

__all__ = [
    "ArrayTable",
    "Batches",
    "Histories",
    "HistoryColumn",
    "Ingested",
    "Interactions",
    "LeakWarning",
    "ParquetTable",
    "Split",
    "Table",
    "Unique",
    "UserItems",
    "ingest",
    "pad_histories",
    "protocols",
    "splits",
    "unique_codes",
]
