"""Layers that only rearrange."""

from __future__ import annotations

import math

from nnspec.layers.shape import Flatten, Reshape
from nnspec.reference.base import Array, Scope, apply


@apply.register(Flatten)
def flatten(spec: Flatten, scope: Scope, x: Array) -> Array:
    return x.reshape(len(x), math.prod(x.shape[1:]))  # not −1: the batch may be empty


@apply.register(Reshape)
def reshape(spec: Reshape, scope: Scope, x: Array) -> Array:
    inferred = math.prod(x.shape[1:]) // math.prod(size for size in spec.shape if size != -1)
    return x.reshape(len(x), *(inferred if size == -1 else size for size in spec.shape))
