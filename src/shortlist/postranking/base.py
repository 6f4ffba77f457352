"""`PostRanker`: a ranking in, a better one out.

A pool of candidates, larger than the ``k`` that will be shown, goes through filters, scores,
diversity, rules and exploration::

    pipeline = Pipeline([Seen(), MMR(trade_off=0.7), AttributeCap(column="genres", at_most=3)])
    pipeline(pool, Context(queries, k=10, items=items, vectors=vectors)).top(10)

To write one, subclass `PostRanker` as a frozen dataclass of its options, give it a ``name`` and a
``stage``, and implement ``apply``. What every post-ranker promises, and `PostRankerTests` checks:
no item appears that was not there, none twice, invalid places stay last, lists do not influence
each other, and the same seed gives the same result. Items keep the scores they came with unless
the step is there to change them, so after a step that orders by more than score they need not
descend.
"""

from __future__ import annotations

import abc
import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl

from shortlist.errors import ConfigError, DataError, nearest
from shortlist.index.base import check_k
from shortlist.postranking.items import ItemTable
from shortlist.postranking.trace import Trace
from shortlist.queries import Queries
from shortlist.ranked import Ranked

__all__ = ["Context", "PostRanker", "Stage"]

Vectors = Callable[[np.ndarray], np.ndarray]


class Stage(IntEnum):
    """Where a post-ranker belongs; a `Pipeline` runs them in this order."""

    FILTER = 1
    SCORE = 2
    DIVERSITY = 3
    RULE = 4
    EXPLORATION = 5


@dataclass(frozen=True, eq=False)
class Context:
    """What post-rankers know besides the ranking.

    Attributes:
        queries: who asks; one for each list.
        k: how many items will be shown, usually fewer than the pool holds.
        items: the items' attributes: an `ItemTable`, or a frame with a column ``item``, or None.
        vectors: a function from ids ``[M]`` to vectors ``[M, D]``, or None. An item without a
            vector has a row of NaN and counts as unlike everything.
        served: for each query, the ages in seconds of the times an item was served to that user,
            by item id; or None.
        seed: of everything random.
        trace: collects reasons if given.
        propensities: what exploration writes down, by its name: ``[B, K]`` probabilities.
        counts: what was missing or could not be done, counted by what it was.

    Raises:
        ConfigError: ``k`` is not a positive integer.
        DataError: ``served`` is not given for each query.
        SchemaError: ``items`` has no column ``item``.
    """

    queries: Queries
    k: int
    items: ItemTable | pl.DataFrame | None = None
    vectors: Vectors | None = None
    served: Sequence[Mapping[Any, Sequence[float]]] | None = None
    seed: int = 0
    trace: Trace | None = None
    propensities: dict[str, np.ndarray] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        check_k(self.k)
        if self.served is not None and len(self.served) != len(self.queries):
            raise DataError(
                f"Expected served for each of {len(self.queries)} queries; "
                f"received it for {len(self.served)}."
            )
        if isinstance(self.items, pl.DataFrame):
            object.__setattr__(self, "items", ItemTable(self.items))

    def table(self, asker: PostRanker) -> ItemTable:
        """The items' attributes.

        Raises:
            ConfigError: there are none; ``asker`` is named.
        """
        if not isinstance(self.items, ItemTable):
            raise ConfigError(
                f"The post-ranker {asker.name!r} needs the items' attributes. "
                "Give the Context items: a frame with a column 'item'."
            )
        return self.items

    def ages(self, ranked: Ranked, asker: PostRanker) -> list[list[Sequence[float]]]:
        """For each place ``[B][K]``, the ages in seconds of the times the item was served.

        Raises:
            ConfigError: the Context has no ``served``; ``asker`` is named.
        """
        if self.served is None:
            raise ConfigError(
                f"The post-ranker {asker.name!r} needs to know what was served. Give the Context "
                "served: for each query, the ages in seconds by item."
            )
        return [
            [mine.get(item, ()) for item in ids]
            for ids, mine in zip(ranked.ids.tolist(), self.served, strict=True)
        ]

    def unit_vectors(self, ranked: Ranked, asker: PostRanker) -> np.ndarray:
        """The vectors of ``ranked`` at length 1, float32 ``[B, K, D]``; zeros for missing ones.

        Raises:
            ConfigError: there is no function for vectors; ``asker`` is named.
            DataError: it gives an array of another shape.
        """
        if self.vectors is None:
            raise ConfigError(
                f"The post-ranker {asker.name!r} needs item vectors. "
                "Give the Context vectors: a function from ids [M] to vectors [M, D]."
            )
        asked = ranked.ids[ranked.valid]
        if not len(asked):
            return np.zeros((*ranked.ids.shape, 1), dtype=np.float32)
        found = np.asarray(self.vectors(asked), dtype=np.float32)
        if found.ndim != 2 or len(found) != len(asked):
            raise DataError(
                f"Expected the Context's vectors to give an array [{len(asked)}, D] for "
                f"{len(asked)} ids; received {found.shape}."
            )
        lengths = np.sqrt(np.einsum("md,md->m", found, found))
        missing = ~((lengths > 0) & np.isfinite(lengths))
        if missing.any():
            self.counts[f"{asker.name}: items without a vector"] += int(missing.sum())
            found, lengths = np.where(missing[:, None], 0.0, found), np.where(missing, 1.0, lengths)
        units = found * (1 / lengths)[:, None]
        if len(asked) == ranked.valid.size:
            return units.reshape(*ranked.ids.shape, -1)
        vectors = np.zeros((*ranked.ids.shape, found.shape[1]), dtype=np.float32)
        vectors[ranked.valid] = units
        return vectors


# Of options that are declared so: what is taken, and in words.
_KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    "float": ((float, int, np.floating, np.integer), "a number"),
    "str": ((str,), "a text"),
}


class PostRanker(abc.ABC):
    """Changes rankings; see the module for what it promises."""

    #: The name in configurations and traces.
    name: ClassVar[str] = ""
    #: Where it belongs in a pipeline.
    stage: ClassVar[Stage]
    _registered: ClassVar[dict[str, type[PostRanker]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not cls.name:
            return
        taken = PostRanker._registered.get(cls.name, cls)
        # The same class again is no conflict: modules are reloaded, and notebook cells run twice.
        if taken.__qualname__ != cls.__qualname__:
            raise ConfigError(
                f"Expected a new name for the post-ranker {cls.__qualname__}; {cls.name!r} is "
                f"that of {taken.__module__}.{taken.__qualname__}."
            )
        PostRanker._registered[cls.name] = cls

    def __new__(cls, *_: Any, **options: Any) -> Self:
        """Refuse options of a wrong kind before any of them is compared with a number.

        Raises:
            ConfigError: an option that is declared as a number or a text is none.
        """
        fields: dict[str, Any] = getattr(cls, "__dataclass_fields__", {})
        for option in fields.values():
            kinds, words = _KINDS.get(getattr(option.type, "__name__", option.type), ((), ""))
            if kinds and option.name in options:
                value = options[option.name]
                if not isinstance(value, kinds) or isinstance(value, bool):
                    raise ConfigError(
                        f"The post-ranker {cls.name!r} expected {option.name} to be {words}; "
                        f"received {value!r}."
                    )
        return super().__new__(cls)

    @abc.abstractmethod
    def apply(self, ranked: Ranked, context: Context) -> Ranked:
        """The new ranking; ``ranked`` has at least one list and one place, and no NaN score."""

    @property
    @abc.abstractmethod
    def summary(self) -> str:
        """Why it moves items, for traces: it goes on after "from place 3 to nowhere,"."""

    def __call__(self, ranked: Ranked, context: Context) -> Ranked:
        """Check the ranking, apply this post-ranker and note what it did if a trace is asked for.

        Args:
            ranked: ``[B, K]``, ``K`` usually larger than ``context.k``.
            context: with ``B`` queries.

        Returns:
            ``[B, K]``; take ``.top(k)`` when all is done.

        Raises:
            DataError: the number of lists differs, or a score is NaN; the user is named.
        """
        self._check(ranked, context)
        if ranked.batch_size == 0 or ranked.k == 0:
            return ranked
        if context.trace is None:
            return self.apply(ranked, context)
        step = context.trace.begin(self.name, self.summary, ranked)
        step.after = self.apply(ranked, context)
        return step.after

    def to_config(self) -> dict[str, Any]:
        """The name and the options, ready for JSON and TOML."""
        fields = dataclasses.fields(self)  # type: ignore[arg-type]
        options = {f.name: getattr(self, f.name) for f in fields}
        return {"name": self.name} | {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in options.items()
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Make the post-ranker that a configuration names.

        Raises:
            ConfigError: the name or an option is not known; the nearest known one is named.

        >>> from shortlist.postranking import Seen
        >>> PostRanker.from_config({"name": "seen"})
        Seen()
        """
        given: object = config
        if not isinstance(given, Mapping):
            raise ConfigError(
                f"Expected a table with the name and the options of a post-ranker; got {given!r}."
            )
        options = dict(given)
        name = options.pop("name", None)
        made = PostRanker._registered.get(name) if isinstance(name, str) else None
        if made is None or not issubclass(made, cls):
            known = sorted(PostRanker._registered)
            raise ConfigError(
                f"Expected the name of a post-ranker, one of {known}; received {name!r}."
                f"{nearest(str(name), known)}"
            )
        return made._from_options(options)

    @classmethod
    def _from_options(cls, options: dict[str, Any]) -> Self:
        known = [f.name for f in dataclasses.fields(cls)]  # type: ignore[arg-type]
        for option in options:
            if option not in known:
                raise ConfigError(
                    f"The post-ranker {cls.name!r} has no option {option!r}; it has {known}."
                    f"{nearest(option, known)}"
                )
        try:
            return cls(**options)
        except TypeError as error:
            raise ConfigError(f"The post-ranker {cls.name!r}: {error}.") from None

    def _check(self, ranked: Ranked, context: Context) -> None:
        if len(ranked) != len(context.queries):
            raise DataError(
                f"Expected one list for each of {len(context.queries)} queries; "
                f"received {len(ranked)}."
            )
        wrong = np.isnan(ranked.scores) & ranked.valid
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            raise DataError(
                f"The post-ranker {self.name!r} expected scores that are numbers; item "
                f"{ranked.ids[row, [column]].tolist()[0]!r} of user "
                f"{context.queries.users[[row]].tolist()[0]!r} has NaN."
            )
