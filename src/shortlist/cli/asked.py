"""Ids from the command line, which knows only text, as the ids that were trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shortlist.errors import DataError

__all__ = ["split_list", "typed_ids"]


def split_list(text: str) -> list[str]:
    """The entries of a comma-separated list, without the blanks around them.

    >>> split_list("50, 181,,172")
    ['50', '181', '172']
    """
    return [entry for part in text.split(",") if (entry := part.strip())]


def typed_ids(texts: Sequence[str], known: Sequence[Any], what: str) -> list[Any]:
    """Each text as an id of the kind of ``known``, whether it is one of those or not.

    Args:
        texts: what was typed.
        known: the ids of the trained recommender.
        what: ``"user"`` or ``"item"``, for the message.

    Raises:
        DataError: the known ids are whole numbers and a text is none.

    >>> typed_ids(["12", "7"], [7, 8], "user")
    [12, 7]
    >>> typed_ids(["m1"], ["m1", "m2"], "item")
    ['m1']
    >>> typed_ids(["anna"], [7, 8], "user")
    Traceback (most recent call last):
        ...
    shortlist.errors.DataError: The user ids of this bundle are whole numbers; received 'anna'.
    """
    if known and all(isinstance(value, int) for value in known):
        return [_whole_number(text, what) for text in texts]
    names = {str(value): value for value in known}
    return [names.get(text, text) for text in texts]


def _whole_number(text: str, what: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise DataError(
            f"The {what} ids of this bundle are whole numbers; received {text!r}."
        ) from None
