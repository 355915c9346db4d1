"""Normalization layers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from nnspec.layers.normalization import (
    BatchNorm,
    BatchRenorm,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    RMSNorm,
    UnitNorm,
)
from nnspec_jax.realize import Context, at_least_float32, build, rounded_once, widened


@partial(jax.custom_jvp, nondiff_argnums=(3, 4))
def over_batch(x: jax.Array, scale: jax.Array, bias: jax.Array, axes: tuple[int, ...], epsilon: float) -> jax.Array:
    """x normalized by its moments along axes, times the scale, plus the bias, both to be broadcast against it."""
    return _standardized(x, axes, epsilon)[0] * scale + bias


@over_batch.defjvp
def _tangents_over_batch(axes: tuple[int, ...], epsilon: float, primals: Any, tangents: Any) -> Any:
    """Written so that the gradient that JAX makes of it has two sums, which are the gradients of bias and scale."""
    x, scale, bias = primals
    z, deviation = _standardized(x, axes, epsilon)
    moved = tangents[0] * (scale / deviation)
    share = -deviation.size / z.size
    shift, stretch = (v.sum(axes, keepdims=True) * share for v in (moved, moved * z))
    return z * scale + bias, moved + shift + z * stretch + z * tangents[1] + tangents[2]


def _standardized(x: jax.Array, axes: tuple[int, ...], epsilon: float) -> tuple[jax.Array, jax.Array]:
    """(x − mean) / √(var + epsilon), and what it is divided by."""
    centered = x - x.mean(axes, keepdims=True)
    deviation = jnp.sqrt(jnp.square(centered).mean(axes, keepdims=True) + epsilon)
    return centered / deviation, deviation


class SpecBatchNorm(nnx.BatchNorm):
    """``nnx.BatchNorm`` with a derivative of its own, of two sums over all of x where JAX's has five."""

    def __call__(self, x: jax.Array, use_running_average: bool | None = None, *, mask: jax.Array | None = None) -> Any:
        y = super().__call__(x, use_running_average, mask=mask)
        frozen = self.use_running_average if use_running_average is None else use_running_average
        if frozen or mask is not None:
            return y
        # Flax has taken the statistics; what else it computed is not used, and not computed where this is compiled.
        axis = self.axis % x.ndim
        shape = [size if i == axis else 1 for i, size in enumerate(x.shape)]
        scale = jnp.ones(shape, self.dtype) if self.scale is None else self.scale[...].reshape(shape)
        bias = jnp.zeros(shape, self.dtype) if self.bias is None else self.bias[...].reshape(shape)
        others = tuple(i for i in range(x.ndim) if i != axis)
        return over_batch(*(v.astype(self.dtype) for v in (x, scale, bias)), others, self.epsilon)


class HalfBatchNorm(SpecBatchNorm):
    """Batch normalization in float32 between a half-precision input, output, and half-precision variables."""

    def __call__(self, x: jax.Array, use_running_average: bool | None = None, *, mask: jax.Array | None = None) -> Any:
        statistics = (self.mean, self.var)
        for statistic in statistics:  # Flax would write float32 into them
            statistic.set_value(statistic.get_value().astype(self.dtype))
        y = super().__call__(x, use_running_average, mask=mask)
        for statistic in statistics:
            statistic.set_value(statistic.get_value().astype(self.param_dtype))
        return y.astype(x.dtype)


class FrozenBatchNorm(HalfBatchNorm):
    """One that ``train()`` leaves as it is in inference mode."""

    def __call__(self, x: jax.Array, use_running_average: bool | None = None, *, mask: jax.Array | None = None) -> Any:
        return super().__call__(x, True, mask=mask)


class SpecBatchRenorm(nnx.Module):
    """Batch renormalization, computed in float32 at least. ``train()`` and ``eval()`` switch its statistics."""

    def __init__(self, spec: BatchRenorm, context: Context) -> None:
        self.spec = spec
        self.use_running_average = False
        for name, param in spec.params(*context.shapes).items():
            kind = nnx.BatchStat if param.kind == "statistic" else nnx.Param
            setattr(self, name, kind(jnp.zeros(param.shape, context.dtype)))

    def __call__(self, x: jax.Array) -> jax.Array:
        spec, wide = self.spec, widened(x)
        axis = spec.axis % x.ndim
        axes, shape = tuple(i for i in range(x.ndim) if i != axis), [1] * axis + [-1] + [1] * (x.ndim - axis - 1)
        mean, stddev = (widened(running[...]).reshape(shape) for running in (self.mean, self.stddev))
        scale = widened(self.scale[...]).reshape(shape) if spec.use_scale else jnp.ones_like(mean)
        bias = widened(self.bias[...]).reshape(shape) if spec.use_bias else jnp.zeros_like(mean)
        if self.use_running_average:
            return ((wide - mean) / stddev * scale + bias).astype(x.dtype)
        fixed = jax.lax.stop_gradient(wide)
        center, (_, deviation) = fixed.mean(axes, keepdims=True), _standardized(fixed, axes, spec.epsilon)
        r = jnp.clip(deviation / stddev, 1.0 / spec.r_max, spec.r_max)
        d = jnp.clip((center - mean) / stddev, -spec.d_max, spec.d_max)
        for running, batch in ((self.mean, center), (self.stddev, deviation)):
            before = widened(running[...])
            after = spec.momentum * before + (1.0 - spec.momentum) * batch.reshape(-1)
            running.set_value(after.astype(x.dtype))
        return over_batch(wide, r * scale, d * scale + bias, axes, spec.epsilon).astype(x.dtype)


def _options(spec: BatchNorm | GroupNorm | InstanceNorm | LayerNorm | RMSNorm, context: Context) -> dict[str, Any]:
    """What all of Flax's norms are told."""
    bias = {} if isinstance(spec, RMSNorm) else {"use_bias": spec.use_bias, "bias_init": nnx.initializers.zeros_init()}
    return {
        "epsilon": spec.epsilon,
        "use_scale": spec.use_scale,
        "scale_init": nnx.initializers.ones_init(),
        **bias,
        "use_fast_variance": False,  # E[x²] − E[x]² cancels where |mean| ≫ std
        "param_dtype": context.dtype,
        "rngs": context.rngs,
    }


def _over_axes(kind: type[nnx.LayerNorm] | type[nnx.RMSNorm], spec: LayerNorm | RMSNorm, context: Context) -> Any:
    """Flax's norm over the spec's axes. Flax computes it in float32 and rounds at the end."""
    axes = (spec.axes,) if isinstance(spec.axes, int) else spec.axes
    made = kind(1, reduction_axes=axes, feature_axes=axes, dtype=context.dtype, **_options(spec, context))
    for name, param in spec.params(*context.shapes).items():  # Flax's constructor knows one axis
        setattr(made, name, nnx.Param(jnp.zeros(param.shape, context.dtype)))
    return made


@build.register
def batch_norm(spec: BatchNorm, context: Context) -> nnx.BatchNorm:
    wide = at_least_float32(context.dtype)
    kind = SpecBatchNorm if wide == context.dtype else HalfBatchNorm
    (features,) = spec.params(*context.shapes)["mean"].shape
    return (FrozenBatchNorm if spec.use_running_average else kind)(
        features,
        axis=spec.axis,
        momentum=spec.momentum,
        use_running_average=False,
        dtype=wide,
        **_options(spec, context),
    )


build.register(BatchRenorm, SpecBatchRenorm)


@build.register
def group_norm(spec: GroupNorm, context: Context) -> nnx.GroupNorm:
    groups = spec.groups(context.shapes[0])
    return nnx.GroupNorm(context.features, groups, None, dtype=context.dtype, **_options(spec, context))


@build.register
def instance_norm(spec: InstanceNorm, context: Context) -> nnx.InstanceNorm:
    return nnx.InstanceNorm(context.features, feature_axes=-1, dtype=context.dtype, **_options(spec, context))


@build.register
def layer_norm(spec: LayerNorm, context: Context) -> nnx.LayerNorm:
    made: nnx.LayerNorm = _over_axes(nnx.LayerNorm, spec, context)
    return made


@build.register
def rms_norm(spec: RMSNorm, context: Context) -> nnx.RMSNorm:
    made: nnx.RMSNorm = _over_axes(nnx.RMSNorm, spec, context)
    return made


@build.register
def unit_norm(spec: UnitNorm, context: Context) -> Callable[[jax.Array], jax.Array]:
    def normalized(x: jax.Array) -> jax.Array:
        total = jnp.square(x).sum(spec.axes, keepdims=True)
        short = jnp.sqrt(total) <= spec.epsilon
        # The root of 0 has no derivative, which would enter as 0 · ∞.
        return x / jnp.where(short, spec.epsilon, jnp.sqrt(jnp.where(short, 1.0, total)))

    return rounded_once(normalized)
