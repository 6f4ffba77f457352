"""What an `Encoder` learns from training data: vocabularies and states."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any

import polars as pl

from shortlist.errors import ConfigError, DataError, nearest
from shortlist.features.categorical import VocabularySpec
from shortlist.features.columns import columns_of
from shortlist.features.series import id_kind, ids_of
from shortlist.features.spec import Feature, Spec, State
from shortlist.features.vocabulary import Vocabulary

__all__ = ["Fitted", "bind", "check_specs", "learn", "naming"]


@dataclass(frozen=True)
class Fitted:
    """What was learned: a state by feature name, and a vocabulary by its own name."""

    states: Mapping[str, State]
    vocabularies: Mapping[str, Vocabulary]


def check_specs(specs: Sequence[Spec], given: Mapping[str, Vocabulary]) -> None:
    """Check that specs go together, and with the vocabularies that are given.

    Raises:
        ConfigError: they do not.
    """
    if not specs:
        raise ConfigError("An Encoder expected at least one feature spec; received none.")
    names: set[str] = set()
    for spec in specs:
        if not isinstance(spec, Spec):
            raise ConfigError(
                f"Expected feature specs such as Categorical(...); received {spec!r}."
            )
        if spec.name in names:
            raise ConfigError(f"Two features are called {spec.name!r}. Give one of them name=.")
        names.add(spec.name)
    groups = _sharing(specs)
    for key, sharing in groups.items():
        if len({(spec.min_count, spec.max_size) for spec in sharing}) > 1:
            raise ConfigError(
                f"The features {[spec.name for spec in sharing]} share the vocabulary {key!r} and "
                "must have the same min_count and max_size."
            )
        if key in given and (sharing[0].min_count, sharing[0].max_size) != (1, None):
            raise ConfigError(
                f"The vocabulary {key!r} is given as it is; leave min_count and max_size out."
            )
    for key, vocabulary in given.items():
        if key not in groups:
            raise ConfigError(
                f"No feature uses the vocabulary {key!r}; the features use {[*groups]}."
                + nearest(key, groups)
            )
        if not isinstance(vocabulary, Vocabulary):
            raise ConfigError(f"Vocabulary {key!r} is no Vocabulary; received {vocabulary!r:.80}.")


def learn(specs: Sequence[Spec], frame: Any, given: Mapping[str, Vocabulary]) -> Fitted:
    """Fit the vocabularies that are not given, and learn the state of each feature.

    Only columns from which something is learned are looked at.

    Raises:
        SchemaError: such a column is missing.
        DataError: there is nothing to learn in a column, or it is of the wrong type.
    """
    groups = {key: group for key, group in _sharing(specs).items() if key not in given}
    readers = [*(spec for spec in specs if spec.learns), *chain.from_iterable(groups.values())]
    columns = columns_of(frame, {spec.column: None for spec in readers})
    fitted = {key: _fit_vocabulary(group, columns) for key, group in groups.items()}
    states: dict[str, State] = {}
    for spec in specs:
        with naming(spec):
            states[spec.name] = spec.learn(columns[spec.column]) if spec.learns else {}
    return Fitted(states, {**given, **fitted})


def bind(specs: Sequence[Spec], fitted: Fitted) -> dict[str, Feature]:
    """The features, by name."""
    return {
        spec.name: spec.bind(
            fitted.states[spec.name],
            fitted.vocabularies[spec.key] if isinstance(spec, VocabularySpec) else None,
        )
        for spec in specs
    }


@contextmanager
def naming(spec: Spec) -> Iterator[None]:
    """Say in a `DataError` from within the block which feature and column it is about."""
    try:
        yield
    except DataError as error:
        raise type(error)(f"Feature {spec.name!r}, column {spec.column!r}: {error}") from error


def _sharing(specs: Sequence[Spec]) -> dict[str, list[VocabularySpec]]:
    """The specs that share a vocabulary, by its name."""
    groups: dict[str, list[VocabularySpec]] = {}
    for spec in specs:
        if isinstance(spec, VocabularySpec):
            groups.setdefault(spec.key, []).append(spec)
    return groups


def _fit_vocabulary(
    specs: Sequence[VocabularySpec], columns: Mapping[str, pl.Series]
) -> Vocabulary:
    """One vocabulary over the columns of all ``specs``, the first spec's ids seen first."""
    parts: list[pl.Series] = []
    for spec in specs:
        with naming(spec):
            parts.append(ids_of(spec.ids(columns[spec.column])))
    filled = [part for part in parts if not part.is_empty()] or parts[:1]
    kinds = {spec.column: id_kind(part.dtype) for spec, part in zip(specs, parts, strict=True)}
    if len({part.dtype for part in filled}) > 1:
        if {id_kind(part.dtype) for part in filled} != {"int"}:
            raise DataError(
                f"Features that share the vocabulary {specs[0].key!r} must have ids of one kind; "
                f"received by column {kinds}. Cast one of them."
            )
        filled = [part.cast(pl.Int128) for part in filled]
    with naming(specs[0]):
        ids = pl.concat([part.rename("id") for part in filled])
        return Vocabulary.fit(ids, min_count=specs[0].min_count, max_size=specs[0].max_size)
