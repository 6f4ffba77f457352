from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.backend

PROGRAM = """
import shortlist.tfrs
shortlist.tfrs.install_alias()
shortlist.tfrs.install_alias()
import tensorflow_recommenders as tfrs
import tensorflow_recommenders.experimental.optimizers.clippy_adagrad as clippy
from tensorflow_recommenders.layers.embedding import tpu_embedding_layer
from tensorflow_recommenders.layers.feature_interaction.dcn import Cross
assert tfrs is shortlist.tfrs
assert tfrs.layers.dcn.Cross is Cross
assert tfrs.tasks.Retrieval is shortlist.tfrs.tasks.Retrieval
assert shortlist.tfrs.tasks.__spec__.name == 'shortlist.tfrs.tasks'
try:
    import tensorflow_recommenders.nothing
except ModuleNotFoundError as error:
    assert error.name == 'tensorflow_recommenders.nothing'
else:
    raise SystemExit('found nothing')
"""
REAL_ONE = """
import sys, types
real = types.ModuleType('tensorflow_recommenders')
real.__file__ = 'there.py'
sys.modules['tensorflow_recommenders'] = real
import shortlist.tfrs
from shortlist.errors import ConfigError
try:
    shortlist.tfrs.install_alias()
except ConfigError as error:
    assert 'there.py' in str(error)
else:
    raise SystemExit('not refused')
"""


@pytest.mark.parametrize("program", [PROGRAM, REAL_ONE], ids=["unchanged", "refused"])
def test_in_a_process_of_its_own(program):
    child = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=os.environ.copy(),
    )
    assert child.returncode == 0, child.stderr
