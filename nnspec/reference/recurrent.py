"""Recurrent layers, step by step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nnspec.layers.recurrent import GRU, LSTM, MGU, SimpleRNN
from nnspec.reference.base import Array, Scope, apply

State = tuple[Array, ...]
# A step is given its input, h as the recurrent kernel sees it, and the state.
Step = Callable[[Array, Array, State], State]


def unroll(spec: Any, scope: Scope, inputs: tuple[Array, ...], step: Step) -> Array:
    """The output of a layer that takes these steps."""
    x, start, mask = spec.apart(inputs)
    h = spec.h_shape(x.shape)
    state = tuple(np.zeros(h, x.dtype) for _ in range(spec.states)) if start is None else parts(start, spec.states)
    if mask is not None:
        x = _where(mask, x, 0)  # so that NaN does not matter there
    rate = spec.recurrent_dropout_rate if scope.training else 0.0
    keep = scope.keep_mask(rate, h) if rate else None
    taken = []
    for t in reversed(range(x.shape[1])) if spec.reverse else range(x.shape[1]):
        fed = state[0] if keep is None else np.where(keep, state[0] / (1 - rate), 0)
        new = step(x[:, t], fed, state)
        state = new if mask is None else tuple(_where(mask[:, t], n, s) for n, s in zip(new, state, strict=True))
        y = np.concatenate(state, -1) if spec.returns_state else state[0]
        taken.append(_where(mask[:, t], y, 0) if mask is not None and spec.zero_output_for_mask else y)
    return np.stack(taken, axis=1) if spec.return_sequences else taken[-1]


def _where(mask: Array, x: Array, other: Any) -> Array:
    """``x`` where the mask of its first axes is true."""
    return np.where(mask.reshape(*mask.shape, *(1,) * (x.ndim - mask.ndim)), x, other)


def parts(together: Array, count: int) -> State:
    """So many arrays that stand side by side in the last axis."""
    return tuple(np.split(together, count, axis=-1))


def activated(activation: Any, scope: Scope, y: Array) -> Array:
    return y if activation is None else apply(activation, scope, y)


def biased(y: Array, bias: Array | None) -> Array:
    return y if bias is None else y + bias


@apply.register(SimpleRNN)
def simple_rnn(spec: SimpleRNN, scope: Scope, *inputs: Array) -> Array:
    kernel, recurrent_kernel, bias = scope["kernel"], scope["recurrent_kernel"], scope.get("bias")

    def step(x: Array, fed: Array, state: State) -> State:
        (h,) = state
        a = biased(x @ kernel + fed @ recurrent_kernel, bias)
        return (activated(spec.activation, scope, a + h if spec.residual else a),)

    return unroll(spec, scope, inputs, step)


@apply.register(LSTM)
def lstm(spec: LSTM, scope: Scope, *inputs: Array) -> Array:
    kernel, recurrent_kernel, bias = scope["kernel"], scope["recurrent_kernel"], scope.get("bias")

    def step(x: Array, fed: Array, state: State) -> State:
        return gated(spec, scope, biased(x @ kernel + fed @ recurrent_kernel, bias), state[1])

    return unroll(spec, scope, inputs, step)


def gated(spec: Any, scope: Scope, a: Array, c: Array) -> State:
    """An LSTM's h and c after a step, from what its gates are before their activations, and c."""
    i, f, g, o = parts(a, 4)
    i, f, o = (activated(spec.recurrent_activation, scope, gate) for gate in (i, f, o))
    c = f * c + i * activated(spec.activation, scope, g)
    return o * activated(spec.activation, scope, c), c


@apply.register(GRU)
def gru(spec: GRU, scope: Scope, *inputs: Array) -> Array:
    kernel, recurrent_kernel = scope["kernel"], scope["recurrent_kernel"]
    bias, recurrent_bias = scope.get("bias"), scope.get("recurrent_bias")
    gates, candidate = np.split(recurrent_kernel, [2 * spec.features], axis=-1)
    if spec.recurrent_biases == 1:
        recurrent_bias = np.concatenate([np.zeros_like(recurrent_bias)] * 2 + [recurrent_bias])

    def step(x: Array, fed: Array, state: State) -> State:
        (h,) = state
        a_r, a_z, a_n = parts(biased(x @ kernel, bias), 3)
        if spec.reset_after:
            b_r, b_z, b_n = parts(biased(fed @ recurrent_kernel, recurrent_bias), 3)
        else:
            b_r, b_z = parts(fed @ gates, 2)
        r = activated(spec.recurrent_activation, scope, a_r + b_r)
        z = activated(spec.recurrent_activation, scope, a_z + b_z)
        n = activated(spec.activation, scope, a_n + (r * b_n if spec.reset_after else (r * fed) @ candidate))
        return ((1 - z) * n + z * h,)

    return unroll(spec, scope, inputs, step)


@apply.register(MGU)
def mgu(spec: MGU, scope: Scope, *inputs: Array) -> Array:
    kernel, recurrent_kernel = scope["kernel"], scope["recurrent_kernel"]
    forget_bias, bias, recurrent_bias = (scope.get(name) for name in ("forget_bias", "bias", "recurrent_bias"))

    def step(x: Array, fed: Array, state: State) -> State:
        (h,) = state
        (a_f, a_n), (b_f, b_n) = parts(x @ kernel, 2), parts(fed @ recurrent_kernel, 2)
        f = activated(spec.recurrent_activation, scope, biased(a_f + b_f, forget_bias))
        reset = f * biased(b_n, recurrent_bias) if spec.reset_gate else b_n
        n = activated(spec.activation, scope, biased(a_n, bias) + reset)
        return ((1 - f) * n + f * h,)

    return unroll(spec, scope, inputs, step)
