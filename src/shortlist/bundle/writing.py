"""`write_folder`: write a bundle whole, or leave everything as it was."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from shortlist.bundle.draft import Draft
from shortlist.bundle.folder import list_files, read_manifest
from shortlist.bundle.locks import hold, is_held
from shortlist.bundle.manifest import MANIFEST, FileEntry, Manifest, digest
from shortlist.bundle.swap import put_in_place, sync_folder
from shortlist.errors import BundleError

__all__ = ["write_folder"]


def write_folder(
    path: str | os.PathLike[str],
    writer: Callable[[Draft], None],
    *,
    kind: str,
    metadata: Mapping[str, Any] | None = None,
) -> Manifest:
    """Write a bundle at ``path``: either all of it is there afterwards, or nothing changed.

    ``writer`` fills a hidden folder beside ``path``. Then every file is flushed to the disk and
    listed with its SHA-256 in ``manifest.json``, and the folder is renamed to ``path``. On an
    error, a full disk or Ctrl-C the hidden folder is removed; after a power cut or ``kill -9`` it
    may stay, and the next call for the same path clears it away.

    A bundle that stands at ``path`` is replaced, and readers find the old one or the new one
    (`put_in_place` says what holds on file systems that cannot exchange folders). Nothing but a
    bundle, or an empty folder, is ever replaced. Of several writers at once the last one wins.
    A process that reads the old bundle just while it is replaced may get a `BundleError`.

    Args:
        path: where the bundle shall stand; missing parent folders are made.
        writer: writes the files, into the `Draft` it is given.
        kind: what the bundle is, such as ``"encoder"``; `read_folder` must be given the same.
        metadata: JSON values to be known without opening a file.

    Returns:
        The manifest, whose ``fingerprint`` identifies the content.

    Raises:
        BundleError: ``path`` holds something else, or the disk is full or not writable.

    >>> import tempfile
    >>> from shortlist.bundle import read_folder
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     manifest = write_folder(
    ...         f"{folder}/greeting", lambda draft: draft.write_json("a.json", "hi"), kind="note"
    ...     )
    ...     read_folder(f"{folder}/greeting", kind="note").read_json("a.json")
    'hi'
    """
    # A link to a bundle stays; the bundle it leads to is replaced.
    target = Path(os.path.realpath(path))
    try:
        _check_replaceable(target)
        with _parents(target), _staging(target) as staging:
            writer(Draft(staging))
            manifest = _seal(staging, kind, metadata or {})
            _check_replaceable(target)
            put_in_place(staging, target)
            sync_folder(target.parent)
    except BundleError:
        raise
    except OSError as error:
        raise BundleError(
            f"Could not write the bundle {target}: {error}. Nothing half-written was left there. "
            "Check the free space and the permissions, then save again."
        ) from error
    return manifest


def _seal(staging: Path, kind: str, metadata: Mapping[str, Any]) -> Manifest:
    """Flush every file to the disk, then write the manifest that lists them."""
    files: dict[str, FileEntry] = {}
    for name in list_files(staging):
        files[name] = digest(staging / name)
        _sync_file(staging / name)
    manifest = Manifest(kind, files, metadata)
    (staging / MANIFEST).write_bytes(manifest.encode())
    _sync_file(staging / MANIFEST)
    for folder, _, _ in os.walk(staging):
        sync_folder(Path(folder))
    return manifest


def _sync_file(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _check_replaceable(target: Path) -> None:
    """Refuse to replace anything but a bundle that holds only its own files."""
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    try:
        extra = sorted(set(list_files(target)) - set(read_manifest(target).files))
    except BundleError as error:
        raise BundleError(
            f"Refusing to write over {target}, which is no bundle of this library: {error} "
            "Choose another path, or move what is there."
        ) from error
    if extra:
        raise BundleError(
            f"Refusing to write over {target}: beside a bundle it holds {extra[0]!r} "
            f"({len(extra)} such in all), which would be lost. Move it, or choose another path."
        )


@contextmanager
def _parents(target: Path) -> Iterator[None]:
    """Make the missing parent folders, and unmake them if the block fails."""
    missing = [parent for parent in target.parents if not parent.exists()]
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        with suppress(OSError):  # somebody else uses them by now
            for parent in missing:
                parent.rmdir()
        raise


@contextmanager
def _staging(target: Path) -> Iterator[Path]:
    """A new hidden folder beside ``target``, gone when the block ends unless it was renamed."""
    _clear_stale(target)
    staging = target.parent / f".{target.name}.{secrets.token_hex(8)}.tmp"
    try:
        with _held(staging):
            yield staging
    finally:
        # After an exchange the replaced bundle stands here.
        shutil.rmtree(staging, ignore_errors=True)
        with suppress(OSError):
            staging.with_suffix(".new").rmdir()


@contextmanager
def _held(staging: Path) -> Iterator[None]:
    """Make the folder ``staging``, locked from its first moment under that name.

    So no other writer can take it for a stale one. It gets its lock under another name, at which
    it may be cleared away, for it is still empty; then it is made again.
    """
    unlocked = staging.with_suffix(".new")
    with ExitStack() as stack:
        while not staging.exists():
            unlocked.mkdir()
            with suppress(FileNotFoundError):
                stack.enter_context(hold(unlocked))
                unlocked.rename(staging)
        yield


def _clear_stale(target: Path) -> None:
    """Remove what writers of ``target`` that were killed have left behind."""
    name = re.compile(rf"\.{re.escape(target.name)}\.[0-9a-f]{{16}}\.(tmp|new)")
    for folder in list(target.parent.iterdir()):
        found = name.fullmatch(folder.name)
        if not found or is_held(folder):
            continue
        if found[1] == "tmp":
            shutil.rmtree(folder, ignore_errors=True)
        else:
            with suppress(OSError):
                folder.rmdir()  # always empty, unless it has become a .tmp since
