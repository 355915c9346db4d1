"""Recurrent layers: one product for the inputs of all steps, then a loop over time, which XLA compiles.

Keras's own multiply each step's input by itself, compute half precision step by step in half precision, and order a
GRU's gates as z, r, n. All is computed in float32 at least here, and rounded at the end.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from nnspec.layers.activation import Sigmoid, Tanh
from nnspec.layers.recurrent import GRU, LSTM, MGU, SimpleRNN
from nnspec.spec import dump, parse
from nnspec_tensorflow.activation import constant, value
from nnspec_tensorflow.dropout import RandomLayer
from nnspec_tensorflow.linear import product
from nnspec_tensorflow.realize import Context, build, serializable, working
from nnspec_tensorflow.recurrence import Given, Masked, State, Tensor, carried, unrolled, unrolled_lstm, wide_as
from nnspec_tensorflow.startup import keras, tf


def activated(spec: Any, x: Tensor) -> Tensor:
    return x if spec is None else value(spec, x)


def _gates(spec: Any, a: Tensor, count: int) -> list[Tensor]:
    """An activation of each of so many gates side by side, (batch, count · features), in one go."""
    together = activated(spec, tf.reshape(a, (-1, a.shape[-1] // count)))
    apart: list[Tensor] = tf.split(tf.reshape(together, (-1, a.shape[-1])), count, axis=-1)
    return apart


class RecurrentLayer(RandomLayer):
    """What all of them do, ConvLSTM too: one product for all steps, the loop over time, masks and dropout.

    Derived classes say how many states there are, and make a step.

    Args:
        spec: the layer of the spec, or its short form.
        shape: the input's, batch axis included.
        place: the canonical path of the node, which names its random stream.
        calls: how many nodes of its model use the layer.
    """

    states = 1

    def __init__(self, spec: Any, shape: Any, place: str, calls: int = 1, **options: Any) -> None:
        self.spec: Any = parse("layer", spec)
        options.pop("rate", None)  # stands in the spec
        super().__init__(self.spec.recurrent_dropout_rate, place, calls, **options)
        self.shape = tuple(shape)

    def build(self, input_shape: Any) -> None:
        for name, param in self.spec.params(self.shape).items():
            setattr(self, name, self.add_weight(name=name, shape=param.shape, initializer="zeros"))

    def wide(self, name: str) -> Tensor:
        """A variable in the dtype that is computed in."""
        return tf.cast(getattr(self, name), working(self.compute_dtype))

    def projected(self, x: Tensor) -> Tensor:
        """The steps' inputs times the kernel, biased."""
        y = self.multiplied(x, self.wide("kernel"))
        return y + self.wide("bias") if self.spec.use_bias else y

    def multiplied(self, x: Tensor, kernel: Tensor) -> Tensor:
        """The steps' inputs times the kernel."""
        return product(x, kernel)

    def given(self, projected: Tensor) -> Given:
        """What the steps are given before the product of state and kernel."""
        return projected

    def advance(self, given: Given, fed: Tensor, state: State, kernel: Tensor) -> State:
        """The states after a step; ``fed`` is the first state as the recurrent kernel sees it."""
        raise NotImplementedError

    def start(self, x: Tensor) -> Tensor:
        """A first state of zeros for the input of a layer."""
        _, *rest = self.spec.h_shape(tuple(x.shape))
        return tf.zeros((tf.shape(x)[0], *rest), working(self.compute_dtype))

    def after_each(self, projected: Tensor, mask: Tensor | None, zeros: Tensor) -> Tensor:
        """The first state after each step from zeros."""
        return self.after_all(projected, mask, (zeros,) * self.states)[0]

    def after_all(self, projected: Tensor, mask: Any, start: State, keep: Any = None) -> State:
        """All states after each step, by TensorFlow's own derivative: from any start, and with dropout."""
        kernel = self.wide("recurrent_kernel")

        def step(state: State, now: Any) -> State:
            fed = state[0]
            if keep is not None:
                fed = tf.where(keep, fed / constant(1 - self.rate, fed), tf.zeros_like(fed))
            new = self.advance(now[0], fed, state, kernel)
            return new if mask is None else carried(now[1], new, state)

        steps = (self.given(projected),) if mask is None else (self.given(projected), mask)
        after: State = tf.scan(step, steps, start, parallel_iterations=1)
        return after

    def call(self, inputs: Any, training: bool | None = None, use: int = 0) -> Tensor:
        spec, wide = self.spec, working(self.compute_dtype)
        x, start, mask = spec.apart(_listed(inputs))
        if mask is not None:
            x = tf.where(wide_as(mask, x), x, tf.zeros_like(x))  # so that NaN does not matter there
            mask = tf.transpose(mask)
        # The input is brought into the order of the steps, since what it is projected to is often larger.
        steps = tf.transpose(tf.cast(x, wide), (1, 0, *range(2, x.shape.rank)))
        projected = self.projected(steps)
        if spec.reverse:
            projected, mask = tf.reverse(projected, [0]), None if mask is None else tf.reverse(mask, [0])
        zeros = self.start(x)
        keep = self.mask(zeros, use) if training and self.rate > 0 else None
        if start is None and keep is None and not spec.returns_state:
            y = self.after_each(projected, mask, zeros)
        else:
            state = (zeros,) * self.states
            if start is not None:
                state = tuple(tf.split(tf.cast(start, wide), self.states, axis=-1))
            after = self.after_all(projected, mask, state, keep)
            y = tf.concat(after, axis=-1) if spec.returns_state else after[0]
        if spec.zero_output_for_mask:
            y = tf.where(wide_as(mask, y), y, tf.zeros_like(y))
        y = tf.transpose(y, (1, 0, *range(2, y.shape.rank))) if spec.return_sequences else y[-1]
        return tf.cast(y, self.compute_dtype)

    def target(self, inputs: list[Tensor], use: int = 0) -> Tensor:
        return self.start(inputs[0])

    def compute_output_spec(self, inputs: Any, training: bool | None = None, use: int = 0) -> Any:
        shapes = (tuple(x.shape) for x in _listed(inputs))
        return keras.KerasTensor(self.spec.output_shape(*shapes), dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "spec": dump(self.spec), "shape": list(self.shape)}


def _listed(inputs: Any) -> list[Tensor]:
    return list(inputs) if isinstance(inputs, list | tuple) else [inputs]


class _Recurrent(RecurrentLayer):
    """What those do whose state is a vector: they are cells of a loop, too (see :class:`Cell`)."""

    def with_product(self, given: Given, product: Tensor) -> Given:
        return given + product

    def to_product(self, gradient: Given) -> Tensor:
        return gradient

    def step(self, given: Given, state: State) -> State:
        raise NotImplementedError

    def advance(self, given: Given, fed: Tensor, state: State, kernel: Tensor) -> State:
        return self.step(self.with_product(given, tf.matmul(fed, kernel)), state)

    def after_each(self, projected: Tensor, mask: Tensor | None, zeros: Tensor) -> Tensor:
        given, kernel = self.given(projected), self.wide("recurrent_kernel")
        if mask is None:
            return unrolled(self, given, kernel)
        return unrolled(Masked(self), (given, tf.cast(mask, projected.dtype)), kernel)


@serializable
class SpecSimpleRNN(_Recurrent):
    """Elman's network."""

    def step(self, given: Tensor, state: State) -> State:
        return (activated(self.spec.activation, given + state[0] if self.spec.residual else given),)


@serializable
class SpecLSTM(_Recurrent):
    """LSTM with the gates i, f, g, o side by side, as Keras has them.

    It computes with the order i, f, o, g, where the gates of one activation stand together.
    """

    states = 2

    def after_each(self, projected: Tensor, mask: Tensor | None, zeros: Tensor) -> Tensor:
        usual = self.spec.recurrent_activation == Sigmoid() and self.spec.activation == Tanh()
        if not usual or mask is not None:
            return super().after_each(projected, mask, zeros)
        activations = partial(activated, self.spec.recurrent_activation), partial(activated, self.spec.activation)
        return unrolled_lstm(projected, self.wide("recurrent_kernel"), *activations)

    def wide(self, name: str) -> Tensor:
        i, f, g, o = tf.split(super().wide(name), 4, axis=-1)
        return tf.concat([i, f, o, g], axis=-1)

    def step(self, given: Tensor, state: State) -> State:
        spec = self.spec
        together, g = tf.split(given, [3 * spec.features, spec.features], axis=-1)
        i, f, o = _gates(spec.recurrent_activation, together, 3)
        c = f * state[1] + i * activated(spec.activation, g)
        return o * activated(spec.activation, c), c


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
        n = activated(self.spec.activation, a[..., gates:] + r * b[..., gates:])
        return ((1 - z) * n + z * state[0],)

    def given(self, projected: Tensor) -> Given:
        spec = self.spec
        if not spec.reset_after:
            return projected
        bias = self.wide("recurrent_bias") if spec.recurrent_biases else tf.zeros((), projected.dtype)
        if spec.recurrent_biases == 1:  # of the candidate alone
            bias = tf.pad(bias, [[2 * spec.features, 0]])
        return projected, tf.broadcast_to(bias, tf.shape(projected))

    def after_each(self, projected: Tensor, mask: Tensor | None, zeros: Tensor) -> Tensor:
        if self.spec.reset_after:
            return super().after_each(projected, mask, zeros)
        return self.after_all(projected, mask, (zeros,))[0]

    def advance(self, given: Given, fed: Tensor, state: State, kernel: Tensor) -> State:
        if self.spec.reset_after:
            return super().advance(given, fed, state, kernel)
        gates = 2 * self.spec.features
        together = given[..., :gates] + tf.matmul(fed, kernel[:, :gates])
        r, z = _gates(self.spec.recurrent_activation, together, 2)
        n = activated(self.spec.activation, given[..., gates:] + tf.matmul(r * fed, kernel[:, gates:]))
        return ((1 - z) * n + z * state[0],)


@serializable
class SpecMGU(_Recurrent):
    """GRU of one gate, f, which stands before n."""

    def wide(self, name: str) -> Tensor:
        own = super().wide(name)
        return tf.concat([super().wide("forget_bias"), own], axis=-1) if name == "bias" else own

    def with_product(self, given: tuple[Tensor, Tensor], product: Tensor) -> tuple[Tensor, Tensor]:
        return given[0], given[1] + product

    def to_product(self, gradient: tuple[Tensor, Tensor]) -> Tensor:
        return gradient[1]

    def given(self, projected: Tensor) -> Given:
        spec = self.spec
        none = tf.zeros((spec.features,), projected.dtype)
        bias = self.wide("recurrent_bias") if spec.use_bias and spec.reset_gate else none
        return projected, tf.broadcast_to(tf.pad(bias, [[spec.features, 0]]), tf.shape(projected))

    def step(self, given: tuple[Tensor, Tensor], state: State) -> State:
        spec = self.spec
        (a_f, a_n), (b_f, b_n) = (tf.split(x, 2, axis=-1) for x in given)
        f = activated(spec.recurrent_activation, a_f + b_f)
        n = activated(spec.activation, a_n + (f * b_n if spec.reset_gate else b_n))
        return ((1 - f) * n + f * state[0],)


def layer_of(kind: Any, spec: Any, context: Context) -> keras.layers.Layer:
    return kind(spec, context.shapes[0], context.path, context.calls, **context.options)


@build.register
def simple_rnn(spec: SimpleRNN, context: Context) -> keras.layers.Layer:
    return layer_of(SpecSimpleRNN, spec, context)


@build.register
def lstm(spec: LSTM, context: Context) -> keras.layers.Layer:
    return layer_of(SpecLSTM, spec, context)


@build.register
def gru(spec: GRU, context: Context) -> keras.layers.Layer:
    return layer_of(SpecGRU, spec, context)


@build.register
def mgu(spec: MGU, context: Context) -> keras.layers.Layer:
    return layer_of(SpecMGU, spec, context)
