"""Masks of positions."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from nnspec.layers.masking import PaddingMask
from nnspec_jax.realize import Context, build


@build.register
def padding_mask(spec: PaddingMask, context: Context) -> Callable[[jax.Array], jax.Array]:
    def mask(x: jax.Array) -> jax.Array:
        # A whole number would be compared with a float as a float, of which neighbors can be equal.
        value = spec.value if jnp.issubdtype(x.dtype, jnp.floating) else spec.whole
        differs = jnp.ones(x.shape, jnp.bool_) if value is None else x != jnp.asarray(value, x.dtype)
        return differs if spec.axis is None else differs.any(spec.axis)

    return mask
