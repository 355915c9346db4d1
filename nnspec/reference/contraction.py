"""Products of vectors."""

from __future__ import annotations

from nnspec.contraction import Outer
from nnspec.reference.base import Array, Scope, apply


@apply.register(Outer)
def outer(spec: Outer, scope: Scope, x1: Array, x2: Array) -> Array:
    return x1[..., None] * x2[..., None, :]
