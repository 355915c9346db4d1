"""Recurrent layers, step by step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nnspec.layers.recurrent import GRU, LSTM, SimpleRNN
from nnspec.reference.base import Array, Scope, apply

State = tuple[Array, ...]


def _unroll(spec: Any, x: Array, state: State, step: Callable[[Array, State], State]) -> Array:
    """The first part of the state, after the last step or after each of them."""
    taken = []
    for t in reversed(range(x.shape[1])) if spec.reverse else range(x.shape[1]):
        state = step(x[:, t], state)
        taken.append(state[0])
    return np.stack(taken, axis=1) if spec.return_sequences else state[0]


def _zeros(spec: Any, x: Array) -> Array:
    return np.zeros((x.shape[0], spec.features), x.dtype)


def _biased(y: Array, bias: Array | None) -> Array:
    return y if bias is None else y + bias


def _activated(activation: Any, scope: Scope, y: Array) -> Array:
    return y if activation is None else apply(activation, scope, y)


@apply.register(SimpleRNN)
def simple_rnn(spec: SimpleRNN, scope: Scope, x: Array) -> Array:
    kernel, recurrent_kernel, bias = scope["kernel"], scope["recurrent_kernel"], scope.get("bias")

    def step(x: Array, state: State) -> State:
        (h,) = state
        return (_activated(spec.activation, scope, _biased(x @ kernel + h @ recurrent_kernel, bias)),)

    return _unroll(spec, x, (_zeros(spec, x),), step)


@apply.register(LSTM)
def lstm(spec: LSTM, scope: Scope, x: Array) -> Array:
    kernel, recurrent_kernel, bias = scope["kernel"], scope["recurrent_kernel"], scope.get("bias")

    def step(x: Array, state: State) -> State:
        h, c = state
        i, f, g, o = np.split(_biased(x @ kernel + h @ recurrent_kernel, bias), 4, axis=-1)
        i, f, o = (_activated(spec.recurrent_activation, scope, gate) for gate in (i, f, o))
        c = f * c + i * _activated(spec.activation, scope, g)
        return o * _activated(spec.activation, scope, c), c

    return _unroll(spec, x, (_zeros(spec, x), _zeros(spec, x)), step)


@apply.register(GRU)
def gru(spec: GRU, scope: Scope, x: Array) -> Array:
    kernel, recurrent_kernel = scope["kernel"], scope["recurrent_kernel"]
    bias, recurrent_bias = scope.get("bias"), scope.get("recurrent_bias")
    gates, candidate = np.split(recurrent_kernel, [2 * spec.features], axis=-1)

    def step(x: Array, state: State) -> State:
        (h,) = state
        a_r, a_z, a_n = np.split(_biased(x @ kernel, bias), 3, axis=-1)
        if spec.reset_after:
            b_r, b_z, b_n = np.split(_biased(h @ recurrent_kernel, recurrent_bias), 3, axis=-1)
        else:
            b_r, b_z = np.split(h @ gates, 2, axis=-1)
        r = _activated(spec.recurrent_activation, scope, a_r + b_r)
        z = _activated(spec.recurrent_activation, scope, a_z + b_z)
        n = _activated(spec.activation, scope, a_n + (r * b_n if spec.reset_after else (r * h) @ candidate))
        return ((1 - z) * n + z * h,)

    return _unroll(spec, x, (_zeros(spec, x),), step)
