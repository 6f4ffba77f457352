"""`Encoder`: feature specs fitted on training data, and used unchanged ever after."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Self, final

import numpy as np

from shortlist.bundle import Draft, Folder, read_folder, write_folder
from shortlist.bundle.formats import encode_json
from shortlist.errors import (
    BundleError,
    ConfigError,
    DataError,
    NotFittedError,
    nearest,
)
from shortlist.features.categorical import VocabularySpec
from shortlist.features.columns import columns_of
from shortlist.features.fitting import Fitted, bind, check_specs, learn, naming
from shortlist.features.spec import FeatureInfo, Spec
from shortlist.features.specs import spec_from_config, spec_to_config
from shortlist.features.vocabulary import Vocabulary

__all__ = ["Encoder"]


@final
class Encoder:
    """Turns the columns of a frame into arrays a model can read, the same way every time.

    Fit it once, on training data only. From then on the arrays of a row depend on that row and
    on what was learned, and on nothing else in the frame.

    Args:
        specs: the features; their names must be distinct.
        vocabularies: fitted vocabularies by name, for the specs that name them; they are used as
            they are. So two encoders share the codes of an id.

    Raises:
        ConfigError: the specs do not go together.

    >>> from shortlist.features import Categorical, MultiCategorical, Numeric
    >>> movies = {"item": [1, 2], "year": [1990, 2000], "genres": [["Drama"], []]}
    >>> specs = [Categorical("item"), Numeric("year"), MultiCategorical("genres")]
    >>> encoder = Encoder(specs).fit(movies)
    >>> arrays = encoder.transform({"item": [2, 3], "year": [2000, None], "genres": [[], None]})
    >>> {name: array.tolist() for name, array in arrays.items()}
    {'item': [2, 0], 'year': [1.0, 0.0], 'genres': [[0], [0]]}

    A query side that reads items as a history, and an item side, with one vocabulary:

    >>> items = encoder.vocabulary("item")
    >>> history = MultiCategorical("history", vocabulary="item", max_length=3)
    >>> query = Encoder([history], vocabularies={"item": items}).fit({})
    >>> query.transform({"history": [[1, 2], [2, 9]]})["history"].tolist()
    [[1, 2, 0], [2, 0, 0]]
    """

    def __init__(
        self,
        specs: Sequence[Spec],
        *,
        vocabularies: Mapping[str, Vocabulary] | None = None,
    ) -> None:
        self._specs = tuple(specs)
        self._given = dict(vocabularies or {})
        check_specs(self._specs, self._given)
        self._fitted: Fitted | None = None

    @property
    def specs(self) -> tuple[Spec, ...]:
        """The features that were asked for."""
        return self._specs

    def fit(self, frame: Any) -> Self:
        """Learn vocabularies, means and edges from training data; what was learned before goes.

        Args:
            frame: a polars, pandas or Arrow frame, or a mapping from names to columns. Columns
                from which nothing is learned (as for `Hashed`, or where the vocabulary is given)
                may be missing.

        Returns:
            The encoder itself.

        Raises:
            SchemaError: a column is missing.
            DataError: a column is of the wrong type, or has nothing in it to learn from.
        """
        self._bind(learn(self._specs, frame, self._given))
        return self

    def transform(self, frame: Any) -> dict[str, np.ndarray]:
        """The arrays of a frame's rows, by feature name, as `describe` tells of them.

        Args:
            frame: as for `fit`; one row or millions. Columns of no feature are not looked at.

        Raises:
            NotFittedError: the encoder has not been fitted.
            SchemaError: a column is missing.
            DataError: a column is of another type than in training, or holds an infinite number.
        """
        self._need_fitted()
        columns = columns_of(frame, {spec.column: None for spec in self._specs})
        arrays: dict[str, np.ndarray] = {}
        for spec in self._specs:
            with naming(spec):
                arrays[spec.name] = self._features[spec.name].transform(columns[spec.column])
        return arrays

    def extended(
        self, frame: Any, *, vocabularies: Mapping[str, Vocabulary] | None = None
    ) -> Encoder:
        """The encoder that also knows the ids of further data; all else that was learned stays.

        Every code and every number means what it did, so the weights of a model trained with this
        encoder go on being right, and a table has to grow by the new ids' rows at its end. A
        vocabulary that was cut (``min_count``, ``max_size``) stays as it is.

        Args:
            frame: as for `fit`; columns that are missing add nothing.
            vocabularies: already extended vocabularies by name, to be shared.

        Raises:
            NotFittedError: the encoder has not been fitted.
            DataError: a column holds ids of another kind.

        >>> from shortlist.features import Categorical
        >>> encoder = Encoder([Categorical("item")]).fit({"item": ["a", "b"]})
        >>> encoder.extended({"item": ["c", "a"]}).transform({"item": ["a", "b", "c"]})["item"]
        array([1, 2, 3], dtype=int32)
        """
        fitted, given = self._need_fitted(), dict(vocabularies or {})
        known = {**fitted.vocabularies, **given}
        present = list(frame if isinstance(frame, Mapping) else frame.columns)
        for spec in self._specs:
            if not isinstance(spec, VocabularySpec) or spec.key in given:
                continue
            if spec.column in present and (spec.min_count, spec.max_size) == (1, None):
                with naming(spec):
                    ids = spec.ids(columns_of(frame, [spec.column])[spec.column])
                    known[spec.key] = known[spec.key].extend(ids)
        larger = Encoder(self._specs)
        larger._bind(Fitted(fitted.states, known))
        return larger

    def describe(self) -> dict[str, FeatureInfo]:
        """What a model needs to know to make a layer for each feature, by name.

        Raises:
            NotFittedError: the encoder has not been fitted.
        """
        self._need_fitted()
        return {name: feature.info for name, feature in self._features.items()}

    @property
    def vocabularies(self) -> Mapping[str, Vocabulary]:
        """The vocabularies by name, fitted or given.

        Raises:
            NotFittedError: the encoder has not been fitted.
        """
        return MappingProxyType(dict(self._need_fitted().vocabularies))

    def vocabulary(self, name: str) -> Vocabulary:
        """The vocabulary of that name, which by default is the name of its feature.

        Raises:
            NotFittedError: the encoder has not been fitted.
            ConfigError: there is none of that name.
        """
        known = self._need_fitted().vocabularies
        if name not in known:
            raise ConfigError(
                f"No vocabulary is called {name!r}; there are {[*known]}.{nearest(name, known)}"
            )
        return known[name]

    @property
    def fingerprint(self) -> str:
        """A SHA-256 of the specs and all that was learned: equal where every output is equal.

        Raises:
            NotFittedError: the encoder has not been fitted.
        """
        vocabularies = self._need_fitted().vocabularies
        prints = {key: vocabulary.fingerprint for key, vocabulary in sorted(vocabularies.items())}
        content = {**self._content(), "vocabularies": prints}
        return hashlib.sha256(encode_json(content, "encoder.json")).hexdigest()

    def to_config(self) -> dict[str, Any]:
        """The specs as JSON values; nothing of what was learned."""
        return {"specs": [spec_to_config(spec) for spec in self._specs]}

    @classmethod
    def from_config(
        cls,
        config: Mapping[str, Any],
        *,
        vocabularies: Mapping[str, Vocabulary] | None = None,
    ) -> Encoder:
        """The encoder, not fitted, that `to_config` described.

        Raises:
            ConfigError: a key is unknown or a value is wrong.
        """
        specs = config.get("specs")
        if not isinstance(specs, list) or set(config) != {"specs"}:
            raise ConfigError(f"An Encoder expected {{'specs': [...]}}; received {config!r:.200}.")
        return cls([spec_from_config(spec) for spec in specs], vocabularies=vocabularies)

    def write(self, draft: Draft) -> None:
        """Write specs, states and vocabularies into a bundle that is being written."""
        vocabularies = self._need_fitted().vocabularies
        draft.write_json("encoder.json", {**self._content(), "vocabularies": [*vocabularies]})
        # By number, because a vocabulary's name may be no file name.
        for number, vocabulary in enumerate(vocabularies.values()):
            vocabulary.write(draft.folder(f"vocabularies/{number}"))

    @classmethod
    def read(cls, folder: Folder) -> Encoder:
        """Read what `write` wrote, fitted as it was."""
        content = folder.read_json("encoder.json")
        try:
            encoder = cls.from_config({"specs": content["specs"]})
            vocabularies = {
                name: Vocabulary.read(folder.folder(f"vocabularies/{number}"))
                for number, name in enumerate(content["vocabularies"])
            }
            encoder._bind(Fitted(content["states"], vocabularies))
        except (ConfigError, DataError, KeyError, TypeError, ValueError) as error:
            raise BundleError(f"{folder.path} holds no usable encoder: {error!r}.") from error
        return encoder

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the encoder to a folder of its own, whole or not at all.

        Raises:
            NotFittedError: the encoder has not been fitted.
            BundleError: it cannot be written there.
        """
        self._need_fitted()
        metadata = {"features": [spec.name for spec in self._specs]}
        write_folder(path, self.write, kind="encoder", metadata=metadata)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Encoder:
        """Read what `save` wrote, once it is verified.

        Raises:
            BundleError: there is no undamaged encoder at ``path``.
        """
        return cls.read(read_folder(path, kind="encoder"))

    def _bind(self, fitted: Fitted) -> None:
        self._features = bind(self._specs, fitted)
        self._fitted = fitted

    def _content(self) -> dict[str, Any]:
        return {**self.to_config(), "states": dict(self._need_fitted().states)}

    def _need_fitted(self) -> Fitted:
        if self._fitted is None:
            raise NotFittedError("This Encoder is not fitted. Call fit(frame) with training data.")
        return self._fitted
