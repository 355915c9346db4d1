"""Positions: counted by a running sum, so that sequences may have any length."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnspec.layers.positions import (
    ALiBi,
    LearnedPositions,
    RelativePositionBias,
    RotaryPositions,
    SinusoidalPositions,
)
from nnspec_tensorflow.porting.export.convert import Context, Tensor, native
from nnspec_tensorflow.porting.export.embedding import TABLE
from nnspec_tensorflow.startup import keras


def counted(x: Tensor, start: Tensor | None = None) -> Tensor:
    """The positions 0, 1, … of a sequence (batch, positions, ...), or those from a start: (batch, positions) int32."""
    ops = keras.ops
    one = x[(slice(None), slice(None), *[0] * (len(x.shape) - 2))]
    places = ops.subtract(ops.cumsum(ops.ones_like(one, dtype="int32"), axis=1), 1)
    return places if start is None else ops.add(places, ops.expand_dims(start, -1))


@native.register
def learned_positions(spec: LearnedPositions, context: Context, x: Tensor, *start: Tensor) -> Tensor:
    rows, features = context.owner.params["embedding"].shape
    layer = context.layer(keras.layers.Embedding, rows, features, **TABLE)
    y = context.call(layer, counted(x, *start), embedding="embeddings")
    return keras.ops.add(x, y) if spec.add else y


def _waves(x: Tensor, start: Tensor | None, frequencies: Any, context: Context) -> tuple[Tensor, Tensor]:
    """Cosines and sines of the angles at each position, (batch, positions, pairs): in float64, and rounded."""
    ops = keras.ops
    places = ops.cast(ops.expand_dims(counted(x, start), -1), "float64")
    angles = ops.multiply(places, np.asarray(frequencies, np.float64))
    return ops.cast(ops.cos(angles), context.dtype), ops.cast(ops.sin(angles), context.dtype)


def _together(first: Tensor, second: Tensor, pairs: str, features: int) -> Tensor:
    """Both elements of all pairs where they belong, in the last axis."""
    ops = keras.ops
    if pairs == "halves":
        return ops.concatenate([first, second], axis=-1)
    shape = [-1 if i == 0 else size for i, size in enumerate(first.shape[:-1])]
    stacked = ops.stack([first, second], axis=-1)
    if None not in shape:
        return ops.reshape(stacked, (*shape, features))
    # One axis more of any length, which a reshape cannot keep: elements go to their places by a product.
    half = features // 2
    places = np.zeros((2, half, features), np.float32)
    places[0, range(half), range(0, features, 2)] = 1
    places[1, range(half), range(1, features, 2)] = 1
    return ops.add(ops.matmul(first, places[0]), ops.matmul(second, places[1]))


@native.register
def sinusoidal_positions(spec: SinusoidalPositions, context: Context, x: Tensor, *start: Tensor) -> Tensor:
    features = context.shapes[0][-1] or 0
    cosines, sines = _waves(x, start[0] if start else None, spec.frequencies(features), context)
    y = _together(sines, cosines, spec.pairs, features)
    return keras.ops.add(x, y) if spec.add else y


@native.register
def rotary_positions(spec: RotaryPositions, context: Context, x: Tensor, *start: Tensor) -> Tensor:
    return rotated(spec, context, x, start[0] if start else None)


def rotated(spec: RotaryPositions, context: Context, x: Tensor, start: Tensor | None) -> Tensor:
    """Pairs of features rotated by their positions; (batch, positions, ..., features)."""
    ops, features = keras.ops, x.shape[-1]
    count = spec.rotated(features)
    cosines, sines = _waves(x, start, spec.frequencies(features), context)
    for _ in range(len(x.shape) - 3):
        cosines, sines = ops.expand_dims(cosines, 2), ops.expand_dims(sines, 2)
    if spec.pairs == "halves":
        one, other = x[..., : count // 2], x[..., count // 2 : count]
    else:
        one, other = x[..., 0:count:2], x[..., 1:count:2]
    first = ops.subtract(ops.multiply(one, cosines), ops.multiply(other, sines))
    second = ops.add(ops.multiply(other, cosines), ops.multiply(one, sines))
    y = _together(first, second, spec.pairs, count)
    return ops.concatenate([y, x[..., count:]], axis=-1) if count < features else y


def _distances(spec: Any, inputs: tuple[Tensor, ...]) -> Tensor:
    """j − i for each query i and key j: (batch, queries, keys) int32."""
    ops = keras.ops
    *sequences, start = inputs if spec.offset else (*inputs, None)
    queries, keys = counted(sequences[0], start), counted(sequences[-1])
    return ops.subtract(ops.expand_dims(keys, 1), ops.expand_dims(queries, 2))


@native.register
def alibi(spec: ALiBi, context: Context, *inputs: Tensor) -> Tensor:
    ops = keras.ops
    distances = ops.cast(ops.abs(_distances(spec, inputs)), context.dtype)
    slopes = context.constant(-spec.slopes()).reshape(1, -1, 1, 1)
    return ops.multiply(ops.expand_dims(distances, 1), slopes)


@native.register
def relative_position_bias(spec: RelativePositionBias, context: Context, *inputs: Tensor) -> Tensor:
    ops, most = keras.ops, spec.max_distance
    places = ops.add(ops.clip(_distances(spec, inputs), -most, most), most)
    buckets = ops.take(spec.buckets(), places, axis=0)
    layer = context.layer(keras.layers.Embedding, spec.num_buckets, spec.num_heads, **TABLE)
    return ops.transpose(context.call(layer, buckets, embedding="embeddings"), (0, 3, 1, 2))
