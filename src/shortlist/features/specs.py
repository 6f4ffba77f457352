"""The feature specs, and their form in JSON and TOML.

    Categorical       one id a row            -> codes of a vocabulary
    MultiCategorical  several ids a row       -> codes of a vocabulary, padded
    Hashed            one id a row, any       -> codes of a hash
    Text              a title, a description  -> codes of hashed n-grams, padded
    Timestamp         a moment                -> cycles or codes of its parts
    Numeric           a number                -> a scaled number, or the code of a bucket
    Vector            numbers made elsewhere  -> themselves

Each family has a module of its own; `spec` says what they have in common.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from shortlist.errors import ConfigError, nearest
from shortlist.features.categorical import Categorical, MultiCategorical
from shortlist.features.hashed import Hashed
from shortlist.features.numeric import Numeric
from shortlist.features.spec import Spec
from shortlist.features.text import Text
from shortlist.features.timestamp import Timestamp
from shortlist.features.vector import Vector

__all__ = ["spec_from_config", "spec_to_config"]

_TYPES: dict[str, type[Spec]] = {
    spec.__name__: spec
    for spec in (Categorical, MultiCategorical, Hashed, Text, Timestamp, Numeric, Vector)
}


def spec_to_config(spec: Spec) -> dict[str, Any]:
    """The type and all hyperparameters of a spec, as JSON values.

    >>> spec_to_config(Hashed("device", buckets=100))
    {'type': 'Hashed', 'column': 'device', 'name': 'device', 'buckets': 100}
    """
    config: dict[str, Any] = {"type": type(spec).__name__}
    for field in fields(spec):
        value = getattr(spec, field.name)
        config[field.name] = list(value) if isinstance(value, tuple) else value
    return config


def spec_from_config(config: Any) -> Spec:
    """The spec of a configuration; hyperparameters that are left out have their defaults.

    Raises:
        ConfigError: the type or a key is unknown, the column is missing, or a value is wrong.

    >>> spec_from_config({"type": "Categorical", "column": "country"}).name
    'country'
    """
    if not isinstance(config, Mapping) or not isinstance(config.get("type"), str):
        raise ConfigError(
            f"A feature expected a table with a type, one of {', '.join(_TYPES)}; "
            f"received {config!r}."
        )
    options = dict(config)
    name = options.pop("type")
    if name not in _TYPES:
        raise ConfigError(
            f"Unknown feature type {name!r}; expected one of {', '.join(_TYPES)}."
            + nearest(name, _TYPES)
        )
    known = [field.name for field in fields(_TYPES[name])]
    for key in options:
        if key not in known:
            raise ConfigError(
                f"Unknown key {key!r} of a {name} feature; expected some of {', '.join(known)}."
                + nearest(str(key), known)
            )
    try:
        return _TYPES[name](**options)
    except TypeError as error:  # an argument that has no default is missing
        raise ConfigError(f"A {name} feature is not complete: {error}.") from error
