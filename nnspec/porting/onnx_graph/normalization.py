"""Norms and scales in inference mode; dropout and noise, which are nothing there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nnspec.layers.base import Layer
from nnspec.layers.dropout import (
    AlphaDropout,
    Dropout,
    GaussianDropout,
    GaussianNoise,
    GaussianSample,
    SpatialDropout,
    StochasticDepth,
)
from nnspec.layers.normalization import (
    BatchNorm,
    BatchRenorm,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    RMSNorm,
    UnitNorm,
)
from nnspec.layers.scaling import LayerScale, Normalization, Rescaling
from nnspec.porting.onnx_graph.graph import Graph, Place, emit


def _scaled(layer: Any, graph: Graph, place: Place, y: str, axes: Sequence[int]) -> str:
    """Times the scale, plus the bias, which have these axes."""
    for name, kind in (("scale", "Mul"), ("bias", "Add")):
        if getattr(layer, f"use_{name}", False):
            y = graph.op(kind, y, _spread(graph, place, place.variable(name), axes))
    return y


def _spread(graph: Graph, place: Place, value: str, axes: Sequence[int]) -> str:
    """A variable with axes of size 1 for those of the input that it lacks."""
    if list(axes) == list(range(place.rank - len(axes), place.rank)):
        return value
    sizes = [place.known(axis) if axis in axes else 1 for axis in range(place.rank)]
    return graph.reshape(value, *sizes)


def _standardized(graph: Graph, x: str, axes: Sequence[int], epsilon: float) -> str:
    centered = graph.op("Sub", x, graph.reduce("ReduceMean", x, axes))
    return _divided(graph, centered, axes, epsilon)


def _divided(graph: Graph, x: str, axes: Sequence[int], epsilon: float) -> str:
    square = graph.reduce("ReduceMean", graph.op("Mul", x, x), axes)
    return str(graph.op("Div", x, graph.op("Sqrt", graph.op("Add", square, graph.constant(epsilon)))))


@emit.register
def batch_norm(layer: BatchNorm, graph: Graph, place: Place) -> str:
    axes = [layer.axis % place.rank]
    mean, var = (_spread(graph, place, place.variable(name), axes) for name in ("mean", "var"))
    deviation = graph.op("Sqrt", graph.op("Add", var, graph.constant(layer.epsilon)))
    y = graph.op("Div", graph.op("Sub", place.x, mean), deviation)
    return _scaled(layer, graph, place, y, axes)


@emit.register
def batch_renorm(layer: BatchRenorm, graph: Graph, place: Place) -> str:
    axes = [layer.axis % place.rank]
    mean, stddev = (_spread(graph, place, place.variable(name), axes) for name in ("mean", "stddev"))
    return _scaled(layer, graph, place, graph.op("Div", graph.op("Sub", place.x, mean), stddev), axes)


def _axes(layer: LayerNorm | RMSNorm | UnitNorm, place: Place) -> list[int]:
    given = layer.axes if isinstance(layer.axes, tuple) else (layer.axes,)
    return sorted(axis % place.rank for axis in given)


@emit.register
def layer_norm(layer: LayerNorm, graph: Graph, place: Place) -> str:
    axes = _axes(layer, place)
    return _scaled(layer, graph, place, _standardized(graph, place.x, axes, layer.epsilon), axes)


@emit.register
def rms_norm(layer: RMSNorm, graph: Graph, place: Place) -> str:
    axes = _axes(layer, place)
    return _scaled(layer, graph, place, _divided(graph, place.x, axes, layer.epsilon), axes)


@emit.register
def unit_norm(layer: UnitNorm, graph: Graph, place: Place) -> str:
    square = graph.reduce("ReduceSum", graph.op("Mul", place.x, place.x), _axes(layer, place))
    return str(graph.op("Div", place.x, graph.op("Max", graph.op("Sqrt", square), graph.constant(layer.epsilon))))


@emit.register
def group_norm(layer: GroupNorm, graph: Graph, place: Place) -> str:
    groups, channels = layer.groups(place.shapes[0]), place.known(-1)
    sizes = place.shapes[0][1:-1]
    if list(sizes).count(None) > 1:
        raise place.refuse("GroupNorm over several axes of any length", "give the input a shape")
    # The batch may be of any size, and the one axis that may be as well is inferred.
    parted = graph.op("Reshape", place.x, _shape(graph, place, groups, channels // groups))
    axes = [*range(1, place.rank - 1), place.rank]
    y = _standardized(graph, parted, axes, layer.epsilon)
    y = graph.op("Reshape", y, graph.op("Shape", place.x))
    return _scaled(layer, graph, place, y, [place.rank - 1])


def _shape(graph: Graph, place: Place, *last: int) -> str:
    """The input's shape with other axes in place of the last one."""
    front = graph.op("Shape", place.x, end=-1)
    return str(graph.op("Concat", front, graph.whole(*last), axis=0))


@emit.register
def instance_norm(layer: InstanceNorm, graph: Graph, place: Place) -> str:
    y = _standardized(graph, place.x, range(1, place.rank - 1), layer.epsilon)
    return _scaled(layer, graph, place, y, [place.rank - 1])


@emit.register
def rescaling(layer: Rescaling, graph: Graph, place: Place) -> str:
    scaled = graph.op("Mul", place.x, graph.constant(layer.scale))
    return str(graph.op("Add", scaled, graph.constant(layer.offset)))


@emit.register
def normalization(layer: Normalization, graph: Graph, place: Place) -> str:
    if layer.mean is None:
        mean, var = place.variable("mean"), place.variable("var")
    else:
        mean, var = graph.constant(layer.mean), graph.constant(layer.var)
    deviation = graph.op("Max", graph.op("Sqrt", var), graph.constant(layer.epsilon))
    if layer.invert:
        return str(graph.op("Add", graph.op("Mul", place.x, deviation), mean))
    return str(graph.op("Div", graph.op("Sub", place.x, mean), deviation))


@emit.register
def layer_scale(layer: LayerScale, graph: Graph, place: Place) -> str:
    return str(graph.op("Mul", place.x, place.variable("scale")))


@emit.register(Dropout)
@emit.register(SpatialDropout)
@emit.register(StochasticDepth)
@emit.register(AlphaDropout)
@emit.register(GaussianNoise)
@emit.register(GaussianDropout)
def nothing(layer: Layer, graph: Graph, place: Place) -> str:
    return str(graph.op("Identity", place.x))


@emit.register
def gaussian_sample(layer: GaussianSample, graph: Graph, place: Place) -> str:
    mean, _ = graph.op("Split", place.x, outputs=2, axis=-1, num_outputs=2)
    return str(mean)
