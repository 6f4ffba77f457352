"""Put a finished folder where another may be standing, without a moment of neither."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from pathlib import Path

__all__ = ["put_in_place", "sync_folder"]

_AT_FDCWD = -100  # Linux: paths are relative to the working directory
_RENAME_EXCHANGE = 2  # Linux, <linux/fs.h>
_RENAME_SWAP = 2  # macOS, <stdio.h>


def put_in_place(new: Path, path: Path) -> None:
    """Rename the folder ``new`` to ``path``; a folder that stood there is then called ``new``.

    With nothing (or an empty folder) at ``path`` this is one atomic rename. Otherwise the two
    folders exchange names in one atomic step where the system can do that: Linux and macOS, on
    ordinary local file systems. Elsewhere the old folder first moves aside: then there is an
    instant with nothing at ``path``, and a power cut in just that instant leaves the old folder
    whole beside it, under a name that ends in ``.old``.
    """
    try:
        new.rename(path)
    except OSError as error:
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST, errno.EACCES}:
            raise
        if not _exchange(new, path):
            _move_aside(new, path)


def sync_folder(path: Path) -> None:
    """Ask the disk to remember which files ``path`` holds."""
    if os.name == "nt":  # Windows cannot open folders, and needs no such call
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems have no such call for folders.
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:
            raise
    finally:
        os.close(descriptor)


def _exchange(first: Path, second: Path) -> bool:
    """Let two folders exchange names atomically; False where the system cannot."""
    names = os.fsencode(first), os.fsencode(second)
    try:
        library = ctypes.CDLL(None)
        if sys.platform == "darwin":
            return bool(library.renamex_np(*names, ctypes.c_uint(_RENAME_SWAP)) == 0)
        here, flag = ctypes.c_int(_AT_FDCWD), ctypes.c_uint(_RENAME_EXCHANGE)
        return bool(library.renameat2(here, names[0], here, names[1], flag) == 0)
    except (AttributeError, OSError, TypeError):  # an old C library, or Windows
        return False


def _move_aside(new: Path, path: Path) -> None:
    aside = new.with_suffix(".old")
    try:
        path.rename(aside)
        new.rename(path)
    except BaseException:
        if aside.exists() and not path.exists():
            aside.rename(path)
        raise
    aside.rename(new)
