"""Convolutions: every position of the window at once, as a view, times the kernel."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from nnspec.layers.convolution import Conv, DepthwiseConv, SeparableConv
from nnspec.layers.window import extent, pads
from nnspec.reference.base import Array, Scope, apply


def windows(x: Array, window: tuple[int, ...], strides: tuple[int, ...], dilation: tuple[int, ...]) -> Array:
    """A view of x (batch, *sizes, channels) as (batch, *positions, channels, *window)."""
    axes = tuple(range(1, x.ndim - 1))
    view = sliding_window_view(x, extent(window, dilation), axes)
    every = [slice(None, None, step) for step in strides]
    within = [slice(None, None, step) for step in dilation]
    return view[(slice(None), *every, slice(None), *within)]


def correlated(spec: Conv, x: Array, kernel: Array) -> Array:
    """What a convolution is before the bias."""
    sizes = x.shape[1:-1]
    around = pads(spec.padding, sizes, spec.kernel_size, spec.stride, spec.dilations)
    seen = windows(np.pad(x, ((0, 0), *around, (0, 0))), spec.kernel_size, spec.stride, spec.dilations)
    rank = len(sizes)
    # (..., in/groups, *window) times (in/groups, *window, features/groups), for each group
    parts = zip(
        np.split(seen, spec.groups, rank + 1), np.split(np.moveaxis(kernel, rank, 0), spec.groups, -1), strict=True
    )
    # Some processors' products take infinity times the zeros with which they fill up their vectors.
    with np.errstate(invalid="ignore"):
        return np.concatenate([np.tensordot(part, weights, rank + 1) for part, weights in parts], -1)


@apply.register(Conv)
def conv(spec: Conv, scope: Scope, x: Array) -> Array:
    y = correlated(spec, x, scope["kernel"])
    if spec.use_bias:
        y = y + scope["bias"]
    return y if spec.activation is None else apply(spec.activation, scope, y)


@apply.register(DepthwiseConv)
def depthwise_conv(spec: DepthwiseConv, scope: Scope, x: Array) -> Array:
    return apply(spec.conv(x.shape[-1]), scope, x)


@apply.register(SeparableConv)
def separable_conv(spec: SeparableConv, scope: Scope, x: Array) -> Array:
    y = correlated(spec.depthwise(x.shape[-1]), x, scope["depthwise_kernel"]) @ scope["pointwise_kernel"]
    if spec.use_bias:
        y = y + scope["bias"]
    return y if spec.activation is None else apply(spec.activation, scope, y)
