"""The loop over time of recurrent layers, with derivatives of its own: JAX's would multiply once more in every step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import jax
import jax.numpy as jnp

from nnspec_jax.linear import product, turned
from nnspec_jax.realize import HIGHEST

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


class Masked:
    """A cell that leaves steps out: it is given 1 or 0, too."""

    def __init__(self, cell: Cell) -> None:
        self.cell, self.states = cell, cell.states

    def with_product(self, given: Given, product: jax.Array) -> Given:
        return self.cell.with_product(given[0], product), given[1]

    def step(self, given: Given, state: State) -> State:
        return carried(given[1] > 0, self.cell.step(given[0], state), state)


def carried(mask: jax.Array, new: State, state: State) -> State:
    """The states after a step; where the mask is false, those before."""
    return tuple(jnp.where(wide_as(mask, x), x, before) for x, before in zip(new, state, strict=True))


def wide_as(mask: jax.Array, x: jax.Array) -> jax.Array:
    """A mask of the first axes of an array, to be broadcast to it."""
    return mask.reshape(*mask.shape, *(1,) * (x.ndim - mask.ndim))


def unrolled_lstm(given: jax.Array, kernel: jax.Array, sigmoid: Function, tanh: Function) -> jax.Array:
    """What :func:`unrolled` gives for an LSTM with sigmoid and tanh, by a derivative that is written out.

    With δ for tangents, all (batch, features) and o, f, … the activated gates of a step:

        δc_t = g·i·(1−i) · δa_i + c_(t−1)·f·(1−f) · δa_f + i·(1−g²) · δa_g + f · δc_(t−1)
        δh_t = tanh(c_t)·o·(1−o) · δa_o + o·(1−tanh²(c_t)) · δc_t

    The factors are computed for all steps at once, so that a step backwards is little beside its product.

    Args:
        given: (steps, batch, 4 · features), gates in the order i, f, o, g.
    """
    features = kernel.shape[0]

    def start(given: jax.Array) -> State:
        return (jnp.zeros((given.shape[1], features), given.dtype),) * 2

    def forward(given: jax.Array, kernel: jax.Array, pick: Callable[..., Any]) -> Any:
        def step(state: State, now: jax.Array) -> tuple[State, Any]:
            now += product(state[0], kernel)
            gates, g = sigmoid(now[:, : 3 * features]), tanh(now[:, 3 * features :])
            i, f, o = jnp.split(gates, 3, axis=-1)
            c = f * state[1] + i * g
            h = o * tanh(c)
            return (h, c), pick(h, gates, g, c)

        return jax.lax.scan(step, start(given), given)[1]

    @jax.custom_jvp
    def run(given: jax.Array, kernel: jax.Array) -> jax.Array:
        after: jax.Array = forward(given, kernel, lambda h, *others: h)
        return after

    @run.defjvp
    def with_tangents(primals: Any, tangents: Any) -> tuple[jax.Array, jax.Array]:
        given, kernel = primals
        h, gates, g, c = forward(given, kernel, lambda *all_of_them: all_of_them)
        i, f, o = jnp.split(gates, 3, axis=-1)
        squashed = tanh(c)
        before = _later(c)
        factors = [g * i * (1 - i), before * f * (1 - f), squashed * o * (1 - o), i * (1 - g * g)]
        by_cell = o * (1 - squashed * squashed)
        transposed = turned(kernel)

        def push(state: State, now: Any) -> tuple[State, jax.Array]:
            given, factors, by_cell, f = now
            by_state = jax.lax.dot_general(state[0], transposed, (((1,), (1,)), ((), ())), precision=HIGHEST)
            by_i, by_f, by_o, by_g = jnp.split((given + by_state) * factors, 4, axis=-1)
            c = by_i + by_f + by_g + f * state[1]
            h = by_o + by_cell * c
            return (h, c), h

        given = tangents[0] + product(_later(h), tangents[1])
        return h, jax.lax.scan(push, start(given), (given, jnp.concatenate(factors, axis=-1), by_cell, f))[1]

    made: jax.Array = run(given, kernel)
    return made


def _later(x: jax.Array) -> jax.Array:
    """What was there before each step, from what was there after it; before the first, zeros."""
    return jnp.concatenate([jnp.zeros_like(x[:1]), x[:-1]])
