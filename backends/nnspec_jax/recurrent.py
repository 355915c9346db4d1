"""Recurrent layers: one product for the inputs of all steps, then ``jax.lax.scan`` over time.

``nnx.RNN`` multiplies each step's input by itself, and Flax's cells keep gates in variables of their own (``LSTMCell``)
or lack a bias (``GRUCell`` has none for the recurrent kernel). All is computed in float32 at least, and rounded at the
end.
"""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
from flax import nnx

from nnspec.layers.activation import Identity, Sigmoid, Tanh
from nnspec.layers.recurrent import GRU, LSTM, SimpleRNN
from nnspec_jax.linear import product
from nnspec_jax.realize import Context, at_least_float32, build, widened
from nnspec_jax.recurrence import Function, Given, State, unrolled, unrolled_lstm


class Recurrent(nnx.Module):
    """What all of them do: variables, the product for all steps, the loop over time.

    Derived classes are cells, too: see :class:`Cell`.
    """

    states = 1

    def __init__(self, spec: SimpleRNN | LSTM | GRU, context: Context) -> None:
        self.features = spec.features
        self.return_sequences, self.reverse = spec.return_sequences, spec.reverse
        self.dtype = context.dtype
        self.activation = _activation(spec.activation, spec.features, context)
        for name, param in spec.params(*context.shapes).items():
            setattr(self, name, nnx.Param(jnp.zeros(param.shape, context.dtype)))

    def wide(self, name: str) -> jax.Array:
        """A variable in the dtype that is computed in."""
        return widened(getattr(self, name)[...])

    def with_product(self, given: Given, product: jax.Array) -> Given:
        return given + product

    def step(self, given: Given, state: State) -> State:
        raise NotImplementedError

    def after_each(self, projected: jax.Array) -> jax.Array:
        """The state after each step, from the steps' inputs times the kernel, biased."""
        return unrolled(self, projected, self.wide("recurrent_kernel"))

    def __call__(self, x: jax.Array) -> jax.Array:
        # The input is brought into the order of the steps, since what it is projected to is often larger.
        steps = product(jnp.moveaxis(x, 1, 0).astype(at_least_float32(self.dtype)), self.wide("kernel"))
        if hasattr(self, "bias"):
            steps += self.wide("bias")
        states = self.after_each(steps[::-1] if self.reverse else steps)
        return (jnp.moveaxis(states, 0, 1) if self.return_sequences else states[-1]).astype(self.dtype)


class ElmanRNN(Recurrent):
    """The network whose state is a dense layer of the input and the state before."""

    def step(self, given: jax.Array, state: State) -> State:
        return (self.activation(given),)


class LongShortTermMemory(Recurrent):
    """LSTM with the gates i, f, g, o side by side, as in ``nnx.OptimizedLSTMCell``.

    It computes with the order i, f, o, g, where the gates of one activation stand together.
    """

    states = 2

    def __init__(self, spec: LSTM, context: Context) -> None:
        super().__init__(spec, context)
        self.recurrent_activation = _activation(spec.recurrent_activation, spec.features, context)
        self.usual = spec.recurrent_activation == Sigmoid() and spec.activation == Tanh()

    def after_each(self, projected: jax.Array) -> jax.Array:
        if not self.usual:
            return super().after_each(projected)
        kernel = self.wide("recurrent_kernel")
        return unrolled_lstm(projected, kernel, self.recurrent_activation, self.activation)

    def wide(self, name: str) -> jax.Array:
        i, f, g, o = jnp.split(super().wide(name), 4, axis=-1)
        return jnp.concatenate([i, f, o, g], axis=-1)

    def step(self, given: jax.Array, state: State) -> State:
        together, g = jnp.split(given, [3 * self.features], axis=-1)
        i, f, o = _gates(self.recurrent_activation, together, 3)
        c = f * state[1] + i * self.activation(g)
        return o * self.activation(c), c


class GatedRecurrentUnit(Recurrent):
    """GRU with the gates r, z, n side by side, and a bias for the recurrent kernel where the reset comes after it."""

    def __init__(self, spec: GRU, context: Context) -> None:
        super().__init__(spec, context)
        self.reset_after = spec.reset_after
        self.recurrent_activation = _activation(spec.recurrent_activation, spec.features, context)

    def with_product(self, given: tuple[jax.Array, jax.Array], product: jax.Array) -> tuple[jax.Array, jax.Array]:
        return given[0], given[1] + product

    def step(self, given: tuple[jax.Array, jax.Array], state: State) -> State:
        a, b = given
        gates = 2 * self.features
        r, z = _gates(self.recurrent_activation, a[..., :gates] + b[..., :gates], 2)
        n = self.activation(a[..., gates:] + r * b[..., gates:])
        return ((1 - z) * n + z * state[0],)

    def after_each(self, projected: jax.Array) -> jax.Array:
        kernel = self.wide("recurrent_kernel")
        if not self.reset_after:
            return self._reset_before(projected, kernel)
        bias = self.wide("recurrent_bias") if hasattr(self, "recurrent_bias") else jnp.zeros((), kernel.dtype)
        return unrolled(self, (projected, jnp.broadcast_to(bias, projected.shape)), kernel)

    def _reset_before(self, projected: jax.Array, kernel: jax.Array) -> jax.Array:
        gates = 2 * self.features

        def step(h: jax.Array, a: jax.Array) -> tuple[jax.Array, jax.Array]:
            r, z = _gates(self.recurrent_activation, a[..., :gates] + product(h, kernel[:, :gates]), 2)
            n = self.activation(a[..., gates:] + product(r * h, kernel[:, gates:]))
            h = (1 - z) * n + z * h
            return h, h

        start = jnp.zeros((projected.shape[1], self.features), projected.dtype)
        after: jax.Array = jax.lax.scan(step, start, projected)[1]
        return after


def _gates(activation: Function, a: jax.Array, count: int) -> State:
    """An activation of each of so many gates side by side, (batch, count · features), in one go."""
    activated = activation(a.reshape(-1, a.shape[-1] // count)).reshape(a.shape)
    return tuple(jnp.split(activated, count, axis=-1))


def _activation(spec: object, features: int, context: Context) -> Function:
    """An activation as it is applied to one gate."""
    wide = replace(context, shapes=((context.shapes[0][0], features),), dtype=at_least_float32(context.dtype))
    made: Function = build(spec or Identity(), wide)
    return made


build.register(SimpleRNN, ElmanRNN)
build.register(LSTM, LongShortTermMemory)
build.register(GRU, GatedRecurrentUnit)
