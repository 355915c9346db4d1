"""Linear layers and embeddings."""

from __future__ import annotations

from typing import Any

from nnspec.layers.embedding import Embedding, Unembedding
from nnspec.layers.linear import Bilinear, Dense, DenseGeneral, EinsumDense
from nnspec.layers.positions import LearnedPositions
from nnspec.porting.onnx_graph.graph import Graph, Place, emit, followed


@emit.register
def dense(layer: Dense, graph: Graph, place: Place) -> str:
    y = graph.op("MatMul", place.x, place.variable("kernel"))
    if layer.use_bias:
        y = graph.op("Add", y, place.variable("bias"))
    return followed(layer.activation, graph, place, y, (*place.shapes[0][:-1], layer.features))


@emit.register(DenseGeneral)
@emit.register(EinsumDense)
def contraction(layer: Any, graph: Graph, place: Place) -> str:
    shape = place.shapes[0]
    y = graph.op("Einsum", place.x, place.variable("kernel"), equation=str(layer.spelled(shape)))
    bias = layer.biases(shape)
    if bias is not None:
        y = graph.op("Add", y, graph.op("Reshape", place.variable("bias"), graph.whole(*bias)))
    return followed(layer.activation, graph, place, y, place.output)


@emit.register
def bilinear(layer: Bilinear, graph: Graph, place: Place) -> str:
    letters = "abcdegh"[: place.rank - 1]
    equation = f"{letters}i,{letters}j,ijf->{letters}f"
    y = graph.op("Einsum", *place.inputs, place.variable("kernel"), equation=equation)
    return str(graph.op("Add", y, place.variable("bias")) if layer.use_bias else y)


@emit.register
def embedding(layer: Embedding, graph: Graph, place: Place) -> str:
    # Ids that are not in the table are an error in ONNX.
    return str(graph.op("Gather", place.variable("embedding"), place.x, axis=0))


@emit.register
def unembedding(layer: Unembedding, graph: Graph, place: Place) -> str:
    return str(graph.op("MatMul", place.x, graph.transpose(place.variable("embedding"), 1, 0)))


@emit.register
def learned_positions(layer: LearnedPositions, graph: Graph, place: Place) -> str:
    if layer.offset:
        raise place.refuse("LearnedPositions with an offset", "port a model without it, as it was trained")
    length = graph.op("Shape", place.x, start=1, end=2)
    table = graph.op("Slice", place.variable("embedding"), graph.whole(0), length, graph.whole(0))
    if layer.add:
        return str(graph.op("Add", place.x, table))
    return str(graph.op("Expand", table, graph.op("Shape", place.x)))
