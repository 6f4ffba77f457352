"""The one place with native TensorFlow, JAX and PyTorch code.

Every package that uses Keras imports this package first, so that Keras finds a backend that is
installed. `KERAS_BACKEND` always has the last word.
"""

from shortlist._backend.select import choose_backend

CHOICE = choose_backend()
