"""Recurrent layers that convolve."""

from __future__ import annotations

from nnspec.layers.convolutional_recurrent import ConvLSTM
from nnspec.reference.base import Array, Scope, apply
from nnspec.reference.convolution import correlated
from nnspec.reference.recurrent import State, biased, gated, unroll


@apply.register(ConvLSTM)
def conv_lstm(spec: ConvLSTM, scope: Scope, *inputs: Array) -> Array:
    kernel, recurrent_kernel, bias = scope["kernel"], scope["recurrent_kernel"], scope.get("bias")

    def step(x: Array, fed: Array, state: State) -> State:
        a = correlated(spec.of_input, x, kernel) + correlated(spec.of_state, fed, recurrent_kernel)
        return gated(spec, scope, biased(a, bias), state[1])

    return unroll(spec, scope, inputs, step)
