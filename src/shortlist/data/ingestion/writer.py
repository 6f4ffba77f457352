"""What an ingest writes: columns that grow, and the ids behind their codes."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from shortlist.bundle.swap import sync_folder
from shortlist.data.growing_codes import GrowingCodes
from shortlist.data.ingestion.columns import ColumnFile, Columns, to_ids, to_values
from shortlist.data.ingestion.ingested import FACTS, VERSION, column_path, ids_path
from shortlist.data.ingestion.journal import STATE, Mark, State, write_json
from shortlist.data.ingestion.sources import Block

__all__ = ["Writer", "put_in_place"]

_PIECES = "new_ids"


class Writer:
    """Appends blocks to the files of an unfinished folder, from where ``state`` says.

    The new ids of each block are a file of their own, so that going back is to remove some.
    """

    def __init__(self, folder: Path, columns: Columns, state: State) -> None:
        self._folder, self._columns, self._state = folder, columns, state
        for part in ("columns", "ids", _PIECES):
            (folder / part).mkdir(exist_ok=True)
        self._files: dict[str, ColumnFile] = {}
        self._codes: dict[str, GrowingCodes] = {}
        self._unsynced: list[Path] = []
        self._crew = ThreadPoolExecutor(max_workers=max(len(columns.codes), 1))
        try:
            for name, (dtype, shape) in state.columns.items():
                self._files[name] = self._open(name, np.empty((0, *shape), dtype=dtype))
            self._cut_ids(state.now)
        except BaseException:
            self.close()
            raise

    def add(self, block: Block, where: str) -> None:
        """Append the rows of a block; ``where`` tells errors of what file they are."""
        frame = block.frame
        if frame is None:
            return
        coded = self._crew.map(lambda name: self._encode(frame[name], where), self._columns.codes)
        arrays = dict(zip(self._columns.codes, coded, strict=True))
        arrays |= {name: to_values(frame[name], where) for name in self._columns.values}
        arrays |= self._columns.transformed(frame)
        for name, array in arrays.items():
            if name not in self._files:
                self._files[name] = self._open(name, array)
                self._state.columns[name] = (self._files[name].dtype.str, list(array.shape[1:]))
            self._files[name].append(array)
        for name in self._columns.codes:
            if len(self._codes[name].fresh):
                piece = self._pieces(name) / f"{self._state.now.block:09d}.parquet"
                fresh = self._codes[name].fresh.alias("id").to_frame()
                fresh.write_parquet(piece, compression="uncompressed")
                self._unsynced.append(piece)
        self._state.now = Mark(self._state.now.rows + frame.height, self._state.now.block + 1)

    def go_back(self, mark: Mark) -> None:
        """Forget what came after ``mark``."""
        for file in self._files.values():
            file.cut(mark.rows)
        self._cut_ids(mark)

    def sync(self) -> None:
        """Have everything on the disk, so that a state may rely on it."""
        for file in self._files.values():
            file.sync()
        for piece in self._unsynced:
            _sync(piece)
        self._unsynced.clear()

    def seal(self, plan: dict[str, Any], state: State) -> None:
        """Write the headers, the ids and what the folder says of itself."""
        for file in self._files.values():
            file.finish()
        sizes = {name: len(codes) for name, codes in self._codes.items()}
        self._codes.clear()
        for name in self._columns.codes:
            path = ids_path(self._folder, name)
            self._known(name).to_frame().write_parquet(path)
            _sync(path)
        facts = {
            "version": VERSION,
            "rows": state.now.rows,
            "columns": state.columns,
            "codes": sizes,
            "skipped": state.skipped,
            "plan": plan,
        }
        write_json(self._folder / FACTS, facts)

    def close(self) -> None:
        """Close the files as they are."""
        self._crew.shutdown()
        for file in self._files.values():
            file.close()

    def _encode(self, column: pl.Series, where: str) -> np.ndarray:
        return self._codes[column.name].encode(to_ids(column, where))

    def _open(self, name: str, like: np.ndarray) -> ColumnFile:
        return ColumnFile(column_path(self._folder, name), like, self._state.now.rows)

    def _pieces(self, name: str) -> Path:
        return self._folder / _PIECES / ids_path(self._folder, name).stem

    def _cut_ids(self, mark: Mark) -> None:
        """Remove the ids of later blocks, and code from the others on."""
        for name in self._columns.codes:
            folder = self._pieces(name)
            folder.mkdir(exist_ok=True)
            for piece in folder.iterdir():
                if piece.suffix != ".parquet" or int(piece.stem) >= mark.block:
                    piece.unlink()
            known = any(folder.iterdir())
            self._codes[name] = GrowingCodes.of(self._known(name)) if known else GrowingCodes()
        self._unsynced.clear()

    def _known(self, name: str) -> pl.Series:
        pieces = sorted(self._pieces(name).iterdir())
        return pl.concat([pl.read_parquet(piece) for piece in pieces])["id"]


def put_in_place(part: Path, target: Path) -> None:
    """Clear away what only an unfinished folder needs, and give it its name."""
    shutil.rmtree(part / _PIECES, ignore_errors=True)
    (part / STATE).unlink(missing_ok=True)
    if target.exists():
        target.rmdir()  # it is empty
    part.rename(target)
    sync_folder(target.parent)


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
