"""Normalization layers: Keras's own, with the normalization itself written as (x − mean) / √(var + epsilon).

Keras computes x · r + (bias − mean · r) with r = scale · rsqrt(var + epsilon): the two terms cancel where |mean| is
much larger than the standard deviation, which costs float32 three digits for data of mean 1000 and deviation 1.

Gradients are written out, since XLA for CPUs computes what is summed anew for each of the four sums that TensorFlow's
own gradient consists of (see :mod:`nnspec_tensorflow.sums`); here they are two.
"""

from __future__ import annotations

from typing import Any

from nnspec.layers.normalization import BatchNorm, LayerNorm
from nnspec_tensorflow import sums
from nnspec_tensorflow.activation import constant
from nnspec_tensorflow.compilation import by_kernels
from nnspec_tensorflow.realize import Context, build, serializable, working
from nnspec_tensorflow.startup import keras, tf

Tensor = Any
# What is left of x, (x − mean) / √(var + epsilon) · scale + bias, and the statistics of a batch.
Normalized = tuple[Tensor, Tensor, Tensor]


def moments(x: Tensor, axes: list[int], keepdims: bool = False) -> tuple[Tensor, Tensor]:
    """The mean and the biased, two-pass variance along ``axes``."""
    mean = tf.reduce_mean(x, axis=axes, keepdims=True)
    variance = tf.reduce_mean(tf.square(x - mean), axis=axes, keepdims=keepdims)
    return (mean if keepdims else tf.squeeze(mean, axes)), variance


def _standardized(x: Tensor, mean: Tensor, variance: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    """(x − mean) / √(variance + epsilon), and what it is divided by."""
    deviation = tf.sqrt(variance + constant(epsilon, x))
    return (x - mean) / deviation, deviation


def over_batch(x: Tensor, scale: Tensor, bias: Tensor, epsilon: float) -> Normalized:
    """x normalized by the statistics of all axes but the last, and these: the mean and the biased variance."""
    if by_kernels() and x.dtype == tf.float32:
        return _by_one_kernel(x, scale, bias, epsilon)
    axes = list(range(x.shape.rank - 1))

    @tf.custom_gradient
    def run(x: Tensor, scale: Tensor, bias: Tensor) -> tuple[Tensor, Any]:
        def gradient(upstream: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            mean, variance = moments(x, axes)
            z, deviation = _standardized(x, mean, variance, epsilon)
            by_scale, by_bias = sums.over_rows(upstream * z), sums.over_rows(upstream)
            rows = tf.cast(tf.size(x) // tf.size(mean), x.dtype)
            return scale / deviation * (upstream - by_bias / rows - z * (by_scale / rows)), by_scale, by_bias

        return _standardized(x, *moments(x, axes), epsilon)[0] * scale + bias, gradient

    return run(x, scale, bias), *moments(x, axes)


def _by_one_kernel(x: Tensor, scale: Tensor, bias: Tensor, epsilon: float) -> Normalized:
    """The same by a kernel of TensorFlow's for float32, in a fifth to a half of the time of a dozen small ones."""
    y, mean, _, _, variance, _ = tf.raw_ops.FusedBatchNormV3(
        x=tf.reshape(x, (-1, 1, 1, x.shape[-1])),
        scale=scale,
        offset=bias,
        mean=tf.zeros((0,)),
        variance=tf.zeros((0,)),
        epsilon=epsilon,
        exponential_avg_factor=1.0,
        data_format="NHWC",
        is_training=True,
    )
    # What it keeps for its gradient is the biased variance on CPUs; what it gives as the variance is the unbiased one.
    return tf.reshape(y, tf.shape(x)), mean, variance


def over_features(x: Tensor, scale: Tensor, bias: Tensor, epsilon: float) -> Tensor:
    """x normalized by the statistics of its last axis."""

    @tf.custom_gradient
    def run(x: Tensor, scale: Tensor, bias: Tensor) -> tuple[Tensor, Any]:
        def gradient(upstream: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            z, deviation = _standardized(x, *moments(x, [-1], keepdims=True), epsilon)
            h = upstream * scale
            along_z = z * tf.reduce_mean(h * z, axis=-1, keepdims=True)
            by_x = (h - tf.reduce_mean(h, axis=-1, keepdims=True) - along_z) / deviation
            return by_x, sums.over_rows(upstream * z), sums.over_rows(upstream)

        return _standardized(x, *moments(x, [-1], keepdims=True), epsilon)[0] * scale + bias, gradient

    y: Tensor = run(x, scale, bias)
    return y


def _scale_and_bias(layer: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    """What a layer multiplies by and adds, in the dtype that is computed in; 1 and 0 where it does not."""
    features = (x.shape[-1],)
    scale = tf.ones(features, x.dtype) if layer.gamma is None else tf.cast(layer.gamma, x.dtype)
    return scale, tf.zeros(features, x.dtype) if layer.beta is None else tf.cast(layer.beta, x.dtype)


@serializable
class SpecBatchNormalization(keras.layers.BatchNormalization):
    """Batch normalization over all axes but the last; weights, options and saving are those of Keras's layer."""

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        # A shared layer may meet inputs of another rank.
        self.input_spec = keras.layers.InputSpec(min_ndim=2, axes={-1: input_shape[-1]})

    def call(self, inputs: Tensor, training: bool | None = None, mask: Any = None) -> Tensor:
        x = tf.cast(inputs, working(inputs.dtype.name))  # the sums of float16 would overflow
        scale, bias = _scale_and_bias(self, x)
        running = tf.cast(self.moving_mean, x.dtype), tf.cast(self.moving_variance, x.dtype)
        if training and self.trainable:
            y, *statistics = over_batch(x, scale, bias, self.epsilon)
            keep, add = constant(self.momentum, x), constant(1 - self.momentum, x)
            self.moving_mean.assign(keep * running[0] + add * statistics[0])
            self.moving_variance.assign(keep * running[1] + add * statistics[1])
        else:
            y = _standardized(x, *running, self.epsilon)[0] * scale + bias
        return tf.cast(y, self.compute_dtype)


@serializable
class SpecLayerNormalization(keras.layers.LayerNormalization):
    """Layer normalization over the last axis; weights, options and saving are those of Keras's layer."""

    def call(self, inputs: Tensor) -> Tensor:
        x = tf.cast(inputs, working(inputs.dtype.name))
        return tf.cast(over_features(x, *_scale_and_bias(self, x), self.epsilon), self.compute_dtype)


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
