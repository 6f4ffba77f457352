"""`read_folder` and `Folder`: a bundle that has been verified and may be read."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import polars as pl

from shortlist.bundle.formats import decode_json, read_arrays, read_table
from shortlist.bundle.manifest import MANIFEST, Manifest, hash_span
from shortlist.errors import BundleError, nearest

__all__ = ["Folder", "list_files", "read_folder", "read_manifest"]


# Configurations have kilobytes; what is large is in tables and arrays.
_LARGEST_JSON = 64 * 2**20


# What tools that fetch repositories of models put beside them; nothing ever reads it here.
_BESIDE = (".git/", ".gitattributes", ".cache/huggingface/")


class Folder:
    """A verified bundle, or one part of it.

    Attributes:
        manifest: the manifest of the whole bundle.
    """

    def __init__(self, root: Path, manifest: Manifest, prefix: str = "") -> None:
        self._root = root
        self._prefix = prefix
        self.manifest = manifest

    @property
    def path(self) -> Path:
        """Where this bundle, or this part, lies."""
        return self._root / self._prefix

    @property
    def names(self) -> list[str]:
        """The files of this bundle or part, sorted, relative to it."""
        files = self.manifest.files
        return sorted(n.removeprefix(self._prefix) for n in files if n.startswith(self._prefix))

    def __contains__(self, name: object) -> bool:
        return f"{self._prefix}{name}" in self.manifest.files

    def file(self, name: str) -> Path:
        """The path of a file the manifest lists, for libraries that read by themselves.

        Raises:
            BundleError: the bundle has no such file.
        """
        if name not in self:
            raise BundleError(
                f"{self.path} has no file {name!r}; it has {self.names}.{nearest(name, self.names)}"
            )
        return self.path / name

    def folder(self, name: str) -> Folder:
        """A part of the bundle, as `Draft.folder` wrote it.

        Raises:
            BundleError: the bundle has no such part.
        """
        part = Folder(self._root, self.manifest, f"{self._prefix}{name}/")
        if not part.names:
            raise BundleError(f"{self.path} has no part {name!r}; its files are {self.names}.")
        return part

    def read_json(self, name: str) -> Any:
        """The value of a JSON file."""
        path = self.file(name)
        return decode_json(_bounded(path), path)

    def read_arrays(self, name: str) -> dict[str, np.ndarray]:
        """The arrays of a safetensors file, by name."""
        return read_arrays(self.file(name))

    def read_table(self, name: str) -> pl.DataFrame:
        """The frame in a Parquet file."""
        return read_table(self.file(name))


def read_folder(path: str | os.PathLike[str], *, kind: str) -> Folder:
    """Verify the bundle at ``path`` and open it for reading.

    Every file is hashed and held against the manifest before any is parsed: none may be missing,
    added, altered or a symbolic link. ``path`` itself may be a link to a bundle.

    Args:
        path: the bundle's folder.
        kind: what it must be, as given to `write_folder`.

    Raises:
        BundleError: there is no bundle at ``path``, it is of another kind, incomplete, damaged,
            altered or from a newer format.
    """
    root = Path(path)
    try:
        manifest = read_manifest(root)
        if manifest.kind != kind:
            raise BundleError(
                f"{root} holds a bundle of kind {manifest.kind!r}; expected {kind!r}. Load it "
                "with the class that wrote it, or give the path of another bundle."
            )
        _check_listing(root, manifest)
        _check_contents(root, manifest)
    except BundleError:
        raise
    except OSError as error:
        raise BundleError(f"{root} could not be read: {error}.") from error
    return Folder(root, manifest)


def read_manifest(root: Path) -> Manifest:
    """The checked manifest of the bundle at ``root``; its files are not looked at."""
    if not root.is_dir():
        found = "it is a file" if root.exists() else "nothing is there"
        raise BundleError(f"Expected the folder of a bundle at {root}; {found}. Check the path.")
    path = root / MANIFEST
    if path.is_symlink() or not path.is_file():
        raise BundleError(
            f"{root} is not a bundle: it has no {MANIFEST}. Check the path; if it was copied, "
            "copy it again, whole."
        )
    return Manifest.decode(_bounded(path), path)


def list_files(root: Path) -> list[str]:
    """Every file under ``root`` but the manifest, as relative paths with ``/``, sorted.

    Raises:
        BundleError: something is neither a file nor a folder, such as a symbolic link.
    """
    names: list[str] = []
    for folder, subfolders, files in os.walk(root, onerror=_raise):
        for name in [*subfolders, *files]:
            path = Path(folder, name)
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                raise BundleError(
                    f"{path} is a symbolic link or a device; a bundle holds plain files and "
                    "folders only. Replace it by the file itself."
                )
        names += [Path(folder, name).relative_to(root).as_posix() for name in files]
    return sorted(name for name in names if name != MANIFEST)


def _bounded(path: Path) -> bytes:
    """The content of a JSON file, unless it is so large that it is none of ours."""
    if (size := path.stat().st_size) > _LARGEST_JSON:
        raise BundleError(
            f"{path} has {size} bytes; expected at most {_LARGEST_JSON} of a JSON file. It was not "
            "written by this library."
        )
    return path.read_bytes()


def _raise(error: OSError) -> NoReturn:
    raise error


def _check_listing(root: Path, manifest: Manifest) -> None:
    found = set(list_files(root))
    if missing := sorted(set(manifest.files) - found):
        raise BundleError(
            f"{root} is incomplete: its manifest lists {missing[0]!r} ({len(missing)} missing in "
            "all), which is not there. Copy or write the bundle again."
        )
    extra = [n for n in sorted(found - set(manifest.files)) if not n.startswith(_BESIDE)]
    if extra:
        raise BundleError(
            f"{root} holds {extra[0]!r} ({len(extra)} such in all), which its manifest does not "
            "list. Move it elsewhere; a bundle must hold only what was written into it."
        )


def _check_contents(root: Path, manifest: Manifest) -> None:
    # Sizes first, over all files: they are free, and tell of a cut-off copy at once.
    for name, expected in manifest.files.items():
        if (size := (root / name).stat().st_size) != expected.size:
            raise BundleError(
                f"{root / name} is damaged: expected {expected.size} bytes, found {size}. "
                "Copy or write the bundle again."
            )
    spans = [(name, *span) for name, entry in manifest.files.items() for span in entry.spans()]
    with ThreadPoolExecutor(min(_usable_cores(), len(spans) or 1)) as pool:
        hashes = pool.map(lambda span: hash_span(root / span[0], span[1], span[2]), spans)
        for (name, start, length, sha256), found in zip(spans, hashes, strict=True):
            if found != sha256:
                raise BundleError(
                    f"{root / name} is damaged or was altered: expected sha256 {sha256}, "
                    f"found {found} (bytes {start} to {start + length}). Copy or write the "
                    "bundle again."
                )


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # Linux, where a container may have fewer than there are
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
