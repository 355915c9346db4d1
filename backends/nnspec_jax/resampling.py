"""Layers that change how densely axes are sampled."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from nnspec.layers.resampling import Upsample
from nnspec_jax.realize import Context, build, copied

Function = Callable[[jax.Array], jax.Array]


@build.register
def upsample(spec: Upsample, context: Context) -> Function:
    def repeated(x: jax.Array) -> jax.Array:
        for axis, factor in enumerate(spec.factors, 1):
            x = jnp.repeat(x, factor, axis)
        return x

    return copied(repeated)
