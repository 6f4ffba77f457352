"""Specs go to JSON and come back; a wrong configuration says what is wrong with it."""

import dataclasses
import json

import pytest

from shortlist.errors import ConfigError
from shortlist.features import (
    Categorical,
    Hashed,
    MultiCategorical,
    Numeric,
    Text,
    Timestamp,
    Vector,
    spec_from_config,
    spec_to_config,
)

SPECS = [
    Categorical("user", min_count=2, max_size=10),
    Categorical("last", name="previous", vocabulary="item"),
    MultiCategorical("genres", separator="|", max_length=3, keep="first"),
    Numeric("age"),
    Numeric("age", transform="bucketize", buckets=[18, 65]),
    Numeric("age", transform=None),
    Timestamp("time", parts=["hour", "age"]),
    Timestamp("time", parts="weekday", encoding="codes"),
    Hashed("device", 100),
    Text("title", 100, [3, 2], unit="character", max_length=9),
    Vector("cover", 8),
]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: type(spec).__name__)
def test_json_round_trip(spec):
    config = spec_to_config(spec)
    assert json.loads(json.dumps(config)) == config
    assert spec_from_config(config) == spec


def test_left_out_keys_have_their_defaults():
    assert spec_from_config({"type": "Numeric", "column": "age"}) == Numeric("age")


def test_specs_cannot_be_changed_but_can_be_compared():
    spec = Text("title", ngrams=[2, 1])
    assert spec == Text("title", ngrams=(1, 2))
    assert hash(spec) == hash(Text("title", ngrams=(1, 2)))
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.buckets = 5


def test_names_default_to_the_column():
    assert Hashed("device").name == "device"
    assert dataclasses.replace(Hashed("device"), name="d").name == "d"


@pytest.mark.parametrize(
    ("config", "match"),
    [
        ({"type": "Categorcal", "column": "x"}, "Did you mean 'Categorical'"),
        ({"type": "Categorical", "colum": "x"}, "Unknown key 'colum'.*Did you mean 'column'"),
        ({"type": "Categorical"}, "not complete: .*'column'"),
        ({"type": "Vector", "column": "x"}, "'dim'"),
        ({"column": "x"}, "with a type, one of Categorical"),
        ("Categorical", "received 'Categorical'"),
        ({"type": "Hashed", "column": "x", "buckets": "many"}, "buckets"),
        ({"type": "Hashed", "column": ""}, "column"),
    ],
)
def test_wrong_configurations(config, match):
    with pytest.raises(ConfigError, match=match):
        spec_from_config(config)
