"""Linear layers."""

from __future__ import annotations

from nnspec.layers.linear import Dense
from nnspec_tensorflow.activation import function
from nnspec_tensorflow.realize import Context, build
from nnspec_tensorflow.startup import keras


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
