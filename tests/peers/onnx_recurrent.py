"""ONNX's recurrent operators in the vocabulary of nnspec.

ONNX keeps a matrix for each gate one above the other, (directions, gates · hidden, in); ours lie side by side in the
last axis, in another order. Directions are layers of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import nnspec as nn
from nnspec.backends import Array
from tests.peers.onnx_call import Call, Operator, need
from tests.peers.subjects import network

Variables = dict[str, Array]
KNOWN = {"hidden_size", "direction", "layout", "linear_before_reset"}


@dataclass(frozen=True)
class Direction:
    """The weights of one direction, gates in our order.

    Attributes:
        biases: of the input's product and of the state's, each (gates · hidden,).
    """

    kernel: Array
    recurrent_kernel: Array
    biases: tuple[Array, Array] | None


# A layer of so many features and these further options, and its variables.
Made = Callable[[Call, int, Direction, dict[str, bool]], tuple[nn.Layer, Variables]]


def recurrent(gates: str, ours: str, made: Made) -> Operator:
    """An operator whose gates ONNX orders as in ``gates``, and we as in ``ours``."""

    def operator(call: Call) -> list[Array]:
        return _run(call, [gates.index(gate) for gate in ours], made)

    return operator


def _run(call: Call, order: list[int], made: Made) -> list[Array]:
    """The outputs Y, of all steps, and Y_h, the last state of each direction."""
    hidden, direction = call.inputs[2].shape[-1], call.get("direction", "forward")
    batch_first = bool(call.get("layout", 0))
    x = call.x if batch_first else call.x.swapaxes(0, 1)
    _check(call, x.shape[1])
    reverses = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}[direction]
    steps, last = [], []
    for i, reverse in enumerate(reverses):
        weights = _direction(call, i, order)
        options = {"use_bias": weights.biases is not None, "reverse": reverse, "return_sequences": call.named(0)}
        layer, variables = made(call, hidden, weights, options)
        given = {f"y/{name}": value for name, value in variables.items()}
        y = call.subject.forward(network({"x": x.shape[1:]}, [("y", layer, ["x"])]), {"x": x}, given)[0]
        if call.named(0):
            # Ours come in the order in which they were taken, ONNX's in that of the input.
            steps.append(y[:, ::-1] if reverse else y)
            y = y[:, -1]
        last.append(y)
    states = np.stack(last, 1 if batch_first else 0)
    if not steps:
        return [np.empty(0), states]  # nobody asks for the first
    return [np.stack(steps, 2) if batch_first else np.stack([y.swapaxes(0, 1) for y in steps], 1), states]


def _check(call: Call, time: int) -> None:
    """What no layer of ours does."""
    others = sorted(set(call.attributes) - KNOWN)
    need(not others, f"{', '.join(others)} of a recurrent layer")
    lengths, peepholes = call.input(4), call.input(7)
    need(peepholes is None or not np.any(peepholes), "peepholes")
    need(lengths is None or bool(np.all(lengths == time)), "sequences of several lengths")
    for state in (call.input(5), call.input(6)):
        need(state is None or not np.any(state), "initial states other than 0")


def _direction(call: Call, i: int, order: list[int]) -> Direction:
    w, r, bias = call.inputs[1][i], call.inputs[2][i], call.input(3)
    n = len(order)
    biases = None if bias is None else [_ordered(b, order) for b in np.split(bias[i], [n * r.shape[-1]])]
    pair = None if biases is None else (biases[0], biases[1])
    return Direction(_ordered(w, order).T, _ordered(r, order).T, pair)


def _ordered(stacked: Array, order: list[int]) -> Array:
    blocks = np.split(stacked, len(order))
    return np.concatenate([blocks[i] for i in order])


def _summed(weights: Direction) -> Variables:
    """Variables of a layer that has one bias: ONNX's two are added wherever they appear."""
    made: dict[str, Any] = {"kernel": weights.kernel, "recurrent_kernel": weights.recurrent_kernel}
    return made if weights.biases is None else made | {"bias": weights.biases[0] + weights.biases[1]}


def _simple(call: Call, hidden: int, weights: Direction, options: dict[str, bool]) -> tuple[nn.Layer, Variables]:
    return nn.SimpleRNN(hidden, **options), _summed(weights)


def _lstm(call: Call, hidden: int, weights: Direction, options: dict[str, bool]) -> tuple[nn.Layer, Variables]:
    return nn.LSTM(hidden, **options), _summed(weights)


def _gru(call: Call, hidden: int, weights: Direction, options: dict[str, bool]) -> tuple[nn.Layer, Variables]:
    after = bool(call.get("linear_before_reset", 0))
    variables = _summed(weights)
    if after and weights.biases is not None:
        variables |= dict(zip(("bias", "recurrent_bias"), weights.biases, strict=True))
    return nn.GRU(hidden, reset_after=after, **options), variables


# Gates: input, output, forget, cell (g); update (z), reset, new state.
RNN = recurrent("h", "h", _simple)
LSTM = recurrent("iofg", "ifgo", _lstm)
GRU = recurrent("zrn", "rzn", _gru)
