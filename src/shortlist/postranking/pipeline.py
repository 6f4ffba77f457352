"""`Pipeline`: post-rankers one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any, ClassVar, Self, final

from shortlist.errors import ConfigError
from shortlist.postranking.base import Context, PostRanker, Stage
from shortlist.ranked import Ranked

__all__ = ["Pipeline"]


@final
class Pipeline(PostRanker):
    """Runs post-rankers in order, itself one.

    The order is checked: filters, then scores, diversity, rules, and exploration last. A step that
    came later than its stage would undo what was arranged (a score after a rule), or work on what
    is not going to be shown (diversity before a filter).

    Args:
        steps: the post-rankers.

    Raises:
        ConfigError: the order is wrong, or a step is no post-ranker.

    >>> from shortlist.postranking import MMR, Seen
    >>> pipeline = Pipeline([Seen(), MMR(trade_off=0.7)])
    >>> pipeline.to_config()
    {'name': 'pipeline', 'steps': [{'name': 'seen'}, {'name': 'mmr', 'trade_off': 0.7}]}
    >>> Pipeline([MMR(), Seen()])
    Traceback (most recent call last):
    ...
    shortlist.errors.ConfigError: Expected 'seen' (filter) before 'mmr' (diversity). ...
    """

    name: ClassVar[str] = "pipeline"
    stage: ClassVar[Stage] = Stage.FILTER

    def __init__(self, steps: Iterable[PostRanker] = ()) -> None:
        self.steps = tuple(_listed(steps))
        strange: list[object] = [s for s in self.steps if not _is_step(s)]
        if strange:
            raise ConfigError(
                f"Expected the steps to be post-rankers, and no pipelines; received {strange[0]!r}."
            )
        for one, other in pairwise(self.steps):
            if one.stage > other.stage:
                raise ConfigError(
                    f"Expected {other.name!r} ({other.stage.name.lower()}) before {one.name!r} "
                    f"({one.stage.name.lower()}). The order is filters, scores, diversity, rules, "
                    "exploration."
                )

    def __repr__(self) -> str:
        return f"Pipeline({list(self.steps)!r})"

    def __iter__(self) -> Iterator[PostRanker]:
        return iter(self.steps)

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def summary(self) -> str:
        """Why it moves items: each step says so itself."""
        return "as its steps say"

    def __call__(self, ranked: Ranked, context: Context) -> Ranked:
        """Run every step, each of which checks and traces for itself."""
        self._check(ranked, context)
        for step in self.steps:
            ranked = step(ranked, context)
        return ranked

    def apply(self, ranked: Ranked, context: Context) -> Ranked:
        """Run every step."""
        return self(ranked, context)

    def to_config(self) -> dict[str, Any]:
        """The steps' configurations, ready for JSON and TOML."""
        return {"name": self.name, "steps": [step.to_config() for step in self.steps]}

    @classmethod
    def from_steps(cls, configs: Iterable[Mapping[str, Any]]) -> Self:
        """Make a pipeline from the steps' configurations.

        Raises:
            ConfigError: a name or an option is not known, or the order is wrong.

        >>> Pipeline.from_steps([{"name": "seen"}, {"name": "mmr", "trade_off": 0.7}])
        Pipeline([Seen(), MMR(trade_off=0.7)])
        """
        return cls(PostRanker.from_config(config) for config in _listed(configs))

    @classmethod
    def _from_options(cls, options: dict[str, Any]) -> Self:
        if set(options) != {"steps"}:
            raise ConfigError(f"A pipeline has the option 'steps' alone; received {options}.")
        return cls.from_steps(options["steps"])


def _listed(steps: Any) -> Iterable[Any]:
    if isinstance(steps, str | bytes | Mapping) or not isinstance(steps, Iterable):
        raise ConfigError(f"Expected a list of post-rankers; received {steps!r}.")
    return steps


def _is_step(step: object) -> bool:
    return isinstance(step, PostRanker) and not isinstance(step, Pipeline)
