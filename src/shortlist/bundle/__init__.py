"""How anything is put on disk: whole, checked, or not at all.

    write_folder(path, writer, kind=...)  ->  Draft: write_json, write_arrays, write_table, file
    read_folder(path, kind=...)           ->  Folder: read_json, read_arrays, read_table, file

A bundle is a folder of JSON, safetensors and Parquet files with a ``manifest.json`` that lists
each of them with its size and SHA-256. It is written beside its destination and renamed into
place at the very end, and nothing in it is parsed before all of it has been verified. A part of a
larger bundle is a sub-folder: ``draft.folder("index")`` and ``folder.folder("index")`` look to the
part like a bundle of its own, so a component writes itself the same way alone and as a part.
"""

from __future__ import annotations

from shortlist.bundle.draft import Draft
from shortlist.bundle.folder import Folder, read_folder
from shortlist.bundle.manifest import FORMAT_VERSION, Manifest
from shortlist.bundle.writing import write_folder

__all__ = ["FORMAT_VERSION", "Draft", "Folder", "Manifest", "read_folder", "write_folder"]
