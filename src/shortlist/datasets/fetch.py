"""Download a file into the cache, whole and verified, or not at all.

Everything is written under a temporary name that is this process's own, checked, and then moved
into place in one step. So an interrupted download, a full disk or a second process doing the same
leaves no half-written entry.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import http.client
import os
import ssl
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from shortlist.errors import ChecksumError, DownloadError

__all__ = ["UnreachableError", "Wheel", "cache_folder", "download", "download_wheel", "verify"]

_CONNECT_SECONDS = 5.0
_READ_SECONDS = 60.0
_CHUNK = 1 << 20


class UnreachableError(DownloadError):
    """The server did not answer, so another source may be tried."""


@dataclass(frozen=True)
class Wheel:
    """A wheel on the Python package index: its requirement, file name, size and sha256."""

    requirement: str
    name: str
    size: int
    sha256: str


def cache_folder() -> Path:
    """The folder for downloads: ``SHORTLIST_CACHE``, or the platform's usual place."""
    chosen = os.environ.get("SHORTLIST_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "shortlist"
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "shortlist" / "Cache"
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "shortlist"


def verify(path: Path, algorithm: str, expected: str) -> None:
    """Check the file at ``path``.

    Raises:
        ChecksumError: its checksum is not the expected one.
    """
    with path.open("rb") as file:
        found = hashlib.file_digest(file, algorithm).hexdigest()
    if found != expected:
        raise ChecksumError(
            f"{path} expected {algorithm} {expected}; found {found}, in {path.stat().st_size:,} "
            "bytes. The file is damaged or has been changed: delete it and try again."
        )


def download(url: str, target: Path, algorithm: str, expected: str) -> Path:
    """Fetch ``url`` to ``target``, showing progress on stderr.

    Args:
        url: an http or https address.
        target: where the file goes; its folder is made.
        algorithm: of the checksum, ``"sha256"`` or ``"md5"``.
        expected: the checksum, in hexadecimal.

    Raises:
        UnreachableError: the server does not answer (after 5 seconds) or breaks off.
        ChecksumError: what came is not what was expected; it is deleted.
        DownloadError: the disk is full or cannot be written.
    """
    with _in_place(target) as temporary:
        with _writing(temporary) as file, contextlib.closing(_chunks(url)) as chunks:
            file.writelines(chunks)
        try:
            verify(temporary, algorithm, expected)
        except ChecksumError as error:
            raise ChecksumError(f"What {url} sent is not what was expected. {error}") from None
    return target


def download_wheel(wheel: Wheel, target: Path) -> Path:
    """Fetch a wheel with pip, verified and without installing or importing it.

    Raises:
        DownloadError: pip is missing or failed, or the disk cannot be written.
        ChecksumError: what came is not what was expected.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".pip-", dir=target.parent) as folder:
            fetched = _pip_download(wheel, Path(folder))
            verify(fetched, "sha256", wheel.sha256)
            fetched.replace(target)
    except DownloadError:
        raise
    except OSError as error:
        raise _disk_error(error, target) from error
    return target


def _pip_download(wheel: Wheel, folder: Path) -> Path:
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{wheel.requirement} --hash=sha256:{wheel.sha256}\n")
    command = [
        *(sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"),
        *("--require-hashes", "--requirement", str(requirements), "--dest", str(folder)),
        *("--disable-pip-version-check", "--no-input", "--quiet", "--retries", "2"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode or not (folder / wheel.name).exists():
        said = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()
        raise DownloadError(f"pip could not download {wheel.requirement}: {said[-1]}")
    return folder / wheel.name


@contextlib.contextmanager
def _in_place(target: Path) -> Iterator[Path]:
    """A temporary path beside ``target`` that takes its name at the end, or is deleted."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            prefix=f".{target.name}.", suffix=".part", dir=target.parent
        )
    except OSError as error:
        raise _disk_error(error, target) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(target)
    finally:
        # Also on Ctrl-C. After the move there is nothing left to delete.
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[BinaryIO]:
    """Open ``path`` for writing and sync it at the end; disk trouble becomes a DownloadError."""
    try:
        with path.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
    except DownloadError:
        raise
    except OSError as error:
        raise _disk_error(error, path) from error


def _disk_error(error: OSError, path: Path) -> DownloadError:
    folder = path.parent
    if error.errno == errno.ENOSPC:
        return DownloadError(
            f"The disk of {folder} is full. Free some space, or set SHORTLIST_CACHE to a folder on "
            "another disk."
        )
    return DownloadError(
        f"Cannot write to {folder}: {error.strerror or error}. Set SHORTLIST_CACHE to a folder "
        "that can be written."
    )


def _chunks(url: str) -> Generator[bytes]:
    from rich.console import Console  # noqa: PLC0415  (only a download needs rich)
    from rich.progress import Progress  # noqa: PLC0415

    console = Console(stderr=True)
    try:
        with (
            urllib.request.build_opener(_Handler).open(url, timeout=_CONNECT_SECONDS) as response,
            Progress(console=console, transient=True, disable=not console.is_terminal) as progress,
        ):
            size = int(response.headers.get("Content-Length") or 0) or None
            task = progress.add_task(f"Downloading {url.rpartition('/')[2]}", total=size)
            received = 0
            while chunk := response.read(_CHUNK):
                received += len(chunk)
                progress.advance(task, len(chunk))
                yield chunk
    except (OSError, http.client.HTTPException) as error:
        raise UnreachableError(f"Cannot fetch {url}: {_reason(error)}.") from error
    if size is not None and received < size:
        raise UnreachableError(
            f"Cannot fetch {url}: it broke off after {received:,} of {size:,} bytes."
        )


def _reason(error: Exception) -> str:
    inner = getattr(error, "reason", None)
    return str(inner or error) or type(error).__name__


class _Connection(http.client.HTTPConnection):
    """Gives up soon on a server that cannot be reached, later on one that is slow."""

    def connect(self) -> None:
        super().connect()
        self.sock.settimeout(_READ_SECONDS)


class _SecureConnection(http.client.HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        self.sock.settimeout(_READ_SECONDS)


class _Handler(urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_Connection, req)

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_SecureConnection, req, context=ssl.create_default_context())
