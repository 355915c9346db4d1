"""Normalization layers. Variances are two-pass: E[x²] − E[x]² cancels where the mean is large."""

from __future__ import annotations

import numpy as np

from nnspec.layers.base import Axes, feature_axes
from nnspec.layers.normalization import (
    BatchNorm,
    BatchRenorm,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    RMSNorm,
    UnitNorm,
)
from nnspec.reference.base import Array, Scope, apply


def _along(values: Array, x: Array, axes: Axes) -> Array:
    """What has the sizes of these axes of x, to be broadcast against x."""
    kept = feature_axes(x.shape, axes, "normalization")
    return values.reshape([size if axis in kept else 1 for axis, size in enumerate(x.shape)])


def _scaled(scope: Scope, y: Array, axes: Axes) -> Array:
    """Times the scale and plus the bias along these axes, where the layer has them."""
    for name, operation in (("scale", np.multiply), ("bias", np.add)):
        values = scope.get(name)
        y = y if values is None else operation(y, _along(values, y, axes))
    return y


def _normalized(epsilon: float, x: Array, mean: Array, var: Array) -> Array:
    y: Array = (x - mean) / np.sqrt(var + epsilon)
    return y


def _others(x: Array, axis: int) -> tuple[int, ...]:
    """All axes but that of the features."""
    kept = feature_axes(x.shape, axis, "normalization")
    return tuple(axis for axis in range(x.ndim) if axis not in kept)


@apply.register(BatchNorm)
def batch_norm(spec: BatchNorm, scope: Scope, x: Array) -> Array:
    if scope.training and not spec.use_running_average:
        axes = _others(x, spec.axis)
        mean, var = x.mean(axes), x.var(axes)
        scope.update("mean", spec.momentum * scope["mean"] + (1 - spec.momentum) * mean)
        scope.update("var", spec.momentum * scope["var"] + (1 - spec.momentum) * var)
    else:
        mean, var = scope["mean"], scope["var"]
    mean, var = (_along(values, x, spec.axis) for values in (mean, var))
    return _scaled(scope, _normalized(spec.epsilon, x, mean, var), spec.axis)


@apply.register(BatchRenorm)
def batch_renorm(spec: BatchRenorm, scope: Scope, x: Array) -> Array:
    mean, stddev = scope["mean"], scope["stddev"]
    if not scope.training:
        return _scaled(scope, (x - _along(mean, x, spec.axis)) / _along(stddev, x, spec.axis), spec.axis)
    axes = _others(x, spec.axis)
    m, s = x.mean(axes), np.sqrt(x.var(axes) + spec.epsilon)
    r, d = np.clip(s / stddev, 1 / spec.r_max, spec.r_max), np.clip((m - mean) / stddev, -spec.d_max, spec.d_max)
    r, d = scope.constant((r, d))
    scope.update("mean", spec.momentum * mean + (1 - spec.momentum) * m)
    scope.update("stddev", spec.momentum * stddev + (1 - spec.momentum) * s)
    m, s, r, d = (_along(values, x, spec.axis) for values in (m, s, r, d))
    return _scaled(scope, (x - m) / s * r + d, spec.axis)


@apply.register(LayerNorm)
def layer_norm(spec: LayerNorm, scope: Scope, x: Array) -> Array:
    axes = feature_axes(x.shape, spec.axes, "LayerNorm")
    mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    return _scaled(scope, _normalized(spec.epsilon, x, mean, var), spec.axes)


@apply.register(GroupNorm)
def group_norm(spec: GroupNorm, scope: Scope, x: Array) -> Array:
    groups = spec.groups(x.shape)
    grouped = x.reshape(*x.shape[:-1], groups, x.shape[-1] // groups)  # without -1, which an empty batch cannot resolve
    axes = (*range(1, x.ndim - 1), x.ndim)
    mean, var = grouped.mean(axes, keepdims=True), grouped.var(axes, keepdims=True)
    return _scaled(scope, _normalized(spec.epsilon, grouped, mean, var).reshape(x.shape), -1)


@apply.register(InstanceNorm)
def instance_norm(spec: InstanceNorm, scope: Scope, x: Array) -> Array:
    between = tuple(range(1, x.ndim - 1))
    mean, var = x.mean(between, keepdims=True), x.var(between, keepdims=True)
    return _scaled(scope, _normalized(spec.epsilon, x, mean, var), -1)


@apply.register(RMSNorm)
def rms_norm(spec: RMSNorm, scope: Scope, x: Array) -> Array:
    axes = feature_axes(x.shape, spec.axes, "RMSNorm")
    return _scaled(scope, x / np.sqrt((x * x).mean(axes, keepdims=True) + spec.epsilon), spec.axes)


@apply.register(UnitNorm)
def unit_norm(spec: UnitNorm, scope: Scope, x: Array) -> Array:
    norm = np.sqrt((x * x).sum(feature_axes(x.shape, spec.axes, "UnitNorm"), keepdims=True))
    y: Array = x / np.maximum(norm, x.dtype.type(spec.epsilon))
    return y
