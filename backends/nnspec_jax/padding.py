"""Padding and cropping."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from nnspec.layers.padding import Crop, Pad
from nnspec_jax.realize import Context, build, rounded_once

Function = Callable[[jax.Array], jax.Array]


@build.register
def pad(spec: Pad, context: Context) -> Function:
    around = ((0, 0), *spec.padding, (0, 0))
    if spec.mode == "constant":
        return lambda x: jnp.pad(x, around, constant_values=jnp.asarray(spec.value, x.dtype))
    return rounded_once(lambda x: jnp.pad(x, around, mode=spec.mode))


@build.register
def crop(spec: Crop, context: Context) -> Function:
    def cropped(x: jax.Array) -> jax.Array:
        starts = (0, *(before for before, _ in spec.cropping), 0)
        ends = (0, *(after for _, after in spec.cropping), 0)
        return jax.lax.slice(x, starts, [size - end for size, end in zip(x.shape, ends, strict=True)])

    return cropped
