"""Activations."""

from __future__ import annotations

import math

from nnspec.layers import activation as layers
from nnspec.layers.base import Activation
from nnspec.porting.onnx_graph.graph import Graph, Place, emit

_PLAIN = {
    layers.Exponential: "Exp",
    layers.Mish: "Mish",
    layers.Sigmoid: "Sigmoid",
    layers.SoftSign: "Softsign",
    layers.Softplus: "Softplus",
    layers.Tanh: "Tanh",
    layers.Identity: "Identity",
}


def _plain(layer: Activation, graph: Graph, place: Place) -> str:
    return str(graph.op(_PLAIN[type(layer)], place.x))


for _cls in _PLAIN:
    emit.register(_cls, _plain)


@emit.register
def celu(layer: layers.CELU, graph: Graph, place: Place) -> str:
    # ONNX's Celu takes float32 alone.
    below = graph.op("Exp", graph.op("Div", graph.op("Min", place.x, graph.constant(0)), graph.constant(layer.alpha)))
    below = graph.op("Mul", graph.op("Sub", below, graph.constant(1)), graph.constant(layer.alpha))
    return str(graph.op("Add", graph.op("Relu", place.x), below))


@emit.register
def elu(layer: layers.ELU, graph: Graph, place: Place) -> str:
    below = graph.op("Sub", graph.op("Exp", graph.op("Min", place.x, graph.constant(0))), graph.constant(1))
    return str(graph.op("Add", graph.op("Relu", place.x), graph.op("Mul", below, graph.constant(layer.alpha))))


@emit.register
def gelu(layer: layers.GELU, graph: Graph, place: Place) -> str:
    half, one = graph.constant(0.5), graph.constant(1)
    if layer.approximate:
        cubic = graph.op("Mul", graph.op("Mul", place.x, graph.op("Mul", place.x, place.x)), graph.constant(0.044715))
        inner = graph.op("Mul", graph.op("Add", place.x, cubic), graph.constant(math.sqrt(2 / math.pi)))
        curve = graph.op("Tanh", inner)
    else:
        curve = graph.op("Erf", graph.op("Div", place.x, graph.constant(math.sqrt(2))))
    return str(graph.op("Mul", graph.op("Mul", place.x, half), graph.op("Add", curve, one)))


@emit.register
def glu(layer: layers.GLU, graph: Graph, place: Place) -> str:
    a, b = graph.op("Split", place.x, outputs=2, axis=layer.axis, num_outputs=2)
    return str(graph.op("Mul", a, graph.op("Sigmoid", b)))


@emit.register
def hard_silu(layer: layers.HardSilu, graph: Graph, place: Place) -> str:
    # HardSwish has an attribute of float32.
    return str(graph.op("Mul", place.x, hard_sigmoid(layers.HardSigmoid(), graph, place)))


def _clipped(graph: Graph, x: str, low: float | None, high: float | None) -> str:
    bounds = ["" if bound is None else graph.constant(bound) for bound in (low, high)]
    return str(graph.op("Clip", x, *bounds))


@emit.register
def hard_sigmoid(layer: layers.HardSigmoid, graph: Graph, place: Place) -> str:
    scale, half = graph.constant(1 / 6 if layer.convention == "relu6" else 0.2), graph.constant(0.5)
    return _clipped(graph, graph.op("Add", graph.op("Mul", place.x, scale), half), 0, 1)


@emit.register
def hard_tanh(layer: layers.HardTanh, graph: Graph, place: Place) -> str:
    return _clipped(graph, place.x, -1, 1)


@emit.register
def leaky_relu(layer: layers.LeakyReLU, graph: Graph, place: Place) -> str:
    return _leaky(graph, place.x, layer.negative_slope)


def _leaky(graph: Graph, x: str, slope: float) -> str:
    # An attribute would be rounded to float32.
    return str(graph.op("PRelu", x, graph.constant([slope])))


@emit.register
def log_sigmoid(layer: layers.LogSigmoid, graph: Graph, place: Place) -> str:
    return str(graph.op("Neg", graph.op("Softplus", graph.op("Neg", place.x))))


@emit.register
def relu(layer: layers.ReLU, graph: Graph, place: Place) -> str:
    if layer.threshold:
        kept = graph.op("Greater", place.x, graph.constant(layer.threshold))
        moved = graph.op("Sub", place.x, graph.constant(layer.threshold))
        y = graph.op("Where", kept, place.x, graph.op("Mul", moved, graph.constant(layer.negative_slope)))
    else:
        y = _leaky(graph, place.x, layer.negative_slope) if layer.negative_slope else graph.op("Relu", place.x)
    return str(y) if layer.max_value is None else _clipped(graph, y, None, layer.max_value)


@emit.register
def relu6(layer: layers.ReLU6, graph: Graph, place: Place) -> str:
    return _clipped(graph, place.x, 0, 6)


@emit.register
def selu(layer: layers.SELU, graph: Graph, place: Place) -> str:
    scale, alpha = 1.0507009873554805, 1.6732632423543772
    inner = elu(layers.ELU(alpha), graph, place)
    return str(graph.op("Mul", inner, graph.constant(scale)))


@emit.register
def silu(layer: layers.Silu, graph: Graph, place: Place) -> str:
    return str(graph.op("Mul", place.x, graph.op("Sigmoid", place.x)))


@emit.register
def softmax(layer: layers.Softmax, graph: Graph, place: Place) -> str:
    return str(graph.op("Softmax", place.x, axis=layer.axis))


@emit.register
def log_softmax(layer: layers.LogSoftmax, graph: Graph, place: Place) -> str:
    return str(graph.op("LogSoftmax", place.x, axis=layer.axis))


@emit.register
def tanh_shrink(layer: layers.TanhShrink, graph: Graph, place: Place) -> str:
    return str(graph.op("Sub", place.x, graph.op("Tanh", place.x)))


@emit.register
def threshold(layer: layers.Threshold, graph: Graph, place: Place) -> str:
    above = graph.op("Greater", place.x, graph.constant(layer.threshold))
    return str(graph.op("Where", above, place.x, graph.constant(layer.value)))


@emit.register
def prelu(layer: layers.PReLU, graph: Graph, place: Place) -> str:
    return str(graph.op("PRelu", place.x, place.variable("slope")))
