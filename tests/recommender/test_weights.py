import os
import subprocess
import sys


def test_keras_is_loaded_on_the_backend_the_library_chooses():
    program = (
        "from shortlist.recommender.weights import load_keras\n"
        "keras = load_keras()\n"
        "from shortlist._backend import CHOICE\n"
        "print(keras.backend.backend() == CHOICE.name)"
    )
    environment = {k: v for k, v in os.environ.items() if k != "KERAS_BACKEND"}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, env=environment
    )
    assert done.stdout.split()[-1] == b"True"
