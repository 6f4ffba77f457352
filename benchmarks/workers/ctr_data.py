"""The click task: will a user of MovieLens-100K give a film 4 stars or more?"""

from __future__ import annotations

from typing import Any

HISTORY = 30


class Clicks:
    """Batches of encoded features and labels, for learning, stopping and asking.

    The last fifth of each user's ratings by time is asked about, the tenth before it says when to
    stop. All that is known is a feature: who the user is and lives, what the film is, when it is,
    and the films liked before.

    Attributes:
        encoder: fitted on what is learned from.
        train, validation, test: batches, with the labels.
        users: of the test.
    """

    def __init__(self, rows: int | None = None) -> None:
        import numpy as np
        import polars as pl

        from shortlist.data import Histories
        from shortlist.data.splits import by_user_time
        from shortlist.datasets import movielens
        from shortlist.features import (
            Categorical,
            Encoder,
            MultiCategorical,
            Numeric,
            Timestamp,
        )

        data = movielens("100k")
        log = data.interactions if rows is None else data.interactions.take(np.arange(rows))
        # A row knows where it stands, so that a split of rows is one of features.
        numbered = log.frame.with_row_index("row")
        split = by_user_time(log, test=0.2, validation=0.1)
        key = ["user", "item"]
        parts = [
            part.frame.join(numbered.select("row", *key), on=key, maintain_order="left")["row"]
            for part in (split.train, split.validation, split.test)
        ]
        frame = numbered.join(data.users, on="user", maintain_order="left")
        frame = frame.join(data.items, on="item", maintain_order="left").with_columns(
            area=pl.col("zip_code").str.slice(0, 2)
        )
        train = frame[parts[0]]
        self.encoder = Encoder(
            [
                Categorical("user"),
                Categorical("item"),
                Categorical("gender"),
                Categorical("occupation"),
                Categorical("area", min_count=50),
                Numeric("age", transform="bucketize"),
                Numeric("age", name="age_number"),
                MultiCategorical("genres"),
                Numeric("year", transform="bucketize", buckets=20),
                Numeric("year", name="year_number"),
                Timestamp("time", parts=("hour", "weekday")),
                MultiCategorical("history", vocabulary="item", max_length=HISTORY),
            ]
        )
        empty = pl.Series("history", [[]], dtype=pl.List(pl.Int64))
        self.encoder.fit(train.with_columns(history=pl.lit(empty.first())))
        encoded = self.encoder.transform(frame.with_columns(history=pl.lit(empty.first())))
        liked = (frame["rating"] >= 4).to_numpy()
        # Code 0 takes no part in a history: of the films seen before, those that were liked.
        histories = Histories(log, np.where(liked, encoded["item"], 0))
        encoded["history"] = histories.padded(np.arange(len(log)), HISTORY)
        encoded["label"] = liked.astype(np.float32)
        self.train, self.validation, self.test = (
            {name: values[part.to_numpy()] for name, values in encoded.items()} for part in parts
        )
        self._frame, self._history = frame, encoded["history"]
        self.users = frame["user"].to_numpy()[parts[2].to_numpy()]

    def asked(self) -> dict[str, Any]:
        """The features of the test, without the labels."""
        return {name: values for name, values in self.test.items() if name != "label"}

    def columns(self, rows: Any) -> Any:
        """The columns of some ratings as a frame, the films liked before among them."""
        import numpy as np
        import polars as pl

        history = self._history[rows]
        known = self.encoder.vocabulary("item").decode(np.arange(history.max() + 1))
        liked = [[known[code] for code in row if code] for row in history]
        frame = self._frame[rows].with_columns(history=pl.Series(liked, dtype=pl.List(pl.Int64)))
        return frame.select(*dict.fromkeys(spec.column for spec in self.encoder.specs))
