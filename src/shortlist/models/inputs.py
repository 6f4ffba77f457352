"""What a ranker reads of its features: vectors of the categories, and numbers.

features [B, ...] or [B, L, ...] -> flattened -> Inputs(vectors [N, F, D], numbers [N, M])
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from shortlist.errors import ConfigError, DataError, SchemaError, nearest
from shortlist.features import Encoder, FeatureInfo
from shortlist.layers.embedding import Embedding

__all__ = [
    "Inputs",
    "LinearTerm",
    "NumberVectors",
    "described",
    "flattened",
    "leading_axes",
    "refuse_labels",
    "refuse_nan",
    "table_for",
]

Features = Mapping[str, Any]
_CODES = ("categorical", "multi")
_TRAILING = {"categorical": 0, "numeric": 0, "multi": 1, "vector": 1}


@dataclass(frozen=True)
class Inputs:
    """What the body of a ranker is given.

    Attributes:
        vectors: ``[N, F, D]``, one for each feature that has codes; None where there is none.
        numbers: ``[N, M]``, numeric and vector features side by side, likewise.
        codes: the codes by feature name, ``[N]`` or ``[N, L]``.
    """

    vectors: Any | None
    numbers: Any | None
    codes: Mapping[str, Any]

    @property
    def flat(self) -> Any:
        """``[N, F * D + M]``: all vectors one after the other, then the numbers."""
        parts = [] if self.numbers is None else [self.numbers]
        if self.vectors is not None:
            _, count, width = self.vectors.shape
            parts.insert(0, ops.reshape(self.vectors, (-1, count * width)))
        return parts[0] if len(parts) == 1 else ops.concatenate(parts, axis=-1)

    def fields(self, number_vectors: Any | None) -> Any:
        """``[N, F', D]``: the vectors, and one more for each numeric or vector feature."""
        parts = [] if self.vectors is None else [self.vectors]
        if self.numbers is not None and number_vectors is not None:
            parts.append(number_vectors(self.numbers))
        return parts[0] if len(parts) == 1 else ops.concatenate(parts, axis=1)


def described(
    features: Encoder | Mapping[str, FeatureInfo | Mapping[str, Any]],
) -> dict[str, FeatureInfo]:
    """The descriptions of an encoder's features, or of a mapping like ``describe()`` returns.

    Raises:
        ConfigError: there is no feature.
        NotFittedError: the encoder is not fitted.
    """
    given = features.describe() if isinstance(features, Encoder) else features
    found = {
        name: info if isinstance(info, FeatureInfo) else FeatureInfo(**info)
        for name, info in given.items()
    }
    if not found:
        raise ConfigError("A ranker expected at least one feature; received none.")
    return found


def table_for(info: FeatureInfo, width: int, initializer: Any, name: str) -> Embedding:
    """The table of a feature with codes; several codes of a row become one vector."""
    several = info.kind == "multi"
    return Embedding(
        info.size or 0,
        width,
        combiner="sqrtn" if several else None,
        mask_zero=several,
        embeddings_initializer=initializer,
        # PyTorch keeps weights under their names, which may hold no dot there.
        name=name.replace(".", "_"),
    )


def leading_axes(infos: Mapping[str, FeatureInfo], features: Features) -> int:
    """How many axes stand before those of a feature itself: 1 for meetings, 2 for lists.

    Raises:
        SchemaError: a feature is missing.
        DataError: a feature has not the axes or the type that its description says.
    """
    lead: tuple[Any, ...] | None = None
    for name, info in infos.items():
        if name not in features:
            raise SchemaError(
                f"The ranker expected the feature {name!r} in its input; received "
                f"{sorted(features)}.{nearest(name, features)}"
            )
        shape = tuple(features[name].shape)
        axes = len(shape) - _TRAILING[info.kind]
        _check(name, info, features[name], axes)
        if lead is not None and len(lead) != axes:
            raise DataError(
                f"The ranker expected all features of one leading shape; received {name!r} of "
                f"shape {shape} beside others that begin with {lead}."
            )
        lead = shape[:axes]
    return len(lead or ())


def flattened(
    infos: Mapping[str, FeatureInfo], features: Features
) -> tuple[dict[str, Any], tuple[Any, ...]]:
    """The features with one leading axis, and the leading shape that they had.

    Raises:
        SchemaError, DataError: as `leading_axes`.
    """
    axes = leading_axes(infos, features)
    flat = {name: features[name] for name in infos}
    lead = tuple(ops.shape(next(iter(flat.values())))[:axes])
    if axes > 1:
        flat = {n: ops.reshape(x, (-1, *tuple(x.shape[axes:]))) for n, x in flat.items()}
    return flat, lead


def _check(name: str, info: FeatureInfo, values: Any, axes: int) -> None:
    dtype = keras.backend.standardize_dtype(values.dtype)
    if axes < 1 or (info.kind == "vector" and values.shape[-1] != info.dim):
        shape = {"multi": "[B, L]", "vector": f"[B, {info.dim}]"}.get(info.kind, "[B]")
        raise DataError(
            f"The ranker expected the {info.kind} feature {name!r} of shape {shape}; received "
            f"{tuple(values.shape)}. Encode it with the Encoder the ranker was made for."
        )
    if info.kind in _CODES and "int" not in dtype:
        raise DataError(
            f"The ranker expected integer codes in the {info.kind} feature {name!r}; received "
            f"{dtype}. Encode it with the Encoder the ranker was made for."
        )


def refuse_nan(infos: Mapping[str, FeatureInfo], arrays: Any) -> None:
    """Raise the error for a NumPy feature that holds NaN or an infinite number.

    Raises:
        DataError: naming the feature, and the row.
    """
    if not isinstance(arrays, Mapping):
        return
    for name, info in infos.items():
        values = arrays.get(name)
        if info.kind in _CODES or not isinstance(values, np.ndarray) or not values.size:
            continue
        if not np.isfinite(values.sum(dtype=np.float64)):
            row = int(np.argwhere(~np.isfinite(values))[0, 0])
            raise DataError(
                f"The ranker expected finite numbers in the feature {name!r}; row {row} has "
                f"{np.ravel(values[row])[:3].tolist()}. Encoder.transform fills what is missing "
                "with the training mean: encode the column with it, or fill it."
            )


def refuse_labels(losses: Mapping[str, str], arrays: Any, *, missing: bool = False) -> None:
    """Raise the error for a NumPy label that is none its loss can take.

    Args:
        losses: the loss of the labels of each name: "binary", "squared" or "listwise".
        arrays: a batch, or whatever else is trained on.
        missing: whether a label that is NaN is one that is missing.

    Raises:
        DataError: naming the label, and the row.
    """
    if not isinstance(arrays, Mapping):
        return
    for name, loss in losses.items():
        values = arrays.get(name)
        if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiu":
            continue
        good = np.isfinite(values) | (missing & np.isnan(values))
        expected = "finite labels"
        if loss == "binary":
            good &= ~((values < 0) | (values > 1))
            expected = "labels from 0 to 1, as loss='binary' takes them,"
        if not good.all():
            row = int(np.argwhere(~good)[0, 0])
            wrong = values[row].reshape(-1)[~good[row].reshape(-1)][0]
            hint = " Use loss='squared' for ratings." if loss == "binary" else ""
            raise DataError(
                f"The ranker expected {expected} in {name!r}; row {row} has {wrong}.{hint}"
            )


class NumberVectors(keras.layers.Layer):
    """Makes one vector of each number, and of each vector feature: its values times learned ones.

    Args:
        dims: the width of each feature in the input, 1 for a number.
        units: ``D``.

    Call arguments:
        numbers: ``[N, sum(dims)]``.

    Returns:
        ``[N, len(dims), D]``.
    """

    def __init__(self, dims: Sequence[int], units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        self.units = units

    def build(self, input_shape: Any) -> None:
        """Create a vector for each number."""
        self.kernel = self.add_weight(
            shape=(input_shape[-1], self.units),
            initializer=keras.initializers.RandomNormal(stddev=0.05),
            name="kernel",
        )
        self.built = True

    def call(self, numbers: Any) -> Any:
        """Scale the vectors by the numbers."""
        if set(self.dims) == {1}:
            return numbers[:, :, None] * self.kernel
        edges = np.cumsum([0, *self.dims])
        kernel = ops.convert_to_tensor(self.kernel)
        spans = [slice(int(a), int(b)) for a, b in itertools.pairwise(edges)]
        return ops.stack([ops.matmul(numbers[:, s], kernel[s]) for s in spans], axis=1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of what ``call`` returns."""
        return (input_shape[0], len(self.dims), self.units)


class LinearTerm(keras.layers.Layer):
    """The linear part of a model: a weight for each code and each number and a bias, all 0 first.

    Args:
        infos: the features.

    Call arguments:
        codes: by feature name, ``[N]`` or ``[N, L]``.
        numbers: ``[N, M]``, or None where there is no number.

    Returns:
        ``[N, 1]``.
    """

    def __init__(self, infos: Mapping[str, FeatureInfo], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tables = {
            name: table_for(info, 1, "zeros", f"{name}_weight")
            for name, info in infos.items()
            if info.kind in _CODES
        }
        self.width = sum(i.dim or 1 for i in infos.values() if i.kind not in _CODES)

    def build(self, codes_shape: Any = None, numbers_shape: Any = None) -> None:
        """Create the weights."""
        del codes_shape, numbers_shape
        for table in self.tables.values():
            table.build(())
        self.bias = self.add_weight(shape=(1,), initializer="zeros", name="bias")
        if self.width:
            self.kernel = self.add_weight(
                shape=(self.width, 1), initializer="zeros", name="number_weights"
            )
        self.built = True

    def call(self, codes: Mapping[str, Any], numbers: Any = None) -> Any:
        """Add up the weights of an example."""
        parts = [table(codes[name]) for name, table in self.tables.items()]
        if numbers is not None:
            parts.append(ops.matmul(numbers, self.kernel))
        return sum(parts, self.bias)
