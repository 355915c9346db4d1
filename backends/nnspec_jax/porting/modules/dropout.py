"""Dropout."""

from __future__ import annotations

from typing import Any

from flax import linen as nn, nnx

from nnspec.errors import PortError
from nnspec.layers.dropout import Dropout
from nnspec.porting.assembly import Value
from nnspec_jax.porting.convert import Context, Layout, convert
from nnspec_jax.porting.marker import POINTWISE

POINTWISE.update((nnx.Dropout, nn.Dropout))


@convert.register(nnx.Dropout)
@convert.register(nn.Dropout)
def dropout(
    module: nnx.Dropout | nn.Dropout,
    context: Context,
    inputs: Value,
    deterministic: bool | None = None,
    rng: Any = None,
) -> Value:
    if module.rate == 0 or (module.deterministic if deterministic is None else deterministic):
        return inputs
    if module.rate == 1:
        raise PortError(f"{context.origin} drops everything (rate 1): leave out what it is applied to")
    shared = tuple(module.broadcast_dims)
    if shared and context.layouts.get(inputs, Layout()) != Layout():
        raise PortError(f"{context.origin}: broadcast_dims of an array whose first axis is not the batch")
    return context.call(Dropout(float(module.rate), broadcast_dims=shared), inputs)
