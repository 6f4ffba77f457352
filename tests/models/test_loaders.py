"""Data from elsewhere as the input of ``fit``: PyTorch loaders, grain, DuckDB."""

from __future__ import annotations

import keras
import numpy as np
import polars
import pytest
from keras import ops

from shortlist._backend.loaders import in_tuples
from shortlist.layers import Embedding
from shortlist.models import Model

pytestmark = [
    pytest.mark.backend,
    # Keras says so of every set of data whose length it learns by going through it.
    pytest.mark.filterwarnings("ignore:Your input ran out of data"),
]

ROWS, BATCH = 64, 32


class Dot(Model):
    def __init__(self, pairs=False):
        super().__init__()
        self.pairs = pairs
        self.users = Embedding(11, 3)
        self.items = Embedding(13, 3)
        self.count = keras.metrics.Sum(name="rows")

    def compute_loss(self, features, training=False):
        features, rating = features if self.pairs else (features, features["rating"])
        scores = ops.sum(self.users(features["user"]) * self.items(features["item"]), axis=-1)
        self.count.update_state(ops.ones_like(rating))
        return ops.mean((scores - ops.cast(rating, "float32")) ** 2)


@pytest.fixture(scope="module")
def data():
    draw = np.random.default_rng(0)
    return {
        "user": draw.integers(0, 11, ROWS).astype("int32"),
        "item": draw.integers(0, 13, ROWS).astype("int32"),
        "rating": draw.normal(size=ROWS).astype("float32"),
    }


class Rows:
    """Single rows, as PyTorch and grain ask for them: dicts, or features and labels."""

    def __init__(self, data, pairs):
        self.data, self.pairs = data, pairs

    def __len__(self):
        return ROWS

    def __getitem__(self, place):
        if not 0 <= place < ROWS:
            raise IndexError(place)
        row = {name: column[place] for name, column in self.data.items()}
        return (row, row.pop("rating")) if self.pairs else row


def trained(source, pairs=False, **options):
    keras.utils.set_random_seed(3)
    model = Dot(pairs)
    model.compile(keras.optimizers.Adagrad(0.1))
    logs = model.fit(source, epochs=2, shuffle=False, verbose=0, **options).history
    return [ops.convert_to_numpy(v) for v in model.trainable_variables], logs


@pytest.fixture(scope="module")
def check(data):
    """Check that a source trains as the arrays do, on every row of both epochs."""
    expected, told = trained(data, batch_size=BATCH, validation_data=data)

    def compare(source, pairs=False, **options):
        found, logs = trained(source, pairs, validation_data=source, **options)
        for one, other in zip(expected, found, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
        assert logs["rows"] == logs["val_rows"] == [ROWS, ROWS]
        assert logs["val_loss"] == pytest.approx(told["val_loss"], rel=1e-5)

    return compare


@pytest.mark.parametrize("pairs", [False, True])
def test_pytorch_loaders(check, data, pairs):
    utils = pytest.importorskip("torch.utils.data")
    check(utils.DataLoader(Rows(data, pairs), batch_size=BATCH), pairs)


@pytest.mark.slow
def test_a_pytorch_loader_without_a_length(check, data):
    utils = pytest.importorskip("torch.utils.data")

    class Stream(utils.IterableDataset):
        def __iter__(self):
            return iter(Rows(data, pairs=False))

    check(utils.DataLoader(Stream(), batch_size=BATCH))


def test_a_wrapped_loader_answers_as_itself(data):
    utils = pytest.importorskip("torch.utils.data")
    loader = utils.DataLoader(Rows(data, pairs=False), batch_size=BATCH)
    wrapped = in_tuples(loader)
    assert isinstance(wrapped, utils.DataLoader)
    assert (len(wrapped), wrapped.batch_size, wrapped.dataset) == (2, BATCH, loader.dataset)
    assert all(type(batch) is tuple for batch in wrapped)
    assert in_tuples(data) is data


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "pairs"), [("map", True), ("iter", False), ("loader", False)])
def test_grain(check, data, kind, pairs):
    grain = pytest.importorskip("grain")
    rows = Rows(data, pairs)
    if kind == "loader":
        order = grain.samplers.IndexSampler(
            ROWS, num_epochs=1, shuffle=False, shard_options=grain.sharding.NoSharding()
        )
        batch = [grain.transforms.Batch(BATCH)]
        source = grain.DataLoader(data_source=rows, sampler=order, operations=batch)
    else:
        source = grain.MapDataset.source(rows).batch(BATCH)
        source = source.to_iter_dataset() if kind == "iter" else source
    check(source, pairs)


def test_a_duckdb_query(check, data):
    duckdb = pytest.importorskip("duckdb")
    events = polars.DataFrame(data)  # noqa: F841  (found by its name)
    found = duckdb.sql("select * from events").fetchnumpy()
    check(found, batch_size=BATCH)


def test_a_loader_to_evaluate(data):
    utils = pytest.importorskip("torch.utils.data")
    model = Dot()
    model.compile("sgd")
    loader = utils.DataLoader(Rows(data, pairs=False), batch_size=BATCH)
    assert model.evaluate(loader, verbose=0, return_dict=True)["rows"] == ROWS
