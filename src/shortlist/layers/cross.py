"""`Cross`: explicit feature crosses of bounded degree (DCN-v2)."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import keras
from keras import ops

from shortlist.errors import ConfigError, DataError

__all__ = ["Cross"]


@keras.saving.register_keras_serializable(package="shortlist")
class Cross(keras.layers.Layer):
    r"""One layer of the Deep & Cross Network, version 2.

    .. math:: x_{l+1} = x_0 \odot (g(W x_l + b) + s\, x_l) + x_l

    With ``projection_dim`` the matrix has low rank, ``W = U V``; ``s`` is ``diag_scale`` and ``g``
    is ``preactivation`` (the paper has none). Each layer raises the degree of the crosses by one.

    Args:
        projection_dim: the rank ``R`` of ``W``; None for a full matrix.
        diag_scale: added to the diagonal of ``W``, for stable training of deep stacks; at least 0.
        use_bias: whether there is a ``b``.
        preactivation: ``g``, a name or a callable.
        kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer: as in `Dense`.

    Call arguments:
        x0: ``[B, D]``, the input of the first cross layer.
        x: ``[B, D]``, the output of the layer before; None (the first layer) takes ``x0``.

    Returns:
        ``[B, D]``.

    Raises:
        ConfigError: ``diag_scale`` is negative or ``projection_dim`` is not positive.
        DataError: ``x0`` and ``x`` are not of one width.

    Reference: Wang et al. 2021, "DCN V2: Improved Deep & Cross Network and Practical Lessons for
    Web-scale Learning to Rank Systems".

    >>> import numpy as np
    >>> layer = Cross(kernel_initializer="ones")
    >>> layer(np.array([[1.0, 2.0]])).shape == (1, 2)
    True
    """

    def __init__(
        self,
        projection_dim: int | None = None,
        diag_scale: float = 0.0,
        use_bias: bool = True,
        preactivation: Any = None,
        kernel_initializer: Any = "truncated_normal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if diag_scale < 0:
            raise ConfigError(
                "`diag_scale` should be non-negative: expected a number of at least 0; "
                f"received {diag_scale!r}."
            )
        if projection_dim is not None and projection_dim < 1:
            raise ConfigError(
                f"projection_dim expected a positive integer or None; received {projection_dim!r}."
            )
        self.projection_dim = projection_dim
        self.diag_scale = diag_scale
        self.use_bias = use_bias
        self.preactivation = keras.activations.get(preactivation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Create ``W`` (or ``U`` and ``V``) and ``b`` for inputs of width ``input_shape[-1]``."""
        width = input_shape[-1]
        kernels = [("kernel", (width, width))]
        if self.projection_dim is not None:
            kernels = [
                ("down_kernel", (width, self.projection_dim)),
                ("up_kernel", (self.projection_dim, width)),
            ]
        self.kernels = [
            self.add_weight(
                name=name,
                shape=shape,
                initializer=self.kernel_initializer.clone(),
                regularizer=self.kernel_regularizer,
            )
            for name, shape in kernels
        ]
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(width,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
            )
        self.built = True

    def call(self, x0: Any, x: Any = None) -> Any:
        """Cross ``x`` with ``x0``."""
        x = x0 if x is None else x
        if x0.shape[-1] != x.shape[-1]:
            raise DataError(
                "Cross expected x0 and x of one width (dimension mismatch); received "
                f"{x0.shape[-1]} and {x.shape[-1]}."
            )
        product = x
        for kernel in self.kernels:
            product = ops.matmul(product, ops.cast(kernel, x.dtype))
        if self.use_bias:
            product = product + ops.cast(self.bias, x.dtype)
        product = self.preactivation(product)
        if self.diag_scale:
            product = product + self.diag_scale * x
        return x0 * product + x

    def compute_output_shape(self, x0_shape: Any, x_shape: Any = None) -> Any:
        """The shape of ``x0``."""
        del x_shape
        return x0_shape

    # Where programs written for TensorFlow Recommenders look for ``W``, ``U``, ``V`` and ``b``.

    @property
    def _dense(self) -> SimpleNamespace:
        return SimpleNamespace(kernel=self.kernels[0], bias=getattr(self, "bias", None))

    @property
    def _dense_u(self) -> SimpleNamespace:
        return SimpleNamespace(kernel=self.kernels[0], bias=None)

    @property
    def _dense_v(self) -> SimpleNamespace:
        return SimpleNamespace(kernel=self.kernels[-1], bias=getattr(self, "bias", None))

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {
            **super().get_config(),
            "projection_dim": self.projection_dim,
            "diag_scale": self.diag_scale,
            "use_bias": self.use_bias,
            "preactivation": keras.activations.serialize(self.preactivation),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": keras.regularizers.serialize(self.bias_regularizer),
        }
