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


@apply.register(LearnedPositions)
def learned_positions(spec: LearnedPositions, scope: Scope, x: Array) -> Array:
    return _placed(scope["embedding"][: x.shape[1]], x, spec.add)


@apply.register(SinusoidalPositions)
def sinusoidal_positions(spec: SinusoidalPositions, scope: Scope, x: Array) -> Array:
    angles = np.arange(x.shape[1])[:, None] * spec.frequencies(x.shape[2])
    waves = np.sin(angles), np.cos(angles)
    table = np.stack(waves, -1).reshape(x.shape[1:]) if spec.pairs == "interleaved" else np.concatenate(waves, -1)
    return _placed(table.astype(x.dtype), x, spec.add)


def _placed(table: Array, x: Array, add: bool) -> Array:
    """A vector for each position, added to x or in its place."""
    return x + table if add else np.broadcast_to(table, x.shape)


@apply.register(RotaryPositions)
def rotary_positions(spec: RotaryPositions, scope: Scope, x: Array) -> Array:
    return rotated(spec, x)


def rotated(spec: RotaryPositions, x: Array) -> Array:
    """(batch, positions, ..., features), rotated by position."""
    angles = np.arange(x.shape[1])[:, None] * spec.frequencies(x.shape[-1])
    between = tuple(range(1, x.ndim - 2))
    sin, cos = (np.expand_dims(wave(angles).astype(x.dtype), between) for wave in (np.sin, np.cos))
    count = 2 * angles.shape[1]
    half = slice(0, count // 2), slice(count // 2, count)
    first, second = (slice(0, count, 2), slice(1, count, 2)) if spec.pairs == "interleaved" else half
    a, b = x[..., first], x[..., second]
    y = x.copy()
    y[..., first], y[..., second] = a * cos - b * sin, b * cos + a * sin
    return y


def _offsets(inputs: tuple[Array, ...]) -> Array:
    """j − i for queries i and keys j."""
    return np.arange(inputs[-1].shape[1]) - np.arange(inputs[0].shape[1])[:, None]


@apply.register(RelativePositionBias)
def relative_position_bias(spec: RelativePositionBias, scope: Scope, *inputs: Array) -> Array:
    most = spec.max_distance
    bucket = spec.buckets()[np.clip(_offsets(inputs), -most, most) + most]
    bias = np.moveaxis(scope["embedding"][bucket], -1, 0)
    return np.broadcast_to(bias, (len(inputs[0]), *bias.shape))


@apply.register(ALiBi)
def alibi(spec: ALiBi, scope: Scope, *inputs: Array) -> Array:
    dtype = computing(scope.state.dtype)
    bias = -spec.slopes().astype(dtype)[:, None, None] * np.abs(_offsets(inputs)).astype(dtype)
    return np.broadcast_to(bias, (len(inputs[0]), *bias.shape))
