"""Positions. Waves are computed in float64 and rounded once: as constants when a step is traced, or in the step itself
where the first position is an input."""

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


def places(length: int, start: jax.Array) -> jax.Array:
    """The positions (batch, length) of so many elements in each example."""
    return start[:, None] + jnp.arange(length, dtype=jnp.int32)


def _waves(frequencies: Any, length: int, dtype: Any, start: jax.Array | None = None) -> tuple[jax.Array, jax.Array]:
    """Sines and cosines (length, pairs), or (batch, length, pairs)."""
    if start is None:
        angles = np.arange(length)[:, None] * frequencies
        return jnp.asarray(np.sin(angles), dtype), jnp.asarray(np.cos(angles), dtype)
    with jax.enable_x64(True):
        turns = places(length, start).astype(jnp.float64)[..., None] * jnp.asarray(frequencies, jnp.float64)
        return jnp.sin(turns).astype(dtype), jnp.cos(turns).astype(dtype)


def _placed(table: jax.Array, x: jax.Array, add: bool) -> jax.Array:
    """A vector for each position, added to x or in its place."""
    return x + table if add else jnp.broadcast_to(table, x.shape)


class PositionTable(nnx.Module):
    """A learned vector for each position."""

    def __init__(self, spec: LearnedPositions, context: Context) -> None:
        self.add = spec.add
        self.embedding = nnx.Param(jnp.zeros((spec.max_length, context.features), context.dtype))

    def __call__(self, x: jax.Array, start: jax.Array | None = None) -> jax.Array:
        table = widened(self.embedding[...])
        if start is not None:
            at = places(x.shape[1], start)
            table = table.at[at].get(mode="fill", fill_value=jnp.nan, wrap_negative_indices=False)
        else:
            table = table[: x.shape[1]]
            missing = x.shape[1] - len(table)
            if missing:
                table = jnp.pad(table, ((0, missing), (0, 0)), constant_values=jnp.nan)
        return rounded_once(lambda x: _placed(table, x, self.add))(x)


@build.register
def learned_positions(spec: LearnedPositions, context: Context) -> PositionTable:
    return PositionTable(spec, context)


@build.register
def sinusoidal_positions(spec: SinusoidalPositions, context: Context) -> Any:
    def placed(x: jax.Array, start: jax.Array | None = None) -> jax.Array:
        def wide(x: jax.Array) -> jax.Array:
            waves = _waves(spec.frequencies(x.shape[2]), x.shape[1], x.dtype, start)
            table = jnp.stack(waves, -1 if spec.pairs == "interleaved" else -2)
            return _placed(table.reshape(*table.shape[:-2], x.shape[2]), x, spec.add)

        return rounded_once(wide)(x)

    return placed


@build.register
def rotary_positions(spec: RotaryPositions, context: Context) -> Any:
    return lambda x, start=None: rounded_once(lambda x: rotated(spec, x, start))(x)


def rotated(spec: RotaryPositions, x: jax.Array, start: jax.Array | None = None) -> jax.Array:
    """(batch, positions, ..., features) of float32 at least, rotated by position."""
    waves = _waves(spec.frequencies(x.shape[-1]), x.shape[1], x.dtype, start)
    # Axes of heads, say, stand between positions and features.
    sin, cos = (jnp.expand_dims(wave, tuple(range(wave.ndim - 1, wave.ndim + x.ndim - 4))) for wave in waves)
    count = spec.rotated(x.shape[-1])
    axis, split = (-1, (count // 2, 2)) if spec.pairs == "interleaved" else (-2, (2, count // 2))
    pairs = x[..., :count].reshape(*x.shape[:-1], *split)
    a, b = (jnp.take(pairs, i, axis) for i in (0, 1))
    turned = jnp.stack([a * cos - b * sin, b * cos + a * sin], axis).reshape(*x.shape[:-1], count)
    return turned if count == x.shape[-1] else jnp.concatenate([turned, x[..., count:]], -1)


def _offsets(spec: RelativePositionBias | ALiBi, inputs: tuple[jax.Array, ...]) -> jax.Array:
    """j − i for queries i and keys j, (queries, keys) or (batch, queries, keys)."""
    sequences, start = (inputs[:-1], inputs[-1]) if spec.offset else (inputs, None)
    queries, keys = sequences[0].shape[1], sequences[-1].shape[1]
    at = jnp.arange(queries, dtype=jnp.int32) if start is None else places(queries, start)
    return jnp.arange(keys, dtype=jnp.int32) - at[..., None]


def _for_each(x: jax.Array, bias: jax.Array, dtype: Any) -> jax.Array:
    """The bias (heads, queries, keys) of all examples, or of each, as (batch, heads, queries, keys)."""
    return jnp.broadcast_to(bias, (len(x), *bias.shape[-3:])).astype(dtype)


class DistanceTable(nnx.Module):
    """A learned number in each head for each bucket of distances."""

    def __init__(self, spec: RelativePositionBias, context: Context) -> None:
        self.spec, self.dtype = spec, context.dtype
        self.embedding = nnx.Param(jnp.zeros((spec.num_buckets, spec.num_heads), context.dtype))

    def __call__(self, *inputs: jax.Array) -> jax.Array:
        most = self.spec.max_distance
        by_distance = jnp.take(widened(self.embedding[...]), jnp.asarray(self.spec.buckets()), 0, mode="clip")
        bias = jnp.take(by_distance.T, jnp.clip(_offsets(self.spec, inputs), -most, most) + most, 1, mode="clip")
        return _for_each(inputs[0], jnp.moveaxis(bias, 0, -3), self.dtype)


@build.register
def relative_position_bias(spec: RelativePositionBias, context: Context) -> DistanceTable:
    return DistanceTable(spec, context)


@build.register
def alibi(spec: ALiBi, context: Context) -> Any:
    wide = at_least_float32(context.dtype)

    def bias(*inputs: jax.Array) -> jax.Array:
        slopes = jnp.asarray(spec.slopes(), wide)[:, None, None]
        distance = jnp.abs(_offsets(spec, inputs)).astype(wide)
        return _for_each(inputs[0], -slopes * distance[..., None, :, :], context.dtype)

    return bias
