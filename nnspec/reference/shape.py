"""Layers that only rearrange."""

from __future__ import annotations

import math

import numpy as np

from nnspec.layers.shape import DepthToSpace, Flatten, Permute, RepeatVector, Reshape, SpaceToDepth
from nnspec.reference.base import Array, Scope, apply


@apply.register(Flatten)
def flatten(spec: Flatten, scope: Scope, x: Array) -> Array:
    return x.reshape(len(x), math.prod(x.shape[1:]))  # not −1: the batch may be empty


@apply.register(Reshape)
def reshape(spec: Reshape, scope: Scope, x: Array) -> Array:
    inferred = math.prod(x.shape[1:]) // math.prod(size for size in spec.shape if size != -1)
    return x.reshape(len(x), *(inferred if size == -1 else size for size in spec.shape))


@apply.register(Permute)
def permute(spec: Permute, scope: Scope, x: Array) -> Array:
    return x.transpose(0, *spec.axes)


@apply.register(RepeatVector)
def repeat_vector(spec: RepeatVector, scope: Scope, x: Array) -> Array:
    return np.stack([x] * spec.n, 1)


@apply.register(SpaceToDepth)
def space_to_depth(spec: SpaceToDepth, scope: Scope, x: Array) -> Array:
    batch, *sizes, channels = x.shape
    n, size = len(sizes), spec.block_size
    # (batch, p1, q1, ..., pn, qn, channels)
    blocks = x.reshape(batch, *(part for whole in sizes for part in (whole // size, size)), channels)
    places, within = range(1, 2 * n, 2), range(2, 2 * n + 1, 2)
    behind = [*within, 2 * n + 1] if spec.order == "blocks_first" else [2 * n + 1, *within]
    shape = (batch, *(whole // size for whole in sizes), channels * size**n)
    return blocks.transpose(0, *places, *behind).reshape(shape)


@apply.register(DepthToSpace)
def depth_to_space(spec: DepthToSpace, scope: Scope, x: Array) -> Array:
    batch, *sizes, channels = x.shape
    n, size = len(sizes), spec.block_size
    block, rest = (size,) * n, channels // size**n
    first = spec.order == "blocks_first"
    # (batch, p1, ..., pn, q1, ..., qn, channels), or channels before the q
    parts = x.reshape(batch, *sizes, *((*block, rest) if first else (rest, *block)))
    within = range(n + 1, 2 * n + 1) if first else range(n + 2, 2 * n + 2)
    pairs = [axis for pair in zip(range(1, n + 1), within, strict=True) for axis in pair]
    shape = (batch, *(place * size for place in sizes), rest)
    return parts.transpose(0, *pairs, 2 * n + 1 if first else n + 1).reshape(shape)
