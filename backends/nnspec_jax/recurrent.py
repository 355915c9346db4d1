"""Recurrent layers: one product for the inputs of all steps, then ``jax.lax.scan`` over time.

``nnx.RNN`` multiplies each step's input by itself, and Flax's cells keep gates in variables of their own (``LSTMCell``)
or lack a bias (``GRUCell`` has none for the recurrent kernel). All is computed in float32 at least, and rounded at the
end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

import jax
import jax.numpy as jnp
from flax import nnx

from nnspec.layers.activation import Identity
from nnspec.layers.recurrent import GRU, LSTM, SimpleRNN
from nnspec_jax.linear import product, turned
from nnspec_jax.realize import HIGHEST, Context, at_least_float32, build, widened

Function = Callable[[jax.Array], jax.Array]
State = tuple[jax.Array, ...]
# What a step is given: an array, or several.
Given = Any


class Cell(Protocol):
    """What a step does.

    Attributes:
        states: how many states there are, each (batch, features).
    """

    states: int

    def with_product(self, given: Given, product: jax.Array) -> Given:
        """What a step is given with the product of the first state and the recurrent kernel added where it belongs."""

    def step(self, given: Given, state: State) -> State:
        """The states after the step."""


def unrolled(cell: Cell, given: Given, kernel: jax.Array) -> jax.Array:
    """The first state after every step of a cell, from states of zeros.

    JAX's own derivative of such a loop adds a product to the kernel's gradient in every step. Here what the kernel's
    tangent does to all steps, and so its gradient, is one product. This is a rule for tangents, which JAX transposes
    for gradients; both can be differentiated further.

    Args:
        given: what each step is given before the product: arrays (steps, batch, …).
        kernel: the recurrent kernel, (features, …).

    Returns:
        (steps, batch, features)
    """

    def start() -> State:
        some = jax.tree.leaves(given)[0]
        return (jnp.zeros((some.shape[1], kernel.shape[0]), some.dtype),) * cell.states

    @jax.custom_jvp
    def run(given: Given, kernel: jax.Array) -> jax.Array:
        def step(state: State, now: Given) -> tuple[State, jax.Array]:
            state = cell.step(cell.with_product(now, product(state[0], kernel)), state)
            return state, state[0]

        after: jax.Array = jax.lax.scan(step, start(), given)[1]
        return after

    @run.defjvp
    def with_tangents(primals: Any, tangents: Any) -> tuple[jax.Array, jax.Array]:
        given, kernel = primals
        # What a step's derivative is made of beside arrays: the same for all steps, yet unequal where each is traced by
        # itself (under jax.disable_jit), so that only the arrays go through the loop.
        trees: list[Any] = []
        # The loop that JAX makes of push() multiplies by the kernel's transpose, which lies in memory so.
        transposed = turned(kernel)

        def step(state: State, now: Given) -> tuple[State, Any]:
            new, pull = jax.vjp(cell.step, cell.with_product(now, product(state[0], kernel)), state)
            kept, tree = jax.tree.flatten(pull)
            trees.append(tree)
            return new, (new[0], state[0], kept)

        def push(state: State, now: Any) -> tuple[State, jax.Array]:
            given, kept = now
            pull = jax.tree.unflatten(trees[-1], kept)
            by_state = jax.lax.dot_general(state[0], transposed, (((1,), (1,)), ((), ())), precision=HIGHEST)
            given = cell.with_product(given, by_state)
            (pushed,) = jax.linear_transpose(pull, state)((given, state))
            return pushed, pushed[0]

        after, before, kept = jax.lax.scan(step, start(), given)[1]
        given = cell.with_product(tangents[0], product(before, tangents[1]))
        return after, jax.lax.scan(push, start(), (given, kept))[1]

    made: jax.Array = run(given, kernel)
    return made


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
