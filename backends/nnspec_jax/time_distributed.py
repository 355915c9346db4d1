"""A layer at each step of a sequence."""

from __future__ import annotations

from dataclasses import replace

import jax
from flax import nnx

from nnspec.layers.time_distributed import TimeDistributed, step_shape
from nnspec_jax.realize import Context, build


class PerStep(nnx.Module):
    """A layer that takes the steps of sequences for examples."""

    def __init__(self, spec: TimeDistributed, context: Context) -> None:
        self.layer = build(spec.layer, replace(context, shapes=(step_shape(context.shapes[0]),)))

    def __call__(self, x: jax.Array) -> jax.Array:
        batch, time, *rest = x.shape
        y: jax.Array = self.layer(x.reshape(batch * time, *rest))
        return y.reshape(batch, time, *y.shape[1:])


build.register(TimeDistributed, PerStep)
