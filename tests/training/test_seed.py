import subprocess
import sys

import numpy as np
import pytest

from shortlist.training import set_seed

pytestmark = pytest.mark.backend


def weights():
    import keras

    set_seed(3)
    model = keras.Sequential([keras.layers.Dense(4), keras.layers.Dropout(0.5)])
    model.compile("adam", "mse")
    x = np.ones((8, 3), "float32")
    model.fit(x, np.ones((8, 4), "float32"), epochs=3, batch_size=4, verbose=0)
    return [keras.ops.convert_to_numpy(w) for w in model.weights]


def test_the_same_seed_gives_the_same_weights():
    for one, other in zip(weights(), weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_tensorflow_is_not_loaded_for_another_backend():
    program = (
        "import sys; from shortlist.training import set_seed; set_seed(1); import keras; "
        "backend = keras.backend.backend(); "
        "print(backend == 'tensorflow' or 'tensorflow' not in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.split()[-1] == b"True"
