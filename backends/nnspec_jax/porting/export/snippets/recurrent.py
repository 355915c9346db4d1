# mypy: ignore-errors

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from flax import nnx


class Recurrent(nnx.Module):
    """A loop over time: one product for all inputs, and one for each state.

    The state is one array, with its parts side by side in the last axis.
    """

    states = 1
    gates = 1

    def __init__(
        self,
        in_features: int,
        features: int,
        *,
        activation: Callable[[jax.Array], jax.Array] = nnx.tanh,
        recurrent_activation: Callable[[jax.Array], jax.Array] = nnx.sigmoid,
        use_bias: bool = True,
        return_sequences: bool = False,
        reverse: bool = False,
        return_state: bool = False,
        zero_output_for_mask: bool = False,
        recurrent_dropout_rate: float = 0.0,
        rngs: nnx.Rngs,
    ) -> None:
        self.features = features
        self.activation = activation
        self.recurrent_activation = recurrent_activation
        self.return_sequences = return_sequences
        self.reverse = reverse
        self.return_state = return_state
        self.zero_output_for_mask = zero_output_for_mask
        width = self.gates * features
        kernel, recurrent = self.shapes(in_features, width)
        init = nnx.initializers.glorot_uniform()
        self.kernel = nnx.Param(init(rngs.params(), kernel))
        self.recurrent_kernel = nnx.Param(init(rngs.params(), recurrent))
        self.bias = nnx.data(nnx.Param(jnp.zeros((width,))) if use_bias else None)
        rate = recurrent_dropout_rate
        self.dropout = nnx.Dropout(rate, rngs=rngs) if rate else None

    def __call__(
        self,
        x: jax.Array,
        state: jax.Array | None = None,
        mask: jax.Array | None = None,
    ) -> jax.Array:
        x = jnp.moveaxis(x, 1, 0)
        if mask is not None:  # a step that is masked leaves the state as it is
            mask = mask.T.reshape(*x.shape[:2], *(1,) * (x.ndim - 2))
            x = jnp.where(mask, x, 0)
        if self.reverse:
            x, mask = x[::-1], None if mask is None else mask[::-1]
        given = self.project(x)
        h = (*given.shape[1:-1], self.features)
        start = (jnp.zeros(h, given.dtype),) * self.states
        if state is not None:
            start = tuple(jnp.split(state, self.states, axis=-1))
        keep = 1.0
        if self.dropout is not None:  # one mask for all steps
            keep = self.dropout(jnp.ones(h, given.dtype))

        def step(before, now):
            given, seen = now
            after = self.step(given, before[0] * keep, before)
            if seen is not None:
                pairs = zip(after, before, strict=True)
                after = tuple(jnp.where(seen, new, old) for new, old in pairs)
            return after, after

        _, after = jax.lax.scan(step, start, (given, mask))
        y = jnp.concatenate(after, axis=-1) if self.return_state else after[0]
        if self.zero_output_for_mask:
            y = jnp.where(mask, y, 0)
        return jnp.moveaxis(y, 0, 1) if self.return_sequences else y[-1]

    def shapes(self, inputs: int, width: int) -> list[tuple[int, ...]]:
        """The shapes of both kernels."""
        return [(inputs, width), (self.features, width)]

    def project(self, x: jax.Array) -> jax.Array:
        """All inputs times the kernel."""
        y = x @ self.kernel[...]
        return y if self.bias is None else y + self.bias[...]

    def step(
        self, given: jax.Array, h: jax.Array, state: tuple[jax.Array, ...]
    ) -> tuple[jax.Array, ...]:
        """The state after a step; h is what the recurrent kernel sees of it before."""
        raise NotImplementedError


class SimpleRNN(Recurrent):
    """Elman's network: the state is a dense layer of the input and the state before."""

    def __init__(self, *args, residual: bool = False, **options) -> None:
        super().__init__(*args, **options)
        self.residual = residual

    def step(
        self, given: jax.Array, h: jax.Array, state: tuple[jax.Array, ...]
    ) -> tuple[jax.Array, ...]:
        y = given + h @ self.recurrent_kernel[...]
        return (self.activation(y + state[0] if self.residual else y),)


class LSTM(Recurrent):
    """Long short-term memory, with the gates i, f, g, o side by side."""

    states = 2
    gates = 4

    def step(
        self, given: jax.Array, h: jax.Array, state: tuple[jax.Array, ...]
    ) -> tuple[jax.Array, ...]:
        y = given + h @ self.recurrent_kernel[...]
        i, f, g, o = jnp.split(y, 4, axis=-1)
        i, f, o = map(self.recurrent_activation, (i, f, o))
        c = f * state[1] + i * self.activation(g)
        return o * self.activation(c), c


class GRU(Recurrent):
    """Gated recurrent unit, with the gates r, z, n side by side."""

    gates = 3

    def __init__(
        self,
        *args,
        reset_after: bool = True,
        recurrent_bias: str = "full",
        use_bias: bool = True,
        **options,
    ) -> None:
        super().__init__(*args, use_bias=use_bias, **options)
        self.reset_after = reset_after
        size = self.features * (3 if recurrent_bias == "full" else 1)
        biased = use_bias and reset_after and recurrent_bias != "none"
        self.recurrent_bias = nnx.Param(jnp.zeros((size,))) if biased else None

    def step(
        self, given: jax.Array, h: jax.Array, state: tuple[jax.Array, ...]
    ) -> tuple[jax.Array, ...]:
        kernel, gates = self.recurrent_kernel[...], 2 * self.features
        a, a_n = jnp.split(given, [gates], axis=-1)
        b, b_n = jnp.split(h @ kernel, [gates], axis=-1)
        if self.recurrent_bias is not None:
            bias = self.recurrent_bias[...]
            if bias.size > self.features:
                b = b + bias[:gates]
            b_n = b_n + bias[-self.features :]
        r, z = map(self.recurrent_activation, jnp.split(a + b, 2, axis=-1))
        b_n = r * b_n if self.reset_after else (r * h) @ kernel[:, gates:]
        n = self.activation(a_n + b_n)
        return ((1 - z) * n + z * state[0],)


class MGU(Recurrent):
    """Minimal gated unit, with the gates f, n side by side."""

    gates = 2

    def __init__(
        self, *args, reset_gate: bool = True, use_bias: bool = True, **options
    ) -> None:
        super().__init__(*args, use_bias=False, **options)  # it has a bias in two parts
        self.reset_gate = reset_gate
        zeros, more = jnp.zeros((self.features,)), use_bias and reset_gate
        self.forget_bias = nnx.Param(jnp.ones_like(zeros)) if use_bias else None
        self.recurrent_bias = nnx.Param(zeros) if more else None
        if use_bias:
            self.bias = nnx.Param(zeros)

    def project(self, x: jax.Array) -> jax.Array:
        y = x @ self.kernel[...]
        if self.bias is None:
            return y
        return y + jnp.concatenate([self.forget_bias[...], self.bias[...]])

    def step(
        self, given: jax.Array, h: jax.Array, state: tuple[jax.Array, ...]
    ) -> tuple[jax.Array, ...]:
        a_f, a_n = jnp.split(given, 2, axis=-1)
        b_f, b_n = jnp.split(h @ self.recurrent_kernel[...], 2, axis=-1)
        if self.recurrent_bias is not None:
            b_n = b_n + self.recurrent_bias[...]
        f = self.recurrent_activation(a_f + b_f)
        n = self.activation(a_n + (f * b_n if self.reset_gate else b_n))
        return ((1 - f) * n + f * state[0],)


class ConvLSTM(Recurrent):
    """LSTM that convolves (arXiv:1506.04214), with the gates i, f, g, o in a row."""

    states = 2
    gates = 4

    def __init__(
        self,
        in_features: int,
        features: int,
        kernel_size: tuple[int, ...],
        strides: int | Sequence[int] = 1,
        padding: str | Sequence[tuple[int, int]] = "SAME",
        **options,
    ) -> None:
        self.kernel_size = kernel_size
        self.strides = strides
        self.padding = padding
        super().__init__(in_features, features, **options)

    def shapes(self, inputs: int, width: int) -> list[tuple[int, ...]]:
        return [(*self.kernel_size, size, width) for size in (inputs, self.features)]

    def project(self, x: jax.Array) -> jax.Array:
        strides = self.strides
        if isinstance(strides, int):
            strides = (strides,) * len(self.kernel_size)
        images = x.reshape(-1, *x.shape[2:])
        y = self.convolve(images, self.kernel[...], strides, self.padding)
        y = y.reshape(*x.shape[:2], *y.shape[1:])
        return y if self.bias is None else y + self.bias[...]

    def convolve(
        self,
        x: jax.Array,
        kernel: jax.Array,
        strides: Sequence[int],
        padding: str | Sequence[tuple[int, int]],
    ) -> jax.Array:
        axes = "DHW"[-len(self.kernel_size) :]
        layout = (f"N{axes}C", f"{axes}IO", f"N{axes}C")
        return jax.lax.conv_general_dilated(
            x, kernel, strides, padding, dimension_numbers=layout
        )

    def step(
        self, given: jax.Array, h: jax.Array, state: tuple[jax.Array, ...]
    ) -> tuple[jax.Array, ...]:
        ones = (1,) * len(self.kernel_size)
        y = given + self.convolve(h, self.recurrent_kernel[...], ones, "SAME")
        i, f, g, o = jnp.split(y, 4, axis=-1)
        i, f, o = map(self.recurrent_activation, (i, f, o))
        c = f * state[1] + i * self.activation(g)
        return o * self.activation(c), c
