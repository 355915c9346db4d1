"""Variables that are values by themselves."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx

from nnspec.layers.parameter import Parameter
from nnspec_jax.realize import Context, build, widened


class FreeParameter(nnx.Module):
    """A variable as the value that each example has. Gradients of half precision are summed in float32."""

    def __init__(self, spec: Parameter, context: Context) -> None:
        self.dtype = context.dtype
        kind = nnx.Param if spec.trainable else nnx.BatchStat
        self.value = kind(jnp.zeros(spec.shape, context.dtype))

    def __call__(self, x: jax.Array) -> jax.Array:
        value = widened(self.value[...])
        return jnp.broadcast_to(value, (x.shape[0], *value.shape)).astype(self.dtype)


@build.register
def parameter(spec: Parameter, context: Context) -> FreeParameter:
    return FreeParameter(spec, context)
