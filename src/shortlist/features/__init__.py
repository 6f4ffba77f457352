"""Columns to codes and numbers, fitted once on training data and the same at serving.

    specs = [Categorical("user"), MultiCategorical("genres"), Numeric("year")]
    encoder = Encoder(specs).fit(train)
    encoder.transform(anything)   # {"user": int32 [N], "genres": int32 [N, L], "year": float32 [N]}
    encoder.describe()            # what a model needs to make a layer for each

Code 0 is what is missing, unknown or padding, in every feature that has codes.
"""

from __future__ import annotations

from shortlist.features.categorical import Categorical, MultiCategorical
from shortlist.features.encoder import Encoder
from shortlist.features.hashed import Hashed
from shortlist.features.numeric import Numeric
from shortlist.features.spec import Feature, FeatureInfo, Spec
from shortlist.features.specs import spec_from_config, spec_to_config
from shortlist.features.text import Text
from shortlist.features.timestamp import Timestamp
from shortlist.features.vector import Vector
from shortlist.features.vocabulary import Vocabulary

__all__ = [
    "Categorical",
    "Encoder",
    "Feature",
    "FeatureInfo",
    "Hashed",
    "MultiCategorical",
    "Numeric",
    "Spec",
    "Text",
    "Timestamp",
    "Vector",
    "Vocabulary",
    "spec_from_config",
    "spec_to_config",
]
