"""`Manifest`: what a bundle holds, and what each file must be to be trusted."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from shortlist._version import __version__
from shortlist.bundle.formats import decode_json, encode_json
from shortlist.errors import BundleError

__all__ = [
    "FORMAT_VERSION",
    "MANIFEST",
    "FileEntry",
    "Manifest",
    "check_name",
    "digest",
    "hash_span",
]

FORMAT = "shortlist"
FORMAT_VERSION = 1
MANIFEST = "manifest.json"
_KEYS = {"format", "format_version", "kind", "written_by", "metadata", "files", "sha256"}
# A larger file is also hashed in blocks of this size, so that several cores can verify it.
HASHED_BLOCK = 1 << 25
# What is read at once stays in the processor's cache until it is hashed.
_READ = 1 << 18


@dataclass(frozen=True)
class FileEntry:
    """The size in bytes and the SHA-256 (hexadecimal) one file must have.

    Attributes:
        size: the length of the file in bytes.
        sha256: of the whole file, as ``sha256sum`` prints it.
        blocks: of each `HASHED_BLOCK` bytes, for a file that is larger.
    """

    size: int
    sha256: str
    blocks: tuple[str, ...] = ()

    def spans(self) -> list[tuple[int, int, str]]:
        """Start, length and SHA-256 of the pieces that together are the file."""
        if not self.blocks:
            return [(0, self.size, self.sha256)]
        starts = range(0, self.size, HASHED_BLOCK)
        lengths = (min(HASHED_BLOCK, self.size - start) for start in starts)
        return list(zip(starts, lengths, self.blocks, strict=True))

    def to_json(self) -> dict[str, Any]:
        """What stands in the manifest."""
        blocks = {"blocks": list(self.blocks)} if self.blocks else {}
        return {"size": self.size, "sha256": self.sha256, **blocks}


@dataclass(frozen=True)
class Manifest:
    """The table of contents of a bundle.

    Attributes:
        kind: what the bundle is, such as ``"encoder"`` or ``"index"``.
        files: every file but the manifest itself, by its path inside the bundle, with ``/``.
        metadata: whatever the writer wants known without opening a file (JSON values).
        written_by: the version of the library that wrote it; for people, not for decisions.
    """

    kind: str
    files: Mapping[str, FileEntry]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    written_by: str = __version__

    def encode(self) -> bytes:
        """The bytes of ``manifest.json``; equal manifests have equal bytes."""
        body = self._body()
        return encode_json({**body, "sha256": _checksum(body)}, MANIFEST)

    def _body(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "kind": self.kind,
            "written_by": self.written_by,
            "metadata": dict(self.metadata),
            "files": {name: entry.to_json() for name, entry in sorted(self.files.items())},
        }

    @classmethod
    def decode(cls, data: bytes, source: Path) -> Manifest:
        """Parse and check ``manifest.json`` read from ``source``.

        Raises:
            BundleError: it is not a manifest, is from a newer format, was altered, or names a
                file outside its folder.
        """
        content = decode_json(data, source)
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise BundleError(f"{source} is not the manifest of a shortlist bundle.")
        _check_version(content.get("format_version"), source)
        checksum = content.get("sha256")
        body = {key: value for key, value in content.items() if key != "sha256"}
        if set(content) != _KEYS or checksum != _checksum(body):
            raise BundleError(
                f"{source} was altered or damaged: it does not have the checksum it states. "
                "Copy or write the bundle again."
            )
        match body:
            case {
                "kind": str(kind),
                "files": dict(files),
                "metadata": dict(metadata),
                "written_by": str(written_by),
            }:
                entries = {name: _entry(name, value, source) for name, value in files.items()}
                return cls(kind, entries, metadata, written_by)
        raise BundleError(f"{source}: an entry has the wrong type. Write the bundle again.")

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the manifest, and through it of every byte of the bundle."""
        return _checksum(self._body())


def check_name(name: str, source: Path) -> str:
    """Return ``name`` if it is a plain relative path with ``/`` that stays inside its folder.

    Raises:
        BundleError: it is absolute, climbs out, is not in normal form, or is the manifest's.
    """
    parts = name.split("/")
    plain = all(part not in {"", ".", ".."} for part in parts) and not set(name) & set("\\:\0")
    if not plain or PurePosixPath(name).is_absolute() or name == MANIFEST:
        raise BundleError(
            f"{source}: {name!r} is no file name for a bundle. Expected a relative path such as "
            "'weights.safetensors' or 'index/ids.parquet', without '..', '\\' or ':'."
        )
    return name


def digest(path: Path) -> FileEntry:
    """The size and SHA-256 of the file at ``path``, and of its blocks if it is large."""
    size = path.stat().st_size
    whole = hashlib.sha256()
    blocks = [hash_span(path, start, HASHED_BLOCK, whole) for start in range(0, size, HASHED_BLOCK)]
    return FileEntry(size, whole.hexdigest(), tuple(blocks) if len(blocks) > 1 else ())


def hash_span(path: Path, start: int, length: int, whole: Any = None) -> str:
    """The SHA-256 of a piece of a file, read in small steps; ``whole`` is updated as well."""
    sha256 = hashlib.sha256()
    room = memoryview(bytearray(min(_READ, length)))
    with path.open("rb", buffering=0) as file:
        file.seek(start)
        while length and (count := file.readinto(room[: min(_READ, length)])):
            sha256.update(room[:count])
            if whole is not None:
                whole.update(room[:count])
            length -= count
    return sha256.hexdigest()


def _check_version(version: Any, source: Path) -> None:
    if type(version) is not int or version < 1:
        raise BundleError(f"{source}: expected a format_version of 1 or more; found {version!r}.")
    if version > FORMAT_VERSION:
        raise BundleError(
            f"{source} has format version {version}; this shortlist {__version__} reads up to "
            f"{FORMAT_VERSION}. Upgrade shortlist, or write the bundle with this version."
        )


def _entry(name: str, value: Any, source: Path) -> FileEntry:
    check_name(name, source)
    match value:
        case {"size": int(size), "sha256": str(sha256)} if len(value) == 2:
            return FileEntry(size, sha256)
        case {"size": int(size), "sha256": str(sha256), "blocks": list(blocks)}:
            # As many as the size makes, or a part of the file would go unverified.
            if len(value) == 3 and len(blocks) == -(-size // HASHED_BLOCK) > 1:
                return FileEntry(size, sha256, tuple(map(str, blocks)))
    raise BundleError(f"{source}: expected the size and sha256 of {name!r}; found {value!r}.")


def _checksum(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(encode_json(body, MANIFEST)).hexdigest()
