import numpy as np
import pytest

from shortlist.data import Batches
from shortlist.models import Model
from shortlist.training import BatchDataset

pytestmark = pytest.mark.backend


def batches():
    return Batches({"x": np.arange(10, dtype="float32")}, 3, seed=1)


def test_epochs_are_those_of_the_batches():
    dataset = BatchDataset(batches())
    for epoch in range(3):
        seen = [dataset[i][0]["x"].tolist() for i in range(len(dataset))]
        assert seen == [batch["x"].tolist() for batch in batches().stream(epoch)]
        dataset.on_epoch_end()


def test_any_order_gives_the_same_batches():
    dataset = BatchDataset(batches(), epoch=4)
    expected = [batch["x"].tolist() for batch in batches().stream(4)]
    for index in (2, 0, 1, 3, 0, 3, 1):
        assert dataset[index][0]["x"].tolist() == expected[index]


class Recording(Model):
    def __init__(self):
        super().__init__()
        self.scale = self.add_weight(shape=(), initializer="ones", name="scale")

    def compute_loss(self, features, training=False):
        return self.scale * features["x"][0]


@pytest.mark.parametrize("shuffle", [False, True])
def test_fit_sees_every_batch_of_every_epoch(shuffle):
    model = Recording()
    model.compile("sgd")
    history = model.fit(BatchDataset(batches()), epochs=2, verbose=0, shuffle=shuffle)
    assert len(history.history["loss"]) == 2


def test_a_look_at_the_first_batch_begins_no_epoch():
    dataset = BatchDataset(batches())
    first = dataset[0][0]["x"].tolist()
    dataset.on_epoch_end()
    assert dataset.epoch == 0
    assert dataset[0][0]["x"].tolist() == first


def test_skipped_batches_are_asked_for_and_not_made():
    dataset = BatchDataset(batches())
    dataset.start_epoch(2, skip=2)
    seen = [dataset[i][0]["x"].tolist() for i in range(len(dataset))]
    expected = [batch["x"].tolist() for batch in batches().stream(2)]
    assert seen[2:] == expected[2:]
