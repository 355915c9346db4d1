"""Linear layers."""

from __future__ import annotations

from typing import Any

from nnspec.layers.linear import Dense
from nnspec_tensorflow.activation import function
from nnspec_tensorflow.realize import Context, build, sizes
from nnspec_tensorflow.startup import keras, tf

Tensor = Any


def product(x: Tensor, kernel: Tensor) -> Tensor:
    """(…, inputs) times (inputs, features), as a product of two matrices.

    Where several axes are contracted in the kernel's gradient, XLA for CPUs transposes them in memory first.
    """
    rows = tf.matmul(tf.reshape(x, (-1, x.shape[-1])), kernel)
    return tf.reshape(rows, (*sizes(x)[:-1], kernel.shape[-1]))


@build.register
def dense(spec: Dense, context: Context) -> keras.layers.Layer:
    return keras.layers.Dense(
        spec.features,
        activation=None if spec.activation is None else function(spec.activation),
        use_bias=spec.use_bias,
        kernel_initializer="zeros",
        bias_initializer="zeros",
        **context.options,
    )
