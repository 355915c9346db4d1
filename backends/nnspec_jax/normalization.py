"""Normalization layers."""

from __future__ import annotations

from typing import Any

import jax
from flax import nnx

from nnspec.layers.normalization import BatchNorm, LayerNorm
from nnspec_jax.realize import Context, at_least_float32, build


class HalfBatchNorm(nnx.BatchNorm):
    """``nnx.BatchNorm`` in float32 between a half-precision input, output, and half-precision variables."""

    def __call__(self, x: jax.Array, use_running_average: bool | None = None, *, mask: jax.Array | None = None) -> Any:
        statistics = (self.mean, self.var)
        for statistic in statistics:  # Flax would write float32 into them
            statistic.set_value(statistic.get_value().astype(self.dtype))
        y = super().__call__(x, use_running_average, mask=mask)
        for statistic in statistics:
            statistic.set_value(statistic.get_value().astype(self.param_dtype))
        return y.astype(x.dtype)


def _options(spec: BatchNorm | LayerNorm, context: Context) -> dict[str, Any]:
    return {
        "epsilon": spec.epsilon,
        "use_scale": spec.use_scale,
        "use_bias": spec.use_bias,
        "scale_init": nnx.initializers.ones_init(),
        "bias_init": nnx.initializers.zeros_init(),
        "use_fast_variance": False,  # E[x²] − E[x]² cancels where |mean| ≫ std
        "param_dtype": context.dtype,
        "rngs": context.rngs,
    }


@build.register
def batch_norm(spec: BatchNorm, context: Context) -> nnx.BatchNorm:
    wide = at_least_float32(context.dtype)
    return (nnx.BatchNorm if wide == context.dtype else HalfBatchNorm)(
        context.features,
        axis=-1,
        momentum=spec.momentum,
        use_running_average=False,
        dtype=wide,
        **_options(spec, context),
    )


@build.register
def layer_norm(spec: LayerNorm, context: Context) -> nnx.LayerNorm:
    # Flax computes it in float32 and rounds at the end.
    return nnx.LayerNorm(
        context.features, reduction_axes=-1, feature_axes=-1, dtype=context.dtype, **_options(spec, context)
    )
