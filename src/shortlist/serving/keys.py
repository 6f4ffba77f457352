"""Ids on their way from JSON and paths to the recommender and into the database."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from shortlist.errors import DataError

__all__ = ["LONGEST", "IdKind", "decode_id", "encode_id"]

#: Characters of an id that is a text.
LONGEST = 256

_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,18})")


def encode_id(value: int | str) -> str:
    """An id as text that keeps numbers and texts apart, for a column of the database.

    >>> encode_id(12), encode_id("12")
    ('12', '"12"')
    """
    return json.dumps(value, ensure_ascii=False)


def decode_id(text: str) -> Any:
    """The id that `encode_id` was given."""
    return json.loads(text)


class IdKind:
    """Whether the ids of users, or of items, are whole numbers or texts.

    Args:
        known: some ids of the recommender; none says nothing, and both kinds are taken.
        what: ``"user"`` or ``"item"``, for messages.

    >>> IdKind(["m1"], "item").check(["m2"])
    >>> IdKind([7], "user").of_path("12")
    12
    """

    def __init__(self, known: Sequence[Any] | np.ndarray, what: str) -> None:
        first = next((i for i in known if i is not None), None)
        self.what = what
        self.kind: type | None = (
            None if first is None else (int if isinstance(first, int | np.integer) else str)
        )
        self._example = first.item() if isinstance(first, np.generic) else first

    def check(self, ids: Sequence[Any]) -> None:
        """Refuse ids of another kind.

        Raises:
            DataError: an id is a text where the bundle's are numbers, or the other way round.
        """
        for value in ids:
            if self.kind is not None and type(value) is not self.kind:
                raise DataError(
                    f"Expected {self.what} ids like {self._example!r}, of the kind the bundle was "
                    f"trained on; received {value!r}."
                )

    def of_path(self, text: str) -> int | str:
        """The id that a path spells.

        Raises:
            DataError: the bundle's ids are whole numbers and the text is none, or it is one that
                no body could hold either.
        """
        _check_text(text)
        if self.kind is str or (self.kind is None and not _WHOLE.fullmatch(text)):
            return text
        if not _WHOLE.fullmatch(text) or not -(2**63) <= int(text) < 2**63:
            raise DataError(
                f"Expected a whole number as {self.what} id, such as {self._example!r}; received "
                f"{text[:80]!r}."
            )
        return int(text)


def _check_text(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        text = ""
    if not 0 < len(text) <= LONGEST or "\0" in text:
        raise DataError(
            f"Expected an id of 1 to {LONGEST} characters in the path, in UTF-8 and without U+0000."
        )
