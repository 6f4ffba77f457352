"""`NearDuplicate`: one of each."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from shortlist.errors import ConfigError
from shortlist.postranking._scale import occurrences
from shortlist.postranking.base import Context, PostRanker, Stage
from shortlist.ranked import Ranked

__all__ = ["NearDuplicate"]

_PAIRS_AT_ONCE = 2**22


@final
@dataclass(frozen=True, kw_only=True)
class NearDuplicate(PostRanker):
    """Takes out items that are all but the same as one further up.

    With a ``column``, such as a title, two items are the same if their texts are, once case,
    accents, punctuation and spaces are left out. Without one they are if the cosine of their
    vectors reaches ``threshold``; an item is held against those kept, not against those taken out.
    Items without a text or a vector stay.

    Args:
        column: a column of the items' table, or None to compare vectors.
        threshold: the cosine from which on two items are the same.

    Raises:
        ConfigError: ``threshold`` is not in (0, 1].

    >>> import polars as pl
    >>> from shortlist.queries import Queries
    >>> items = pl.DataFrame({"item": [7, 3], "title": ["Amélie", "AMELIE!"]})
    >>> pool = Ranked(np.array([[7, 3]]), np.array([[2.0, 1.0]]), np.ones((1, 2)))
    >>> context = Context(Queries.of(["anna"]), k=2, items=items)
    >>> NearDuplicate(column="title")(pool, context).lists()
    [[7]]
    """

    column: str | None = None
    threshold: float = 0.98
    name: ClassVar[str] = "near_duplicate"
    stage: ClassVar[Stage] = Stage.FILTER

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise ConfigError(f"Expected threshold in (0, 1]; received {self.threshold!r}.")

    @property
    def summary(self) -> str:
        """Why items are taken out."""
        return "as it is all but the same as one further up"

    def apply(self, ranked: Ranked, context: Context) -> Ranked:
        """Drop repeats and close the gaps."""
        if self.column is not None:
            return ranked.keep(self._first_of_text(ranked, context, self.column))
        kept = np.ones(ranked.ids.shape, dtype=bool)
        size = max(1, _PAIRS_AT_ONCE // ranked.k**2)
        for start in range(0, len(ranked), size):
            vectors = context.unit_vectors(ranked.rows(start, start + size), self)
            # Rounding must not part twins at a threshold of 1.
            alike = np.matmul(vectors, vectors.swapaxes(1, 2)) >= self.threshold - 1e-6
            above = alike & np.tri(ranked.k, k=-1, dtype=bool)
            # Only the places that are like some place above need be gone through, in order.
            for row, column in np.argwhere(above.any(axis=2)):
                kept[start + row, column] = not kept[start + row, above[row, column]].any()
        return ranked.keep(kept)

    def _first_of_text(self, ranked: Ranked, context: Context, column: str) -> np.ndarray:
        table = context.table(self)
        codes, values = table.codes(column)
        plain = [_plain(str(value)) for value in values]
        numbers = {text: number for number, text in enumerate(dict.fromkeys(plain))}
        # The last entry is for items without a text, whose code is -1.
        same = np.array([numbers[text] if text else -1 for text in plain] + [-1])
        mine = same[codes[table.places(ranked.ids), 0]]
        return occurrences(np.where(ranked.valid, mine, -1)) == 0


def _plain(text: str) -> str:
    """The letters and digits of a text, without case and accents."""
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in parts if character.isalnum())
