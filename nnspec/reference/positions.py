"""Positions."""

from __future__ import annotations

import numpy as np

from nnspec.layers.positions import (
    ALiBi,
    LearnedPositions,
    RelativePositionBias,
    RotaryPositions,
    SinusoidalPositions,
)
from nnspec.reference.base import Array, Scope, apply, computing


def places(length: int, start: Array | None) -> Array:
    """The positions of so many elements: (length,), or (batch, length) where each example has its own."""
    return np.arange(length) if start is None else start[:, None] + np.arange(length)


@apply.register(LearnedPositions)
def learned_positions(spec: LearnedPositions, scope: Scope, x: Array, start: Array | None = None) -> Array:
    at = places(x.shape[1], start)
    known = (at >= 0) & (at < spec.max_length)
    found = np.where(known[..., None], scope["embedding"][np.where(known, at, 0)], x.dtype.type(np.nan))
    return _placed(found, x, spec.add)


@apply.register(SinusoidalPositions)
def sinusoidal_positions(spec: SinusoidalPositions, scope: Scope, x: Array, start: Array | None = None) -> Array:
    angles = places(x.shape[1], start)[..., None] * spec.frequencies(x.shape[2])
    waves = np.sin(angles), np.cos(angles)
    joined = np.stack(waves, -1) if spec.pairs == "interleaved" else np.stack(waves, -2)
    return _placed(joined.reshape(*angles.shape[:-1], x.shape[2]).astype(x.dtype), x, spec.add)


def _placed(table: Array, x: Array, add: bool) -> Array:
    """A vector for each position, added to x or in its place."""
    return x + table if add else np.broadcast_to(table, x.shape)


@apply.register(RotaryPositions)
def rotary_positions(spec: RotaryPositions, scope: Scope, x: Array, start: Array | None = None) -> Array:
    return rotated(spec, x, start)


def rotated(spec: RotaryPositions, x: Array, start: Array | None = None) -> Array:
    """(batch, positions, ..., features), rotated by position."""
    angles = places(x.shape[1], start)[..., None] * spec.frequencies(x.shape[-1])
    between = tuple(range(angles.ndim - 1, angles.ndim + x.ndim - 4))
    sin, cos = (np.expand_dims(wave(angles).astype(x.dtype), between) for wave in (np.sin, np.cos))
    count = 2 * angles.shape[-1]
    half = slice(0, count // 2), slice(count // 2, count)
    first, second = (slice(0, count, 2), slice(1, count, 2)) if spec.pairs == "interleaved" else half
    a, b = x[..., first], x[..., second]
    y = x.copy()
    y[..., first], y[..., second] = a * cos - b * sin, b * cos + a * sin
    return y


def _offsets(spec: RelativePositionBias | ALiBi, inputs: tuple[Array, ...]) -> Array:
    """j − i for queries i and keys j, (queries, keys) or (batch, queries, keys)."""
    sequences, start = (inputs[:-1], inputs[-1]) if spec.offset else (inputs, None)
    return np.arange(sequences[-1].shape[1]) - places(sequences[0].shape[1], start)[..., None]


@apply.register(RelativePositionBias)
def relative_position_bias(spec: RelativePositionBias, scope: Scope, *inputs: Array) -> Array:
    most = spec.max_distance
    bucket = spec.buckets()[np.clip(_offsets(spec, inputs), -most, most) + most]
    return _for_each(inputs[0], np.moveaxis(scope["embedding"][bucket], -1, -3))


@apply.register(ALiBi)
def alibi(spec: ALiBi, scope: Scope, *inputs: Array) -> Array:
    dtype = computing(scope.state.dtype)
    distance = np.abs(_offsets(spec, inputs)).astype(dtype)
    return _for_each(inputs[0], -spec.slopes().astype(dtype)[:, None, None] * distance[..., None, :, :])


def _for_each(x: Array, bias: Array) -> Array:
    """The bias (heads, queries, keys) of all examples, or of each, as (batch, heads, queries, keys)."""
    return np.broadcast_to(bias, (len(x), *bias.shape[-3:]))
