"""`ScaNN`: the K best candidates by the approximate search of the library of that name."""

from __future__ import annotations

import importlib
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from shortlist.errors import ConfigError, MissingDependencyError
from shortlist.layers._finder import Untracked
from shortlist.layers._held import Held

Tensor = Any


@keras.saving.register_keras_serializable(package="shortlist")
class ScaNN(Held):
    """Finds candidates approximately, with the library ``scann`` (Linux); see `TopK`.

    It searches outside compiled functions alone. It is saved as ``.keras``, and indexed anew when
    loaded; use `BruteForce` to export a SavedModel. One query ``[D]`` alone gives ``[K]``.

    Args:
        query_model: makes query embeddings of what the layer is called with.
        k: how many candidates, where a call does not say.
        distance_measure: "dot_product" or "squared_l2".
        num_leaves: into how many parts the candidates are divided.
        num_leaves_to_search: how many of them are searched.
        training_iterations: of the division.
        dimensions_per_block: more compress more, and find less.
        num_reordering_candidates: how many of the first found are scored exactly; None for none.
        parallelize_batch_searches: whether the queries of a batch are spread over threads.
        name: the layer's name.

    Raises:
        MissingDependencyError: ``scann`` is not installed, or does not load beside the installed
            TensorFlow.
    """

    _ranks: ClassVar[dict[int, str]] = {2: "[B, D]", 1: "[D]"}

    def __init__(
        self,
        query_model: Any = None,
        k: int = 10,
        distance_measure: str = "dot_product",
        num_leaves: int = 100,
        num_leaves_to_search: int = 10,
        training_iterations: int = 12,
        dimensions_per_block: int = 2,
        num_reordering_candidates: int | None = None,
        parallelize_batch_searches: bool = True,
        name: str | None = None,
    ) -> None:
        super().__init__(query_model, k, name)
        self._library = Untracked(_scann())
        self._searcher = Untracked(None)
        self._options = Untracked(
            {
                "distance_measure": distance_measure,
                "num_leaves": num_leaves,
                "num_leaves_to_search": num_leaves_to_search,
                "training_iterations": training_iterations,
                "dimensions_per_block": dimensions_per_block,
                "num_reordering_candidates": num_reordering_candidates,
                "parallelize_batch_searches": parallelize_batch_searches,
            }
        )

    def index(self, candidates: Any, identifiers: Any = None) -> ScaNN:
        """See `TopK.index`."""
        super().index(candidates, identifiers)
        options = self._options.value
        rows = ops.convert_to_numpy(self._candidates)
        builder = self._library.value.builder(rows, self._k, options["distance_measure"])
        builder = builder.tree(
            num_leaves=options["num_leaves"],
            num_leaves_to_search=options["num_leaves_to_search"],
            training_iterations=options["training_iterations"],
        ).score_ah(dimensions_per_block=options["dimensions_per_block"])
        if options["num_reordering_candidates"] is not None:
            builder = builder.reorder(options["num_reordering_candidates"])
        self._searcher.value = builder.build()
        return self

    def search(self, queries: Tensor, k: int) -> tuple[Tensor, Any]:
        """See `TopK.search`; places not filled have the score -inf and no identifier."""
        self._check(queries)
        if len(queries.shape) == 1:
            scores, found = self.search(queries[None], k)
            return scores[0], found[0]
        searcher = self._searcher.value
        parallel = self._options.value["parallelize_batch_searches"]
        search = searcher.search_batched_parallel if parallel else searcher.search_batched
        columns, scores = search(
            ops.convert_to_numpy(queries), final_num_neighbors=min(k, self._candidates.shape[0])
        )
        return self._outcome(columns, scores, np.isnan(scores))

    def is_exact(self) -> bool:
        """False."""
        return False

    def _check_exportable(self) -> None:
        raise ConfigError(
            "ScaNN searches outside TensorFlow graphs and cannot be exported. Save it as .keras, "
            "or index the same candidates with BruteForce and export that."
        )

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {**super().get_config(), **self._options.value}


def _scann() -> Any:
    try:
        return importlib.import_module("scann").scann_ops_pybind
    except ImportError as error:
        purpose = "The ScaNN layer"
        raise MissingDependencyError.of("scann", "scann", purpose) from error
    except Exception as error:  # TensorFlow's NotFoundError, of a library built for another one
        if type(error).__name__ != "NotFoundError":
            raise
        raise MissingDependencyError(
            "The library 'scann' is installed, but does not load beside the installed TensorFlow: "
            "each release is built for one. Install the TensorFlow that 'pip show scann' names, "
            "or use BruteForce or shortlist.index."
        ) from error
