"""Normalization layers: Keras's own, with the normalization itself written as (x − mean) / √(var + epsilon).

Keras computes x · r + (bias − mean · r) with r = scale · rsqrt(var + epsilon): the two terms cancel where |mean| is
much larger than the standard deviation, which costs float32 three digits for data of mean 1000 and deviation 1.

Gradients are written out, since XLA for CPUs computes what is summed anew for each of the four sums that TensorFlow's
own gradient of a batch normalization consists of (see :mod:`nnspec_tensorflow.sums`); here they are two.
"""

from __future__ import annotations

from typing import Any

from nnspec.layers.base import Axes, feature_axes
from nnspec.layers.normalization import (
    BatchNorm,
    BatchRenorm,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    RMSNorm,
    UnitNorm,
)
from nnspec.spec import dump, parse
from nnspec_tensorflow import sums
from nnspec_tensorflow.activation import constant
from nnspec_tensorflow.compilation import by_kernels
from nnspec_tensorflow.realize import Context, build, serializable, sizes, working
from nnspec_tensorflow.startup import keras, tf

Tensor = Any


def moments(x: Tensor, axes: list[int], keepdims: bool = False) -> tuple[Tensor, Tensor]:
    """The mean and the biased, two-pass variance along ``axes``."""
    mean = tf.reduce_mean(x, axis=axes, keepdims=True)
    variance = tf.reduce_mean(tf.square(x - mean), axis=axes, keepdims=keepdims)
    return (mean if keepdims else tf.squeeze(mean, axes)), variance


def front(axes: Axes | list[int], shape: Any) -> list[int]:
    """Axes of a shape counted from the front, in the order of the input."""
    return list(feature_axes(tuple(shape), axes if isinstance(axes, int) else tuple(axes), "normalization"))


def rest(x: Tensor, axes: list[int]) -> list[int]:
    """The other axes of x."""
    return [axis for axis in range(x.shape.rank) if axis not in axes]


def along(values: Tensor, x: Tensor, axes: list[int]) -> Tensor:
    """What has the sizes of these axes of x, in its dtype and to be broadcast against it."""
    given = iter(values.shape)
    return tf.reshape(tf.cast(values, x.dtype), [next(given) if i in axes else 1 for i in range(x.shape.rank)])


def _scaled(layer: Any, y: Tensor, axes: list[int], scale: Any, bias: Any = None) -> Tensor:
    """Times the scale and plus the bias along these axes, where there are any, and rounded once."""
    if scale is not None:
        y *= along(scale, y, axes)
    if bias is not None:
        y += along(bias, y, axes)
    return tf.cast(y, layer.compute_dtype)


def _standardized(x: Tensor, mean: Tensor, variance: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    """(x − mean) / √(variance + epsilon), and what it is divided by."""
    deviation = tf.sqrt(variance + constant(epsilon, x))
    return (x - mean) / deviation, deviation


def normalized(x: Tensor, axes: list[int], features: list[int], scale: Tensor, bias: Tensor, epsilon: float) -> Tensor:
    """x normalized by its own moments.

    Args:
        axes: along which the moments are taken.
        features: of which scale and bias have the sizes.
        scale, bias: to be broadcast against x.
    """
    others = rest(x, features)

    @tf.custom_gradient
    def run(x: Tensor, scale: Tensor, bias: Tensor) -> tuple[Tensor, Any]:
        def gradient(upstream: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            z, deviation = _standardized(x, *moments(x, axes, keepdims=True), epsilon)
            by_scale, by_bias = (_summed(y, others, like=scale) for y in (upstream * z, upstream))
            if axes == others:  # the means that are taken away are made of these sums
                rows = tf.cast(tf.size(x) // tf.size(scale), x.dtype)
                by_x = scale / deviation * (upstream - by_bias / rows - z * (by_scale / rows))
                return by_x, by_scale, by_bias
            h = upstream * scale
            along_z = z * tf.reduce_mean(h * z, axis=axes, keepdims=True)
            by_x = (h - tf.reduce_mean(h, axis=axes, keepdims=True) - along_z) / deviation
            return by_x, by_scale, by_bias

        return _standardized(x, *moments(x, axes, keepdims=True), epsilon)[0] * scale + bias, gradient

    y: Tensor = run(x, scale, bias)
    return y


def _summed(x: Tensor, axes: list[int], like: Tensor) -> Tensor:
    """The sum along axes, in the shape of another tensor."""
    all_but_the_last = axes == list(range(x.shape.rank - 1))
    return tf.reshape(sums.over_rows(x) if all_but_the_last else tf.reduce_sum(x, axes), tf.shape(like))


def by_one_kernel(x: Tensor, scale: Tensor, bias: Tensor, epsilon: float) -> tuple[Tensor, Tensor, Tensor]:
    """x normalized by the moments of all axes but the last, their mean and their biased variance.

    A kernel of TensorFlow's for float32, which takes a fifth to a half of the time of a dozen small ones.

    Args:
        scale, bias: (features,)
    """
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


def _scale_and_bias(layer: Any, x: Tensor, axes: list[int]) -> tuple[Tensor, Tensor]:
    """What a layer multiplies by and adds, to be broadcast against x; 1 and 0 where it does not."""
    shape = [x.shape[i] if i in axes else 1 for i in range(x.shape.rank)]
    scale = tf.ones(shape, x.dtype) if layer.gamma is None else along(layer.gamma, x, axes)
    return scale, tf.zeros(shape, x.dtype) if layer.beta is None else along(layer.beta, x, axes)


@serializable
class SpecBatchNormalization(keras.layers.BatchNormalization):
    """Batch normalization over all axes but one; weights, options and saving are those of Keras's layer.

    Args:
        use_running_average: whether training, too, uses the running statistics.
    """

    def __init__(self, *, use_running_average: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.use_running_average = use_running_average

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        # A shared layer may meet inputs of another rank.
        self.input_spec = keras.layers.InputSpec(min_ndim=2, axes={self.axis: input_shape[self.axis]})

    def call(self, inputs: Tensor, training: bool | None = None, mask: Any = None) -> Tensor:
        x = tf.cast(inputs, working(inputs.dtype.name))  # the sums of float16 would overflow
        running = tf.cast(self.moving_mean, x.dtype), tf.cast(self.moving_variance, x.dtype)
        features = front(self.axis, x.shape)
        scale, bias = _scale_and_bias(self, x, features)
        if training and self.trainable and not self.use_running_average:
            others = rest(x, features)
            if by_kernels() and x.dtype == tf.float32 and features == [x.shape.rank - 1]:
                y, *statistics = by_one_kernel(x, tf.reshape(scale, (-1,)), tf.reshape(bias, (-1,)), self.epsilon)
            else:
                y, statistics = normalized(x, others, features, scale, bias, self.epsilon), [*moments(x, others)]
            keep, add = constant(self.momentum, x), constant(1 - self.momentum, x)
            self.moving_mean.assign(keep * running[0] + add * statistics[0])
            self.moving_variance.assign(keep * running[1] + add * statistics[1])
        else:
            mean, variance = along(running[0], x, features), along(running[1], x, features)
            y = _standardized(x, mean, variance, self.epsilon)[0] * scale + bias
        return tf.cast(y, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "use_running_average": self.use_running_average}


@serializable
class SpecBatchRenormalization(keras.layers.Layer):
    """Batch renormalization. Keras's own keeps statistics by two momenta, and adds its epsilon in float32.

    Args:
        spec: the layer of the spec, or its short form.
    """

    def __init__(self, spec: Any, **options: Any) -> None:
        super().__init__(**options)
        self.spec: BatchRenorm = parse("layer", spec)
        self.gamma: Any = None
        self.beta: Any = None

    def build(self, input_shape: Any) -> None:
        features = {"shape": (input_shape[self.spec.axis],), "initializer": "zeros"}
        if self.spec.use_scale:
            self.gamma = self.add_weight(name="gamma", **features)
        if self.spec.use_bias:
            self.beta = self.add_weight(name="beta", **features)
        self.moving_mean = self.add_weight(name="moving_mean", trainable=False, **features)
        self.moving_stddev = self.add_weight(name="stddev", trainable=False, **features)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        spec, x = self.spec, tf.cast(inputs, working(inputs.dtype.name))
        features = front(spec.axis, x.shape)
        others = rest(x, features)
        running = tf.cast(self.moving_mean, x.dtype), tf.cast(self.moving_stddev, x.dtype)
        mean, stddev = (along(values, x, features) for values in running)
        scale, bias = _scale_and_bias(self, x, features)
        if not (training and self.trainable):
            return tf.cast((x - mean) / stddev * scale + bias, self.compute_dtype)
        center, variance = moments(tf.stop_gradient(x), others, keepdims=True)
        deviation, most, shift = tf.sqrt(variance + constant(spec.epsilon, x)), spec.r_max, constant(spec.d_max, x)
        r = tf.clip_by_value(deviation / stddev, constant(1 / most, x), constant(most, x))
        d = tf.clip_by_value((center - mean) / stddev, -shift, shift)
        kept, added = constant(spec.momentum, x), constant(1 - spec.momentum, x)
        self.moving_mean.assign(kept * running[0] + added * tf.reshape(center, (-1,)))
        self.moving_stddev.assign(kept * running[1] + added * tf.reshape(deviation, (-1,)))
        y = normalized(x, others, features, r * scale, d * scale + bias, spec.epsilon)
        return tf.cast(y, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "spec": dump(self.spec)}


class OverAxes:
    """What builds a layer of Keras's over axes that may count from either end.

    Keras sorts them as they are written, and its layer would keep to the rank of its first input.
    """

    axis: Any

    def build(self, input_shape: Any) -> None:
        written = self.axis
        self.axis = front(written, input_shape)
        super().build(input_shape)  # type: ignore[misc]
        self.axis = written


@serializable
class SpecLayerNormalization(OverAxes, keras.layers.LayerNormalization):
    """Layer normalization; weights, options and saving are those of Keras's layer."""

    def call(self, inputs: Tensor) -> Tensor:
        x = tf.cast(inputs, working(inputs.dtype.name))
        axes = front(self.axis, x.shape)
        y = normalized(x, axes, axes, *_scale_and_bias(self, x, axes), self.epsilon)
        return tf.cast(y, self.compute_dtype)


@serializable
class SpecGroupNormalization(keras.layers.GroupNormalization):
    """Normalization within groups of channels; weights, options and saving are those of Keras's layer."""

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        self.input_spec = keras.layers.InputSpec(
            min_ndim=2, axes={-1: input_shape[-1]}
        )  # a shared layer may meet others

    def call(self, inputs: Tensor) -> Tensor:
        x = tf.cast(inputs, working(inputs.dtype.name))
        shape, rank = sizes(x), x.shape.rank
        grouped = tf.reshape(x, [*shape[:-1], self.groups, shape[-1] // self.groups])
        mean, variance = moments(grouped, [*range(1, rank - 1), rank], keepdims=True)
        y = _standardized(grouped, mean, variance, self.epsilon)[0]
        return _scaled(self, tf.reshape(y, shape), front(-1, shape), self.gamma, self.beta)


@serializable
class SpecRMSNormalization(OverAxes, keras.layers.RMSNormalization):
    """Root mean square normalization: Keras's layer, whose scale is an option here.

    Keras adds epsilon as a Python float, which is rounded to float32.
    """

    def __init__(self, *, use_scale: bool = True, **options: Any) -> None:
        super().__init__(**options)
        self.use_scale = use_scale
        self.scale: Any = None

    def build(self, input_shape: Any) -> None:
        if self.use_scale:
            super().build(input_shape)

    def call(self, inputs: Tensor) -> Tensor:
        x = tf.cast(inputs, working(inputs.dtype.name))
        axes = front(self.axis, x.shape)
        y = x / tf.sqrt(tf.reduce_mean(tf.square(x), axes, keepdims=True) + constant(self.epsilon, x))
        return _scaled(self, y, axes, self.scale)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "use_scale": self.use_scale}


@serializable
class SpecUnitNormalization(keras.layers.UnitNormalization):
    """Division by the norm: Keras's layer, whose epsilon is an option here, with a derivative at zero.

    Args:
        epsilon: the smallest divisor.
    """

    def __init__(self, *, epsilon: float, **options: Any) -> None:
        super().__init__(**options)
        self.epsilon = epsilon

    def call(self, inputs: Tensor) -> Tensor:
        x = tf.cast(inputs, working(inputs.dtype.name))
        total, least = tf.reduce_sum(tf.square(x), front(self.axis, x.shape), keepdims=True), constant(self.epsilon, x)
        short = tf.sqrt(total) <= least
        # The root of 0 has no derivative, which would enter as 0 · ∞.
        norm = tf.where(short, least, tf.sqrt(tf.where(short, tf.ones_like(total), total)))
        return tf.cast(x / norm, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "epsilon": self.epsilon}


@build.register
def batch_norm(spec: BatchNorm, context: Context) -> keras.layers.Layer:
    return SpecBatchNormalization(
        axis=spec.axis,
        momentum=spec.momentum,
        epsilon=spec.epsilon,
        center=spec.use_bias,
        scale=spec.use_scale,
        beta_initializer="zeros",
        gamma_initializer="zeros",
        moving_mean_initializer="zeros",
        moving_variance_initializer="zeros",
        use_running_average=spec.use_running_average,
        **context.options,
    )


@build.register
def batch_renorm(spec: BatchRenorm, context: Context) -> keras.layers.Layer:
    return SpecBatchRenormalization(spec, **context.options)


def _grouped(spec: GroupNorm | InstanceNorm, groups: int, context: Context) -> keras.layers.Layer:
    return SpecGroupNormalization(
        groups=groups,
        axis=-1,
        epsilon=spec.epsilon,
        center=spec.use_bias,
        scale=spec.use_scale,
        beta_initializer="zeros",
        gamma_initializer="zeros",
        **context.options,
    )


@build.register
def group_norm(spec: GroupNorm, context: Context) -> keras.layers.Layer:
    return _grouped(spec, spec.groups(context.shapes[0]), context)


@build.register
def instance_norm(spec: InstanceNorm, context: Context) -> keras.layers.Layer:
    return _grouped(spec, -1, context)  # as many as there are channels


@build.register
def layer_norm(spec: LayerNorm, context: Context) -> keras.layers.Layer:
    return SpecLayerNormalization(
        axis=spec.axes,
        epsilon=spec.epsilon,
        center=spec.use_bias,
        scale=spec.use_scale,
        beta_initializer="zeros",
        gamma_initializer="zeros",
        **context.options,
    )


@build.register
def rms_norm(spec: RMSNorm, context: Context) -> keras.layers.Layer:
    return SpecRMSNormalization(axis=spec.axes, epsilon=spec.epsilon, use_scale=spec.use_scale, **context.options)


@build.register
def unit_norm(spec: UnitNorm, context: Context) -> keras.layers.Layer:
    return SpecUnitNormalization(axis=spec.axes, epsilon=spec.epsilon, **context.options)
