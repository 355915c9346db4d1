"""Attention by products, a softmax and masks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nnspec.layers.attention import DotProductAttention, MultiHeadAttention
from nnspec.porting.onnx_graph.graph import Graph, Place, emit

_REMEDY = "port to StableHLO, SavedModel or nnspec instead"


def _visible(layer: Any, graph: Graph, place: Place, scores: str) -> str | None:
    """Which keys each query sees, to be broadcast to the scores; None for all."""
    parts = []
    if layer.causal or layer.window is not None:
        queries, keys = (_range(graph, scores, axis) for axis in (2, 3))
        distance = graph.op("Sub", graph.op("Unsqueeze", queries, graph.whole(1)), keys)
        if layer.causal:
            parts.append(graph.op("GreaterOrEqual", distance, graph.constant(0, np.int64)))
        if layer.window is not None:
            parts.append(graph.op("Less", graph.op("Abs", distance), graph.constant(layer.window, np.int64)))
    if layer.mask:
        parts.append(_with_all_axes(graph, place, len(place.inputs) - 1))
    if not parts:
        return None
    y = parts[0]
    for part in parts[1:]:
        y = graph.op("And", y, part)
    return str(y)


def _range(graph: Graph, x: str, axis: int) -> str:
    """0, 1, … along an axis."""
    size = graph.op("Squeeze", graph.op("Shape", x, start=axis, end=axis + 1), graph.whole(0))
    return str(graph.op("Range", graph.constant(0, np.int64), size, graph.constant(1, np.int64)))


def _with_all_axes(graph: Graph, place: Place, at: int) -> str:
    """A mask or a bias with the axes (batch, heads, queries, keys)."""
    missing = 4 - len(place.shapes[at])
    if not missing:
        return place.inputs[at]
    return str(graph.op("Unsqueeze", place.inputs[at], graph.whole(*range(1, 1 + missing))))


def _weights(layer: Any, graph: Graph, place: Place, scores: str) -> str:
    """What scores (batch, heads, queries, keys) come to; 0 where nothing is visible."""
    if layer.soft_cap is not None:
        cap = graph.constant(layer.soft_cap)
        scores = graph.op("Mul", graph.op("Tanh", graph.op("Div", scores, cap)), cap)
    if layer.attention_bias:
        scores = graph.op("Add", scores, _with_all_axes(graph, place, len(place.inputs) - 1 - layer.mask))
    visible = _visible(layer, graph, place, scores)
    if visible is None:
        return str(graph.op("Softmax", scores, axis=-1))
    lowest = graph.constant(float(np.finfo(graph.dtype).min))
    weights = graph.op("Softmax", graph.op("Where", visible, scores, lowest), axis=-1)
    return str(graph.op("Where", visible, weights, graph.constant(0)))


@emit.register
def multi_head_attention(layer: MultiHeadAttention, graph: Graph, place: Place) -> str:
    if layer.decode or layer.rotary is not None or layer.num_kv_heads not in (None, layer.num_heads):
        raise place.refuse("MultiHeadAttention that decodes, rotates or shares heads", _REMEDY)
    *_, d, out = layer.sizes(*place.shapes)
    count = len(place.inputs) - layer.mask - layer.attention_bias
    sequences = [*place.inputs[:count]]
    sequences = [sequences[0], sequences[min(1, count - 1)], sequences[-1]]
    shapes = layer.sequences(*place.shapes)
    sizes = (d, d, layer.value_features or d)
    heads = []
    for name, x, shape, size in zip(("query", "key", "value"), sequences, shapes, sizes, strict=True):
        wide = layer.num_heads * size
        kernel = graph.reshape(place.variable(f"{name}/kernel"), shape[-1], wide)
        y = graph.op("MatMul", x, kernel)
        if name in layer.biased:
            y = graph.op("Add", y, graph.reshape(place.variable(f"{name}/bias"), wide))
        split = graph.op("Reshape", y, graph.whole(0, 0, layer.num_heads, size))
        heads.append(graph.transpose(split, 0, 2, 1, 3))
    q, k, v = heads
    scale = 1 / math.sqrt(d) if layer.scale is None else layer.scale
    products = graph.op("MatMul", graph.op("Mul", q, graph.constant(scale)), graph.transpose(k, 0, 1, 3, 2))
    weights = _weights(layer, graph, place, products)
    if layer.returns == "scores":
        return weights
    gathered = graph.transpose(graph.op("MatMul", weights, v), 0, 2, 1, 3)
    wide = layer.num_heads * sizes[2]
    together = graph.op("Reshape", gathered, graph.whole(0, 0, wide))
    y = graph.op("MatMul", together, graph.reshape(place.variable("out/kernel"), wide, out))
    return str(graph.op("Add", y, place.variable("out/bias")) if "out" in layer.biased else y)


@emit.register
def dot_product_attention(layer: DotProductAttention, graph: Graph, place: Place) -> str:
    if layer.score_mode != "dot" or place.rank != 3:
        raise place.refuse("DotProductAttention by sums, or of several heads", _REMEDY)
    count = len(place.inputs) - layer.mask - layer.attention_bias
    q, k, v = place.inputs[0], place.inputs[min(1, count - 1)], place.inputs[count - 1]
    scale = 1 / math.sqrt(place.known(-1)) if layer.scale is None else layer.scale
    products = graph.op("MatMul", graph.op("Mul", q, graph.constant(scale)), graph.transpose(k, 0, 2, 1))
    if layer.use_scale:
        products = graph.op("Mul", products, place.variable("scale"))
    weights = _weights(layer, graph, place, graph.op("Unsqueeze", products, graph.whole(1)))
    weights = graph.op("Squeeze", weights, graph.whole(1))
    return weights if layer.returns == "scores" else str(graph.op("MatMul", weights, v))
