"""This package's words in Keras and TensorFlow."""

from __future__ import annotations

from typing import Any

from nnspec.spec import dump, parse
from nnspec_extras import layers, losses, optimizers
from nnspec_tensorflow.activation import apply, constant
from nnspec_tensorflow.losses import elementwise, loss
from nnspec_tensorflow.optimizers import Stepped, Update, advance
from nnspec_tensorflow.realize import Context, build, working
from nnspec_tensorflow.startup import keras, tf

Tensor = Any


@keras.saving.register_keras_serializable(package="nnspec_extras")
class PowerNorm(keras.layers.Layer):
    """Normalization by the power of each feature, as a Keras layer that can be saved."""

    def __init__(self, spec: Any, **options: Any) -> None:
        super().__init__(**options)
        self.spec: layers.PowerNorm = parse("layer", spec)

    def build(self, input_shape: Any) -> None:
        shape = (input_shape[-1],)
        self.scale = self.add_weight(name="scale", shape=shape, initializer="zeros")
        self.power = self.add_weight(name="power", shape=shape, initializer="ones", trainable=False)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        x = tf.cast(inputs, working(inputs.dtype.name))
        power = tf.cast(self.power, x.dtype)
        if training:
            momentum = self.spec.momentum
            batch = tf.reduce_mean(tf.square(x), axis=list(range(x.shape.rank - 1)))
            self.power.assign(constant(momentum, x) * power + constant(1 - momentum, x) * batch)
            power = batch
        y = x / tf.sqrt(power + constant(self.spec.epsilon, x)) * tf.cast(self.scale, x.dtype)
        return tf.cast(y, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "spec": dump(self.spec)}


@build.register
def power_norm(spec: layers.PowerNorm, context: Context) -> PowerNorm:
    return PowerNorm(spec, **context.options)


@apply.register
def hat(spec: layers.Hat, x: Tensor) -> Tensor:
    peak, end = constant(spec.peak, x), constant(2 * spec.peak, x)
    return tf.where((x <= 0) | (x >= end), tf.zeros_like(x), tf.where(x <= peak, x, end - x))


@loss.register
def expectile(spec: losses.Expectile, x: Tensor, targets: Tensor) -> Tensor:
    e = elementwise(x, targets) - x
    return tf.where(e >= 0, constant(spec.tau, x), constant(1 - spec.tau, x)) * tf.square(e)


@advance.register
def signum(spec: optimizers.Signum, step: Update) -> Stepped:
    average = step.c(spec.momentum) * step.slots["average"] + step.c(1 - spec.momentum) * step.g
    return step.down(tf.sign(average)), {"average": average}
