import numpy as np
import pytest

from shortlist.bundle.formats import array_places, map_array, write_arrays
from shortlist.errors import BundleError, DataError
from shortlist.inference import Graph, Session

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

TABLE = np.arange(12, dtype=np.float32).reshape(4, 3)


@pytest.fixture
def path(tmp_path):
    weights = tmp_path / "weights.safetensors"
    # Something of an odd length before it, so that the table starts at an odd place.
    write_arrays(weights, {"a": np.ones(3, np.float32), "b": np.ones(1, np.int64), "table": TABLE})
    graph = Graph("lookup", weights)
    graph.metadata["note"] = "a lookup"
    rows = graph.op("Gather", graph.weight("table"), graph.input("codes", np.int32, ["n"]), axis=0)
    total = graph.op("Add", rows, graph.weight("a"))
    graph.save(tmp_path / "lookup.onnx", total, shape=["n", 3])
    return tmp_path / "lookup.onnx"


def test_it_says_what_it_expects_and_answers(path):
    session = Session(path)
    assert session.inputs["codes"].shape == (None,)
    assert session.inputs["codes"].dtype == np.int32
    assert session.metadata["note"] == "a lookup"
    for codes in ([2, 0], [3], []):
        found = session({"codes": np.array(codes, dtype=np.int64), "other": np.zeros(1)})
        np.testing.assert_array_equal(found, TABLE[np.array(codes, dtype=int)] + 1)


def test_what_it_is_given_is_checked(path):
    session = Session(path, threads=2)
    with pytest.raises(DataError, match=r"input 'codes'; received \['code'\]. Did you mean 'code'"):
        session({"code": np.zeros(1, np.int32)})
    with pytest.raises(DataError, match=r"shape \(None,\).*received \(1, 1\)"):
        session({"codes": np.zeros((1, 1), np.int32)})
    with pytest.raises(DataError, match=r"could not be run.*out of data bounds"):
        session({"codes": np.array([4], np.int32)})


def test_a_damaged_graph_is_refused(path):
    whole = path.read_bytes()
    for damaged in (
        b"",
        b"not a graph",
        whole[: len(whole) // 2],
        whole.replace(b"Gather", b"Lather"),
    ):
        path.write_bytes(damaged)
        with pytest.raises(BundleError, match="not a graph that ONNX Runtime can run"):
            Session(path)


def test_weights_that_are_cut_off_or_gone_are_refused(path):
    weights = path.parent / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8])
    with pytest.raises(BundleError, match="not a graph that ONNX Runtime can run"):
        Session(path)
    weights.unlink()
    with pytest.raises(BundleError, match="not a graph that ONNX Runtime can run"):
        Session(path)


def test_a_graph_lies_beside_its_weights_and_names_what_is_in_them(path, tmp_path):
    graph = Graph("other", tmp_path / "weights.safetensors")
    for key in ("tables", "b"):
        with pytest.raises(BundleError, match=f"float32 array {key!r}"):
            graph.weight(key)
    (tmp_path / "sub").mkdir()
    with pytest.raises(BundleError, match="in the folder of its weights"):
        graph.save(tmp_path / "sub" / "x.onnx", graph.weight("table"), shape=[4, 3])


def test_arrays_are_found_and_mapped(path):
    weights = path.parent / "weights.safetensors"
    assert array_places(weights)["table"].shape == (4, 3)
    mapped = map_array(weights, "table")
    np.testing.assert_array_equal(mapped, TABLE)
    assert not mapped.flags.writeable
    with pytest.raises(BundleError, match="float32 array 'b'"):
        map_array(weights, "b")
    weights.write_bytes(b"\xff" * 20)
    with pytest.raises(BundleError, match="not a valid safetensors"):
        array_places(weights)
