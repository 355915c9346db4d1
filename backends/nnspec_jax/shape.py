"""Layers that only rearrange."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from nnspec.layers.shape import DepthToSpace, Flatten, Permute, RepeatVector, Reshape, SpaceToDepth
from nnspec_jax.realize import Context, build, copied

Function = Callable[[jax.Array], jax.Array]


@build.register(Flatten)
@build.register(Reshape)
def rearrange(spec: Flatten | Reshape, context: Context) -> Function:
    sizes = spec.output_shape(*context.shapes)[1:]  # without -1, which an empty batch could not resolve
    return lambda x: x.reshape(x.shape[0], *sizes)


@build.register
def permute(spec: Permute, context: Context) -> Function:
    return lambda x: x.transpose(0, *spec.axes)


@build.register
def repeat_vector(spec: RepeatVector, context: Context) -> Function:
    return copied(lambda x: jnp.broadcast_to(x[:, None], (x.shape[0], spec.n, *x.shape[1:])))


@build.register
def space_to_depth(spec: SpaceToDepth, context: Context) -> Function:
    size = spec.block_size

    def moved(x: jax.Array) -> jax.Array:
        n = x.ndim - 2
        parts = [part for whole in x.shape[1:-1] for part in (whole // size, size)]
        blocks = x.reshape(x.shape[0], *parts, x.shape[-1])  # (batch, p1, q1, ..., pn, qn, channels)
        within, channels = range(2, 2 * n + 1, 2), 2 * n + 1
        behind = (*within, channels) if spec.order == "blocks_first" else (channels, *within)
        return blocks.transpose(0, *range(1, 2 * n, 2), *behind).reshape(spec.output_shape(x.shape))

    return moved


@build.register
def depth_to_space(spec: DepthToSpace, context: Context) -> Function:
    size, first = spec.block_size, spec.order == "blocks_first"

    def moved(x: jax.Array) -> jax.Array:
        n = x.ndim - 2
        block, rest = (size,) * n, x.shape[-1] // size**n
        parts = x.reshape(*x.shape[:-1], *((*block, rest) if first else (rest, *block)))
        pairs = [axis for p in range(1, n + 1) for axis in (p, p + n + (not first))]
        return parts.transpose(0, *pairs, 2 * n + 1 if first else n + 1).reshape(spec.output_shape(x.shape))

    return moved
