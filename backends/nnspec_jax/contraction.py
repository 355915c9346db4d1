"""Products of vectors."""

from __future__ import annotations

from collections.abc import Callable

import jax

from nnspec.contraction import Outer
from nnspec_jax.realize import Context, build, widened

Function = Callable[..., jax.Array]


@build.register
def outer(spec: Outer, context: Context) -> Function:
    def product(x1: jax.Array, x2: jax.Array) -> jax.Array:
        return (widened(x1)[..., None] * widened(x2)[..., None, :]).astype(x1.dtype)

    return product
