from __future__ import annotations

import zipfile

import polars as pl
import pytest

from shortlist.datasets import archive as archives
from shortlist.datasets.archive import Archive
from shortlist.errors import DataError

TEXT = "a|1\nb|2\nc|3"
SCHEMA = {"name": pl.String, "number": pl.Int64}
EXPECTED = pl.DataFrame({"name": ["a", "b", "c"], "number": [1, 2, 3]})


def as_folder(tmp_path, text=TEXT):
    folder = tmp_path / "set" / "inner"
    folder.mkdir(parents=True)
    (folder / "table.txt").write_text(text)
    return tmp_path / "set"


def as_zip(tmp_path, text=TEXT):
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("set/inner/table.txt", text)
    return path


@pytest.mark.parametrize("make", [as_folder, as_zip])
def test_folder_and_zip_read_alike(make, tmp_path):
    with Archive(make(tmp_path)) as archive:
        assert archive.names == ["table.txt"]
        assert "table.txt" in archive
        assert "other.txt" not in archive
        assert archive.table("table.txt", SCHEMA, separator="|").equals(EXPECTED)


@pytest.mark.parametrize("block", [1, 2, 5, 100])
@pytest.mark.parametrize("make", [as_folder, as_zip])
def test_the_size_of_a_block_does_not_show(make, block, tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "_BLOCK", block)
    with Archive(make(tmp_path, "name::number\n" + TEXT.replace("|", "::") + "\n")) as archive:
        read = archive.table("table.txt", SCHEMA, separator="::", header=True)
    assert read.equals(EXPECTED)


def test_of_two_files_with_one_name_the_outer_counts(tmp_path):
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as made:
        made.writestr("a/b/table.txt", "inner|1")
        made.writestr("a/table.txt", "outer|2")
        made.writestr("a/z/table.txt", "inner|3")
    with Archive(tmp_path / "set.zip") as archive:
        assert archive.table("table.txt", SCHEMA, separator="|").rows() == [("outer", 2)]


def test_a_zip_cut_short(tmp_path):
    path = as_zip(tmp_path)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match=r"complete zip at .*set.zip.*download it again"):
        Archive(path)


def test_a_zip_with_a_damaged_file(tmp_path):
    path = as_zip(tmp_path, "".join(f"name{i}|{i}\n" for i in range(1000)))
    content = bytearray(path.read_bytes())
    content[200:300] = b"\0" * 100
    path.write_bytes(content)
    with Archive(path) as archive, pytest.raises(DataError, match="complete zip"):
        archive.table("table.txt", SCHEMA, separator="|")


def test_nothing_there(tmp_path):
    with pytest.raises(DataError, match="zip or an extracted folder"):
        Archive(tmp_path / "none.zip")


def test_a_table_that_cannot_be_parsed(tmp_path):
    with (
        Archive(as_zip(tmp_path, "a|1\nb|x\n")) as archive,
        pytest.raises(DataError, match=r"Cannot parse table.txt in .*set.zip"),
    ):
        archive.table("table.txt", SCHEMA, separator="|")


def test_quotes_and_other_encodings(tmp_path):
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("table.txt", 'header\n"Misérables, Les",1\n'.encode("latin-1"))
    with Archive(path) as archive:
        read = archive.table(
            "table.txt", SCHEMA, separator=",", header=True, quote='"', encoding="latin-1"
        )
    assert read.rows() == [("Misérables, Les", 1)]
