"""Operations and layers that rearrange."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnspec import arrangement, elementwise, indexing, logic, ops, reductions
from nnspec.layers.base import Operation
from nnspec.layers.masking import PaddingMask
from nnspec.layers.padding import Crop, Pad
from nnspec.layers.resampling import Upsample
from nnspec.layers.shape import Flatten, Permute, RepeatVector, Reshape
from nnspec.porting.onnx_graph.graph import Graph, Place, emit

_LARGE = 2**31 - 1
_PLAIN: dict[type[Operation], str] = {
    elementwise.Abs: "Abs",
    elementwise.Exp: "Exp",
    elementwise.Log: "Log",
    elementwise.Sqrt: "Sqrt",
    elementwise.Sin: "Sin",
    elementwise.Cos: "Cos",
    elementwise.Tan: "Tan",
    elementwise.Asin: "Asin",
    elementwise.Acos: "Acos",
    elementwise.Atan: "Atan",
    elementwise.Sinh: "Sinh",
    elementwise.Cosh: "Cosh",
    elementwise.Asinh: "Asinh",
    elementwise.Acosh: "Acosh",
    elementwise.Atanh: "Atanh",
    elementwise.Negative: "Neg",
    elementwise.Sign: "Sign",
    elementwise.Floor: "Floor",
    elementwise.Ceil: "Ceil",
    elementwise.Round: "Round",
    elementwise.Reciprocal: "Reciprocal",
    elementwise.Erf: "Erf",
    elementwise.Power: "Pow",
    ops.Subtract: "Sub",
    ops.Divide: "Div",
    logic.LogicalNot: "Not",
    logic.LogicalXor: "Xor",
    logic.Where: "Where",
    logic.IsNaN: "IsNaN",
}
_FROM_LEFT: dict[type[Operation], str] = {
    ops.Add: "Add",
    ops.Multiply: "Mul",
    ops.Matmul: "MatMul",
    ops.Maximum: "Max",
    ops.Minimum: "Min",
    logic.LogicalAnd: "And",
    logic.LogicalOr: "Or",
}
_REDUCED: dict[type[Operation], str] = {
    reductions.Sum: "ReduceSum",
    reductions.Mean: "ReduceMean",
    reductions.Prod: "ReduceProd",
    reductions.Max: "ReduceMax",
    reductions.Min: "ReduceMin",
    reductions.LogSumExp: "ReduceLogSumExp",
}
_COMPARED: dict[type[Operation], str] = {
    logic.Equal: "Equal",
    logic.NotEqual: "Equal",
    logic.Less: "Less",
    logic.LessEqual: "LessOrEqual",
    logic.Greater: "Greater",
    logic.GreaterEqual: "GreaterOrEqual",
}


def _plain(layer: Operation, graph: Graph, place: Place) -> str:
    return str(graph.op(_PLAIN[type(layer)], *place.inputs))


for _cls in _PLAIN:
    emit.register(_cls, _plain)


def _from_left(layer: Operation, graph: Graph, place: Place) -> str:
    y, *others = place.inputs
    for other in others:
        y = graph.op(_FROM_LEFT[type(layer)], y, other)
    return y


for _cls in _FROM_LEFT:
    emit.register(_cls, _from_left)


def _reduced(layer: Any, graph: Graph, place: Place) -> str:
    return graph.reduce(_REDUCED[type(layer)], place.x, layer.axes(place.shapes[0]), keepdims=layer.keepdims)


for _cls in _REDUCED:
    emit.register(_cls, _reduced)


def _compared(layer: Any, graph: Graph, place: Place) -> str:
    dtype = None if place.dtypes[0] == "float" else np.int32
    others = place.inputs[1:] if layer.value is None else (graph.constant(layer.value, dtype),)
    y = graph.op(_COMPARED[type(layer)], place.x, *others)
    return str(graph.op("Not", y) if isinstance(layer, logic.NotEqual) else y)


for _cls in _COMPARED:
    emit.register(_cls, _compared)


@emit.register
def square(layer: elementwise.Square, graph: Graph, place: Place) -> str:
    return str(graph.op("Mul", place.x, place.x))


@emit.register
def rsqrt(layer: elementwise.Rsqrt, graph: Graph, place: Place) -> str:
    return str(graph.op("Reciprocal", graph.op("Sqrt", place.x)))


@emit.register
def clamp(layer: elementwise.Clamp, graph: Graph, place: Place) -> str:
    bounds = ["" if bound is None else graph.constant(bound) for bound in (layer.lower, layer.upper)]
    return str(graph.op("Clip", place.x, *bounds))


@emit.register
def moment(layer: reductions.Var, graph: Graph, place: Place) -> str:
    axes = layer.axes(place.shapes[0])
    if layer.correction:
        raise place.refuse("a variance with a correction", "multiply the biased one by n / (n − correction)")
    centered = graph.op("Sub", place.x, graph.reduce("ReduceMean", place.x, axes))
    return graph.reduce("ReduceMean", graph.op("Mul", centered, centered), axes, keepdims=layer.keepdims)


@emit.register
def concat(layer: ops.Concat, graph: Graph, place: Place) -> str:
    return str(graph.op("Concat", *place.inputs, axis=layer.axis % place.rank))


@emit.register
def stack(layer: ops.Stack, graph: Graph, place: Place) -> str:
    axis = layer.axis % (place.rank + 1)
    parts = [graph.op("Unsqueeze", x, graph.whole(axis)) for x in place.inputs]
    return str(graph.op("Concat", *parts, axis=axis))


@emit.register
def einsum(layer: ops.Einsum, graph: Graph, place: Place) -> str:
    return str(graph.op("Einsum", *place.inputs, equation=str(layer.spelled(*place.shapes))))


@emit.register
def sliced(layer: ops.Slice, graph: Graph, place: Place) -> str:
    forward = layer.step > 0
    start = layer.start if layer.start is not None else (0 if forward else _LARGE)
    stop = layer.stop if layer.stop is not None else (_LARGE if forward else -_LARGE)
    return graph.part(place.x, layer.axis % place.rank, start, stop, layer.step)


@emit.register
def expand_dims(layer: ops.ExpandDims, graph: Graph, place: Place) -> str:
    return str(graph.op("Unsqueeze", place.x, graph.whole(layer.axis % (place.rank + 1))))


@emit.register
def squeeze(layer: ops.Squeeze, graph: Graph, place: Place) -> str:
    return str(graph.op("Squeeze", place.x, graph.whole(layer.axis % place.rank)))


@emit.register
def as_type(layer: logic.AsType, graph: Graph, place: Place) -> str:
    return graph.cast(place.x, layer.dtype)


@emit.register
def flatten(layer: Flatten, graph: Graph, place: Place) -> str:
    return graph.reshape(place.x, 0, None)


@emit.register
def reshape(layer: Reshape, graph: Graph, place: Place) -> str:
    sizes = place.output[1:]
    if list(sizes).count(None) > 1:
        raise place.refuse("Reshape with several axes of any length", "give the input a shape")
    return graph.reshape(place.x, 0, *sizes)


@emit.register
def permute(layer: Permute, graph: Graph, place: Place) -> str:
    return graph.transpose(place.x, 0, *layer.axes)


@emit.register
def repeat_vector(layer: RepeatVector, graph: Graph, place: Place) -> str:
    taller = graph.op("Unsqueeze", place.x, graph.whole(1))
    return str(graph.op("Tile", taller, graph.whole(1, layer.n, *(1,) * (place.rank - 1))))


@emit.register
def tile(layer: arrangement.Tile, graph: Graph, place: Place) -> str:
    return str(graph.op("Tile", place.x, graph.whole(1, *layer.repeats)))


@emit.register
def upsample(layer: Upsample, graph: Graph, place: Place) -> str:
    scales = graph.constant([1, *layer.factors, 1], np.float32)
    options: dict[str, Any] = {
        "mode": "nearest",
        "coordinate_transformation_mode": "asymmetric",
        "nearest_mode": "floor",
    }
    return str(graph.op("Resize", place.x, "", scales, **options))


@emit.register
def pad(layer: Pad, graph: Graph, place: Place) -> str:
    modes = {"constant": "constant", "edge": "edge", "reflect": "reflect", "wrap": "wrap"}
    if layer.mode not in modes:
        raise place.refuse(f"the mode {layer.mode} of Pad", "take another one")
    before = [0, *(n for n, _ in layer.padding), 0]
    after = [0, *(n for _, n in layer.padding), 0]
    value = [graph.constant(layer.value)] if layer.mode == "constant" else []
    return str(graph.op("Pad", place.x, graph.whole(*before, *after), *value, mode=modes[layer.mode]))


@emit.register
def crop(layer: Crop, graph: Graph, place: Place) -> str:
    x = place.x
    for axis, (before, after) in enumerate(layer.cropping, 1):
        if before or after:
            x = graph.part(x, axis, before, -after if after else _LARGE)
    return x


@emit.register
def padding_mask(layer: PaddingMask, graph: Graph, place: Place) -> str:
    if place.dtypes[0] == "int32":
        if layer.whole is None:
            raise place.refuse("a mask of whole numbers by a fraction", "give it a whole number")
        value = graph.constant(layer.whole, np.int32)
    else:
        value = graph.constant(layer.value)
    differs = graph.op("Not", graph.op("Equal", place.x, value))
    if layer.axis is None:
        return str(differs)
    some = graph.reduce("ReduceMax", graph.op("Cast", differs, to=6), [layer.axis % place.rank], keepdims=False)
    return str(graph.op("Cast", some, to=9))


@emit.register
def take(layer: indexing.Take, graph: Graph, place: Place) -> str:
    if layer.indices is None:
        raise place.refuse("take with ids of each example", "use take_along_axis")
    ids = graph.constant(layer.indices, np.int64)
    return str(graph.op("Gather", place.x, ids, axis=layer.axis % place.rank))


@emit.register
def take_along_axis(layer: indexing.TakeAlongAxis, graph: Graph, place: Place) -> str:
    return str(graph.op("GatherElements", *place.inputs, axis=layer.axis % place.rank))


@emit.register
def one_hot(layer: indexing.OneHot, graph: Graph, place: Place) -> str:
    axis = layer.axis % (place.rank + 1)
    ids = graph.op("Unsqueeze", place.x, graph.whole(axis))
    shape = [1] * (place.rank + 1)
    shape[axis] = layer.num_classes
    classes = graph.constant(np.arange(layer.num_classes).reshape(shape), np.int32)
    return graph.cast(graph.op("Equal", ids, classes), "float")
