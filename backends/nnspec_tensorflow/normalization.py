"""Normalization layers: Keras's own, with the normalization itself written as (x − mean) / √(var + epsilon).

Keras computes x · r + (bias − mean · r) with r = scale · rsqrt(var + epsilon): the two terms cancel where |mean| is
much larger than the standard deviation, which costs float32 three digits for data of mean 1000 and deviation 1.
"""

from __future__ import annotations

from typing import Any

from nnspec.layers.normalization import BatchNorm, LayerNorm
from nnspec_tensorflow.activation import constant
from nnspec_tensorflow.realize import Context, build, serializable, working
from nnspec_tensorflow.startup import keras, tf

Tensor = Any


def moments(x: Tensor, axes: list[int], keepdims: bool = False) -> tuple[Tensor, Tensor]:
    """The mean and the biased, two-pass variance along ``axes``."""
    mean = tf.reduce_mean(x, axis=axes, keepdims=True)
    variance = tf.reduce_mean(tf.square(x - mean), axis=axes, keepdims=keepdims)
    return (mean if keepdims else tf.squeeze(mean, axes)), variance


def _normalize(layer: Any, x: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    y = (x - mean) / tf.sqrt(variance + constant(layer.epsilon, x))
    if layer.gamma is not None:
        y *= tf.cast(layer.gamma, x.dtype)
    if layer.beta is not None:
        y += tf.cast(layer.beta, x.dtype)
    return tf.cast(y, layer.compute_dtype)


@serializable
class SpecBatchNormalization(keras.layers.BatchNormalization):
    """Batch normalization over all axes but the last; weights, options and saving are those of Keras's layer."""

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        # A shared layer may meet inputs of another rank.
        self.input_spec = keras.layers.InputSpec(min_ndim=2, axes={-1: input_shape[-1]})

    def call(self, inputs: Tensor, training: bool | None = None, mask: Any = None) -> Tensor:
        x = tf.cast(inputs, working(inputs.dtype.name))  # the sums of float16 would overflow
        mean, variance = (tf.cast(v, x.dtype) for v in (self.moving_mean, self.moving_variance))
        if training and self.trainable:
            keep, add = constant(self.momentum, x), constant(1 - self.momentum, x)
            running = mean, variance
            mean, variance = moments(x, list(range(x.shape.rank - 1)))
            self.moving_mean.assign(keep * running[0] + add * mean)
            self.moving_variance.assign(keep * running[1] + add * variance)
        return _normalize(self, x, mean, variance)


@serializable
class SpecLayerNormalization(keras.layers.LayerNormalization):
    """Layer normalization over the last axis; weights, options and saving are those of Keras's layer."""

    def call(self, inputs: Tensor) -> Tensor:
        x = tf.cast(inputs, working(inputs.dtype.name))
        return _normalize(self, x, *moments(x, [-1], keepdims=True))


@build.register
def batch_norm(spec: BatchNorm, context: Context) -> keras.layers.Layer:
    return SpecBatchNormalization(
        axis=-1,
        momentum=spec.momentum,
        epsilon=spec.epsilon,
        center=spec.use_bias,
        scale=spec.use_scale,
        beta_initializer="zeros",
        gamma_initializer="zeros",
        moving_mean_initializer="zeros",
        moving_variance_initializer="zeros",
        **context.options,
    )


@build.register
def layer_norm(spec: LayerNorm, context: Context) -> keras.layers.Layer:
    return SpecLayerNormalization(
        axis=-1,
        epsilon=spec.epsilon,
        center=spec.use_bias,
        scale=spec.use_scale,
        beta_initializer="zeros",
        gamma_initializer="zeros",
        **context.options,
    )
