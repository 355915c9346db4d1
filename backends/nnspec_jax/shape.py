"""Layers that only rearrange."""

from __future__ import annotations

from collections.abc import Callable

import jax

from nnspec.layers.shape import Flatten, Reshape
from nnspec_jax.realize import Context, build


@build.register(Flatten)
@build.register(Reshape)
def rearrange(spec: Flatten | Reshape, context: Context) -> Callable[[jax.Array], jax.Array]:
    sizes = spec.output_shape(*context.shapes)[1:]  # without -1, which an empty batch could not resolve
    return lambda x: x.reshape(x.shape[0], *sizes)
