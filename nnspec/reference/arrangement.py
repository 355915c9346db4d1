"""Operations that rearrange."""

from __future__ import annotations

import numpy as np

from nnspec import arrangement as specs
from nnspec.reference.base import Array, Scope, apply


@apply.register(specs.Flip)
def flip(spec: specs.Flip, scope: Scope, x: Array) -> Array:
    return np.flip(x, spec.axes(x.shape))


@apply.register(specs.Roll)
def roll(spec: specs.Roll, scope: Scope, x: Array) -> Array:
    return np.roll(x, spec.shift, spec.axis)


@apply.register(specs.Tile)
def tile(spec: specs.Tile, scope: Scope, x: Array) -> Array:
    return np.tile(x, (1, *spec.repeats))


@apply.register(specs.BroadcastTo)
def broadcast_to(spec: specs.BroadcastTo, scope: Scope, x: Array) -> Array:
    return np.broadcast_to(x, (len(x), *spec.shape))


@apply.register(specs.Tril)
def tril(spec: specs.Tril, scope: Scope, x: Array) -> Array:
    return np.tril(x, spec.k)


@apply.register(specs.Triu)
def triu(spec: specs.Triu, scope: Scope, x: Array) -> Array:
    return np.triu(x, spec.k)


@apply.register(specs.Diagonal)
def diagonal(spec: specs.Diagonal, scope: Scope, x: Array) -> Array:
    return np.diagonal(x, spec.offset, -2, -1)


@apply.register(specs.Trace)
def trace(spec: specs.Trace, scope: Scope, x: Array) -> Array:
    return np.asarray(np.diagonal(x, spec.offset, -2, -1).sum(-1))
