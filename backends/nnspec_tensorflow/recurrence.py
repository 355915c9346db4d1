"""The loop over time of recurrent layers, with gradients of its own.

TensorFlow's keeps every intermediate value of a step, and multiplies once more in every step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from nnspec_tensorflow.startup import tf

Tensor = Any
Function = Callable[[Tensor], Tensor]
State = tuple[Tensor, ...]
# What a step is given: a tensor, or several.
Given = Any


class Cell(Protocol):
    """What a step does.

    Attributes:
        states: how many states there are, each (batch, features).
    """

    states: int

    def with_product(self, given: Given, product: Tensor) -> Given:
        """What a step is given with the product of the first state and the recurrent kernel added where it belongs."""

    def to_product(self, gradient: Given) -> Tensor:
        """The gradient with respect to the product, from that with respect to what a step is given."""

    def step(self, given: Given, state: State) -> State:
        """The states after the step."""


def unrolled(cell: Cell, given: Given, kernel: Tensor) -> Tensor:
    """The first state after every step of a cell, from states of zeros.

    TensorFlow's own gradient of such a loop keeps every intermediate value of a step, and adds a product to the
    kernel's gradient in each. Here a step is computed again from what it was given, and the kernel's gradient is one
    product over all steps.

    Args:
        given: what each step is given before the product: tensors (steps, batch, …).
        kernel: the recurrent kernel, (features, …).

    Returns:
        (steps, batch, features)
    """

    @tf.custom_gradient
    def run(kernel: Tensor, *leaves: Tensor) -> tuple[Tensor, Any]:
        # A static number where it is known: XLA needs it for what a second derivative keeps of each step.
        steps = leaves[0].shape[0] or tf.shape(leaves[0])[0]
        batch = tf.shape(leaves[0])[1]
        start = (tf.zeros((batch, kernel.shape[0]), kernel.dtype),) * cell.states

        def forward(k: Tensor, state: State, kept: Any) -> tuple[Tensor, State, Any]:
            now = tf.nest.pack_sequence_as(given, [leaf[k] for leaf in leaves])
            now = cell.with_product(now, tf.matmul(state[0], kernel))
            new = cell.step(now, state)
            return k + 1, new, _written(kept, k, (*new, *tf.nest.flatten(now)))

        arrays = _arrays(steps, (*start, *(leaf[0] for leaf in leaves)))
        loop = (tf.constant(0), start, arrays)
        kept = _loop(steps, forward, loop)
        stacked = [array.stack() for array in kept]
        after, nows = stacked[: cell.states], stacked[cell.states :]

        def gradient(upstream: Tensor) -> tuple[Tensor, ...]:
            transposed = tf.transpose(kernel)
            befores = [tf.concat([first[None], x[:-1]], axis=0) for first, x in zip(start, after, strict=True)]

            def backward(i: Tensor, towards: State, kept: Any) -> tuple[Tensor, State, Any]:
                k = steps - 1 - i
                state = tuple(x[k] for x in befores)
                now = tf.nest.pack_sequence_as(given, [x[k] for x in nows])
                with tf.GradientTape(watch_accessed_variables=False) as tape:
                    tape.watch((now, state))
                    new = cell.step(now, state)
                towards = (towards[0] + upstream[k], *towards[1:])
                zero = tf.UnconnectedGradients.ZERO
                by_now, by_state = tape.gradient(new, (now, state), towards, unconnected_gradients=zero)
                by_first = tf.matmul(cell.to_product(by_now), transposed)
                return i + 1, (by_state[0] + by_first, *by_state[1:]), _written(kept, k, tf.nest.flatten(by_now))

            arrays = _arrays(steps, [leaf[0] for leaf in leaves])
            loop = (tf.constant(0), tuple(map(tf.zeros_like, start)), arrays)
            kept = _loop(steps, backward, loop)
            by_leaf = [array.stack() for array in kept]
            by_product = cell.to_product(tf.nest.pack_sequence_as(given, by_leaf))
            rows = (tf.reshape(befores[0], (-1, kernel.shape[0])), tf.reshape(by_product, (-1, kernel.shape[1])))
            return (tf.matmul(*rows, transpose_a=True), *by_leaf)

        return after[0], gradient

    return run(kernel, *tf.nest.flatten(given))


class Masked:
    """A cell that leaves steps out: it is given 1 or 0, too."""

    def __init__(self, cell: Cell) -> None:
        self.cell, self.states = cell, cell.states

    def with_product(self, given: Given, product: Tensor) -> Given:
        return self.cell.with_product(given[0], product), given[1]

    def to_product(self, gradient: Given) -> Tensor:
        return self.cell.to_product(gradient[0])

    def step(self, given: Given, state: State) -> State:
        return carried(given[1] > 0, self.cell.step(given[0], state), state)


def carried(mask: Tensor, new: State, state: State) -> State:
    """The states after a step; where the mask is false, those before."""
    return tuple(tf.where(wide_as(mask, x), x, before) for x, before in zip(new, state, strict=True))


def wide_as(mask: Tensor, x: Tensor) -> Tensor:
    """A mask of the first axes of a tensor, to be broadcast to it."""
    for _ in range(x.shape.rank - mask.shape.rank):
        mask = tf.expand_dims(mask, -1)
    return mask


def unrolled_lstm(given: Tensor, kernel: Tensor, sigmoid: Function, tanh: Function) -> Tensor:
    """What :func:`unrolled` gives for an LSTM with sigmoid and tanh, by a gradient that is written out.

    With ∂ for gradients, all (batch, features) and o, f, … the activated gates of a step:

        ∂c_t = o·(1−tanh²(c_t)) · ∂h_t + f_(t+1) · ∂c_(t+1);  ∂a_o = tanh(c_t)·o·(1−o) · ∂h_t
        ∂a_i = g·i·(1−i) · ∂c_t;  ∂a_f = c_(t−1)·f·(1−f) · ∂c_t;  ∂a_g = i·(1−g²) · ∂c_t

    The factors are computed for all steps at once, so that a step backwards is little beside its product.

    Args:
        given: (steps, batch, 4 · features), gates in the order i, f, o, g.
    """
    features = kernel.shape[0]

    @tf.custom_gradient
    def run(given: Tensor, kernel: Tensor) -> tuple[Tensor, Any]:
        # A static number where it is known: XLA needs it for what a second derivative keeps of each step.
        steps = given.shape[0] or tf.shape(given)[0]
        zeros = tf.zeros((tf.shape(given)[1], features), given.dtype)

        def forward(k: Tensor, state: State, kept: Any) -> tuple[Tensor, State, Any]:
            now = given[k] + tf.matmul(state[0], kernel)
            gates, g = sigmoid(now[:, : 3 * features]), tanh(now[:, 3 * features :])
            i, f, o = tf.split(gates, 3, axis=-1)
            c = f * state[1] + i * g
            h = o * tanh(c)
            return k + 1, (h, c), _written(kept, k, (h, gates, g, c))

        like = (zeros, given[0, :, : 3 * features], zeros, zeros)
        kept = _loop(steps, forward, (tf.constant(0), (zeros, zeros), _arrays(steps, like)))
        h, gates, g, c = (array.stack() for array in kept)

        def gradient(upstream: Tensor) -> tuple[Tensor, Tensor]:
            i, f, o = tf.split(gates, 3, axis=-1)
            before, squashed = _later(c), tanh(c)
            factors = [g * i * (1 - i), before * f * (1 - f), squashed * o * (1 - o), i * (1 - g * g)]
            factors, by_cell = tf.concat(factors, axis=-1), o * (1 - squashed * squashed)
            transposed = tf.transpose(kernel)

            def backward(n: Tensor, towards: State, kept: Any) -> tuple[Tensor, State, Any]:
                k = steps - 1 - n
                by_h = towards[0] + upstream[k]
                by_c = by_cell[k] * by_h + towards[1]
                by_now = tf.concat([by_c, by_c, by_h, by_c], axis=-1) * factors[k]
                return n + 1, (tf.matmul(by_now, transposed), f[k] * by_c), _written(kept, k, (by_now,))

            arrays = _arrays(steps, (given[0],))
            by_given = _loop(steps, backward, (tf.constant(0), (zeros, zeros), arrays))[0].stack()
            rows = tf.reshape(_later(h), (-1, features)), tf.reshape(by_given, (-1, 4 * features))
            return by_given, tf.matmul(*rows, transpose_a=True)

        return h, gradient

    after: Tensor = run(given, kernel)
    return after


def _later(x: Tensor) -> Tensor:
    """What was there before each step, from what was there after it; before the first, zeros."""
    return tf.concat([tf.zeros_like(x[:1]), x[:-1]], axis=0)


def _written(arrays: Any, k: Tensor, values: Any) -> tuple[Any, ...]:
    """The arrays with these values of one step."""
    return tuple(array.write(k, x) for array, x in zip(arrays, values, strict=True))


def _loop(steps: Any, body: Any, start: tuple[Tensor, State, Any]) -> Any:
    """What the third loop variable is after so many steps, which the first one counts."""
    return tf.while_loop(lambda k, *_: k < steps, body, start, parallel_iterations=1, maximum_iterations=steps)[2]


def _arrays(steps: Tensor, like: Any) -> tuple[Any, ...]:
    """An array of a value like each of these in every step."""
    return tuple(tf.TensorArray(x.dtype, size=steps, element_shape=x.shape) for x in like)
