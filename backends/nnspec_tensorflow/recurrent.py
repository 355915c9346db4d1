"""Recurrent layers: one product for the inputs of all steps, then ``tf.scan`` over time, which XLA compiles.

Keras's own multiply each step's input by itself, compute half precision step by step in half precision, and order a
GRU's gates as z, r, n. All is computed in float32 at least here, and rounded at the end.
"""

from __future__ import annotations

from typing import Any

from nnspec.layers.recurrent import GRU, LSTM, SimpleRNN
from nnspec.spec import dump, parse
from nnspec_tensorflow.activation import value
from nnspec_tensorflow.realize import Context, build, serializable, working
from nnspec_tensorflow.startup import keras, tf

Tensor = Any
State = tuple[Tensor, ...]


def _activated(spec: Any, x: Tensor) -> Tensor:
    return x if spec is None else value(spec, x)


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

    def step(self, projected: Tensor, state: State) -> State:
        """The state after a step, from the step's input times the kernel, biased, and the state before."""
        raise NotImplementedError

    def call(self, inputs: Tensor) -> Tensor:
        spec = self.spec
        projected = tf.matmul(tf.cast(inputs, working(self.compute_dtype)), self.wide("kernel"))
        if spec.use_bias:
            projected += self.wide("bias")
        if spec.reverse:
            projected = tf.reverse(projected, [1])
        start = tf.zeros((tf.shape(inputs)[0], spec.features), projected.dtype)
        taken = tf.scan(
            lambda state, now: self.step(now, state),
            tf.transpose(projected, (1, 0, 2)),
            (start,) * self.states,
            parallel_iterations=1,
        )
        y = tf.transpose(taken[0], (1, 0, 2)) if spec.return_sequences else taken[0][-1]
        return tf.cast(y, self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        shape: tuple[int | None, ...] = self.spec.output_shape(tuple(input_shape))
        return shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "spec": dump(self.spec), "inputs": self.inputs}


@serializable
class SpecSimpleRNN(_Recurrent):
    """Elman's network."""

    def step(self, projected: Tensor, state: State) -> State:
        (h,) = state
        return (_activated(self.spec.activation, projected + tf.matmul(h, self.wide("recurrent_kernel"))),)


@serializable
class SpecLSTM(_Recurrent):
    """LSTM with the gates i, f, g, o side by side, as Keras has them."""

    states = 2

    def step(self, projected: Tensor, state: State) -> State:
        spec, (h, c) = self.spec, state
        i, f, g, o = tf.split(projected + tf.matmul(h, self.wide("recurrent_kernel")), 4, axis=-1)
        i, f, o = (_activated(spec.recurrent_activation, gate) for gate in (i, f, o))
        c = f * c + i * _activated(spec.activation, g)
        return o * _activated(spec.activation, c), c


@serializable
class SpecGRU(_Recurrent):
    """GRU with the gates r, z, n side by side, and a bias for the recurrent kernel where the reset comes after it."""

    def step(self, projected: Tensor, state: State) -> State:
        spec, (h,) = self.spec, state
        kernel, gates = self.wide("recurrent_kernel"), 2 * self.spec.features
        a, a_n = projected[..., :gates], projected[..., gates:]
        if spec.reset_after:
            b = tf.matmul(h, kernel)
            if spec.use_bias:
                b += self.wide("recurrent_bias")
            r, z = self._gates(a + b[..., :gates])
            n = _activated(spec.activation, a_n + r * b[..., gates:])
        else:
            r, z = self._gates(a + tf.matmul(h, kernel[:, :gates]))
            n = _activated(spec.activation, a_n + tf.matmul(r * h, kernel[:, gates:]))
        return ((1 - z) * n + z * h,)

    def _gates(self, a: Tensor) -> tuple[Tensor, Tensor]:
        r, z = (_activated(self.spec.recurrent_activation, gate) for gate in tf.split(a, 2, axis=-1))
        return r, z


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
