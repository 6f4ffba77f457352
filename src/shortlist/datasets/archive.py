"""One way to read a data set's files, from an extracted folder or straight from a zip."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import IO, Any

import polars as pl

from shortlist.errors import DataError

__all__ = ["Archive"]

_BLOCK = 64 << 20


class Archive:
    """A folder or a zip (a wheel is one), whose files are found by name in whatever folder.

    Args:
        path: the folder or the zip.

    Raises:
        DataError: there is nothing at ``path``, or it is no complete zip.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._zip: zipfile.ZipFile | None = None
        if path.is_dir():
            names = [p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file()]
        elif path.is_file():
            try:
                self._zip = zipfile.ZipFile(path)
            except (zipfile.BadZipFile, OSError) as error:
                raise self._damaged(error) from error
            names = self._zip.namelist()
        else:
            raise DataError(f"Expected a zip or an extracted folder at {str(path)!r}; found none.")
        # Of files with one name, the outermost counts.
        ordered = sorted(names, key=lambda name: (-name.count("/"), name))
        self._members = {PurePosixPath(name).name: name for name in ordered}

    def __enter__(self) -> Archive:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._zip is not None:
            self._zip.close()

    def __contains__(self, name: object) -> bool:
        return name in self._members

    @property
    def names(self) -> list[str]:
        """The names of the files, without their folders."""
        return sorted(self._members)

    def table(
        self,
        name: str,
        schema: dict[str, Any],
        *,
        separator: str,
        header: bool = False,
        quote: str | None = None,
        encoding: str = "utf-8",
    ) -> pl.DataFrame:
        """Parse one file, block by block, without unpacking it whole.

        Args:
            name: the file.
            schema: polars types by column name, in the order of the file.
            separator: between the columns, of any length.
            header: whether the first line is a header, which is then skipped.
            quote: the character around values that hold a separator, if any.
            encoding: of the file.

        Raises:
            DataError: the file cannot be parsed, or the zip is damaged.
        """
        frames: list[pl.DataFrame] = []
        for number, block in enumerate(self._blocks(name)):
            data = block if encoding == "utf-8" else block.decode(encoding).encode()
            if header and number == 0:
                data = data.partition(b"\n")[2]
                if not data:
                    continue
            if len(separator) > 1:
                data = data.replace(separator.encode(), b"\t")
            try:
                frame = pl.read_csv(
                    data,
                    schema=schema,
                    separator="\t" if len(separator) > 1 else separator,
                    has_header=False,
                    quote_char=quote,
                )
            except pl.exceptions.PolarsError as error:
                reason = str(error).split("\n\n", maxsplit=1)[0]
                raise DataError(f"Cannot parse {name} in {str(self.path)!r}: {reason}.") from error
            frames.append(frame)
        return pl.concat(frames) if frames else pl.DataFrame(schema=schema)

    def _open(self, name: str) -> IO[bytes]:
        member = self._members[name]
        if self._zip is not None:
            return self._zip.open(member)
        return (self.path / member).open("rb")

    def _blocks(self, name: str) -> Iterator[bytes]:
        """The file's bytes in blocks that end with a whole line."""
        rest = b""
        try:
            with self._open(name) as file:
                while block := file.read(_BLOCK):
                    head, newline, tail = (rest + block).rpartition(b"\n")
                    rest = tail
                    if newline:
                        yield head + newline
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise self._damaged(error) from error
        if rest:
            yield rest

    def _damaged(self, error: Exception) -> DataError:
        return DataError(
            f"Expected a complete zip at {str(self.path)!r}; it is damaged or cut short ({error}). "
            "Delete it and download it again."
        )
