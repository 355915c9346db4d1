"""Layers whose kernel is normalized before it is used.

``keras.layers.SpectralNormalization`` overwrites the kernel itself in training. Here the layer within reads another
value in place of its kernel, which stays as it is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nnspec.layers.weight_normalization import SpectralNorm, WeightNorm
from nnspec.spec import dump, parse
from nnspec_tensorflow.activation import constant
from nnspec_tensorflow.realize import Context, build, serializable, working
from nnspec_tensorflow.startup import keras, tf

Tensor = Any


class _OfKernel(keras.layers.Wrapper):
    """A layer and what makes another kernel of its own.

    Args:
        spec: the spec of both.
    """

    def __init__(self, layer: Any, spec: Any, **options: Any) -> None:
        super().__init__(layer, **options)
        self.canonical = {"kernel": "layer/kernel", "bias": "layer/bias"}
        self.spec: Any = parse("layer", spec)

    def normalized(self, kernel: Tensor, training: bool | None) -> Tensor:
        """What is used in place of a kernel, both in float32 at least."""
        raise NotImplementedError

    def stored(self) -> Any:
        """The variable of the layer's kernel."""
        return next(weight for weight in self.layer.weights if weight.name == "kernel")

    def call(self, inputs: Any, training: bool | None = None) -> Tensor:
        stored = self.stored()
        kernel = self.normalized(tf.cast(stored.value, working(self.compute_dtype)), training)
        with keras.StatelessScope(state_mapping=[(stored, tf.cast(kernel, stored.dtype))]):
            return self.layer(inputs)

    def compute_output_spec(self, inputs: Any, training: bool | None = None) -> Any:
        return self.layer.compute_output_spec(inputs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "spec": dump(self.spec)}


def _unit(x: Tensor, epsilon: float) -> Tensor:
    return x / tf.maximum(tf.sqrt(tf.reduce_sum(tf.square(x))), constant(epsilon, x))


@serializable
class SpecSpectralNorm(_OfKernel):
    """Spectral normalization."""

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        options = {"initializer": "zeros", "trainable": False}
        self.u = self.add_weight(name="u", shape=(self.stored().shape[-1],), **options)
        if self.spec.stored_sigma:
            self.sigma = self.add_weight(name="sigma", shape=(), **options)

    def normalized(self, kernel: Tensor, training: bool | None) -> Tensor:
        spec: SpectralNorm = self.spec
        matrix = tf.reshape(kernel, (-1, kernel.shape[-1]))
        fixed = tf.stop_gradient(matrix)

        def left(u: Tensor) -> Tensor:
            return _unit(tf.linalg.matvec(fixed, u), spec.epsilon)

        def step(u: Tensor) -> Tensor:
            return _unit(tf.linalg.matvec(fixed, left(u), transpose_a=True), spec.epsilon)

        u = tf.stop_gradient(tf.cast(self.u.value, kernel.dtype))
        if training:
            if spec.n_steps > 1:
                _, u = tf.while_loop(lambda i, _: i < spec.n_steps - 1, lambda i, u: (i + 1, step(u)), (0, u))
            v, u = tf.stop_gradient(left(u)), tf.stop_gradient(step(u))
            self.u.assign(tf.cast(u, self.u.dtype))
        else:
            u = tf.stop_gradient(_unit(u, spec.epsilon))
            v = tf.stop_gradient(left(u))
        sigma = tf.reduce_sum(tf.linalg.matvec(matrix, u) * v)
        if spec.stored_sigma:
            if training:
                self.sigma.assign(tf.cast(tf.stop_gradient(sigma), self.sigma.dtype))
            else:
                sigma = tf.cast(self.sigma.value, kernel.dtype)
        return kernel / tf.where(sigma == 0, tf.ones_like(sigma), sigma)


@serializable
class SpecWeightNorm(_OfKernel):
    """Weight normalization."""

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        if self.spec.use_scale:
            kernel = self.stored().shape
            summed = self.spec.summed(len(kernel))
            lengths = tuple(size for axis, size in enumerate(kernel) if axis not in summed)
            self.scale = self.add_weight(name="scale", shape=lengths, initializer="zeros")

    def normalized(self, kernel: Tensor, training: bool | None) -> Tensor:
        summed = self.spec.summed(kernel.shape.rank)
        squares = tf.reduce_sum(tf.square(kernel), summed, keepdims=True)
        direction = kernel / tf.sqrt(squares + constant(self.spec.epsilon, kernel))
        if not self.spec.use_scale:
            return direction
        return direction * tf.reshape(tf.cast(self.scale.value, kernel.dtype), squares.shape)


def _within(spec: SpectralNorm | WeightNorm, context: Context) -> keras.layers.Layer:
    return build(spec.layer, replace(context, name="layer", path=f"{context.path}/layer"))


@build.register
def spectral_norm(spec: SpectralNorm, context: Context) -> keras.layers.Layer:
    return SpecSpectralNorm(_within(spec, context), dump(spec), **context.options)


@build.register
def weight_norm(spec: WeightNorm, context: Context) -> keras.layers.Layer:
    return SpecWeightNorm(_within(spec, context), dump(spec), **context.options)
