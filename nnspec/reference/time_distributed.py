"""A layer at each step of a sequence."""

from __future__ import annotations

import dataclasses

from nnspec.layers.time_distributed import TimeDistributed
from nnspec.reference.base import Array, Scope, apply


@apply.register(TimeDistributed)
def time_distributed(spec: TimeDistributed, scope: Scope, x: Array) -> Array:
    batch, time, *rest = x.shape
    inner = dataclasses.replace(scope, owner=f"{scope.owner}/layer")
    y = apply(spec.layer, inner, x.reshape(batch * time, *rest))
    return y.reshape(batch, time, *y.shape[1:])
