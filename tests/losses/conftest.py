"""Gradients on whichever backend runs, and by finite differences in float64."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest


def _backend_gradients(function: Callable[..., Any], *arrays: np.ndarray) -> list[np.ndarray]:
    import keras

    if keras.backend.backend() == "jax":
        import jax

        points = [jax.numpy.array(array) for array in arrays]
        # Compiling takes far longer than these small arrays; `compiled` is there to test that.
        with jax.disable_jit():
            grads = jax.grad(function, argnums=tuple(range(len(arrays))))(*points)
        return [np.asarray(grad) for grad in grads]
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tensors = [tf.constant(array) for array in arrays]
        with tf.GradientTape() as tape:
            for tensor in tensors:
                tape.watch(tensor)
            loss = function(*tensors)
        return [
            np.asarray(tf.convert_to_tensor(grad))
            for grad in tape.gradient(loss, tensors, unconnected_gradients="zero")
        ]
    import torch

    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    function(*tensors).backward()
    return [np.zeros(t.shape) if t.grad is None else t.grad.numpy() for t in tensors]


def _differences(function: Callable[..., float], *arrays: np.ndarray) -> list[np.ndarray]:
    result = []
    points = [np.array(array, dtype=np.float64) for array in arrays]
    for array in points:
        slope = np.zeros_like(array)
        for place in np.ndindex(array.shape):
            middle = array[place]
            array[place] = middle + 1e-5
            above = function(*points)
            array[place] = middle - 1e-5
            slope[place] = (above - function(*points)) / 2e-5
            array[place] = middle
        result.append(slope)
    return result


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    import keras

    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(function, autograph=False)
    return function


@pytest.fixture(scope="session")
def gradients() -> Callable[..., list[np.ndarray]]:
    """``gradients(function, *arrays)``: of a scalar function, on the running backend."""
    return _backend_gradients


@pytest.fixture(scope="session")
def differences() -> Callable[..., list[np.ndarray]]:
    """``differences(function, *arrays)``: central finite differences in float64."""
    return _differences


@pytest.fixture(scope="session")
def compiled() -> Callable[..., Any]:
    """``compiled(function)``: jitted on JAX, a graph on TensorFlow, itself on PyTorch."""
    return _compiled


def _stepping(loss: Callable[..., Any]) -> Callable[..., tuple[float, np.ndarray]]:
    import keras

    if keras.backend.backend() != "jax":
        return lambda labels, scores, weight: (
            float(loss(labels, scores, weight)),
            _backend_gradients(lambda z: loss(labels, z, weight), scores)[0],
        )
    import jax

    # Compiled once for all arrays of a shape: one by one the operations take far longer.
    step = jax.jit(jax.value_and_grad(loss, argnums=1))

    def run(labels: Any, scores: Any, weight: Any) -> tuple[float, np.ndarray]:
        with jax.enable_x64(scores.dtype == np.float64):
            value, grad = step(labels, scores, weight)
            return float(value), np.asarray(grad)

    return run


@pytest.fixture(scope="session")
def stepping() -> Callable[..., Callable[..., tuple[float, np.ndarray]]]:
    """``stepping(loss)(labels, scores, weight)``: value and gradient, in the scores' precision."""
    return functools.cache(_stepping)
