"""`Finder`: a top-k layer that embeds its queries, searches and can be exported."""

from __future__ import annotations

import abc
from typing import Any, ClassVar

import keras
from keras import ops

from shortlist._backend import saved_model
from shortlist.errors import DataError
from shortlist.layers._top_k import TopK

Tensor = Any


class Untracked:
    """Keeps Keras from copying what a layer holds."""

    def __init__(self, value: Any) -> None:
        self.value = value


class Finder(TopK):
    """Finds the best candidates of queries by inner product.

    Of equal scores the candidate that was added first comes first (on PyTorch the order is not
    defined). There are fewer than ``k`` columns where there are fewer candidates. Write ``index``,
    ``search``, ``corpus`` and ``is_exact``.

    Identifiers are integers or strings. Where a backend has no tensors of strings (JAX, PyTorch)
    found strings come as a NumPy array, outside compiled functions alone.

    Args:
        query_model: makes query embeddings ``[B, D]`` of what the layer is called with; None
            where it is called with embeddings.
        k: how many candidates, where a call does not say.
        name: the layer's name.
    """

    #: The numbers of dimensions that query embeddings may have.
    _ranks: ClassVar[dict[int, str]] = {2: "[B, D]"}

    def __init__(self, query_model: Any = None, k: int = 10, name: str | None = None) -> None:
        super().__init__(k, name=name)
        self.query_model = query_model
        self._asked_with = Untracked(None)
        self._saved = Untracked(None)

    @abc.abstractmethod
    def search(self, queries: Tensor, k: int) -> tuple[Tensor, Any]:
        """Scores and identifiers ``[B, k]`` for query embeddings ``[B, D]``."""

    @abc.abstractmethod
    def corpus(self) -> Any:
        """The candidates, as `FactorizedTopK` takes them."""

    def call(self, queries: Any, k: int | None = None) -> tuple[Tensor, Any]:
        """See `TopK.call`."""
        if keras.backend.backend() == "tensorflow" and self._asked_with.value is None:
            self._asked_with.value = [saved_model.describe(queries)]
        return self.search(self._embedded(queries), self._k if k is None else k)

    def export(
        self,
        filepath: Any,
        format: str = "tf_saved_model",  # noqa: A002 - Keras' name
        verbose: Any = None,
        **options: Any,
    ) -> None:
        """Write what other programs can load.

        On TensorFlow, by default, a SavedModel that plain TensorFlow loads: ``serve(queries, k)``
        and ``query_with_exclusions(queries, exclusions, k)``, with batches of any size and, where
        wanted, ``k`` as a scalar ``int32`` tensor; its signature ``serving_default`` gives
        ``scores`` and ``identifiers``. Else as `keras.Model.export`.

        Args:
            filepath: the folder to write.
            format: "tf_saved_model", or another of Keras'.
            verbose: whether Keras prints what it wrote.
            **options: of `keras.Model.export`; ``input_signature=[...]`` describes the queries of
                a layer that has not been called yet.

        Raises:
            ConfigError: the layer cannot be exported, or what it is asked with is not known.
        """
        self._check_exportable()
        if keras.backend.backend() != "tensorflow" or format != "tf_saved_model":
            super().export(filepath, format=format, verbose=verbose, **options)
            return
        given = options.get("input_signature")
        known = [saved_model.describe(q) for q in given] if given else self._asked_with.value
        queries = known[0] if known else None
        saved_model.write(self, str(filepath), queries, self._identifier_dtype())

    def _trackable_children(self, save_type: str = "checkpoint", **kwargs: Any) -> Any:
        """What TensorFlow saves: for a SavedModel, also the functions that search."""
        children = dict(super()._trackable_children(save_type, **kwargs))
        if save_type != "savedmodel" or self._asked_with.value is None:
            return children
        self._check_exportable()
        if self._saved.value is None:
            dtype = self._identifier_dtype()
            self._saved.value = saved_model.functions(self, self._asked_with.value[0], dtype)
        return {**children, **self._saved.value}

    def _check_exportable(self) -> None:
        """Raise the error of a layer that cannot be."""

    def _identifier_dtype(self) -> str:
        """Of the identifiers it finds."""
        return "int32"

    def _embedded(self, queries: Any) -> Tensor:
        if self.query_model is not None:
            queries = self.query_model(queries)
        queries = ops.convert_to_tensor(queries)
        if len(queries.shape) not in self._ranks:
            raise DataError(
                f"{type(self).__name__} expected query embeddings "
                f"{' or '.join(self._ranks.values())}; received a tensor of shape "
                f"{tuple(queries.shape)}."
            )
        return queries
