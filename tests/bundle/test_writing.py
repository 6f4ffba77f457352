"""A bundle is at its path whole, or what was there before still is."""

import errno
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from shortlist.bundle import Draft, read_folder, swap, write_folder
from shortlist.errors import BundleError


def note(text="hello"):
    return lambda draft: draft.write_json("note.json", text)


def listing(path):
    return sorted(entry.name for entry in path.iterdir())


def cannot(*_):
    return False


def read_note(path):
    return read_folder(path, kind="note").read_json("note.json")


def test_a_bundle_comes_back_with_its_metadata_and_parts(tmp_path):
    def writer(draft: Draft) -> None:
        draft.write_json("config.json", {"dim": 64})
        part = draft.folder("index")
        part.write_arrays("vectors.safetensors", {"v": np.eye(2, dtype=np.float32)})
        part.file("notes/native.bin").write_bytes(b"\x00\x01")

    manifest = write_folder(tmp_path / "b", writer, kind="model", metadata={"items": 2})
    folder = read_folder(str(tmp_path / "b"), kind="model")
    assert folder.manifest == manifest
    assert folder.manifest.fingerprint == manifest.fingerprint
    assert folder.manifest.metadata == {"items": 2}
    assert folder.names == ["config.json", "index/notes/native.bin", "index/vectors.safetensors"]
    part = folder.folder("index")
    assert part.names == ["notes/native.bin", "vectors.safetensors"]
    assert "config.json" in folder
    assert "config.json" not in part
    np.testing.assert_array_equal(part.read_arrays("vectors.safetensors")["v"], np.eye(2))
    assert part.file("notes/native.bin").read_bytes() == b"\x00\x01"
    assert part.folder("notes").names == ["native.bin"]


def test_equal_content_is_equal_bytes(tmp_path):
    for name in ("a", "b"):
        write_folder(tmp_path / name, note(), kind="note")
    first, second = ((tmp_path / name / "manifest.json").read_bytes() for name in ("a", "b"))
    assert first == second


def test_missing_parents_are_made_and_the_umask_is_honoured(tmp_path):
    before = os.umask(0o022)
    try:
        write_folder(tmp_path / "x" / "y" / "b", note(), kind="note")
    finally:
        os.umask(before)
    assert (tmp_path / "x" / "y" / "b").stat().st_mode & 0o777 == 0o755
    assert listing(tmp_path / "x" / "y") == ["b"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(errno.ENOSPC, "No space"), KeyError])
@pytest.mark.parametrize("previous", [True, False])
def test_a_failing_writer_changes_nothing(tmp_path, error, previous):
    path = tmp_path / "parent" / "b"
    if previous:
        write_folder(path, note("old"), kind="note")

    def writer(draft):
        draft.write_json("note.json", "new")
        raise error

    expected = BundleError if isinstance(error, OSError) else error
    with pytest.raises(expected):
        write_folder(path, writer, kind="note")
    if previous:
        assert read_note(path) == "old"
        assert listing(path.parent) == ["b"]
    else:
        assert listing(tmp_path) == []


@pytest.mark.parametrize("can_exchange", [True, False])
def test_a_bundle_is_replaced(tmp_path, monkeypatch, can_exchange):
    if not can_exchange:
        monkeypatch.setattr(swap, "_exchange", cannot)
    for text in ("one", "two", "three"):
        write_folder(tmp_path / "b", note(text), kind="note")
        assert read_note(tmp_path / "b") == text
        assert listing(tmp_path) == ["b"]


@pytest.mark.skipif(sys.platform not in {"linux", "darwin"}, reason="needs an atomic exchange")
def test_the_system_exchanges_folders(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "was_a").touch()
    if not swap._exchange(tmp_path / "a", tmp_path / "b"):
        pytest.skip("this file system cannot exchange folders")
    assert listing(tmp_path / "b") == ["was_a"]


def test_without_an_exchange_an_error_between_the_renames_puts_the_old_one_back(
    tmp_path, monkeypatch
):
    write_folder(tmp_path / "b", note("old"), kind="note")
    monkeypatch.setattr(swap, "_exchange", cannot)
    rename = Path.rename

    def failing(self, target):
        if self.suffix == ".tmp" and (Path(target).exists() or not list(tmp_path.glob(".*.old"))):
            return rename(self, target)
        if self.suffix == ".tmp":
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(KeyboardInterrupt):
        write_folder(tmp_path / "b", note("new"), kind="note")
    assert read_note(tmp_path / "b") == "old"
    assert listing(tmp_path) == ["b"]


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "b").mkdir()
    write_folder(tmp_path / "b", note(), kind="note")
    assert read_note(tmp_path / "b") == "hello"


def test_what_is_no_bundle_is_never_replaced(tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "thesis.tex").write_text("mine")
    write_folder(tmp_path / "b", note(), kind="note")
    (tmp_path / "b" / "thesis.tex").write_text("mine")
    for name, hint in (("file", "file"), ("folder", "manifest"), ("b", "thesis.tex")):
        with pytest.raises(BundleError, match=hint):
            write_folder(tmp_path / name, note("new"), kind="note")
    assert (tmp_path / "b" / "thesis.tex").read_text() == "mine"
    assert len(listing(tmp_path)) == 3


def test_a_link_to_a_bundle_stays_a_link(tmp_path):
    write_folder(tmp_path / "v1", note("old"), kind="note")
    (tmp_path / "current").symlink_to("v1")
    write_folder(tmp_path / "current", note("new"), kind="note")
    assert (tmp_path / "current").is_symlink()
    assert read_note(tmp_path / "v1") == read_note(tmp_path / "current") == "new"


@pytest.mark.parametrize(
    "name", ["", "../x", "a/../b", "/etc/passwd", "a//b", "./a", "manifest.json", "a\\b", "c:x"]
)
def test_names_stay_inside_the_bundle(tmp_path, name):
    with pytest.raises(BundleError, match="no file name"):
        write_folder(tmp_path / "b", lambda draft: draft.write_json(name, 1), kind="note")
    assert listing(tmp_path) == []


def test_a_name_is_written_once(tmp_path):
    def writer(draft):
        draft.write_json("a.json", 1)
        draft.write_json("a.json", 2)

    with pytest.raises(BundleError, match="twice"):
        write_folder(tmp_path / "b", writer, kind="note")


def test_a_symbolic_link_from_a_writer_is_refused(tmp_path):
    with pytest.raises(BundleError, match="symbolic link"):
        write_folder(
            tmp_path / "b", lambda draft: draft.file("x").symlink_to("/etc/passwd"), kind="note"
        )


def run_child(code, **options):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True, **options
    )


WRITE_AND_WAIT = """
    import signal, sys
    from shortlist.bundle import write_folder

    # Runners that work in the background start their children deaf to Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def writer(draft):
        draft.write_json("note.json", "new")
        print("ready", flush=True)
        sys.stdin.read()

    write_folder({path!r}, writer, kind="note")
"""


@pytest.mark.parametrize("previous", [True, False])
def test_kill_leaves_no_half_and_the_next_write_clears_up(tmp_path, previous):
    path = tmp_path / "b"
    if previous:
        write_folder(path, note("old"), kind="note")
    with run_child(WRITE_AND_WAIT.format(path=str(path)), stdin=subprocess.PIPE) as child:
        assert child.stdout.readline() == "ready\n"
        # While it lives its folder is left alone by another writer.
        write_folder(path, note("between"), kind="note")
        assert len(list(tmp_path.glob(".b.*.tmp"))) == 1
        child.kill()
    assert read_note(path) == "between"
    write_folder(path, note("after"), kind="note")
    assert listing(tmp_path) == ["b"]


def test_ctrl_c_in_a_child_leaves_nothing(tmp_path):
    code = WRITE_AND_WAIT.format(path=str(tmp_path / "b"))
    with run_child(code, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        assert child.stdout.readline() == "ready\n"
        child.send_signal(signal.SIGINT)
        assert child.wait(timeout=30) != 0
    assert listing(tmp_path) == []


BIG = {
    "json": "draft.write_json('big.json', 'x' * 400_000)",
    "arrays": "draft.write_arrays('big.safetensors', {'a': np.zeros(100_000)})",
    "table": "draft.write_table('big.parquet', pl.DataFrame({'a': np.random.rand(100_000)}))",
}


@pytest.mark.parametrize("what", BIG)
def test_a_file_that_cannot_grow_leaves_nothing(tmp_path, what):
    write_folder(tmp_path / "b", note("old"), kind="note")
    code = f"""
        import resource
        import numpy as np, polars as pl
        from shortlist.bundle import write_folder
        from shortlist.errors import BundleError
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
        try:
            write_folder({str(tmp_path / "b")!r}, lambda draft: {BIG[what]}, kind="note")
        except BundleError as error:
            print(error)
    """
    with run_child(code) as child:
        assert "too large" in child.stdout.read()
    assert listing(tmp_path) == ["b"]
    assert read_note(tmp_path / "b") == "old"


@pytest.fixture
def small_disk(tmp_path):
    """A real file system of 512 KiB; only root may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(disk)]
    try:
        mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip("needs the right to mount a small file system")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)  # noqa: S607


def test_a_full_disk_leaves_the_old_bundle(small_disk):
    write_folder(small_disk / "b", note("old"), kind="note")
    arrays = {"a": np.zeros(100_000)}
    for writer in (
        lambda draft: draft.write_arrays("a.safetensors", arrays),
        lambda draft: draft.file("a").write_bytes(bytes(800_000)),
    ):
        with pytest.raises(BundleError, match="No space left"):
            write_folder(small_disk / "b", writer, kind="note")
        assert listing(small_disk) == ["b"]
        assert read_note(small_disk / "b") == "old"
