"""The rankers by name, as a configuration names them."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from shortlist.errors import ConfigError, nearest

__all__ = ["RANKERS", "check_options", "make_ranker", "ranker_class", "ranker_name"]

#: Where each ranker's class is; it is imported when it is asked for.
RANKERS: Mapping[str, str] = MappingProxyType(
    {
        "logistic_regression": "shortlist.models:LogisticRegression",
        "fm": "shortlist.models:FMRanker",
        "deep_fm": "shortlist.models:DeepFM",
        "mlp": "shortlist.models:Ranker",
        "dlrm": "shortlist.models:DLRM",
        "dcn_v2": "shortlist.models:DCNv2",
        "autoint": "shortlist.models:AutoInt",
        "mask_net": "shortlist.models:MaskNet",
        "final_mlp": "shortlist.models:FinalMLP",
        "din": "shortlist.models:DIN",
        "multi_task": "shortlist.models:MultiTaskRanker",
        "lightgbm": "shortlist.ranking.boosted:BoostedTrees",
    }
)


def ranker_class(name: str) -> Any:
    """The class of that name.

    Raises:
        ConfigError: there is none.

    >>> ranker_class("lightgbm").__name__
    'BoostedTrees'
    """
    if name not in RANKERS:
        raise ConfigError(
            f"No ranker is called {name!r}; there are {', '.join(RANKERS)}."
            f"{nearest(str(name), RANKERS)}"
        )
    module, _, kind = RANKERS[name].partition(":")
    return getattr(importlib.import_module(module), kind)


def ranker_name(ranker: Any) -> str | None:
    """The name of a ranker's own class, or None where it is none of `RANKERS`.

    >>> ranker_name("no ranker") is None
    True
    """
    kind = type(ranker)
    for name, place in RANKERS.items():
        if place.endswith(f":{kind.__name__}") and ranker_class(name) is kind:
            return name
    return None


def make_ranker(name: str, features: Any, **options: Any) -> Any:
    """A ranker of that name for the features, not trained yet.

    All of them take ``loss`` and ``label`` ("multi_task" takes ``tasks`` instead), and have
    ``fit(batch)``, ``score(features)`` and ``probabilities(features)`` for batches as
    `Encoder.transform` returns them; those of Keras are compiled first.

    Args:
        name: one of `RANKERS`.
        features: a fitted `Encoder`, or what its ``describe()`` returns.
        **options: those of the class.

    Raises:
        ConfigError: there is no such ranker, or it has no such option.

    >>> from shortlist.features import FeatureInfo
    >>> type(make_ranker("fm", {"item": FeatureInfo("categorical", size=3)})).__name__
    'FMRanker'
    """
    check_options(name, options)
    return ranker_class(name)(features, **options)


def check_options(name: str, options: Iterable[str]) -> None:
    """Look whether a ranker has options of these names.

    Raises:
        ConfigError: there is no such ranker, or it has no such option.
    """
    known = _options(ranker_class(name))
    for option in options:
        if option not in known:
            raise ConfigError(
                f"The ranker {name!r} has no option {option!r}; it has {', '.join(sorted(known))}."
                f"{nearest(option, known)}"
            )


def _options(kind: Any) -> set[str]:
    """The keyword-only arguments of a class and, where it passes more on, of those it is made of.

    A class says with ``_fixed`` which of them it does not take.
    """
    found: set[str] = set()
    for base in kind.__mro__:
        parameters = inspect.signature(base.__init__).parameters.values()
        if base.__module__.startswith("shortlist."):
            found |= {p.name for p in parameters if p.kind is p.KEYWORD_ONLY}
    return found - getattr(kind, "_fixed", frozenset())
