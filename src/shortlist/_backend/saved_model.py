"""Top-k layers and models as functions of a TensorFlow SavedModel, and the writing of one."""

from __future__ import annotations

from typing import Any

import keras

from shortlist.errors import ConfigError

__all__ = ["SavedCall", "describe", "functions", "write"]


def describe(queries: Any) -> Any:
    """The kind and shape of queries as TensorFlow describes them, for batches of any size."""
    import tensorflow as tf  # noqa: PLC0415 - only the framework in use is loaded

    def described(value: Any) -> Any:
        if isinstance(value, keras.InputSpec):
            return tf.TensorSpec(value.shape, value.dtype or "float32", name=value.name)
        if isinstance(value, tf.TensorSpec):
            return value
        if not isinstance(value, keras.KerasTensor):
            value = tf.convert_to_tensor(value)
        return tf.TensorSpec([None, *value.shape[1:]], value.dtype)

    return tf.nest.map_structure(described, queries)


def functions(layer: Any, queries: Any, dtype: Any) -> dict[str, Any]:
    """``serve(queries, k)`` and ``query_with_exclusions(queries, exclusions, k)``.

    ``k`` may be left out of both; in a call of the loaded model it is a scalar tensor.

    Args:
        layer: the layer.
        queries: of `describe`.
        dtype: of the identifiers.
    """
    import tensorflow as tf  # noqa: PLC0415 - only the framework in use is loaded

    count = tf.TensorSpec([], tf.int32, name="k")
    exclusions = tf.TensorSpec([None, None], dtype, name="exclusions")

    @tf.function
    def serve(queries: Any, k: Any = None) -> Any:
        return layer.call(queries, k)

    @tf.function
    def query_with_exclusions(queries: Any, exclusions: Any, k: Any = None) -> Any:
        return type(layer).query_with_exclusions(layer, queries, exclusions, k)

    serve.get_concrete_function(queries)
    serve.get_concrete_function(queries, count)
    query_with_exclusions.get_concrete_function(queries, exclusions)
    query_with_exclusions.get_concrete_function(queries, exclusions, count)
    # As "__call__" TensorFlow lets the loaded object itself be called.
    return {"serve": serve, "__call__": serve, "query_with_exclusions": query_with_exclusions}


def write(layer: Any, path: str, queries: Any, dtype: Any) -> None:
    """Write a SavedModel whose default signature is ``serve`` with the layer's own ``k``.

    Raises:
        ConfigError: what the layer is asked with is not known.
    """
    import tensorflow as tf  # noqa: PLC0415 - only the framework in use is loaded

    if queries is None:
        raise ConfigError(
            "export expected to know what the layer is asked with. Call the layer once, or pass "
            "input_signature=[keras.InputSpec(shape=(None,), dtype='string')] or the like."
        )
    module = tf.Module()
    module.layer = layer
    for name, function in functions(layer, queries, dtype).items():
        setattr(module, name, function)

    @tf.function
    def serving_default(queries: Any) -> dict[str, Any]:
        scores, identifiers = layer.call(queries)
        return {"scores": scores, "identifiers": identifiers}

    signature = serving_default.get_concrete_function(queries)
    tf.saved_model.save(module, path, signatures=signature)


class SavedCall:
    """A model that ``tf.saved_model.save`` writes so that the loaded one can be called.

    It takes what the model was first called with, in batches of any size.
    """

    _called_with: Any = None

    def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
        """Call the model, and remember with what."""
        if args and self._called_with is None:
            # Past Keras, which would track it.
            object.__setattr__(self, "_called_with", _dense_batch(args[0]))
        return super().__call__(*args, **kwargs)  # type: ignore[misc]

    def _trackable_children(self: Any, save_type: str = "checkpoint", **kwargs: Any) -> Any:
        children = dict(super()._trackable_children(save_type, **kwargs))  # type: ignore[misc]
        if save_type == "savedmodel" and self._called_with is not None:
            children["__call__"] = self._default_save_signature
        return children

    @property
    def _default_save_signature(self: Any) -> Any:
        """The function that the signature ``serving_default`` is made of."""
        import tensorflow as tf  # noqa: PLC0415 - only the framework in use is loaded

        if self._called_with is None:
            return super()._default_save_signature  # type: ignore[misc]

        @tf.function(input_signature=[self._called_with])
        def call(inputs: Any) -> Any:
            return self(inputs)

        return call


def _dense_batch(inputs: Any) -> Any:
    """Dense inputs with a batch dimension as TensorFlow describes them, by name; else None."""
    import tensorflow as tf  # noqa: PLC0415 - only the framework in use is loaded

    if not all(map(_is_dense_batch, tf.nest.flatten(inputs))):
        return None
    named = [
        # What TensorFlow Serving calls the input.
        tf.TensorSpec(spec.shape, spec.dtype, name="_".join(map(str, path)) or "inputs")
        for path, spec in keras.tree.flatten_with_path(describe(inputs))
    ]
    return keras.tree.pack_sequence_as(inputs, named)


def _is_dense_batch(value: Any) -> bool:
    import tensorflow as tf  # noqa: PLC0415 - only the framework in use is loaded

    if isinstance(value, tf.RaggedTensor | tf.SparseTensor) or not hasattr(value, "shape"):
        return False
    return bool(tf.TensorShape(value.shape).rank)
