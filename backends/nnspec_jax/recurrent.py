"""Recurrent layers: one product for the inputs of all steps, then ``jax.lax.scan`` over time.

``nnx.RNN`` multiplies each step's input by itself, and Flax's cells keep gates in variables of their own (``LSTMCell``)
or lack a bias (``GRUCell`` has none for the recurrent kernel). All is computed in float32 at least, and rounded at the
end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import jax
import jax.numpy as jnp
from flax import nnx

from nnspec.layers.activation import Identity
from nnspec.layers.recurrent import GRU, LSTM, SimpleRNN
from nnspec_jax.realize import Context, at_least_float32, build

Function = Callable[[jax.Array], jax.Array]
State = tuple[jax.Array, ...]


def _product(x: jax.Array, kernel: jax.Array) -> jax.Array:
    return jnp.matmul(x, kernel, precision=jax.lax.Precision.HIGHEST)  # a GPU would take TF32 for float32


class Recurrent(nnx.Module):
    """What all of them do: variables, the product for all steps, the loop over time.

    Derived classes say how many states there are, and make a step.
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
        value: jax.Array = getattr(self, name)[...]
        return value.astype(at_least_float32(self.dtype))

    def step(self, projected: jax.Array, state: State) -> State:
        """The state after a step, from the step's input times the kernel, biased, and the state before."""
        raise NotImplementedError

    def __call__(self, x: jax.Array) -> jax.Array:
        projected = _product(x.astype(at_least_float32(self.dtype)), self.wide("kernel"))
        if hasattr(self, "bias"):
            projected += self.wide("bias")
        steps = jnp.moveaxis(projected, 1, 0)
        start = (jnp.zeros((x.shape[0], self.features), projected.dtype),) * self.states

        def step(state: State, projected: jax.Array) -> tuple[State, jax.Array | None]:
            state = self.step(projected, state)
            return state, state[0] if self.return_sequences else None

        last, taken = jax.lax.scan(step, start, steps[::-1] if self.reverse else steps)
        return (jnp.moveaxis(taken, 0, 1) if self.return_sequences else last[0]).astype(self.dtype)


class ElmanRNN(Recurrent):
    """The network whose state is a dense layer of the input and the state before."""

    def step(self, projected: jax.Array, state: State) -> State:
        (h,) = state
        return (self.activation(projected + _product(h, self.wide("recurrent_kernel"))),)


class LongShortTermMemory(Recurrent):
    """LSTM with the gates i, f, g, o side by side, as in ``nnx.OptimizedLSTMCell``."""

    states = 2

    def __init__(self, spec: LSTM, context: Context) -> None:
        super().__init__(spec, context)
        self.recurrent_activation = _activation(spec.recurrent_activation, spec.features, context)

    def step(self, projected: jax.Array, state: State) -> State:
        h, c = state
        i, f, g, o = jnp.split(projected + _product(h, self.wide("recurrent_kernel")), 4, axis=-1)
        i, f, o = map(self.recurrent_activation, (i, f, o))
        c = f * c + i * self.activation(g)
        return o * self.activation(c), c


class GatedRecurrentUnit(Recurrent):
    """GRU with the gates r, z, n side by side, and a bias for the recurrent kernel where the reset comes after it."""

    def __init__(self, spec: GRU, context: Context) -> None:
        super().__init__(spec, context)
        self.reset_after = spec.reset_after
        self.recurrent_activation = _activation(spec.recurrent_activation, spec.features, context)

    def step(self, projected: jax.Array, state: State) -> State:
        (h,) = state
        kernel, gates = self.wide("recurrent_kernel"), 2 * self.features
        a, a_n = projected[..., :gates], projected[..., gates:]
        if self.reset_after:
            b = _product(h, kernel)
            if hasattr(self, "recurrent_bias"):
                b += self.wide("recurrent_bias")
            r, z = self._gates(a + b[..., :gates])
            n = self.activation(a_n + r * b[..., gates:])
        else:
            r, z = self._gates(a + _product(h, kernel[:, :gates]))
            n = self.activation(a_n + _product(r * h, kernel[:, gates:]))
        return ((1 - z) * n + z * h,)

    def _gates(self, a: jax.Array) -> tuple[jax.Array, jax.Array]:
        r, z = map(self.recurrent_activation, jnp.split(a, 2, axis=-1))
        return r, z


def _activation(spec: object, features: int, context: Context) -> Function:
    """An activation as it is applied to one gate."""
    wide = replace(context, shapes=((context.shapes[0][0], features),), dtype=at_least_float32(context.dtype))
    made: Function = build(spec or Identity(), wide)
    return made


build.register(SimpleRNN, ElmanRNN)
build.register(LSTM, LongShortTermMemory)
build.register(GRU, GatedRecurrentUnit)
