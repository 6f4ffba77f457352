from __future__ import annotations

import errno
import hashlib
import http.server
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from shortlist.datasets import fetch
from shortlist.errors import ChecksumError, DownloadError

CONTENT = os.urandom(3_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def files(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_download_arrives_whole(served, tmp_path):
    folder, url = served
    (folder / "data.zip").write_bytes(CONTENT)
    target = tmp_path / "cache" / "deep" / "data.zip"
    assert fetch.download(url + "data.zip", target, "sha256", SHA256) == target
    assert target.read_bytes() == CONTENT
    assert files(tmp_path / "cache") == ["data.zip"]
    md5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
    fetch.download(url + "data.zip", target, "md5", md5)
    assert files(tmp_path / "cache") == ["data.zip"]


def test_a_wrong_checksum_leaves_nothing(served, tmp_path):
    folder, url = served
    (folder / "data.zip").write_bytes(CONTENT[:-1])
    with pytest.raises(ChecksumError, match=f"data.zip sent is not.*expected sha256 {SHA256}"):
        fetch.download(url + "data.zip", tmp_path / "cache" / "data.zip", "sha256", SHA256)
    assert files(tmp_path / "cache") == []


def test_a_server_that_is_not_there(unreachable, tmp_path):
    with pytest.raises(fetch.UnreachableError, match=r"Cannot fetch .*data.zip: .*refused"):
        fetch.download(unreachable + "data.zip", tmp_path / "data.zip", "sha256", SHA256)
    assert files(tmp_path) == []


def test_a_file_the_server_does_not_have(served, tmp_path):
    _, url = served
    with pytest.raises(fetch.UnreachableError, match="File not found"):
        fetch.download(url + "none.zip", tmp_path / "cache" / "none.zip", "sha256", SHA256)


class Breaking(http.server.BaseHTTPRequestHandler):
    """Promises more bytes than it sends."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"x" * 10)

    def log_message(self, *args):
        pass


def test_a_server_that_breaks_off(tmp_path):
    with http.server.HTTPServer(("127.0.0.1", 0), Breaking) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/data.zip"
        with pytest.raises(fetch.UnreachableError, match="broke off after 10 of 1,000 bytes"):
            fetch.download(url, tmp_path / "data.zip", "sha256", SHA256)
        thread.join()
    assert files(tmp_path) == []


def test_a_full_disk_leaves_nothing(served, tmp_path, monkeypatch):
    folder, url = served
    (folder / "data.zip").write_bytes(CONTENT)

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(fetch.os, "fsync", full)
    with pytest.raises(DownloadError, match=r"disk of .*cache is full.*SHORTLIST_CACHE") as caught:
        fetch.download(url + "data.zip", tmp_path / "cache" / "data.zip", "sha256", SHA256)
    assert not isinstance(caught.value, fetch.UnreachableError)
    assert files(tmp_path / "cache") == []


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("mount") is None,
    reason="needs root to mount a small file system",
)
def test_a_disk_that_is_really_full(served, tmp_path):
    folder, url = served
    (folder / "data.zip").write_bytes(CONTENT)
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small)],  # noqa: S607
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip("this machine does not let us mount")
    try:
        with pytest.raises(DownloadError, match=r"disk of .* is full"):
            fetch.download(url + "data.zip", small / "data.zip", "sha256", SHA256)
        assert files(small) == []
    finally:
        subprocess.run(["umount", str(small)], check=True)  # noqa: S607


def test_a_folder_that_cannot_be_made(served, tmp_path):
    _, url = served
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DownloadError, match="Cannot write to"):
        fetch.download(url + "data.zip", tmp_path / "file" / "data.zip", "sha256", SHA256)


class Stalling(http.server.BaseHTTPRequestHandler):
    """Sends a first part and then waits until the other side is gone."""

    started = threading.Event()

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(10 * len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT)
        self.started.set()
        self.rfile.read(1)

    def log_message(self, *args):
        pass


def test_ctrl_c_leaves_nothing(tmp_path):
    target = tmp_path / "cache" / "data.zip"
    with http.server.HTTPServer(("127.0.0.1", 0), Stalling) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/data.zip"
        code = (
            "from pathlib import Path; from shortlist.datasets import fetch; "
            f"fetch.download({url!r}, Path({str(target)!r}), 'sha256', {SHA256!r})"
        )
        child = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE)
        assert Stalling.started.wait(60)
        assert [name.endswith(".part") for name in files(tmp_path)] == [True]
        child.send_signal(signal.SIGINT)
        _, said = child.communicate(timeout=60)
        thread.join()
    assert b"KeyboardInterrupt" in said
    assert files(tmp_path) == []


def test_two_downloads_at_once_do_not_clash(served, tmp_path):
    folder, url = served
    (folder / "data.zip").write_bytes(CONTENT)
    target = tmp_path / "cache" / "data.zip"
    failures = []

    def work():
        try:
            fetch.download(url + "data.zip", target, "sha256", SHA256)
        except DownloadError as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert files(tmp_path / "cache") == ["data.zip"]
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {}, Path.home() / ".cache" / "shortlist"),
        ("linux", {"XDG_CACHE_HOME": "/x"}, Path("/x/shortlist")),
        ("darwin", {}, Path.home() / "Library" / "Caches" / "shortlist"),
        ("win32", {"LOCALAPPDATA": "/local"}, Path("/local/shortlist/Cache")),
        ("linux", {"SHORTLIST_CACHE": "~/mine"}, Path.home() / "mine"),
    ],
)
def test_the_cache_folder_is_the_platforms_own(platform, variables, expected, monkeypatch):
    for name in ("SHORTLIST_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(fetch.sys, "platform", platform)
    assert fetch.cache_folder() == expected


WHEEL = fetch.Wheel("thing==1.0", "thing-1.0-py3-none-any.whl", len(CONTENT), SHA256)


def fake_pip(monkeypatch, *, content=None, returncode=0, stderr=""):
    """Stand in for pip: write ``content`` to the folder asked for."""
    commands = []

    def run(command, **options):
        commands.append(command)
        folder = Path(command[command.index("--dest") + 1])
        requirements = Path(command[command.index("--requirement") + 1]).read_text()
        assert requirements == f"thing==1.0 --hash=sha256:{SHA256}\n"
        if content is not None:
            (folder / WHEEL.name).write_bytes(content)
        return subprocess.CompletedProcess(command, returncode, "", stderr)

    monkeypatch.setattr(fetch.subprocess, "run", run)
    return commands


def test_a_wheel_comes_by_pip_with_its_hash_and_is_not_installed(tmp_path, monkeypatch):
    commands = fake_pip(monkeypatch, content=CONTENT)
    target = tmp_path / "cache" / WHEEL.name
    assert fetch.download_wheel(WHEEL, target).read_bytes() == CONTENT
    assert files(tmp_path / "cache") == [WHEEL.name]
    assert commands[0][:4] == [sys.executable, "-m", "pip", "download"]
    assert {"--no-deps", "--only-binary=:all:", "--require-hashes"} <= set(commands[0])


def test_pip_failing_or_missing_leaves_nothing(tmp_path, monkeypatch):
    fake_pip(monkeypatch, returncode=1, stderr="noise\nNo module named pip")
    with pytest.raises(DownloadError, match=r"could not download thing==1.0: No module named pip"):
        fetch.download_wheel(WHEEL, tmp_path / "cache" / WHEEL.name)
    fake_pip(monkeypatch, content=b"something else")
    with pytest.raises(ChecksumError):
        fetch.download_wheel(WHEEL, tmp_path / "cache" / WHEEL.name)
    assert files(tmp_path) == []
