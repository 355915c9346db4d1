"""Recurrent layers: one product for the inputs of all steps, then ``jax.lax.scan`` over time.

``nnx.RNN`` multiplies each step's input by itself, and Flax's cells keep gates in variables of their own (``LSTMCell``)
or lack a bias (``GRUCell`` has none for the recurrent kernel). All is computed in float32 at least, and rounded at the
end.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from nnspec.layers.activation import Identity, Sigmoid, Tanh
from nnspec.layers.recurrent import GRU, LSTM, MGU, SimpleRNN
from nnspec_jax.dropout import KeepMask
from nnspec_jax.linear import product
from nnspec_jax.realize import Context, at_least_float32, build, widened
from nnspec_jax.recurrence import Function, Given, Masked, State, carried, unrolled, unrolled_lstm, wide_as


class Recurrent(nnx.Module):
    """What all of them do: variables, the product for all steps, the loop over time.

    Derived classes are cells, too: see :class:`Cell`. ``train()`` and ``eval()`` switch their dropout.
    """

    states = 1

    def __init__(self, spec: Any, context: Context) -> None:
        self.spec = spec
        self.features = spec.features
        self.dtype = context.dtype
        self.deterministic = False
        self.activation = activation_of(spec.activation, spec, context)
        for name, param in spec.params(*context.shapes).items():
            setattr(self, name, nnx.Param(jnp.zeros(param.shape, context.dtype)))

    def wide(self, name: str) -> jax.Array:
        """A variable in the dtype that is computed in."""
        return widened(getattr(self, name)[...])

    def with_product(self, given: Given, product: jax.Array) -> Given:
        return given + product

    def step(self, given: Given, state: State) -> State:
        raise NotImplementedError

    def given(self, projected: jax.Array) -> Given:
        """What the steps are given before the product of state and kernel."""
        return projected

    def advance(self, given: Given, fed: jax.Array, state: State, kernel: jax.Array) -> State:
        """The states after a step; ``fed`` is the first state as the recurrent kernel sees it."""
        return self.step(self.with_product(given, product(fed, kernel)), state)

    def after_each(self, projected: jax.Array, mask: jax.Array | None) -> jax.Array:
        """The first state after each step from zeros, by the steps' inputs times the kernel, biased."""
        given, kernel = self.given(projected), self.wide("recurrent_kernel")
        if mask is None:
            return unrolled(self, given, kernel)
        return unrolled(Masked(self), (given, mask.astype(projected.dtype)), kernel)

    def __call__(self, *inputs: jax.Array, keep_mask: KeepMask | None = None) -> jax.Array:
        x, start, mask = self.spec.apart(inputs)
        wide = at_least_float32(self.dtype)
        if mask is not None:
            x = jnp.where(wide_as(mask, x), x, 0)  # so that NaN does not matter there
            mask = jnp.moveaxis(mask, 1, 0)
        # The input is brought into the order of the steps, since what it is projected to is often larger.
        steps = self.projected(jnp.moveaxis(x, 1, 0).astype(wide))
        if self.spec.reverse:
            steps, mask = steps[::-1], None if mask is None else mask[::-1]
        drop = None if self.deterministic or keep_mask is None else self._dropped(keep_mask, self.h_shape(steps))
        if start is None and drop is None and not self.spec.returns_state:
            y = self.after_each(steps, mask)
        else:
            state = None if start is None else tuple(jnp.split(start.astype(wide), self.states, axis=-1))
            after = self.after_all(steps, mask, state, drop)
            y = jnp.concatenate(after, axis=-1) if self.spec.returns_state else after[0]
        if self.spec.zero_output_for_mask and mask is not None:
            y = jnp.where(wide_as(mask, y), y, 0)
        return (jnp.moveaxis(y, 0, 1) if self.spec.return_sequences else y[-1]).astype(self.dtype)

    def projected(self, x: jax.Array) -> jax.Array:
        """The steps' inputs times the kernel, biased."""
        steps = self.multiplied(x, self.wide("kernel"))
        return steps + self.wide("bias") if self.spec.use_bias else steps

    def multiplied(self, x: jax.Array, kernel: jax.Array) -> jax.Array:
        """The steps' inputs times the kernel."""
        return product(x, kernel)

    def after_all(
        self, projected: jax.Array, mask: Any, start: State | None = None, drop: Function | None = None
    ) -> State:
        """All states after each step, by JAX's own derivative: from any start, and with dropout.

        Args:
            drop: what the recurrent kernel sees of the first state, where that is not all.
        """
        kernel = self.wide("recurrent_kernel")
        if start is None:
            start = (jnp.zeros(self.h_shape(projected), projected.dtype),) * self.states

        def step(state: State, now: Any) -> tuple[State, State]:
            given, seen = now
            new = self.advance(given, state[0] if drop is None else drop(state[0]), state, kernel)
            new = new if seen is None else carried(seen, new, state)
            return new, new

        after: State = jax.lax.scan(step, start, (self.given(projected), mask))[1]
        return after

    def h_shape(self, projected: jax.Array) -> tuple[int, ...]:
        """The shape of h, by this call's inputs: nodes that share a layer may have images of other sizes."""
        return (*projected.shape[1:-1], self.features)

    def _dropped(self, keep_mask: KeepMask, shape: tuple[int, ...]) -> Function:
        """What the recurrent kernel sees of a state of this shape in training."""
        rate = self.spec.recurrent_dropout_rate
        keep = keep_mask(rate, shape)
        return lambda h: jnp.where(keep, h / (1.0 - rate), 0.0)


class ElmanRNN(Recurrent):
    """The network whose state is a dense layer of the input and the state before."""

    def step(self, given: jax.Array, state: State) -> State:
        return (self.activation(given + state[0] if self.spec.residual else given),)


class LongShortTermMemory(Recurrent):
    """LSTM with the gates i, f, g, o side by side, as in ``nnx.OptimizedLSTMCell``.

    It computes with the order i, f, o, g, where the gates of one activation stand together.
    """

    states = 2

    def __init__(self, spec: LSTM, context: Context) -> None:
        super().__init__(spec, context)
        self.recurrent_activation = activation_of(spec.recurrent_activation, spec, context)
        self.usual = spec.recurrent_activation == Sigmoid() and spec.activation == Tanh()

    def after_each(self, projected: jax.Array, mask: jax.Array | None) -> jax.Array:
        if not self.usual or mask is not None:
            return super().after_each(projected, mask)
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
        self.recurrent_activation = activation_of(spec.recurrent_activation, spec, context)

    def with_product(self, given: tuple[jax.Array, jax.Array], product: jax.Array) -> tuple[jax.Array, jax.Array]:
        return given[0], given[1] + product

    def step(self, given: tuple[jax.Array, jax.Array], state: State) -> State:
        a, b = given
        gates = 2 * self.features
        r, z = _gates(self.recurrent_activation, a[..., :gates] + b[..., :gates], 2)
        n = self.activation(a[..., gates:] + r * b[..., gates:])
        return ((1 - z) * n + z * state[0],)

    def given(self, projected: jax.Array) -> Given:
        if not self.reset_after:
            return projected
        bias = self.wide("recurrent_bias") if hasattr(self, "recurrent_bias") else jnp.zeros((), projected.dtype)
        if bias.shape == (self.features,):  # of the candidate alone
            bias = jnp.pad(bias, (2 * self.features, 0))
        return projected, jnp.broadcast_to(bias, projected.shape)

    def after_each(self, projected: jax.Array, mask: jax.Array | None) -> jax.Array:
        return super().after_each(projected, mask) if self.reset_after else self.after_all(projected, mask)[0]

    def advance(self, given: Given, fed: jax.Array, state: State, kernel: jax.Array) -> State:
        if self.reset_after:
            return super().advance(given, fed, state, kernel)
        gates = 2 * self.features
        r, z = _gates(self.recurrent_activation, given[..., :gates] + product(fed, kernel[:, :gates]), 2)
        n = self.activation(given[..., gates:] + product(r * fed, kernel[:, gates:]))
        return ((1 - z) * n + z * state[0],)


class MinimalGatedUnit(Recurrent):
    """GRU of one gate, f, which stands before n."""

    def __init__(self, spec: MGU, context: Context) -> None:
        super().__init__(spec, context)
        self.recurrent_activation = activation_of(spec.recurrent_activation, spec, context)

    def wide(self, name: str) -> jax.Array:
        own = super().wide(name)
        return jnp.concatenate([super().wide("forget_bias"), own]) if name == "bias" else own

    def with_product(self, given: tuple[jax.Array, jax.Array], product: jax.Array) -> tuple[jax.Array, jax.Array]:
        return given[0], given[1] + product

    def given(self, projected: jax.Array) -> Given:
        none = jnp.zeros((self.features,), projected.dtype)
        bias = self.wide("recurrent_bias") if hasattr(self, "recurrent_bias") else none
        return projected, jnp.broadcast_to(jnp.pad(bias, (self.features, 0)), projected.shape)

    def step(self, given: tuple[jax.Array, jax.Array], state: State) -> State:
        (a_f, a_n), (b_f, b_n) = (jnp.split(x, 2, axis=-1) for x in given)
        f = self.recurrent_activation(a_f + b_f)
        n = self.activation(a_n + (f * b_n if self.spec.reset_gate else b_n))
        return ((1 - f) * n + f * state[0],)


def _gates(activation: Function, a: jax.Array, count: int) -> State:
    """An activation of each of so many gates side by side, (batch, count · features), in one go."""
    activated = activation(a.reshape(-1, a.shape[-1] // count)).reshape(a.shape)
    return tuple(jnp.split(activated, count, axis=-1))


def activation_of(activation: object, spec: Any, context: Context) -> Function:
    """An activation as it is applied to one gate of a recurrent layer."""
    wide = replace(context, shapes=(spec.h_shape(context.shapes[0]),), dtype=at_least_float32(context.dtype))
    made: Function = build(activation or Identity(), wide)
    return made


build.register(SimpleRNN, ElmanRNN)
build.register(LSTM, LongShortTermMemory)
build.register(GRU, GatedRecurrentUnit)
build.register(MGU, MinimalGatedUnit)
