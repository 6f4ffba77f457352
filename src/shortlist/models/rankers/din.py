"""`DIN`: an MLP that sees what of the user's history matters for the candidate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from shortlist.errors import ConfigError, nearest
from shortlist.features import Encoder, FeatureInfo
from shortlist.layers.target_attention import TargetAttention
from shortlist.models.ranker import Ranker

__all__ = ["DIN"]


@keras.saving.register_keras_serializable(package="shortlist")
class DIN(Ranker):
    """A deep interest network: target attention over the history, then an MLP on everything.

    The candidate and the history are codes of one vocabulary and have one table, as
    ``Categorical("item")`` and ``MultiCategorical("history", vocabulary="item")`` give them.

    Args:
        features: as for `Ranker`.
        history: the name of the feature that holds the codes of past items; None finds the only
            one that has a vocabulary in common with a categorical feature.
        target: the name of the candidate's feature; None takes the one of the same vocabulary.
        attention_units: the hidden layers of the attention's network.
        **kwargs: the options of `Ranker`.

    Raises:
        ConfigError: the features named are not there, are not of the right kind or have different
            sizes, or there is not exactly one pair to be found.

    Reference: Zhou et al. 2018, "Deep Interest Network for Click-Through Rate Prediction".

    >>> from shortlist.features import FeatureInfo
    >>> features = {
    ...     "item": FeatureInfo("categorical", size=10, vocabulary="item"),
    ...     "history": FeatureInfo("multi", size=10, length=3, vocabulary="item"),
    ... }
    >>> DIN(features).score({"item": [1, 2], "history": [[3, 4, 0], [0, 0, 0]]}).shape
    (2,)
    """

    def __init__(
        self,
        features: Encoder | Mapping[str, FeatureInfo | Mapping[str, Any]],
        *,
        history: str | None = None,
        target: str | None = None,
        attention_units: Sequence[int] = (36,),
        **kwargs: Any,
    ) -> None:
        # Before the tables are made, which depend on it.
        self.history_name, self.target_name = history, target
        super().__init__(features, **kwargs)
        self.attention_units = tuple(attention_units)
        self.attention = TargetAttention(self.attention_units, name="attention")

    def _with_tables(self) -> list[str]:
        self.history_name, self.target_name = self._pair()
        return [name for name in super()._with_tables() if name != self.history_name]

    def _pair(self) -> tuple[str, str]:
        """The names of the history and of the candidate's feature."""
        infos = self.features
        for role, name, kind in (
            ("history", self.history_name, "multi"),
            ("target", self.target_name, "categorical"),
        ):
            if name is not None and (name not in infos or infos[name].kind != kind):
                known = [n for n, info in infos.items() if info.kind == kind]
                raise ConfigError(
                    f"DIN expected {role} to be one of the {kind} features {known}; received "
                    f"{name!r}.{nearest(name, known)}"
                )
        pairs = [
            (past, now)
            for past in infos
            for now in infos
            if infos[past].kind == "multi" and infos[now].kind == "categorical"
            if self.history_name in (None, past) and self.target_name in (None, now)
            if self._named or infos[past].vocabulary == infos[now].vocabulary is not None
        ]
        if len(pairs) != 1:
            raise ConfigError(
                "DIN expected one history and one target of the same vocabulary; received "
                f"{pairs or 'none'}. Fit the Encoder with Categorical('item') and "
                "MultiCategorical('history', vocabulary='item'), or name both with history= and "
                "target=."
            )
        past, now = pairs[0]
        if infos[past].size != infos[now].size:
            raise ConfigError(
                f"DIN expected {past!r} and {now!r} to be codes of one vocabulary; received "
                f"{infos[past].size} and {infos[now].size} codes."
            )
        return pairs[0]

    @property
    def _named(self) -> bool:
        return self.history_name is not None and self.target_name is not None

    def _vector_names(self) -> list[str]:
        return [*self.tables, str(self.history_name)]

    def _vectors(self, codes: Mapping[str, Any]) -> list[Any]:
        vectors = dict(zip(self.tables, super()._vectors(codes), strict=True))
        past = codes[str(self.history_name)]
        items = self.tables[str(self.target_name)](past)
        attended = self.attention(vectors[str(self.target_name)], items, ops.not_equal(past, 0))
        return [*vectors.values(), attended]

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {
            **super().get_config(),
            "history": self.history_name,
            "target": self.target_name,
            "attention_units": list(self.attention_units),
        }
