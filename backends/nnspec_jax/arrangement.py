"""Operations that rearrange."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from nnspec import arrangement as specs
from nnspec_jax.realize import Context, build, copied, rounded_once

Function = Callable[..., jax.Array]


@build.register
def flip(spec: specs.Flip, context: Context) -> Function:
    return lambda x: jnp.flip(x, spec.axes(x.shape))


@build.register
def roll(spec: specs.Roll, context: Context) -> Function:
    return lambda x: jnp.roll(x, spec.shift, spec.axis)


@build.register
def tile(spec: specs.Tile, context: Context) -> Function:
    return copied(lambda x: jnp.tile(x, (1, *spec.repeats)))


@build.register
def broadcast_to(spec: specs.BroadcastTo, context: Context) -> Function:
    return copied(lambda x: jnp.broadcast_to(x, (x.shape[0], *spec.shape)))


@build.register
def tril(spec: specs.Tril, context: Context) -> Function:
    return lambda x: jnp.tril(x, spec.k)


@build.register
def triu(spec: specs.Triu, context: Context) -> Function:
    return lambda x: jnp.triu(x, spec.k)


@build.register
def diagonal(spec: specs.Diagonal, context: Context) -> Function:
    return lambda x: jnp.diagonal(x, spec.offset, -2, -1)


@build.register
def trace(spec: specs.Trace, context: Context) -> Function:
    return rounded_once(lambda x: jnp.diagonal(x, spec.offset, -2, -1).sum(-1))
