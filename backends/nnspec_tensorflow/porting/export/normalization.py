"""Normalization layers. Keras computes x · r + (bias − mean · r), which costs digits where means are far from 0."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnspec.layers.base import feature_axes
from nnspec.layers.normalization import (
    BatchNorm,
    BatchRenorm,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    RMSNorm,
    UnitNorm,
)
from nnspec_tensorflow.porting.export.convert import Context, Tensor, native
from nnspec_tensorflow.startup import keras

_AFFINE = {
    "beta_initializer": "zeros",
    "gamma_initializer": "zeros",
    "beta_regularizer": None,
    "gamma_regularizer": None,
    "beta_constraint": None,
    "gamma_constraint": None,
}


@native.register
def batch_norm(spec: BatchNorm, context: Context, x: Tensor) -> Tensor:
    running = spec.use_running_average
    layer = context.layer(
        keras.layers.BatchNormalization,
        axis=spec.axis,
        momentum=spec.momentum,
        epsilon=spec.epsilon,
        center=spec.use_bias and not running,
        scale=spec.use_scale and not running,
        moving_mean_initializer="zeros",
        moving_variance_initializer="ones",
        renorm=False,
        trainable=not running,  # one that is not trainable is in inference mode in training, too
        **_AFFINE,
    )
    y = layer(x)
    context.hold("mean", layer, "moving_mean")
    context.hold("var", layer, "moving_variance")
    if not running:
        context.hold("scale", layer, "gamma")
        context.hold("bias", layer, "beta")
        return y
    return _affine(spec, context, y, x)  # its scale and bias are trained


def _affine(spec: Any, context: Context, y: Tensor, x: Tensor) -> Tensor:
    """Times scale and plus bias, where there are any, as tensors."""
    ops, shape = keras.ops, context.shapes[0]
    axes = feature_axes(shape, spec.axis if hasattr(spec, "axis") else spec.axes, type(spec).__name__)
    sizes = [shape[axis] if axis in axes else 1 for axis in range(len(shape))]
    for name, join in (("scale", ops.multiply), ("bias", ops.add)):
        if name in context.owner.params:
            y = join(y, ops.reshape(context.variable(name, x), sizes))
    return y


@native.register
def batch_renorm(spec: BatchRenorm, context: Context, x: Tensor) -> Tensor:
    layer = context.layer(
        keras.layers.BatchNormalization,
        axis=spec.axis,
        momentum=spec.momentum,
        epsilon=spec.epsilon,
        center=spec.use_bias,
        scale=spec.use_scale,
        moving_mean_initializer="zeros",
        moving_variance_initializer="ones",
        renorm=True,
        renorm_clipping={"rmax": spec.r_max, "rmin": 1 / spec.r_max, "dmax": spec.d_max},
        renorm_momentum=spec.momentum,
        **_AFFINE,
    )
    y = context.call(layer, x, mean="moving_mean", stddev="moving_stddev", scale="gamma", bias="beta")
    # Keras keeps them twice, by two momenta, and the variance that the deviation belongs to.
    context.hold("mean", layer, "renorm_mean")
    context.hold("stddev", layer, "renorm_stddev")
    context.hold("stddev", layer, "moving_variance", write=lambda old, new: np.maximum(new**2 - spec.epsilon, 0))
    return y


@native.register
def layer_norm(spec: LayerNorm, context: Context, x: Tensor) -> Tensor:
    layer = context.layer(
        keras.layers.LayerNormalization,
        axis=_axes(spec, context, "LayerNorm"),
        epsilon=spec.epsilon,
        center=spec.use_bias,
        scale=spec.use_scale,
        **_AFFINE,
    )
    return context.call(layer, x, scale="gamma", bias="beta")


def _axes(spec: LayerNorm | RMSNorm | UnitNorm, context: Context, what: str) -> Any:
    """The axes as Keras takes them: it sorts them as they are written."""
    return spec.axes if isinstance(spec.axes, int) else list(feature_axes(context.shapes[0], spec.axes, what))


def _group_norm(spec: GroupNorm | InstanceNorm, context: Context, x: Tensor, groups: int) -> Tensor:
    layer = context.layer(
        keras.layers.GroupNormalization,
        groups=groups,
        axis=-1,
        epsilon=spec.epsilon,
        center=spec.use_bias,
        scale=spec.use_scale,
        **_AFFINE,
    )
    return context.call(layer, x, scale="gamma", bias="beta")


@native.register
def group_norm(spec: GroupNorm, context: Context, x: Tensor) -> Tensor:
    return _group_norm(spec, context, x, spec.groups(context.shapes[0]))


@native.register
def instance_norm(spec: InstanceNorm, context: Context, x: Tensor) -> Tensor:
    channels = context.shapes[0][-1]
    return _group_norm(spec, context, x, channels or -1)


@native.register
def rms_norm(spec: RMSNorm, context: Context, x: Tensor) -> Tensor:
    axes = list(feature_axes(context.shapes[0], spec.axes, "RMSNorm"))
    if not spec.use_scale or len(axes) > 1:  # Keras's scale is of the last axes alone
        ops = keras.ops
        mean = ops.mean(ops.square(x), axis=axes, keepdims=True)
        return _affine(spec, context, ops.divide(x, ops.sqrt(ops.add(mean, spec.epsilon))), x)
    layer = context.layer(keras.layers.RMSNormalization, axis=_axes(spec, context, "RMSNorm"), epsilon=spec.epsilon)
    return context.call(layer, x, scale="scale")


@native.register
def unit_norm(spec: UnitNorm, context: Context, x: Tensor) -> Tensor:
    if spec.epsilon == 1e-12:  # Keras's, which cannot be chosen
        return context.own(keras.layers.UnitNormalization, axis=_axes(spec, context, "UnitNorm"))(x)
    ops, axes = keras.ops, list(feature_axes(context.shapes[0], spec.axes, "UnitNorm"))
    norm = ops.sqrt(ops.sum(ops.square(x), axis=axes, keepdims=True))
    return ops.divide(x, ops.maximum(norm, spec.epsilon))
