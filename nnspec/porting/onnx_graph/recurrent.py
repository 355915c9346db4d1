"""Recurrent layers: ONNX's operators have the time in front, gates in other orders, and kernels turned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nnspec.layers.activation import Sigmoid, Tanh
from nnspec.layers.recurrent import GRU, LSTM, SimpleRNN
from nnspec.porting.onnx_graph.graph import Graph, Place, emit

_REMEDY = "port to StableHLO, SavedModel or nnspec instead"


def _usual(layer: Any, place: Place) -> None:
    if layer.activation != Tanh() or getattr(layer, "recurrent_activation", Sigmoid()) != Sigmoid():
        raise place.refuse(f"{type(layer).__name__} with other activations than tanh and sigmoid", _REMEDY)
    if layer.mask:
        raise place.refuse("a mask of single steps", _REMEDY)


def _gates(graph: Graph, value: str, features: int, order: Sequence[int], axis: int) -> str:
    """Gates side by side in another order."""
    if list(order) == list(range(len(order))):
        return value
    parts = [graph.part(value, axis, i * features, (i + 1) * features) for i in order]
    return str(graph.op("Concat", *parts, axis=axis))


def _kernel(graph: Graph, place: Place, name: str, features: int, order: Sequence[int]) -> str:
    """A kernel as ONNX has it: (1, gates · features, in)."""
    ordered = _gates(graph, place.variable(name), features, order, 1)
    return str(graph.op("Unsqueeze", graph.transpose(ordered, 1, 0), graph.whole(0)))


def _biases(layer: Any, graph: Graph, place: Place, order: Sequence[int], recurrent: str | None) -> str:
    """Both biases in one row: that of the input, and that of the state."""
    if not layer.use_bias:
        return ""
    features = layer.features
    zeros = graph.constant([0.0] * (features * len(order)))
    second = zeros if recurrent is None else _gates(graph, recurrent, features, order, 0)
    first = _gates(graph, place.variable("bias"), features, order, 0)
    return str(graph.op("Unsqueeze", graph.op("Concat", first, second, axis=0), graph.whole(0)))


def _steps(layer: Any, graph: Graph, place: Place) -> str:
    x = graph.transpose(place.x, 1, 0, 2)
    return graph.part(x, 0, -1, -(2**31) + 1, -1) if layer.reverse else x


def _result(layer: Any, graph: Graph, every: str, last: str) -> str:
    """All outputs (time, 1, batch, features) or the last (1, batch, features), as the layer gives them."""
    if not layer.return_sequences:
        return str(graph.op("Squeeze", last, graph.whole(0)))
    return graph.transpose(graph.op("Squeeze", every, graph.whole(1)), 1, 0, 2)


def _states(layer: Any, graph: Graph, place: Place) -> list[str]:
    """The parts of an initial state, each (1, batch, features)."""
    if not layer.initial_state:
        return []
    parts = [graph.part(place.inputs[1], 1, i * layer.features, (i + 1) * layer.features) for i in range(layer.states)]
    return [graph.op("Unsqueeze", part, graph.whole(0)) for part in parts]


@emit.register
def lstm(layer: LSTM, graph: Graph, place: Place) -> str:
    _usual(layer, place)
    order = (0, 3, 1, 2)  # i, o, f, c of i, f, g, o
    kernels = [_kernel(graph, place, name, layer.features, order) for name in ("kernel", "recurrent_kernel")]
    given = [_steps(layer, graph, place), *kernels, _biases(layer, graph, place, order, None)]
    states = _states(layer, graph, place)
    if layer.return_state and layer.return_sequences:
        raise place.refuse("the states after every step", _REMEDY)
    every, h, c = graph.op("LSTM", *_trimmed([*given, "", *states]), outputs=3, hidden_size=layer.features)
    if layer.return_state:
        return str(graph.op("Squeeze", graph.op("Concat", h, c, axis=-1), graph.whole(0)))
    return _result(layer, graph, every, h)


@emit.register
def gru(layer: GRU, graph: Graph, place: Place) -> str:
    _usual(layer, place)
    order, features = (1, 0, 2), layer.features  # z, r, h of r, z, n
    recurrent: str | None = place.variable("recurrent_bias") if layer.recurrent_biases else None
    if layer.recurrent_biases == 1:
        recurrent = graph.op("Concat", graph.constant([0.0] * 2 * features), place.variable("recurrent_bias"), axis=0)
    kernels = [_kernel(graph, place, name, features, order) for name in ("kernel", "recurrent_kernel")]
    given = [_steps(layer, graph, place), *kernels, _biases(layer, graph, place, order, recurrent)]
    states = _states(layer, graph, place)
    options = {"hidden_size": features, "linear_before_reset": int(layer.reset_after)}
    every, h = graph.op("GRU", *_trimmed([*given, "", *states]), outputs=2, **options)
    return _result(layer, graph, every, h)


@emit.register
def simple_rnn(layer: SimpleRNN, graph: Graph, place: Place) -> str:
    _usual(layer, place)
    if layer.residual:
        raise place.refuse("a residual connection within SimpleRNN", _REMEDY)
    kernels = [_kernel(graph, place, name, layer.features, (0,)) for name in ("kernel", "recurrent_kernel")]
    given = [_steps(layer, graph, place), *kernels, _biases(layer, graph, place, (0,), None)]
    states = _states(layer, graph, place)
    every, h = graph.op("RNN", *_trimmed([*given, "", *states]), outputs=2, hidden_size=layer.features)
    return _result(layer, graph, every, h)


def _trimmed(inputs: list[str]) -> list[str]:
    """Inputs without those at the end that are left out."""
    while inputs and not inputs[-1]:
        inputs.pop()
    return inputs
