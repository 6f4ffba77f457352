"""The compiled scan gives what scoring every row in doubles gives, whatever the data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shortlist.errors import ConfigError, MissingDependencyError
from shortlist.index import Exact, _int8
from shortlist.testing import IndexTests

kernels = pytest.importorskip("shortlist_kernels", reason="pip install ./kernels")
PATHS = kernels.paths()


@pytest.fixture(params=PATHS)
def path(request):
    return request.param


class TestExactInInt8(IndexTests):
    # Plain C, which every machine has, is searched in threads below.
    @pytest.fixture(autouse=True, params=PATHS[:-1] or PATHS)
    def _path(self, request):
        self.kernel = f"int8-{request.param}"

    def make(self):
        return Exact(kernel=self.kernel)


class TestExactInThreads(IndexTests):
    def make(self):
        return Exact(kernel="int8-plain", threads=3)


def packed(vectors):
    pack = kernels.Pack(len(vectors), vectors.shape[1])
    pack.write(0, vectors)
    return [kernels.Part(pack, vectors, len(vectors), 0)]


def best(vectors, query, k):
    """The k best by the product in doubles, then in the order in which floats show them."""
    scores = (vectors.astype(float) * query.astype(float)).sum(axis=1)
    chosen = np.argsort(-scores, kind="stable")[:k]
    shown = scores[chosen].astype(np.float32)
    order = np.lexsort((chosen, -shown))
    return shown[order], chosen[order]


def draw_vectors(draw, kind, n, dim):
    """Data of many shapes; some are as unkind to 8 bits as can be."""
    x = draw.standard_normal((n, dim)).astype(np.float32)
    match kind:
        case "norms":
            x *= np.exp(draw.normal(0, 3, (n, 1))).astype(np.float32)
        case "outlier":
            x[:, 0] *= 1e4
        case "near ties":
            x = (x[:1] + 1e-4 * x).astype(np.float32)
        case "same":
            x[:] = x[0]
        case "sparse":
            x *= draw.random((n, dim)) < 0.1
        case "tiny":
            x *= np.float32(1e-18)
        case "huge":
            x *= np.float32(1e15)
        case "ascending":
            x = np.sort(np.abs(x), axis=0)
    return x


KINDS = ["plain", "norms", "outlier", "near ties", "same", "sparse", "tiny", "huge", "ascending"]


@settings(deadline=None, max_examples=60)
@given(
    kind=st.sampled_from(KINDS),
    query_kind=st.sampled_from(KINDS),
    n=st.integers(1, 3000),
    dim=st.integers(1, 70),
    batch=st.integers(1, 9),
    k=st.integers(1, 40),
    seed=st.integers(0, 2**32 - 1),
)
def test_it_is_the_search_of_every_row(kind, query_kind, n, dim, batch, k, seed):
    draw = np.random.default_rng(seed)
    vectors = draw_vectors(draw, kind, n, dim)
    queries = draw_vectors(draw, query_kind, batch, dim)
    expected = [best(vectors, query, k) for query in queries]
    for name in PATHS:
        scores, rows = kernels.scan(packed(vectors), queries, k, path=name)
        found = min(k, n)
        assert (rows[:, :found] == np.array([e[1] for e in expected])).all(), name
        np.testing.assert_allclose(scores[:, :found], [e[0] for e in expected], rtol=1e-6)
        assert (scores[:, found:] == -np.inf).all()


def test_rows_may_be_written_in_pieces(path):
    x = np.random.default_rng(0).standard_normal((3000, 10)).astype(np.float32)
    pack = kernels.Pack(3000, 10)
    for start in range(0, 3000, 77):
        pack.write(start, x[start : start + 77])
    whole = kernels.scan(packed(x), x[:5], 20, path=path)
    pieces = kernels.scan([kernels.Part(pack, x, 3000, 0)], x[:5], 20, path=path)
    parts = [kernels.Part(pack, x, 2048, 0), kernels.Part(pack, x, 3000, 2048, 2048)]
    for other in (pieces, kernels.scan(parts, x[:5], 20, path=path)):
        assert all((a == b).all() for a, b in zip(whole, other, strict=True))


def test_threads_find_the_same():
    x = np.random.default_rng(0).standard_normal((9000, 12)).astype(np.float32)
    one, many = (Exact(kernel="int8-plain", threads=n).build(x, np.arange(9000)) for n in (1, 4))
    for index in (one, many):
        index.upsert(x[:900] * 2, np.arange(900))
        index.remove(np.arange(5000, 5100))
    found, other = (index.search(x[:7], 30) for index in (one, many))
    assert found.lists() == other.lists()
    assert (found.scores == other.scores).all()


def test_what_is_handed_to_c_is_checked(path):
    x = np.ones((4, 3), dtype=np.float32)
    parts = packed(x)
    wrong = [
        lambda: kernels.scan(parts, x[:, :2], 1),
        lambda: kernels.scan(parts, x.astype(float), 1),
        lambda: kernels.scan(parts, x, 0),
        lambda: kernels.scan(parts, x, 1, path="mmx"),
        lambda: kernels.scan(parts, x, 1, hidden=np.zeros(3, dtype=bool)),
        lambda: kernels.scan(parts, x, 1, denied=(np.array([0, 1]), np.array([1]))),
        lambda: kernels.scan(parts, x, 1, denied=(np.array([0, 1, 2, 3, 9]), np.array([1]))),
        lambda: parts[0].pack.write(1023, x),
        lambda: kernels.scan([kernels.Part(parts[0].pack, x, 5, 0)], x, 1),
        lambda: kernels.scan([kernels.Part(parts[0].pack, x, 4, 0, 3)], x, 1),
    ]
    for use in wrong:
        with pytest.raises(ValueError, match=r"Expected|fit|part"):
            use()


def test_the_kernel_can_be_chosen_and_is_told():
    built = Exact(kernel="int8-plain", threads=2).build(np.eye(3), [1, 2, 3])
    stats = built.stats()
    assert (stats["kernel"], stats["threads"]) == ("int8-plain", 2)
    assert stats["code_bytes"] > 0
    assert Exact(kernel="numpy").build(np.eye(3), [1, 2, 3]).stats()["kernel"] == "numpy"
    assert Exact().kernel == _int8.installed()[0]
    with pytest.raises(ConfigError, match="mmx"):
        Exact(kernel="mmx")
    with pytest.raises(ConfigError, match="threads"):
        Exact(threads=0)


def test_without_the_package_numpy_is_used(monkeypatch):
    monkeypatch.setattr(_int8, "_compiled", lambda: ())
    assert Exact().kernel == "numpy"
    for kernel in ("int8", "int8-plain"):
        with pytest.raises(MissingDependencyError, match="shortlist-kernels"):
            Exact(kernel=kernel)
