from __future__ import annotations

import io

import numpy as np
import pytest
from keras import ops
from rich.console import Console

from shortlist.models import Model
from shortlist.training import Progress

pytestmark = pytest.mark.backend


class Flat(Model):
    def __init__(self):
        super().__init__()
        self.weight = self.add_weight(shape=(), initializer="ones", name="weight")

    def compute_loss(self, features, training=False):
        return self.weight * ops.mean(features["x"])


def shown(terminal):
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=100)
    progress = Progress(4, console=console)
    progress._interval = 0.0
    model = Flat()
    model.compile("sgd")
    model.fit(
        {"x": np.ones(12, "float32")}, batch_size=4, epochs=2, verbose=0, callbacks=[progress]
    )
    return out.getvalue()


def test_a_line_an_epoch_where_there_is_no_terminal():
    lines = shown(terminal=False).splitlines()
    assert [line.split("  ")[0] for line in lines] == ["epoch 1/2", "epoch 2/2"]
    assert all("samples/s" in line and "loss" in line for line in lines)


def test_one_line_on_a_terminal():
    text = shown(terminal=True)
    assert "epoch 2/2" in text
    assert "samples/s" in text
    assert "left" in text
