"""Recurrent layers: one product for the inputs of all steps, then a loop over time, which XLA compiles.

Keras's own multiply each step's input by itself, compute half precision step by step in half precision, and order a
GRU's gates as z, r, n. All is computed in float32 at least here, and rounded at the end.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from nnspec.layers.activation import Sigmoid, Tanh
from nnspec.layers.recurrent import GRU, LSTM, SimpleRNN
from nnspec.spec import dump, parse
from nnspec_tensorflow.activation import value
from nnspec_tensorflow.linear import product
from nnspec_tensorflow.realize import Context, build, serializable, working
from nnspec_tensorflow.recurrence import Given, State, Tensor, unrolled, unrolled_lstm
from nnspec_tensorflow.startup import keras, tf


def _activated(spec: Any, x: Tensor) -> Tensor:
    return x if spec is None else value(spec, x)


def _gates(spec: Any, a: Tensor, count: int) -> list[Tensor]:
    """An activation of each of so many gates side by side, (batch, count · features), in one go."""
    activated = _activated(spec, tf.reshape(a, (-1, a.shape[-1] // count)))
    apart: list[Tensor] = tf.split(tf.reshape(activated, (-1, a.shape[-1])), count, axis=-1)
    return apart


class _Recurrent(keras.layers.Layer):
    """What all of them do: variables, the product for all steps, the loop over time.

    Derived classes say how many states there are, and make a step.

    Args:
        spec: the layer of the spec, or its short form.
        inputs: the size of the input's last axis.
    """

    states = 1

    def __init__(self, spec: Any, inputs: int, **options: Any) -> None:
        super().__init__(**options)
        self.spec: Any = parse("layer", spec)
        self.inputs = inputs

    def build(self, input_shape: Any) -> None:
        for name, param in self.spec.params((None, None, self.inputs)).items():
            setattr(self, name, self.add_weight(name=name, shape=param.shape, initializer="zeros"))

    def wide(self, name: str) -> Tensor:
        """A variable in the dtype that is computed in."""
        return tf.cast(getattr(self, name), working(self.compute_dtype))

    def with_product(self, given: Given, product: Tensor) -> Given:
        return given + product

    def to_product(self, gradient: Given) -> Tensor:
        return gradient

    def step(self, given: Given, state: State) -> State:
        raise NotImplementedError

    def after_each(self, projected: Tensor) -> Tensor:
        """The state after each step, from the steps' inputs times the kernel, biased."""
        return unrolled(self, projected, self.wide("recurrent_kernel"))

    def call(self, inputs: Tensor) -> Tensor:
        spec = self.spec
        # The input is brought into the order of the steps, since what it is projected to is often larger.
        steps = tf.transpose(tf.cast(inputs, working(self.compute_dtype)), (1, 0, 2))
        projected = product(steps, self.wide("kernel"))
        if spec.use_bias:
            projected += self.wide("bias")
        if spec.reverse:
            projected = tf.reverse(projected, [0])
        states = self.after_each(projected)
        y = tf.transpose(states, (1, 0, 2)) if spec.return_sequences else states[-1]
        return tf.cast(y, self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        shape: tuple[int | None, ...] = self.spec.output_shape(tuple(input_shape))
        return shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "spec": dump(self.spec), "inputs": self.inputs}


@serializable
class SpecSimpleRNN(_Recurrent):
    """Elman's network."""

    def step(self, given: Tensor, state: State) -> State:
        return (_activated(self.spec.activation, given),)


@serializable
class SpecLSTM(_Recurrent):
    """LSTM with the gates i, f, g, o side by side, as Keras has them.

    It computes with the order i, f, o, g, where the gates of one activation stand together.
    """

    states = 2

    def after_each(self, projected: Tensor) -> Tensor:
        usual = self.spec.recurrent_activation == Sigmoid() and self.spec.activation == Tanh()
        if not usual:
            return super().after_each(projected)
        activations = partial(_activated, self.spec.recurrent_activation), partial(_activated, self.spec.activation)
        return unrolled_lstm(projected, self.wide("recurrent_kernel"), *activations)

    def wide(self, name: str) -> Tensor:
        i, f, g, o = tf.split(super().wide(name), 4, axis=-1)
        return tf.concat([i, f, o, g], axis=-1)

    def step(self, given: Tensor, state: State) -> State:
        spec = self.spec
        together, g = tf.split(given, [3 * spec.features, spec.features], axis=-1)
        i, f, o = _gates(spec.recurrent_activation, together, 3)
        c = f * state[1] + i * _activated(spec.activation, g)
        return o * _activated(spec.activation, c), c


@serializable
class SpecGRU(_Recurrent):
    """GRU with the gates r, z, n side by side, and a bias for the recurrent kernel where the reset comes after it."""

    def with_product(self, given: tuple[Tensor, Tensor], product: Tensor) -> tuple[Tensor, Tensor]:
        return given[0], given[1] + product

    def to_product(self, gradient: tuple[Tensor, Tensor]) -> Tensor:
        return gradient[1]

    def step(self, given: tuple[Tensor, Tensor], state: State) -> State:
        (a, b), gates = given, 2 * self.spec.features
        r, z = _gates(self.spec.recurrent_activation, a[..., :gates] + b[..., :gates], 2)
        n = _activated(self.spec.activation, a[..., gates:] + r * b[..., gates:])
        return ((1 - z) * n + z * state[0],)

    def after_each(self, projected: Tensor) -> Tensor:
        kernel = self.wide("recurrent_kernel")
        if not self.spec.reset_after:
            return self._reset_before(projected, kernel)
        bias = self.wide("recurrent_bias") if self.spec.use_bias else tf.zeros((), kernel.dtype)
        return unrolled(self, (projected, tf.broadcast_to(bias, tf.shape(projected))), kernel)

    def _reset_before(self, projected: Tensor, kernel: Tensor) -> Tensor:
        gates = 2 * self.spec.features

        def step(h: Tensor, a: Tensor) -> Tensor:
            together = a[..., :gates] + tf.matmul(h, kernel[:, :gates])
            r, z = _gates(self.spec.recurrent_activation, together, 2)
            n = _activated(self.spec.activation, a[..., gates:] + tf.matmul(r * h, kernel[:, gates:]))
            return (1 - z) * n + z * h

        start = tf.zeros((tf.shape(projected)[1], self.spec.features), projected.dtype)
        return tf.scan(step, projected, start, parallel_iterations=1)


@build.register
def simple_rnn(spec: SimpleRNN, context: Context) -> keras.layers.Layer:
    return SpecSimpleRNN(spec, _size(context), **context.options)


@build.register
def lstm(spec: LSTM, context: Context) -> keras.layers.Layer:
    return SpecLSTM(spec, _size(context), **context.options)


@build.register
def gru(spec: GRU, context: Context) -> keras.layers.Layer:
    return SpecGRU(spec, _size(context), **context.options)


def _size(context: Context) -> int:
    size = context.shapes[0][-1]
    assert size is not None
    return size
