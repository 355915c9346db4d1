"""Layers that change how densely axes are sampled."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from nnspec.layers.resampling import Resize, Upsample
from nnspec_jax.realize import HIGHEST, Context, build, copied, rounded_once

Function = Callable[[jax.Array], jax.Array]


@build.register
def upsample(spec: Upsample, context: Context) -> Function:
    def repeated(x: jax.Array) -> jax.Array:
        for axis, factor in enumerate(spec.factors, 1):
            x = jnp.repeat(x, factor, axis)
        return x

    return copied(repeated)


@build.register
def resize(spec: Resize, context: Context) -> Function:
    resampled = _nearest if spec.method == "nearest" else _multiplied

    def resized(x: jax.Array) -> jax.Array:
        for axis, count in enumerate(spec.output_size, 1):
            x = resampled(spec, x, axis, count)
        return x

    return rounded_once(resized)


def _nearest(spec: Resize, x: jax.Array, axis: int, count: int) -> jax.Array:
    return jnp.take(x, np.array(spec.nearest(x.shape[axis], count)), axis, indices_are_sorted=True)


def _multiplied(spec: Resize, x: jax.Array, axis: int, count: int) -> jax.Array:
    weights = jnp.asarray(np.array(spec.weights(x.shape[axis], count)), x.dtype)
    return jnp.moveaxis(jnp.tensordot(weights, x, (1, axis), precision=HIGHEST), 0, axis)
