"""Convolutions.

Where each group has one channel (depthwise convolution), XLA for CPUs multiplies all channels by a kernel that is
mostly zeros: 0 · NaN and 0 · ∞ of one channel reach the others. There the products are written out instead.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import replace
from functools import reduce
from itertools import product
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from nnspec.layers.activation import Identity
from nnspec.layers.convolution import Conv, DepthwiseConv, SeparableConv
from nnspec.layers.window import Padding, pads
from nnspec_jax.linear import product as times
from nnspec_jax.realize import HIGHEST, Context, at_least_float32, build, widened


class ActivatedConv(nnx.Conv):
    """``nnx.Conv`` followed by an activation; the result is rounded to ``param_dtype`` once, at the end."""

    def __init__(self, *args: Any, activation: Callable[[jax.Array], jax.Array], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.activation = activation

    def __call__(self, inputs: jax.Array, out_sharding: Any = None) -> jax.Array:
        return self.activation(super().__call__(inputs, out_sharding)).astype(self.param_dtype)


def _depthwise(spec: Conv, x: jax.Array, kernel: jax.Array, padding: Padding) -> jax.Array:
    """A convolution each of whose groups has one channel."""
    around = pads(padding, x.shape[1:-1], spec.kernel_size, spec.stride, spec.dilations)
    x = jnp.repeat(jnp.pad(x, ((0, 0), *around, (0, 0))), spec.features // x.shape[-1], -1)
    reaches = [
        size - (window - 1) * dilation
        for size, window, dilation in zip(x.shape[1:-1], spec.kernel_size, spec.dilations, strict=True)
    ]

    def seen(place: tuple[int, ...]) -> jax.Array:
        starts = [at * dilation for at, dilation in zip(place, spec.dilations, strict=True)]
        stops = [start + reach for start, reach in zip(starts, reaches, strict=True)]
        return jax.lax.slice(x, (0, *starts, 0), (len(x), *stops, x.shape[-1]), (1, *spec.stride, 1))

    places = product(*map(range, spec.kernel_size))
    return reduce(operator.add, (seen(place) * kernel[(*place, 0)] for place in places))


def _in_place_of_lax(spec: Conv) -> Callable[..., jax.Array]:
    """What stands for ``jax.lax.conv_general_dilated`` where each group has one channel."""
    # Flax pads causally before it calls; what else there is to pad, it leaves to this function.
    padding = "valid" if spec.padding == "causal" else spec.padding
    return lambda x, kernel, *args, **kwargs: _depthwise(spec, x, kernel, padding)


@build.register
def conv(spec: Conv, context: Context) -> nnx.Conv:
    return _flax_conv(spec, context, apart=1 < spec.groups == context.features)


@build.register
def depthwise_conv(spec: DepthwiseConv, context: Context) -> nnx.Conv:
    # Of one channel, too: whoever asks how a model is best compiled finds no convolution in it.
    return _flax_conv(spec.conv(context.features), context, apart=True)


def _flax_conv(spec: Conv, context: Context, *, apart: bool) -> nnx.Conv:
    """Flax's module; ``apart`` says whether each group has one channel and products are written out."""
    wide = at_least_float32(context.dtype)  # half precision is multiplied and summed in float32
    options: dict[str, Any] = {
        "kernel_size": spec.kernel_size,
        "strides": spec.stride,
        "padding": spec.padding.upper() if isinstance(spec.padding, str) else spec.padding,
        "input_dilation": 1,
        "kernel_dilation": spec.dilations,
        "feature_group_count": spec.groups,
        "use_bias": spec.use_bias,
        "mask": None,
        "dtype": wide,
        "param_dtype": context.dtype,
        "precision": HIGHEST,
        "kernel_init": nnx.initializers.zeros_init(),
        "bias_init": nnx.initializers.zeros_init(),
        "rngs": context.rngs,
    }
    if apart:
        options["conv_general_dilated"] = _in_place_of_lax(spec)
    if spec.activation is None and wide == context.dtype:
        return nnx.Conv(context.features, spec.features, **options)
    linear = replace(spec, activation=None).output_shape(*context.shapes)
    activation = build(spec.activation or Identity(), replace(context, shapes=(linear,)))
    return ActivatedConv(context.features, spec.features, activation=activation, **options)


class SpecSeparableConv(nnx.Module):
    """A depthwise and a pointwise convolution with nothing rounded between them; Flax has no such layer."""

    def __init__(self, spec: SeparableConv, activation: Callable[[jax.Array], jax.Array], context: Context) -> None:
        self.first = spec.depthwise(context.features)
        self.activation = activation
        shapes = {name: param.shape for name, param in spec.params(*context.shapes).items()}
        self.depthwise_kernel = nnx.Param(jnp.zeros(shapes["depthwise_kernel"], context.dtype))
        self.pointwise_kernel = nnx.Param(jnp.zeros(shapes["pointwise_kernel"], context.dtype))
        self.bias = nnx.Param(jnp.zeros(shapes["bias"], context.dtype)) if spec.use_bias else None

    def __call__(self, inputs: jax.Array) -> jax.Array:
        x = widened(inputs)
        z = _depthwise(self.first, x, self.depthwise_kernel[...].astype(x.dtype), self.first.padding)
        y = times(z, self.pointwise_kernel[...].astype(x.dtype))
        if self.bias is not None:
            y += self.bias[...].astype(x.dtype)
        return self.activation(y).astype(inputs.dtype)


@build.register
def separable_conv(spec: SeparableConv, context: Context) -> SpecSeparableConv:
    linear = replace(spec, activation=None).output_shape(*context.shapes)
    activation = build(spec.activation or Identity(), replace(context, shapes=(linear,)))
    return SpecSeparableConv(spec, activation, context)
