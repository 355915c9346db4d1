"""Layers that scale and shift by fixed numbers, or by learned factors."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import nnx

from nnspec.layers.scaling import LayerScale, Normalization, Rescaling
from nnspec_jax.realize import Context, build, rounded_once, widened


@build.register
def rescaling(spec: Rescaling, context: Context) -> Callable[[jax.Array], jax.Array]:
    # In the dtype of x: a net of float32 stays one where a process computes in float64.
    return rounded_once(lambda x: x * jnp.asarray(spec.scale, x.dtype) + jnp.asarray(spec.offset, x.dtype))


class FixedNormalization(nnx.Module):
    """Normalization by statistics that nothing updates: variables, or numbers of the spec."""

    def __init__(self, spec: Normalization, context: Context) -> None:
        self.spec = spec
        for name, param in spec.params(*context.shapes).items():
            setattr(self, name, nnx.BatchStat(jnp.zeros(param.shape, context.dtype)))

    def __call__(self, x: jax.Array) -> jax.Array:
        return rounded_once(self._normalized)(x)

    def _normalized(self, x: jax.Array) -> jax.Array:
        if self.spec.mean is None:
            mean, var = (widened(statistic[...]) for statistic in (self.mean, self.var))
        else:
            mean, var = (jnp.asarray(given, x.dtype) for given in (self.spec.mean, self.spec.var))
        deviation = jnp.maximum(jnp.sqrt(var), jnp.asarray(self.spec.epsilon, x.dtype))
        return x * deviation + mean if self.spec.invert else (x - mean) / deviation


@build.register
def normalization(spec: Normalization, context: Context) -> FixedNormalization:
    return FixedNormalization(spec, context)


class ChannelScale(nnx.Module):
    """A learned factor for each channel, of which Flax has none."""

    def __init__(self, channels: int, dtype: jax.typing.DTypeLike) -> None:
        self.scale = nnx.Param(jnp.zeros((channels,), dtype))

    def __call__(self, x: jax.Array) -> jax.Array:
        return rounded_once(lambda x: x * widened(self.scale[...]))(x)


@build.register
def layer_scale(spec: LayerScale, context: Context) -> ChannelScale:
    return ChannelScale(context.features, context.dtype)
