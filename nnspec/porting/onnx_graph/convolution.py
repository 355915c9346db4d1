"""Convolutions and pooling: ONNX has the channels in front, so axes are moved around each."""

from __future__ import annotations

from typing import Any

from nnspec.layers.convolution import Conv, DepthwiseConv, SeparableConv
from nnspec.layers.pooling import AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool
from nnspec.layers.transposed_convolution import ConvTranspose
from nnspec.layers.window import extent, pads
from nnspec.porting.onnx_graph.graph import Graph, Place, emit, followed


def in_front(graph: Graph, x: str, rank: int) -> str:
    """The channels moved behind the batch."""
    return graph.transpose(x, 0, rank - 1, *range(1, rank - 1))


def at_the_end(graph: Graph, x: str, rank: int) -> str:
    """The channels moved to the end again."""
    return graph.transpose(x, 0, *range(2, rank), 1)


def _padding(layer: Any, place: Place) -> dict[str, Any]:
    """The attributes that say what is padded."""
    sizes = place.shapes[0][1:-1]
    window = layer.kernel_size if hasattr(layer, "kernel_size") else layer.window
    dilations = getattr(layer, "dilations", (1,) * len(window))
    if layer.padding == "same" and None in sizes:
        return {"auto_pad": "SAME_UPPER"}
    around = pads(layer.padding, tuple(size or 1 for size in sizes), window, layer.stride, dilations)
    return {"pads": [*(before for before, _ in around), *(after for _, after in around)]}


def _convolved(layer: Conv, graph: Graph, place: Place, kernel: str, bias: str | None) -> str:
    rank = place.rank
    weights = graph.transpose(kernel, rank - 1, rank - 2, *range(rank - 2))
    y = graph.op(
        "Conv",
        in_front(graph, place.x, rank),
        weights,
        *([] if bias is None else [bias]),
        kernel_shape=list(layer.kernel_size),
        strides=list(layer.stride),
        dilations=list(layer.dilations),
        group=layer.groups,
        **_padding(layer, place),
    )
    return at_the_end(graph, y, rank)


@emit.register
def conv(layer: Conv, graph: Graph, place: Place) -> str:
    bias = place.variable("bias") if layer.use_bias else None
    y = _convolved(layer, graph, place, place.variable("kernel"), bias)
    return followed(layer.activation, graph, place, y, layer.linear(*place.shapes))


@emit.register
def depthwise_conv(layer: DepthwiseConv, graph: Graph, place: Place) -> str:
    return conv(layer.conv(place.known(-1)), graph, place)


@emit.register
def separable_conv(layer: SeparableConv, graph: Graph, place: Place) -> str:
    first = layer.depthwise(place.known(-1))
    between = _convolved(first, graph, place, place.variable("depthwise_kernel"), None)
    y = graph.op("MatMul", between, place.variable("pointwise_kernel"))
    y = graph.op("Add", y, place.variable("bias")) if layer.use_bias else y
    return followed(layer.activation, graph, place, y, place.output)


@emit.register
def conv_transpose(layer: ConvTranspose, graph: Graph, place: Place) -> str:
    rank, groups = place.rank, layer.groups
    inputs, axes = place.known(-1), len(layer.kernel_size)
    sizes = (*layer.kernel_size, inputs // groups, groups, layer.features // groups)
    split = graph.reshape(place.variable("kernel"), *sizes)
    moved = graph.transpose(split, axes + 1, axes, axes + 2, *range(axes))
    weights = graph.reshape(moved, inputs, layer.features // groups, *layer.kernel_size)
    reaches = extent(layer.kernel_size, layer.dilations)
    rows = zip(reaches, layer.stride, layer.before, layer.beyond, strict=True)
    after = [reach - stride - before - beyond for reach, stride, before, beyond in rows]
    options: dict[str, Any] = {
        "kernel_shape": list(layer.kernel_size),
        "strides": list(layer.stride),
        "dilations": list(layer.dilations),
        "pads": [*layer.before, *(max(n, 0) for n in after)],
    }
    x, width = in_front(graph, place.x, rank), inputs // groups
    # Each group by itself: evaluators disagree about several.
    parts = [
        graph.op(
            "ConvTranspose",
            x if groups == 1 else graph.part(x, 1, i * width, (i + 1) * width),
            weights if groups == 1 else graph.part(weights, 0, i * width, (i + 1) * width),
            **options,
        )
        for i in range(groups)
    ]
    y = parts[0] if groups == 1 else graph.op("Concat", *parts, axis=1)
    y = at_the_end(graph, y, rank)
    if min(after) < 0:  # what lies beyond is 0
        y = graph.op("Pad", y, graph.whole(*(0,) * (rank + 1), *(max(-n, 0) for n in after), 0), graph.constant(0))
    if layer.use_bias:
        y = graph.op("Add", y, place.variable("bias"))
    return followed(layer.activation, graph, place, y, layer.linear(*place.shapes))


@emit.register(MaxPool)
@emit.register(AvgPool)
def pool(layer: MaxPool | AvgPool, graph: Graph, place: Place) -> str:
    kind, options = "MaxPool", {}
    if isinstance(layer, AvgPool):
        kind, options = "AveragePool", {"count_include_pad": int(layer.count_include_pad)}
    x = in_front(graph, place.x, place.rank)
    shape: dict[str, Any] = {"kernel_shape": list(layer.window), "strides": list(layer.stride)}
    y = graph.op(kind, x, **shape, **_padding(layer, place), **options)
    return at_the_end(graph, y, place.rank)


@emit.register
def global_avg_pool(layer: GlobalAvgPool, graph: Graph, place: Place) -> str:
    return graph.reduce("ReduceMean", place.x, range(1, place.rank - 1), keepdims=False)


@emit.register
def global_max_pool(layer: GlobalMaxPool, graph: Graph, place: Place) -> str:
    return graph.reduce("ReduceMax", place.x, range(1, place.rank - 1), keepdims=False)
