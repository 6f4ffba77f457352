"""The encoders of the two towers, fitted on what training may see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from shortlist.data import Interactions
from shortlist.errors import SchemaError, nearest
from shortlist.features import Categorical, Encoder, MultiCategorical
from shortlist.recommender.columns import specs_of
from shortlist.recommender.config import FeaturesConfig

__all__ = ["Encoders", "catalogue", "users_frame"]


@dataclass(frozen=True)
class Encoders:
    """What turns queries and candidates into arrays; both know the items by the same codes."""

    query: Encoder
    candidate: Encoder

    @classmethod
    def fit(
        cls,
        train: Interactions,
        users: pl.DataFrame | None,
        items: pl.DataFrame,
        config: FeaturesConfig,
        history_length: int,
    ) -> Encoders:
        """Fit both on the training interactions' users and on the catalogue ``items``."""
        for frame, side in ((users, "user"), (items, "item")):
            if frame is not None and "history" in frame.columns:
                raise SchemaError(
                    f"The {side} file has a column 'history', the name of the feature that is made "
                    "from the interactions. Rename that column."
                )
        _check_kinds(config.kinds, users, items)
        candidate = Encoder(
            [Categorical("item"), *specs_of(items, "item", config.item, config.kinds)]
        ).fit(items)
        known, histories = users_frame(train, users, items)
        history = MultiCategorical("history", vocabulary="item", max_length=history_length)
        specs = [history, *specs_of(users, "user", config.user, config.kinds)]
        if config.user_id:
            specs.append(Categorical("user"))
        query = Encoder(specs, vocabularies={"item": candidate.vocabulary("item")})
        return cls(query.fit(known.with_columns(histories)), candidate)

    def extended(
        self, train: Interactions, users: pl.DataFrame | None, items: pl.DataFrame
    ) -> Encoders:
        """Both with the ids of further data behind those they know; see `Encoder.extended`."""
        candidate = self.candidate.extended(items)
        known, _ = users_frame(train, users, items)
        shared = {"item": candidate.vocabulary("item")}
        return Encoders(self.query.extended(known, vocabularies=shared), candidate)


def users_frame(
    train: Interactions, users: pl.DataFrame | None, items: pl.DataFrame
) -> tuple[pl.DataFrame, pl.Series]:
    """The users of training with their attributes, and a column of empty histories."""
    known = pl.DataFrame({"user": pl.Series(train.users)})
    if users is not None:
        known = known.join(users, on="user", how="left", maintain_order="left")
    empty = pl.Series("history", [[]] * known.height, dtype=pl.List(items["item"].dtype))
    return known, empty


def catalogue(train: Interactions, items: pl.DataFrame | None) -> pl.DataFrame:
    """Every item that can be recommended: those of the item file, then others seen in training."""
    seen = pl.DataFrame({"item": pl.Series(train.items)})
    if items is None:
        return seen
    new = seen.join(items, on="item", how="anti", maintain_order="left")
    return pl.concat([items, new], how="diagonal")


def _check_kinds(kinds: Mapping[str, str], *frames: pl.DataFrame | None) -> None:
    columns = [name for frame in frames if frame is not None for name in frame.columns]
    for name in kinds:
        if name not in columns:
            raise SchemaError(
                f"`kinds` in [features] names the column {name!r}, which is neither in the user "
                f"nor in the item file; they have {columns}.{nearest(name, columns)}"
            )
