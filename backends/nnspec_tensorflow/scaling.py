"""Layers that scale and shift by fixed numbers, or by learned factors."""

from __future__ import annotations

from typing import Any

from nnspec.layers.scaling import LayerScale, Normalization, Rescaling
from nnspec_tensorflow.activation import constant
from nnspec_tensorflow.realize import Context, build, serializable, working
from nnspec_tensorflow.startup import keras, tf

Tensor = Any


@serializable
class SpecRescaling(keras.layers.Rescaling):
    """Keras's layer, whose numbers it would round to float32 on their way."""

    def call(self, inputs: Tensor) -> Tensor:
        x = tf.cast(inputs, working(inputs.dtype.name))
        return tf.cast(x * constant(self.scale, x) + constant(self.offset, x), self.compute_dtype)


@serializable
class FixedNormalization(keras.layers.Layer):
    """Normalization by statistics that nothing updates: weights, or given numbers.

    ``keras.layers.Normalization`` counts what it was adapted to in a weight of its own.

    Args:
        mean, var: one number or one for each channel; weights where there are none.
        epsilon: the smallest deviation.
        invert: whether it goes the other way.
    """

    def __init__(self, mean: Any, var: Any, epsilon: float, invert: bool, **options: Any) -> None:
        super().__init__(**options)
        self.mean, self.var, self.epsilon, self.invert = mean, var, epsilon, invert
        self.given = mean is not None

    def build(self, input_shape: Any) -> None:
        if not self.given:
            options = {"shape": (input_shape[-1],), "initializer": "zeros", "trainable": False}
            self.mean, self.var = (self.add_weight(name=name, **options) for name in ("mean", "var"))

    def call(self, inputs: Tensor) -> Tensor:
        x = tf.cast(inputs, working(inputs.dtype.name))
        mean, var = (constant(v, x) if self.given else tf.cast(v, x.dtype) for v in (self.mean, self.var))
        deviation = tf.maximum(tf.sqrt(var), constant(self.epsilon, x))
        y = x * deviation + mean if self.invert else (x - mean) / deviation
        return tf.cast(y, self.compute_dtype)

    def compute_output_spec(self, inputs: Any, **options: Any) -> Any:
        return keras.KerasTensor(inputs.shape, dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        mean, var = (self.mean, self.var) if self.given else (None, None)
        return {**super().get_config(), "mean": mean, "var": var, "epsilon": self.epsilon, "invert": self.invert}


@serializable
class ChannelScale(keras.layers.Layer):
    """A learned factor for each channel, of which Keras has none."""

    def build(self, input_shape: Any) -> None:
        self.scale = self.add_weight(name="scale", shape=(input_shape[-1],), initializer="zeros")

    def call(self, inputs: Tensor) -> Tensor:
        x = tf.cast(inputs, working(inputs.dtype.name))
        return tf.cast(x * tf.cast(self.scale, x.dtype), self.compute_dtype)

    def compute_output_spec(self, inputs: Any, **options: Any) -> Any:
        return keras.KerasTensor(inputs.shape, dtype=self.compute_dtype)


@build.register
def rescaling(spec: Rescaling, context: Context) -> keras.layers.Layer:
    return SpecRescaling(spec.scale, spec.offset, **context.options)


@build.register
def normalization(spec: Normalization, context: Context) -> keras.layers.Layer:
    return FixedNormalization(spec.mean, spec.var, spec.epsilon, spec.invert, **context.options)


@build.register
def layer_scale(spec: LayerScale, context: Context) -> keras.layers.Layer:
    return ChannelScale(**context.options)
