"""Positions. Waves and distances are known when a step is traced, hence constants: waves in float64, rounded once."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from nnspec.layers.positions import (
    ALiBi,
    LearnedPositions,
    RelativePositionBias,
    RotaryPositions,
    SinusoidalPositions,
)
from nnspec_jax.realize import Context, at_least_float32, build, rounded_once, widened


def _waves(frequencies: Any, length: int, dtype: Any) -> tuple[jax.Array, jax.Array]:
    """Sines and cosines (length, pairs)."""
    angles = np.arange(length)[:, None] * frequencies
    return jnp.asarray(np.sin(angles), dtype), jnp.asarray(np.cos(angles), dtype)


def _placed(table: jax.Array, x: jax.Array, add: bool) -> jax.Array:
    """A vector for each position, added to x or in its place."""
    return x + table if add else jnp.broadcast_to(table, x.shape)


class PositionTable(nnx.Module):
    """A learned vector for each position."""

    def __init__(self, spec: LearnedPositions, context: Context) -> None:
        self.add = spec.add
        self.embedding = nnx.Param(jnp.zeros((spec.max_length, context.features), context.dtype))

    def __call__(self, x: jax.Array) -> jax.Array:
        table = widened(self.embedding[...])[: x.shape[1]]
        missing = x.shape[1] - len(table)
        if missing:
            table = jnp.pad(table, ((0, missing), (0, 0)), constant_values=jnp.nan)
        return rounded_once(lambda x: _placed(table, x, self.add))(x)


@build.register
def learned_positions(spec: LearnedPositions, context: Context) -> PositionTable:
    return PositionTable(spec, context)


@build.register
def sinusoidal_positions(spec: SinusoidalPositions, context: Context) -> Any:
    def placed(x: jax.Array) -> jax.Array:
        waves = _waves(spec.frequencies(x.shape[2]), x.shape[1], x.dtype)
        table = jnp.stack(waves, -1 if spec.pairs == "interleaved" else -2).reshape(x.shape[1:])
        return _placed(table, x, spec.add)

    return rounded_once(placed)


@build.register
def rotary_positions(spec: RotaryPositions, context: Context) -> Any:
    return rounded_once(lambda x: rotated(spec, x))


def rotated(spec: RotaryPositions, x: jax.Array) -> jax.Array:
    """(batch, positions, ..., features) of float32 at least, rotated by position."""
    sin, cos = _waves(spec.frequencies(x.shape[-1]), x.shape[1], x.dtype)
    sin, cos = (jnp.expand_dims(wave, tuple(range(1, x.ndim - 2))) for wave in (sin, cos))
    count = spec.rotated(x.shape[-1])
    axis, split = (-1, (count // 2, 2)) if spec.pairs == "interleaved" else (-2, (2, count // 2))
    pairs = x[..., :count].reshape(*x.shape[:-1], *split)
    a, b = (jnp.take(pairs, i, axis) for i in (0, 1))
    turned = jnp.stack([a * cos - b * sin, b * cos + a * sin], axis).reshape(*x.shape[:-1], count)
    return turned if count == x.shape[-1] else jnp.concatenate([turned, x[..., count:]], -1)


def _offsets(inputs: tuple[jax.Array, ...]) -> jax.Array:
    """j − i for queries i and keys j."""
    queries, keys = inputs[0].shape[1], inputs[-1].shape[1]
    return jnp.arange(keys, dtype=jnp.int32) - jnp.arange(queries, dtype=jnp.int32)[:, None]


class DistanceTable(nnx.Module):
    """A learned number in each head for each bucket of distances."""

    def __init__(self, spec: RelativePositionBias, context: Context) -> None:
        self.spec, self.dtype = spec, context.dtype
        self.embedding = nnx.Param(jnp.zeros((spec.num_buckets, spec.num_heads), context.dtype))

    def __call__(self, *inputs: jax.Array) -> jax.Array:
        most = self.spec.max_distance
        by_distance = jnp.take(widened(self.embedding[...]), jnp.asarray(self.spec.buckets()), 0, mode="clip")
        bias = jnp.take(by_distance.T, jnp.clip(_offsets(inputs), -most, most) + most, 1, mode="clip")
        return jnp.broadcast_to(bias, (len(inputs[0]), *bias.shape)).astype(self.dtype)


@build.register
def relative_position_bias(spec: RelativePositionBias, context: Context) -> DistanceTable:
    return DistanceTable(spec, context)


@build.register
def alibi(spec: ALiBi, context: Context) -> Any:
    wide = at_least_float32(context.dtype)

    def bias(*inputs: jax.Array) -> jax.Array:
        slopes = jnp.asarray(spec.slopes(), wide)[:, None, None]
        found = -slopes * jnp.abs(_offsets(inputs)).astype(wide)
        return jnp.broadcast_to(found, (len(inputs[0]), *found.shape)).astype(context.dtype)

    return bias
