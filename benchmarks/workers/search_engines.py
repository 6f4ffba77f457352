"""One engine over given vectors: build it, tune it, time it on one query and on batches."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import serve


def make(
    folder: str, engine: str, recall: float, singles: int, batches: int, clock: str = "cpu"
) -> Callable[[], Any]:
    import numpy as np

    k, batch = 100, 256
    now = time.perf_counter if clock == "wall" else time.process_time
    vectors = np.load(Path(folder) / "vectors.npy")
    queries = np.load(Path(folder) / "queries.npy")
    truth = np.load(Path(folder) / "truth.npy")
    # Tuned on some, judged on others.
    half = len(queries) // 2
    before = _resident(), time.process_time()
    made = ENGINES[engine](vectors)
    built = time.process_time() - before[1]
    tune = getattr(made, "tune", None)
    settings = tune(queries[:half], truth[:half], recall, k) if tune else {}
    asked, true = queries[half:], truth[half:]
    times: dict[str, list[float]] = {"one": [], "batch": []}

    def run() -> Callable[[], dict[str, Any]]:
        began = now()
        for query in asked[:singles]:
            made.search(query[None], k)
        times["one"].append((now() - began) / singles)
        starts = range(0, min(batches * batch, len(asked)), batch)
        blocks = [asked[start : start + batch] for start in starts]
        began = now()
        found = [made.search(block, k) for block in blocks]
        times["batch"].append((now() - began) / sum(map(len, blocks)))

        def finish() -> dict[str, Any]:
            rows = np.concatenate(found)
            hits = [np.isin(t, r).mean() for t, r in zip(true, rows, strict=False)]
            return {
                "recall": float(np.mean(hits)),
                "worst": float(np.min(hits)),
                "build": built,
                "memory": _resident() - before[0],
                "settings": settings,
                **{name: 1e3 * statistics.median(values) for name, values in times.items()},
            }

        return finish

    return run


class OurExact:
    def __init__(self, vectors: Any) -> None:
        import numpy as np

        from shortlist.index import Exact

        self.index = Exact().build(vectors, np.arange(len(vectors)))
        self.search(vectors[:1], 1)

    def search(self, queries: Any, k: int) -> Any:
        return self.index.search(queries, k).ids


class OurNumpy(OurExact):
    def __init__(self, vectors: Any) -> None:
        import numpy as np

        from shortlist.index import Exact

        self.index = Exact(kernel="numpy").build(vectors, np.arange(len(vectors)))


class OurThreads(OurExact):
    def __init__(self, vectors: Any) -> None:
        import numpy as np

        from shortlist.index import Exact

        self.index = Exact(threads=2).build(vectors, np.arange(len(vectors)))


class OurSharded(OurExact):
    def __init__(self, vectors: Any) -> None:
        import numpy as np

        from shortlist.index import Exact, Sharded

        self.index = Sharded(Exact, shards=2).build(vectors, np.arange(len(vectors)))
        self.search(vectors[:1], 1)


class OurFaiss(OurExact):
    name = "Faiss"

    def __init__(self, vectors: Any) -> None:
        import numpy as np

        from shortlist import index

        self.index = getattr(index, self.name)(kind="ivf").build(vectors, np.arange(len(vectors)))

    def tune(self, queries: Any, truth: Any, recall: float, k: int) -> dict[str, Any]:
        tuning = self.index.tune(recall, k, queries, sample=len(queries))
        return {"searched": tuning.chosen.searched, "rescored": tuning.chosen.rescored}


class OurScann(OurFaiss):
    name = "Scann"


class Numpy:
    """The whole product, then a partition."""

    def __init__(self, vectors: Any) -> None:
        self.vectors = vectors

    def search(self, queries: Any, k: int) -> Any:
        import numpy as np

        scores = queries @ self.vectors.T
        columns = np.argpartition(scores, -k, axis=1)[:, -k:]
        order = np.argsort(-np.take_along_axis(scores, columns, axis=1), axis=1)
        return np.take_along_axis(columns, order, axis=1)


class Tuned:
    """A peer with two settings, found by the same procedure as ours."""

    parts = 1

    def tune(self, queries: Any, truth: Any, recall: float, k: int) -> dict[str, Any]:
        from shortlist.index.tuning import tuned

        answers = {query.tobytes(): row for query, row in zip(queries, truth, strict=True)}

        def search(block: Any, trial: Any) -> Any:
            import numpy as np

            if trial is None:
                return np.stack([answers[query.tobytes()] for query in block])
            self.use(trial.searched, trial.rescored, k)
            return self.search(block, k)

        found = tuned(search, queries, self.parts, recall=recall, k=k, batch=256).chosen
        self.use(found.searched, found.rescored, k)
        return {"searched": found.searched, "rescored": found.rescored}

    def use(self, searched: int, rescored: float, k: int) -> None:
        raise RuntimeError

    def search(self, queries: Any, k: int) -> Any:
        raise RuntimeError


def _faiss() -> Any:
    import faiss

    faiss.omp_set_num_threads(1)
    faiss.cvar.distance_compute_blas_threshold = 1280
    return faiss


class FaissFlat:
    def __init__(self, vectors: Any) -> None:
        self.index = _faiss().IndexFlatIP(vectors.shape[1])
        self.index.add(vectors)

    def search(self, queries: Any, k: int) -> Any:
        return self.index.search(queries, k)[1]


class FaissParts(Tuned):
    def __init__(self, vectors: Any) -> None:
        faiss = _faiss()
        dim = vectors.shape[1]
        self.parts = round(2 * len(vectors) ** 0.5)
        base = faiss.index_factory(dim, f"IVF{self.parts},PQ{dim}x4fs", faiss.METRIC_INNER_PRODUCT)
        base.by_residual = True
        self.index = faiss.IndexRefineFlat(base)
        self.index.train(vectors)
        self.index.add(vectors)
        self.base = base

    def use(self, searched: int, rescored: float, k: int) -> None:
        faiss = _faiss()
        inner = faiss.SearchParametersIVF(nprobe=searched)
        self.told = faiss.IndexRefineSearchParameters(k_factor=rescored, base_index_params=inner)

    def search(self, queries: Any, k: int) -> Any:
        return self.index.search(queries, k, params=self.told)[1]


class ScannBruteForce:
    def __init__(self, vectors: Any) -> None:
        self.searcher = self.builder(vectors).score_brute_force().build()

    @staticmethod
    def builder(vectors: Any) -> Any:
        from shortlist.index.scann import load_scann

        return load_scann().builder(vectors, 100, "dot_product")

    def search(self, queries: Any, k: int) -> Any:
        if len(queries) == 1:
            return self.searcher.search(queries[0], final_num_neighbors=k)[0][None]
        return self.searcher.search_batched(queries, final_num_neighbors=k)[0]


class ScannParts(Tuned):
    def __init__(self, vectors: Any) -> None:
        self.parts = round(2 * len(vectors) ** 0.5)
        builder = ScannBruteForce.builder(vectors).tree(
            self.parts, self.parts, training_sample_size=min(len(vectors), 128 * self.parts)
        )
        coded = builder.score_ah(1, anisotropic_quantization_threshold=0.2)
        self.searcher = coded.reorder(800).build()

    def use(self, searched: int, rescored: float, k: int) -> None:
        self.told = {
            "leaves_to_search": searched,
            "pre_reorder_num_neighbors": round(rescored * k),
        }

    def search(self, queries: Any, k: int) -> Any:
        told = {**self.told, "final_num_neighbors": k}
        if len(queries) == 1:
            return self.searcher.search(queries[0], **told)[0][None]
        return self.searcher.search_batched(queries, **told)[0]


class Hnswlib(Tuned):
    parts = 2000

    def __init__(self, vectors: Any) -> None:
        import hnswlib

        self.index = hnswlib.Index(space="ip", dim=vectors.shape[1])
        self.index.init_index(len(vectors), ef_construction=200, M=32)
        self.index.add_items(vectors, num_threads=1)
        self.index.set_num_threads(1)

    def use(self, searched: int, rescored: float, k: int) -> None:
        self.index.set_ef(max(searched, k))

    def search(self, queries: Any, k: int) -> Any:
        return self.index.knn_query(queries, k)[0].astype("int64")


class Usearch(Tuned):
    parts = 2000

    def __init__(self, vectors: Any) -> None:
        import numpy as np
        from usearch.index import Index

        self.index = Index(ndim=vectors.shape[1], metric="ip", connectivity=32)
        self.index.add(np.arange(len(vectors)), vectors, threads=1)

    def use(self, searched: int, rescored: float, k: int) -> None:
        self.index.expansion_search = max(searched, k)

    def search(self, queries: Any, k: int) -> Any:
        import numpy as np

        keys = self.index.search(queries, k, threads=1).keys
        return np.atleast_2d(keys).astype(np.int64)


class TfrsBruteForce:
    def __init__(self, vectors: Any) -> None:
        import tensorflow_recommenders as tfrs

        self.layer = tfrs.layers.factorized_top_k.BruteForce(k=100).index(vectors)

    def search(self, queries: Any, k: int) -> Any:
        return self.layer(queries, k=k)[1].numpy()


class TfrsStreaming:
    def __init__(self, vectors: Any) -> None:
        import tensorflow as tf
        import tensorflow_recommenders as tfrs

        items = tf.data.Dataset.from_tensor_slices(vectors).batch(4096).cache()
        self.layer = tfrs.layers.factorized_top_k.Streaming(k=100).index_from_dataset(items)

    def search(self, queries: Any, k: int) -> Any:
        return self.layer(queries, k=k)[1].numpy()


ENGINES: dict[str, Any] = {
    "Exact": OurExact,
    "Exact, NumPy": OurNumpy,
    "Exact, 2 threads": OurThreads,
    "Sharded, 2 processes": OurSharded,
    "Faiss": OurFaiss,
    "Scann": OurScann,
    "NumPy": Numpy,
    "raw faiss flat": FaissFlat,
    "raw faiss": FaissParts,
    "ScaNN brute force": ScannBruteForce,
    "raw ScaNN": ScannParts,
    "hnswlib": Hnswlib,
    "usearch": Usearch,
    "TFRS BruteForce": TfrsBruteForce,
    "TFRS Streaming": TfrsStreaming,
}


def _resident() -> float:
    """Megabytes that are resident now, without what is mapped from files."""
    fields = dict(
        line.split(":", 1)
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    )
    return int(fields["RssAnon"].split()[0]) / 1024


if __name__ == "__main__":  # the processes of Sharded read this file as well
    serve(make)
