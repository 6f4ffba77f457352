"""`FactorizedTopK`: how often the true candidate ranks among the top K of the whole corpus."""

from __future__ import annotations

import abc
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from shortlist import _backend  # noqa: F401  # isort: skip
import keras
import numpy as np
from keras import ops

from shortlist._backend.ranks import count
from shortlist._backend.softmax import integer_ids
from shortlist.errors import ConfigError, DataError

Tensor = Any

__all__ = ["Factorized", "FactorizedTopK"]


class Factorized(keras.metrics.Metric, abc.ABC):
    """A metric of query embeddings against a corpus of candidates, updated by `Retrieval`.

    Write ``update_state``; the metrics made in ``__init__`` are found, reset and reported.
    """

    @abc.abstractmethod
    def update_state(
        self,
        query_embeddings: Tensor,
        true_candidate_embeddings: Tensor,
        true_candidate_ids: Tensor | None = None,
        sample_weight: Tensor | None = None,
    ) -> None:
        """Count one batch; every subclass writes its own.

        Args:
            query_embeddings: ``[B, D]``.
            true_candidate_embeddings: ``[B, D]``, the candidate chosen for each query.
            true_candidate_ids: ``[B]`` or None, its id.
            sample_weight: ``[B]`` or None.
        """

    @property
    def metrics(self) -> list[Any]:
        """The metrics that this one consists of."""
        return list(self._metrics)

    def reset_state(self) -> None:
        """Set every metric back."""
        for metric in self.metrics:
            metric.reset_state()

    def result(self) -> dict[str, Tensor]:
        """The value of each metric, by its name."""
        return {metric.name: metric.result() for metric in self.metrics}


class FactorizedTopK(Factorized):
    """Top-K categorical accuracy: the share of queries whose true candidate ranks in the top K.

    The rank is exact: all candidates that score higher are counted, block by block. Candidates
    of the same score share the places they take: in a tie of ``t`` below ``a`` better ones, each
    counts ``min(max((K - a) / t, 0), 1)``, what a random order would give on average. So a model
    that scores everything alike gets ``K / N``. Scores nearer to each other than float32 can tell
    count as the same.

    The corpus is embedded once an evaluation, not once a batch. Training batches are measured only
    where ``during_training`` is true, each against the corpus embedded anew.

    Args:
        candidates: the corpus, as one of

            - embeddings ``[N, D]``, or a pair of ids ``[N]`` and embeddings;
            - an iterable of such batches, for instance a `tf.data.Dataset` that maps batches of
              features through the candidate tower (with the TensorFlow backend);
            - a function without arguments that returns either, for instance
              ``lambda: item_tower(item_features)``: it embeds with the current weights on every
              backend;
            - a top-k layer. Ours that are exact give their candidates. Any other is asked for the
              best of each query, which is slower: the ids it finds are compared where
              ``true_candidate_ids`` are given, else its scores, if it is exact.
        ks: the values of ``K``.
        name: the first part of the names.
        during_training: measure training batches too.

    The results are called ``factorized_top_k/top_1_categorical_accuracy`` and so on; each is one of
    `metrics`. Arrays, lists of them and generators are read once, when the metric is made. All else
    is read again by `reset_state` (also by that of the first of `metrics`), which is at the
    beginning of each evaluation and epoch; once `refresh` has been called from outside, only by
    `refresh`. The number of candidates must stay the same.

    Where ids are given on both sides, a query's true candidate is the one with its id, and a miss
    if there is none. Otherwise its own embedding is scored.

    >>> import numpy as np
    >>> metric = FactorizedTopK(np.eye(4, dtype="float32"), ks=(1, 2))
    >>> metric.update_state(np.eye(4, dtype="float32")[:2], np.eye(4, dtype="float32")[[0, 2]])
    >>> [round(float(value), 3) for value in metric.result().values()]
    [0.5, 0.667]
    """

    def __init__(
        self,
        candidates: Any,
        ks: Sequence[int] = (1, 5, 10, 50, 100),
        name: str = "factorized_top_k",
        *,
        during_training: bool = False,
    ) -> None:
        super().__init__(name=name)
        if not ks or any(k < 1 for k in ks):
            raise ConfigError(f"FactorizedTopK expected ks of 1 or more; received {ks!r}.")
        self.during_training = during_training
        self._ks = tuple(int(k) for k in ks)
        self._shares = [
            _Share(f"{name}/top_{k}_categorical_accuracy", dtype="float32") for k in self._ks
        ]
        is_layer = hasattr(candidates, "is_exact")
        gives = is_layer and candidates.is_exact() and hasattr(candidates, "corpus")
        self._finder = candidates if is_layer and not gives else None
        self._source = candidates.corpus if gives else candidates
        self._is_static = not is_layer and _never_changes(candidates)
        if not self._is_static:
            self._shares[0].before_reset = self._load_anew
        self._refreshed_outside = False
        self._corpus: _Corpus | None = None
        if self._is_static:
            self._load()
            self._source = None

    def refresh(self) -> None:
        """Embed the corpus with the weights as they are now."""
        self._refreshed_outside = True
        self._load()

    def update_state(
        self,
        query_embeddings: Tensor,
        true_candidate_embeddings: Tensor,
        true_candidate_ids: Tensor | None = None,
        sample_weight: Tensor | None = None,
        *,
        training: bool | None = False,
    ) -> None:
        """Count one batch.

        Args:
            query_embeddings: ``[B, D]``.
            true_candidate_embeddings: ``[B, D]``, the candidate chosen for each query.
            true_candidate_ids: ``[B]`` or ``[B, 1]``, its id; or None.
            sample_weight: ``[B]``, 1 by default.
            training: whether the weights change from batch to batch, so that the corpus must be
                embedded for this batch alone.

        Raises:
            ConfigError: the top-k layer is not exact and ``true_candidate_ids`` are missing.
        """
        queries = ops.stop_gradient(ops.cast(query_embeddings, "float32"))
        positives = ops.stop_gradient(ops.cast(true_candidate_embeddings, "float32"))
        if self._finder is not None:
            hits = self._found(self._finder, _band(queries, positives), true_candidate_ids)
        elif training and not self._is_static:
            band = _band(queries, positives)
            hits = self._hit(band, self._count_anew(band))
        else:
            hits = self._against_corpus(queries, positives, true_candidate_ids)
        if sample_weight is not None:
            sample_weight = ops.reshape(ops.cast(sample_weight, "float32"), (-1,))
        for share, column in zip(self._shares, ops.unstack(hits, axis=1), strict=True):
            share.update_state(column, sample_weight)

    def _load_anew(self) -> None:
        if not self._refreshed_outside and not _in_stateless_scope():
            self._load()

    def _load(self) -> None:
        if self._finder is not None:
            return
        ids, embeddings = _joined(self._source)
        if self._corpus is None:
            self._corpus = _Corpus.of(self._shares[0], ids, embeddings)
        self._corpus.assign(ids, embeddings)

    def _against_corpus(self, queries: Tensor, positives: Tensor, ids: Tensor | None) -> Tensor:
        if self._corpus is None and not _in_stateless_scope() and not _in_graph(queries):
            self._load()
        if self._corpus is None:
            # A model is being built, on shapes alone: there is nothing to count yet.
            return ops.full((ops.shape(queries)[0], len(self._ks)), float("nan"))
        known = None
        if ids is not None and self._corpus.ids is not None:
            positives, known = self._corpus.rows_of(ids)
        band = _band(queries, positives)
        table = ops.convert_to_tensor(self._corpus.embeddings)
        counts = count(band.queries, table, band.low, band.high, max(self._ks))
        return self._hit(band, counts, known)

    def _count_anew(self, band: _Band) -> tuple[Tensor, Tensor]:
        """Count over candidates embedded inside the step."""
        none = ops.zeros_like(band.low, dtype="int32")

        def added(counts: tuple[Tensor, Tensor], batch: Any) -> tuple[Tensor, Tensor]:
            _, embeddings = _parts(batch)
            some = ops.cast(embeddings, "float32")
            above, reached = count(band.queries, some, band.low, band.high, max(self._ks))
            return counts[0] + above, counts[1] + reached

        source = self._source() if callable(self._source) else self._source
        if _is_dataset(source):
            if keras.backend.backend() != "tensorflow":
                raise ConfigError(
                    "FactorizedTopK(during_training=True) reads a tf.data.Dataset with the "
                    f"TensorFlow backend alone; received one with {keras.backend.backend()!r}. "
                    "Give a function that returns embeddings, such as lambda: tower(features)."
                )
            return source.reduce((none, none), added)
        counts = (none, none)
        for batch in _batches(source):
            counts = added(counts, batch)
        return counts

    def _hit(self, band: _Band, counts: Any, known: Tensor | None = None) -> Tensor:
        """``[B, len(ks)]``, from how many candidates score above, and how many reach, the true."""
        above, reached = (ops.cast(value, "float32")[:, None] for value in counts)
        places = ops.convert_to_tensor(self._ks, "float32") - above
        hits = ops.clip(places / ops.maximum(reached - above, 1.0), 0.0, 1.0)
        valid = ops.isfinite(band.low)
        if known is not None:
            valid = ops.logical_and(valid, known)
        return ops.where(valid[:, None], hits, 0.0)

    def _found(self, finder: Any, band: _Band, ids: Tensor | None) -> Tensor:
        """Hits by the ids that a layer returns, best first, or by its scores."""
        if ids is None and not finder.is_exact():
            raise ConfigError(
                f"The top-k layer {finder!r} is not exact, so FactorizedTopK compares ids; "
                "received no true_candidate_ids. Pass candidate_ids to the Retrieval task."
            )
        scores, found = finder(band.queries, k=max(self._ks))
        if ids is None:
            above = ops.sum(ops.cast(scores > band.high[:, None], "int32"), axis=1)
            reached = ops.sum(ops.cast(scores >= band.low[:, None], "int32"), axis=1)
            # Of a tie that goes on past the last place no one knows the length: all are misses.
            cut = ops.logical_and(reached == max(self._ks), reached - above > 1)
            return self._hit(band, (above, reached), ops.logical_not(cut))
        same = ops.equal(integer_ids(found), ops.reshape(integer_ids(ids), (-1, 1)))
        # ScaNN fills up with NaN where it finds fewer than k.
        same = ops.cast(ops.logical_and(same, ops.isfinite(scores)), "float32")
        return ops.stack([ops.max(same[:, :k], axis=1) for k in self._ks], axis=1)


class _Share(keras.metrics.Mean):
    """The share of hits for one ``K``, which Keras finds, resets and reports.

    The first one also holds the corpus, whose variables must be among those of a metric.
    """

    before_reset: Callable[[], None] | None = None

    def reset_state(self) -> None:
        """Set the counts back, and embed the corpus anew where that is asked for."""
        if self.before_reset is not None:
            self.before_reset()
        self.total.assign(0)
        self.count.assign(0)


class _Band(NamedTuple):
    """Queries ``[B, D]``; between ``low`` and ``high`` ``[B]`` a score ties with the true one's."""

    queries: Tensor
    low: Tensor
    high: Tensor


def _band(queries: Tensor, positives: Tensor) -> _Band:
    """The positive's score, give or take what adding up in another order can change in float32."""
    products = queries * positives
    score = ops.sum(products, axis=1)
    rounding = 4.0 * math.sqrt(queries.shape[1]) * float(np.finfo(np.float32).eps) / 2.0
    slack = rounding * ops.sum(ops.abs(products), axis=1)
    return _Band(queries, score - slack, score + slack)


class _Corpus:
    """The embedded candidates, in variables of the metric: they enter a compiled step as inputs."""

    def __init__(self, embeddings: Any, ids: Any, order: Any) -> None:
        self.embeddings, self.ids, self.order = embeddings, ids, order

    @classmethod
    def of(cls, metric: Any, ids: np.ndarray | None, embeddings: Tensor) -> _Corpus:
        def variable(shape: Any, dtype: str, name: str) -> Any:
            return metric.add_variable(
                tuple(shape), "zeros", dtype, aggregation="only_first_replica", name=name
            )

        table = variable(embeddings.shape, "float32", "candidates")
        if ids is None:
            return cls(table, None, None)
        wide = "int32" if keras.backend.backend() == "jax" else "int64"
        return cls(table, variable(ids.shape, wide, "ids"), variable(ids.shape, "int32", "order"))

    def assign(self, ids: np.ndarray | None, embeddings: Tensor) -> None:
        before, now = tuple(self.embeddings.shape), tuple(embeddings.shape)
        if before != now or (ids is None) != (self.ids is None):
            raise DataError(
                f"FactorizedTopK expected a corpus of shape {before}, as at first, with ids or "
                f"without as then; received {now}. Make a new metric for another corpus."
            )
        # JAX would share the buffer with whose it is, and a compiled step consumes its variables.
        shared = keras.backend.backend() == "jax"
        self.embeddings.assign(ops.copy(embeddings) if shared else embeddings)
        if ids is not None:
            order = np.argsort(ids, kind="stable")
            self.ids.assign(ids[order])
            self.order.assign(order)

    def rows_of(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """The embeddings ``[B, D]`` with these ids, and ``[B]`` whether there are any."""
        sought = ops.cast(ops.reshape(integer_ids(ids), (-1,)), self.ids.dtype)
        place = ops.searchsorted(ops.convert_to_tensor(self.ids), sought)
        place = ops.minimum(ops.cast(place, "int32"), self.ids.shape[0] - 1)
        known = ops.equal(ops.take(self.ids, place), sought)
        return ops.take(self.embeddings, ops.take(self.order, place), axis=0), known


def _never_changes(source: Any) -> bool:
    """Whether a corpus is read once: arrays, or batches that cannot be asked for again."""
    if isinstance(source, tuple | list):
        return all(map(_never_changes, source))
    if isinstance(source, keras.Variable):
        return False
    return hasattr(source, "shape") or isinstance(source, Iterator)


def _is_dataset(value: Any) -> bool:
    return hasattr(value, "element_spec")


def _in_graph(tensor: Any) -> bool:
    return keras.backend.backend() == "tensorflow" and not hasattr(tensor, "numpy")


def _in_stateless_scope() -> bool:
    with keras.StatelessScope() as scope:
        return scope.original_scope is not None


def _batches(source: Any) -> Iterator[Any]:
    """The batches of a corpus that is one batch, or an iterable of them."""
    if hasattr(source, "shape") or _is_pair(source):
        yield source
    else:
        yield from source


def _is_pair(value: Any) -> bool:
    if not isinstance(value, tuple) or len(value) != 2:
        return False
    return all(hasattr(x, "shape") for x in value) and len(value[0].shape) == 1


def _parts(batch: Any) -> tuple[Any, Any]:
    """Ids (or None) and embeddings of a batch."""
    ids, embeddings = batch if isinstance(batch, tuple) else (None, batch)
    if len(embeddings.shape) != 2:
        raise DataError(
            "FactorizedTopK expected batches of embeddings [N, D], or of ids [N] and embeddings; "
            f"received a batch of shape {tuple(embeddings.shape)}."
        )
    return ids, embeddings


def _comparable(ids: Any) -> bool:
    """False for strings where a compiled step cannot hold any, so that none will be asked for."""
    words = isinstance(ids, np.ndarray) and ids.dtype.kind in "OSUT"
    return not words or keras.backend.backend() == "tensorflow"


def _joined(source: Any) -> tuple[np.ndarray | None, Tensor]:
    """All ids, as integers, and all embeddings of a corpus."""
    parts = [_parts(batch) for batch in _batches(source() if callable(source) else source)]
    if not parts:
        raise DataError("FactorizedTopK expected candidates; received an empty corpus.")
    tensors = [ops.convert_to_tensor(x, "float32") for _, x in parts]
    embeddings = tensors[0] if len(tensors) == 1 else ops.concatenate(tensors)
    if parts[0][0] is None or not _comparable(parts[0][0]):
        return None, embeddings
    ids = np.concatenate([ops.convert_to_numpy(integer_ids(ids)).ravel() for ids, _ in parts])
    return ids, embeddings
