"""Recurrent layers that convolve: one convolution for the inputs of all steps, then ``jax.lax.scan`` over time."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from nnspec.layers.convolution import Conv
from nnspec.layers.convolutional_recurrent import ConvLSTM
from nnspec.layers.window import pads
from nnspec_jax.realize import HIGHEST, Context, build
from nnspec_jax.recurrence import State
from nnspec_jax.recurrent import Recurrent, activation_of


def _convolved(spec: Conv, x: jax.Array, kernel: jax.Array) -> jax.Array:
    around = pads(spec.padding, x.shape[1:-1], spec.kernel_size, spec.stride, spec.dilations)
    axes = "DHW"[-len(spec.kernel_size) :]
    layout = (f"N{axes}C", f"{axes}IO", f"N{axes}C")
    return jax.lax.conv_general_dilated(x, kernel, spec.stride, around, dimension_numbers=layout, precision=HIGHEST)


class ConvolutionalLSTM(Recurrent):
    """LSTM that convolves, with the gates i, f, g, o side by side."""

    states = 2

    def __init__(self, spec: ConvLSTM, context: Context) -> None:
        super().__init__(spec, context)
        self.recurrent_activation = activation_of(spec.recurrent_activation, spec, context)

    def multiplied(self, x: jax.Array, kernel: jax.Array) -> jax.Array:
        together = _convolved(self.spec.of_input, x.reshape(-1, *x.shape[2:]), kernel)
        return together.reshape(*x.shape[:2], *together.shape[1:])

    def after_each(self, projected: jax.Array, mask: jax.Array | None) -> jax.Array:
        return self.after_all(projected, mask)[0]

    def advance(self, given: jax.Array, fed: jax.Array, state: State, kernel: jax.Array) -> State:
        i, f, g, o = jnp.split(given + _convolved(self.spec.of_state, fed, kernel), 4, axis=-1)
        i, f, o = map(self.recurrent_activation, (i, f, o))
        c = f * state[1] + i * self.activation(g)
        return o * self.activation(c), c


build.register(ConvLSTM, ConvolutionalLSTM)
