"""Nothing in a bundle is parsed before all of it has been verified."""

import hashlib
import json
import os

import pytest

from shortlist.bundle import folder as folder_module
from shortlist.bundle import manifest as manifest_module
from shortlist.bundle import read_folder, write_folder
from shortlist.errors import BundleError


@pytest.fixture
def bundle(tmp_path):
    def writer(draft):
        draft.write_json("a.json", {"x": 1})
        draft.write_json("part/b.json", [1, 2])

    write_folder(tmp_path / "b", writer, kind="note")
    return tmp_path / "b"


def edit_manifest(bundle, change):
    """Alter the manifest and make its own checksum right again."""
    path = bundle / "manifest.json"
    body = json.loads(path.read_text())
    del body["sha256"]
    change(body)
    text = json.dumps(body, ensure_ascii=False, indent=2) + "\n"
    body["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    path.write_text(json.dumps(body))


def refuse(bundle, match):
    with pytest.raises(BundleError, match=match):
        read_folder(bundle, kind="note")


def test_no_bundle(tmp_path):
    refuse(tmp_path / "nothing", "nothing is there")
    (tmp_path / "file").touch()
    refuse(tmp_path / "file", "it is a file")
    refuse(tmp_path, "no manifest.json")


def test_another_kind(bundle):
    with pytest.raises(BundleError, match="kind 'note'; expected 'index'"):
        read_folder(bundle, kind="index")


def test_missing_file(bundle):
    (bundle / "a.json").unlink()
    refuse(bundle, "'a.json'.*not there")


def test_extra_file(bundle):
    (bundle / "part" / "evil.py").touch()
    refuse(bundle, "'part/evil.py'")


def test_cut_off_file(bundle):
    (bundle / "a.json").write_bytes(b"{}")
    refuse(bundle, r"expected \d+ bytes, found 2")


def test_altered_file(bundle):
    content = (bundle / "a.json").read_bytes()
    (bundle / "a.json").write_bytes(content.replace(b"1", b"2"))
    refuse(bundle, "expected sha256 [0-9a-f]{64}, found [0-9a-f]{64}")


def test_no_file_is_parsed_before_all_are_verified(bundle, monkeypatch):
    (bundle / "part" / "b.json").write_bytes(b"[1]")
    for name in ("decode_json", "read_arrays", "read_table"):
        monkeypatch.setattr(folder_module, name, lambda *_: pytest.fail("parsed"))
    refuse(bundle, "damaged")


def test_every_flipped_bit_of_the_manifest_is_noticed(bundle):
    path = bundle / "manifest.json"
    content = path.read_bytes()
    for place in range(0, len(content), 7):
        flipped = bytearray(content)
        flipped[place] ^= 1
        path.write_bytes(bytes(flipped))
        try:
            found = read_folder(bundle, kind="note")
        except BundleError:
            continue
        # JSON has white space that means nothing.
        assert found.manifest.fingerprint == json.loads(content)["sha256"]


def test_a_newer_format_is_refused_whatever_else_it_holds(bundle):
    (bundle / "manifest.json").write_text('{"format": "shortlist", "format_version": 2}')
    refuse(bundle, "format version 2; .* reads up to 1. Upgrade")


@pytest.mark.parametrize("version", [None, "1", 0, True, 1.0])
def test_a_version_that_is_none(bundle, version):
    edit_manifest(bundle, lambda body: body.update(format_version=version))
    refuse(bundle, "format_version")


@pytest.mark.parametrize("text", ["", "[]", "{}", "nonsense", '{"format": NaN}', "[" * 100_000])
def test_a_manifest_that_is_none(bundle, text):
    (bundle / "manifest.json").write_text(text)
    refuse(bundle, "manifest")


@pytest.mark.parametrize("name", ["../secret.json", "/etc/passwd", "part/../../x", "a\\b"])
def test_names_that_climb_out_are_refused(bundle, name):
    edit_manifest(bundle, lambda body: body["files"].update({name: body["files"]["a.json"]}))
    refuse(bundle, "no file name")


@pytest.mark.parametrize("entry", [None, {}, {"size": "1", "sha256": ""}, {"size": 1}])
def test_entries_must_be_complete(bundle, entry):
    edit_manifest(bundle, lambda body: body["files"].update({"a.json": entry}))
    refuse(bundle, "'a.json'")


@pytest.mark.parametrize("key", ["files", "kind", "metadata", "written_by"])
def test_wrong_types_in_the_manifest(bundle, key):
    edit_manifest(bundle, lambda body: body.update({key: 3}))
    refuse(bundle, "wrong type")


def test_links_inside_are_refused_and_a_link_to_a_bundle_is_not(bundle, tmp_path):
    (tmp_path / "link").symlink_to(bundle)
    assert read_folder(tmp_path / "link", kind="note").read_json("a.json") == {"x": 1}
    (bundle / "a.json").rename(tmp_path / "a.json")
    (bundle / "a.json").symlink_to(tmp_path / "a.json")
    refuse(bundle, "symbolic link")


def test_a_linked_folder_inside_is_refused(bundle, tmp_path):
    (bundle / "part").rename(tmp_path / "part")
    (bundle / "part").symlink_to(tmp_path / "part")
    refuse(bundle, "symbolic link")


def test_a_pipe_inside_is_refused_and_not_waited_for(bundle):
    (bundle / "a.json").unlink()
    os.mkfifo(bundle / "a.json")
    refuse(bundle, "device")


def test_a_linked_manifest_is_refused(bundle, tmp_path):
    (bundle / "manifest.json").rename(tmp_path / "manifest.json")
    (bundle / "manifest.json").symlink_to(tmp_path / "manifest.json")
    refuse(bundle, "manifest")


def test_asking_for_what_is_not_there(bundle):
    folder = read_folder(bundle, kind="note")
    with pytest.raises(BundleError, match=r"Did you mean 'a\.json'"):
        folder.read_json("aa.json")
    with pytest.raises(BundleError, match="no part 'index'"):
        folder.folder("index")


@pytest.fixture
def large(tmp_path, monkeypatch):
    """A bundle with a file that is hashed in blocks, here of 100 bytes."""
    monkeypatch.setattr(manifest_module, "HASHED_BLOCK", 100)
    content = bytes(range(250))
    write_folder(
        tmp_path / "b", lambda draft: draft.file("a.bin").write_bytes(content), kind="note"
    )
    return tmp_path / "b"


def test_a_large_file_is_verified_in_blocks(large):
    found = read_folder(large, kind="note")
    content = found.file("a.bin").read_bytes()
    entry = found.manifest.files["a.bin"]
    assert entry.sha256 == hashlib.sha256(content).hexdigest()
    parts = [content[:100], content[100:200], content[200:]]
    assert list(entry.blocks) == [hashlib.sha256(part).hexdigest() for part in parts]


@pytest.mark.parametrize("place", [0, 99, 100, 199, 200, 249])
def test_an_altered_block_is_refused(large, place):
    content = bytearray((large / "a.bin").read_bytes())
    content[place] ^= 1
    (large / "a.bin").write_bytes(content)
    refuse(large, "expected sha256 [0-9a-f]{64}, found [0-9a-f]{64}")


@pytest.mark.parametrize("count", [0, 1, 2, 4])
def test_blocks_that_are_not_the_whole_file_are_refused(large, count):
    def change(body):
        blocks = body["files"]["a.bin"]["blocks"]
        body["files"]["a.bin"]["blocks"] = (blocks * 2)[:count]

    edit_manifest(large, change)
    refuse(large, "size and sha256")
