"""`Vocabulary`: ids of any kind to dense codes and back."""

from __future__ import annotations

import hashlib
import os
from functools import cached_property
from typing import Any, Literal, final

import numpy as np
import polars as pl

from shortlist.bundle import Draft, Folder, read_folder, write_folder
from shortlist.errors import BundleError, DataError
from shortlist.features.checks import choice, positive
from shortlist.features.padding import Keep, pad
from shortlist.features.series import as_series, flatten, id_kind, ids_of, is_list
from shortlist.ids import IdMap

__all__ = ["Vocabulary"]

Order = Literal["frequency", "appearance"]

# Up to so many ids a Python dict is faster than setting up a vectorised lookup.
_FEW = 4096


@final
class Vocabulary:
    """Ids and their codes: ``ids[0]`` has code 1, ``ids[1]`` code 2, and so on.

    Code 0 stands for whatever is missing (null) or not in the vocabulary. A vocabulary never
    changes; `extend` makes a larger one in which the old codes are the same.

    Args:
        ids: the distinct ids in the order of their codes, all str, int, bytes or bool.

    Raises:
        DataError: there are no ids, or they are of several types, missing or not distinct.

    >>> colours = Vocabulary(["red", "green"])
    >>> colours.encode(["green", "blue", None, "red"]).tolist()
    [2, 0, 0, 1]
    >>> colours.decode([1, 2, 0]).tolist()
    ['red', 'green', None]
    """

    def __init__(self, ids: Any) -> None:
        self._ids = ids_of(ids).rename("id")
        if self._ids.is_empty():
            raise DataError("A vocabulary expected at least one id; received none.")
        if len(self._ids) != len(ids):
            raise DataError(
                "A vocabulary expected one id an entry; received missing values or lists. "
                "Use Vocabulary.fit to collect the ids of a column."
            )
        if self._ids.n_unique() != len(self._ids):
            repeated = self._ids.filter(self._ids.is_duplicated())[0]
            raise DataError(
                f"A vocabulary expected distinct ids; {repeated!r} comes twice. Use Vocabulary.fit."
            )

    @classmethod
    def fit(
        cls,
        ids: Any,
        *,
        order: Order = "frequency",
        min_count: int = 1,
        max_size: int | None = None,
    ) -> Vocabulary:
        """Collect the distinct ids of a column; nulls are left out, lists are flattened.

        Args:
            ids: the column, as `as_series` takes it.
            order: "frequency" gives the most frequent id code 1, and of equally frequent ones
                the one seen first the lower code; "appearance" gives codes in the order in which
                the ids are first seen.
            min_count: ids seen fewer times are left out.
            max_size: how many ids to keep at most, code 0 not counted: in both orders the most
                frequent, and of equally frequent ones those seen first. None keeps all.

        Raises:
            DataError: the ids are of several types, or none is left.
            ConfigError: an option is out of range.

        >>> Vocabulary.fit(["b", "a", "c", "a"], max_size=2).ids.tolist()
        ['a', 'b']
        >>> Vocabulary.fit(["b", "a", "c", "a"], max_size=2, order="appearance").ids.tolist()
        ['b', 'a']
        """
        choice("order", order, ("frequency", "appearance"))
        positive(min_count=min_count)
        positive(max_size=max_size, optional=True)
        seen = ids_of(ids)
        counts = pl.DataFrame({"id": seen}).group_by("id", maintain_order=True).len("count")
        kept = (
            counts.with_row_index("place")
            .filter(pl.col("count") >= min_count)
            .sort("count", descending=True, maintain_order=True)
            .head(counts.height if max_size is None else max_size)
        )
        if order == "appearance":
            kept = kept.sort("place")
        if kept.is_empty():
            raise DataError(
                f"No ids are left for a vocabulary: of {counts.height} distinct ids in "
                f"{len(seen)} values none comes {min_count} times or more. Lower min_count, or "
                "leave the column out."
            )
        return cls(kept["id"])

    @property
    def kind(self) -> str:
        """What the ids are: "str", "int", "bytes" or "bool"."""
        return id_kind(self._ids.dtype) or ""

    @property
    def size(self) -> int:
        """The number of codes, with code 0: the rows an embedding table needs."""
        return len(self) + 1

    def __len__(self) -> int:
        """The number of ids, so without code 0."""
        return len(self._ids)

    @cached_property
    def ids(self) -> np.ndarray:
        """``[len(self)]``, the ids in the order of their codes; read-only.

        int64 (uint64 beyond its range) or bool; str and bytes are in an array of objects.
        """
        array = self._ids.to_numpy()
        if array.dtype.kind not in "biu":
            array = np.fromiter(self._ids.to_list(), dtype=object, count=len(self))
        array.flags.writeable = False
        return array

    def encode(self, ids: Any) -> np.ndarray:
        """The codes of ids: int32, in the shape of ``ids``; 0 for missing and unknown ones.

        Args:
            ids: a column as `as_series` takes it, or a NumPy array of any shape.

        Raises:
            DataError: the ids are of another kind than the vocabulary's (strings of digits are
                not integers), of several kinds, or lists (see `encode_lists`).
        """
        if isinstance(ids, np.ndarray) and ids.ndim != 1:
            return self.encode(ids.reshape(-1)).reshape(ids.shape)
        values = as_series(ids)
        kind = id_kind(values.dtype) if len(values) else None
        if kind is None:
            return np.zeros(len(values), dtype=np.int32)
        if kind != self.kind:
            raise DataError(_kind_error(self._ids, kind, values))
        if len(values) <= _FEW:
            if kind == "int" and values.dtype == pl.Int64 and not values.null_count():
                return (self._places.of(values.to_numpy()) + 1).astype(np.int32)
            code = self._codes.get
            return np.array([code(value, 0) for value in values.to_list()], dtype=np.int32)
        if kind == "int":
            values = values.cast(self._ids.dtype, strict=False)
        codes = pl.Series(np.arange(1, self.size, dtype=np.int32))
        return values.replace_strict(self._ids, codes, default=0, return_dtype=pl.Int32).to_numpy()

    def encode_lists(
        self, lists: Any, *, length: int | None = None, keep: Keep = "last"
    ) -> np.ndarray:
        """The codes of a column of lists, ``[N, L]`` int32, as `pad` lays them out.

        Unknown and missing ids are left out, then the ``keep`` ones that fit stay, in their
        order, followed by zeros. ``length=None`` makes room for the longest list.

        >>> Vocabulary(["a", "b"]).encode_lists([["b", "x", "a"], [], None, ["a"]]).tolist()
        [[2, 1], [0, 0], [0, 0], [1, 0]]
        """
        values = as_series(lists)
        if values.dtype == pl.Null:
            return np.zeros((len(values), length or 1), dtype=np.int32)
        if not is_list(values.dtype):
            raise DataError(f"Expected a list of ids in each row; received {values.dtype}.")
        entries, lengths = flatten(values)
        codes = self.encode(entries)
        if length is None:
            rows = np.repeat(np.arange(len(lengths)), lengths)[codes != 0]
            length = int(np.bincount(rows, minlength=1).max())
        return pad(codes, lengths, max(length, 1), keep)

    def decode(self, codes: Any) -> np.ndarray:
        """The ids of codes, in the shape of ``codes``.

        Returns:
            An array like `ids`; where there is a code 0 an array of objects with None in its
            place.

        Raises:
            DataError: a code is not a whole number from 0 to ``len(self)``.
        """
        codes = np.asarray(codes)
        if codes.size == 0:
            codes = codes.astype(np.int32)
        if codes.dtype.kind not in "iu" or (
            codes.size and not 0 <= codes.min() <= codes.max() <= len(self)
        ):
            raise DataError(
                f"Expected integer codes from 0 to {len(self)}; received {codes.dtype}"
                + (f" from {codes.min()} to {codes.max()}." if codes.dtype.kind in "iuf" else ".")
            )
        unknown = codes == 0
        if not unknown.any():
            return self.ids[codes - 1]
        found = self.ids[np.maximum(codes, 1) - 1].astype(object)
        found[unknown] = None
        return found

    def extend(self, ids: Any) -> Vocabulary:
        """A vocabulary with further ids behind these, whose codes stay as they are.

        Ids that are known already are passed over; the new ones come in the order in which they
        are first seen.

        >>> Vocabulary(["a", "b"]).extend(["c", "a", "d", "c"]).ids.tolist()
        ['a', 'b', 'c', 'd']
        """
        values = ids_of(ids)
        fresh = values.filter(pl.Series(self.encode(values) == 0)).unique(maintain_order=True)
        if fresh.is_empty():
            return self
        if fresh.dtype != self._ids.dtype:  # beyond the range of int64
            return Vocabulary(pl.concat([self._ids.cast(pl.Int128), fresh.cast(pl.Int128)]))
        return Vocabulary(pl.concat([self._ids, fresh.rename("id")]))

    def __contains__(self, value: object) -> bool:
        try:
            return bool(self.encode([value])[0])
        except DataError:  # of another kind
            return False

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Vocabulary):
            return NotImplemented
        return self._ids.dtype == other._ids.dtype and self._ids.equals(other._ids)

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __repr__(self) -> str:
        first = ", ".join(repr(value) for value in self._ids.head(3))
        return f"Vocabulary([{first}{', ...' if len(self) > 3 else ''}], size={self.size})"

    @cached_property
    def fingerprint(self) -> str:
        """A SHA-256 of the ids and their order: equal for equal vocabularies, on any machine."""
        if self.kind in {"int", "bool"}:
            lengths, content = b"", "\n".join(map(str, self._ids.to_list())).encode()
        else:
            ids = self._ids.cast(pl.Binary).to_list()
            lengths, content = np.array([*map(len, ids)], dtype="<i8").tobytes(), b"".join(ids)
        return hashlib.sha256(self.kind.encode() + b"\0" + lengths + content).hexdigest()

    def write(self, draft: Draft) -> None:
        """Write the ids into a bundle that is being written."""
        draft.write_table("ids.parquet", self._ids.to_frame())

    @classmethod
    def read(cls, folder: Folder) -> Vocabulary:
        """Read what `write` wrote."""
        table = folder.read_table("ids.parquet")
        try:
            return cls(table["id"])
        except (DataError, pl.exceptions.ColumnNotFoundError) as error:
            raise BundleError(f"{folder.path} holds no vocabulary: {error}") from error

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the vocabulary to a folder of its own, whole or not at all."""
        metadata = {"ids": len(self), "kind": self.kind}
        write_folder(path, self.write, kind="vocabulary", metadata=metadata)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Vocabulary:
        """Read what `save` wrote, once it is verified.

        Raises:
            BundleError: there is no undamaged vocabulary at ``path``.
        """
        return cls.read(read_folder(path, kind="vocabulary"))

    @cached_property
    def _places(self) -> IdMap:
        return IdMap(self.ids)

    @cached_property
    def _codes(self) -> dict[Any, int]:
        return dict(zip(self._ids.to_list(), range(1, self.size), strict=True))


def _kind_error(ids: pl.Series, kind: str, values: pl.Series) -> str:
    expected = id_kind(ids.dtype)
    example = values.drop_nulls()
    shown = f", such as {example[0]!r:.40}" if len(example) else ""
    casts = {"str": "pl.String", "int": "pl.Int64", "bytes": "pl.Binary", "bool": "pl.Boolean"}
    return (
        f"This vocabulary holds {expected} ids, such as {ids[0]!r:.40}; received {kind} "
        f"ids{shown}, which would all be unknown. Give the ids in the type they were fitted with, "
        f"for example with .cast({casts[str(expected)]})."
    )
