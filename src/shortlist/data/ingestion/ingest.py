"""`ingest`: Parquet files to columns in memory maps, in one pass that can be gone on with."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from shortlist.bundle.locks import hold, is_held
from shortlist.data.ingestion.columns import Columns, Transform
from shortlist.data.ingestion.ingested import FACTS, Ingested
from shortlist.data.ingestion.journal import Mark, State, read_state
from shortlist.data.ingestion.sources import Block, Source, blocks_of, find_sources
from shortlist.data.ingestion.writer import Writer, put_in_place
from shortlist.data.prefetch import prefetched
from shortlist.errors import BundleError, ConfigError, DataError

__all__ = ["ingest"]

# The state is written this often, so at most so many seconds of work are done twice.
_SECONDS = 5.0


def ingest(
    source: str | Path | Sequence[str | Path],
    folder: str | os.PathLike[str],
    *,
    codes: Sequence[str] = (),
    values: Sequence[str] = (),
    transform: Transform | None = None,
    columns: Sequence[str] | None = None,
    block_rows: int = 1_000_000,
    skip_corrupt: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> Ingested:
    """Write columns of Parquet files as arrays to be mapped into memory, in one streaming pass.

    Memory holds two or three blocks of rows, and 16 to 40 bytes for each distinct id; at the end,
    the distinct ids of one column. It does not grow with the rows.

    The pass may be stopped at any moment, also by ``kill -9`` or a full disk: what is done stands
    in ``<folder>.part``, and the same call goes on with it. The result is the same to the byte.
    Where ``folder`` is finished already, and the files are as they were, it is opened.

    Args:
        source: Parquet files: a path, a glob or a list of them, which count in the order given (a
            glob's by name).
        folder: where the columns shall lie.
        codes: columns of ids (integers, strings or bytes; whole floats count as integers), which
            become int32 codes in the order of their first appearance; the first id has code 1, as
            in ``Vocabulary(result.ids(name))``. A missing id is an error.
        values: columns of numbers, booleans or times, kept in their type; times become seconds
            since 1970 as float64. A missing value is an error.
        transform: makes further arrays ``[rows, ...]`` of each block's frame, such as the
            ``transform`` of a fitted encoder.
        columns: the columns that ``transform`` reads; by default all.
        block_rows: how many rows are held at a time, twice. Parquet is decoded by row group, so
            groups much larger than that need memory of their own.
        skip_corrupt: leave out files that cannot be read, every row of them, rather than raise;
            ``skipped`` of the result names them.
        on_progress: called after each block as ``on_progress(rows done, rows in all)``.

    Returns:
        An `Ingested`, to be given to `Batches`.

    Raises:
        DataError: a file cannot be read (it is named), there is no row, or an id or a value is
            missing.
        SchemaError: a column is missing, or of the wrong or of several types.
        ConfigError: an option is wrong, ``folder`` holds something else or an ingest of other
            files or columns, or another process is writing it.
        BundleError: it cannot be written, or what was written is damaged.

    >>> import tempfile, polars as pl
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     frame = pl.DataFrame({"user": ["ben", "anna", "ben"], "stars": [5.0, 3.0, 4.0]})
    ...     frame.write_parquet(f"{folder}/log.parquet")
    ...     log = ingest(f"{folder}/*.parquet", f"{folder}/log", codes=["user"], values=["stars"])
    ...     log.columns["user"].tolist(), log.ids("user").to_list(), log.sizes
    ([1, 2, 1], ['ben', 'anna'], {'user': 3})
    """
    if block_rows < 1:
        raise ConfigError(f"block_rows expected 1 or more; received {block_rows!r}.")
    wanted = Columns.of(codes, values, transform, columns)
    sources, read = find_sources(source, wanted.read)
    plan = _plan(sources, wanted)
    target = Path(folder)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        return _finished(target, plan)
    part = target.with_name(f"{target.name}.part")
    try:
        part.mkdir(parents=True, exist_ok=True)
        if sys.platform != "win32" and is_held(part):
            raise ConfigError(f"Another process is writing {part}. Wait for it, or end it.")
        with hold(part):
            if not (part / FACTS).exists():
                run = _Run(part, plan, wanted, sources, skip_corrupt, on_progress)
                run.all(read, block_rows)
            put_in_place(part, target)
    except OSError as error:
        raise BundleError(
            f"Could not write {part}: {error}. Free some space or mend the permissions and call "
            "ingest again: it goes on where it stopped."
        ) from error
    return Ingested.open(target)


class _Run:
    """One call of `ingest` with what it needs in hand."""

    def __init__(
        self,
        part: Path,
        plan: dict[str, Any],
        wanted: Columns,
        sources: list[Source],
        skip_corrupt: bool,
        on_progress: Callable[[int, int], None] | None,
    ) -> None:
        self.part, self.plan, self.sources = part, plan, sources
        self.skip_corrupt, self.on_progress = skip_corrupt, on_progress
        self.rows = sum(source.rows for source in sources)
        self.state: State = read_state(part, plan)
        self.state.write(part, plan)
        self.writer = Writer(part, wanted, self.state)

    def all(self, read: Sequence[str], block_rows: int) -> None:
        """Read what is left, write it and seal the folder."""
        self._refuse_corrupt()
        state, saved = self.state, time.monotonic()
        blocks = blocks_of(self.sources, read, block_rows, state.file, state.row)
        with closing(self.writer), closing(prefetched(blocks, 1)) as ahead:
            for block in ahead:
                if block.frame is None:
                    self._skip(block)
                else:
                    self._add(block, block.frame.height)
                if time.monotonic() - saved >= _SECONDS:
                    self._save()
                    saved = time.monotonic()
            if not state.now.rows:
                raise DataError(f"Expected at least one row in {len(self.sources)} files.")
            self._save()
            self.writer.seal(self.plan, state)

    def _save(self) -> None:
        self.writer.sync()
        self.state.write(self.part, self.plan)

    def _add(self, block: Block, count: int) -> None:
        state, source = self.state, self.sources[block.file]
        if block.start == 0:
            state.before = Mark(state.now.rows, state.now.block)
        self.writer.add(block, f"{str(source.path)!r}, from row {block.start:,} on,")
        state.file, state.row = block.file, block.start + count
        if self.on_progress is not None:
            self.on_progress(state.now.rows, self.rows)

    def _skip(self, block: Block) -> None:
        """Take back what a file has given before it proved unreadable."""
        state, source = self.state, self.sources[block.file]
        if not self.skip_corrupt:
            self._save()
            raise _corrupt([(source.path, str(block.problem))], len(self.sources))
        begun = block.start > 0
        if begun:
            state.now = Mark(state.before.rows, state.before.block)
        state.skipped.append((str(source.path), str(block.problem)))
        state.file, state.row = block.file + 1, 0
        # First what is to count, then the rest goes: so it can be killed in between.
        self._save()
        if begun:
            self.writer.go_back(state.now)

    def _refuse_corrupt(self) -> None:
        """Before any work, where the footer already says that a file is broken."""
        broken = [(s.path, s.problem) for s in self.sources if s.problem is not None]
        if broken and not self.skip_corrupt:
            raise _corrupt(broken, len(self.sources))


def _corrupt(broken: Sequence[tuple[Path, str]], count: int) -> DataError:
    path, problem = broken[0]
    more = f" So are {len(broken) - 1} more of the {count} files." if len(broken) > 1 else ""
    return DataError(
        f"Cannot read {str(path)!r} as Parquet: {problem}{more} Mend or remove such files, or pass "
        "skip_corrupt=True to leave them out; what is done so far is kept."
    )


def _finished(target: Path, plan: dict[str, Any]) -> Ingested:
    """What stands at ``target``, where it is the result of this very call."""
    try:
        found = Ingested.open(target)
    except BundleError as error:
        raise ConfigError(f"{error} Give another folder, or remove this one.") from error
    if found.plan != plan:
        raise ConfigError(
            f"{target} holds an ingest of other files or columns, or of files that have changed "
            "since. Give another folder, or remove this one."
        )
    return found


def _plan(sources: Sequence[Source], wanted: Columns) -> dict[str, Any]:
    """What the result depends on, as JSON values."""
    transform = wanted.transform
    owner = getattr(transform, "__self__", None)
    known = getattr(owner, "fingerprint", None) or getattr(transform, "__qualname__", None)
    return {
        "sources": [[str(s.path.resolve()), s.size, s.changed] for s in sources],
        "codes": list(wanted.codes),
        "values": list(wanted.values),
        "columns": None if wanted.read is None else list(wanted.read),
        "transform": None if transform is None else str(known or type(transform).__qualname__),
    }
