"""Normalization layers."""

from __future__ import annotations

from typing import Any

import numpy as np

import nnspec
from nnspec.layers.base import Layer
from nnspec.porting.assembly import Value
from nnspec_tensorflow.porting.convert import Context, convert
from nnspec_tensorflow.startup import keras

_of = keras.layers


def _scaled(layer: Any, **others: Any) -> dict[str, Any]:
    """Keras's gamma and beta, where there are any, and what else there is."""
    made = {} if layer.gamma is None else {"scale": layer.gamma}
    return (made if layer.beta is None else {**made, "bias": layer.beta}) | others


@convert.register(_of.BatchNormalization)
def batch_normalization(
    layer: Any, context: Context, inputs: Value, training: bool | None = None, mask: Value | None = None
) -> Value:
    still = not layer.trainable or training is False
    if training and not still:
        raise context.error("is called with training=True: a port normalizes by the batch in training alone")
    if mask is not None and not still:
        raise context.error(
            "is given a mask, by which Keras leaves positions out of the batch's statistics: set its trainable to "
            "False, so that it uses those that it has"
        )
    if layer.synchronized:
        context.note("has statistics of all devices together in Keras, and of each by itself here.")
    if layer.renorm:
        return context.call(_renorm(layer, context, still), inputs, variables=_renorm_variables(layer, context))
    spec = nnspec.BatchNorm(
        layer.momentum, layer.epsilon, layer.scale, layer.center, axis=layer.axis, use_running_average=still
    )
    variables = _scaled(layer, mean=layer.moving_mean, var=layer.moving_variance)
    return context.call(spec, inputs, variables=variables)


def _renorm(layer: Any, context: Context, still: bool) -> Layer:
    clipping = {name: layer.renorm_clipping.get(name) for name in ("rmin", "rmax", "dmax")}
    lowest, highest, shift = clipping.values()
    if None in clipping.values() or not np.isclose(lowest * highest, 1.0):
        raise context.error(f"renorm_clipping={clipping}: the spec has all three, and rmin is 1/rmax")
    if layer.renorm_momentum != layer.momentum:
        raise context.error("has a momentum and another renorm_momentum: the spec has one")
    if still:
        raise context.error("has renorm and is not trained: use a BatchNormalization without renorm")
    return nnspec.BatchRenorm(
        layer.momentum, layer.epsilon, float(highest), float(shift), layer.scale, layer.center, axis=layer.axis
    )


def _renorm_variables(layer: Any, context: Context) -> dict[str, Any]:
    pairs = ((layer.renorm_mean, layer.moving_mean), (layer.renorm_stddev, layer.moving_stddev))
    implied = np.sqrt(np.asarray(layer.moving_variance, np.float64) + layer.epsilon)
    if any(not np.array_equal(np.asarray(a), np.asarray(b)) for a, b in pairs) or not np.allclose(
        implied, np.asarray(layer.moving_stddev, np.float64), rtol=1e-5
    ):
        raise context.error("has statistics for inference that differ from those for renorm: the spec has one of each")
    return _scaled(layer, mean=layer.moving_mean, stddev=layer.moving_stddev)


def _axes(layer: Any) -> Any:
    axes = layer.axis if isinstance(layer.axis, list | tuple) else [layer.axis]
    return int(axes[0]) if len(axes) == 1 else tuple(map(int, axes))


def _in_order(context: Context, axes: Any, x: Value, variables: dict[str, Any]) -> dict[str, Any]:
    """Variables in the order of the input's axes, in which Keras, too, reads them."""
    if isinstance(axes, int):
        return variables
    shape = context.shapes[x]
    sizes: Any = [shape[axis] for axis in sorted(axis % len(shape) for axis in axes)]
    return {name: np.reshape(np.asarray(value), sizes) for name, value in variables.items()}


@convert.register(_of.LayerNormalization)
def layer_normalization(layer: Any, context: Context, inputs: Value) -> Value:
    if layer.rms_scaling:
        raise context.error("rms_scaling=True divides by another number than its name says: use RMSNormalization")
    axes = _axes(layer)
    spec = nnspec.LayerNorm(float(layer.epsilon), layer.scale, layer.center, axes=axes)
    return context.call(spec, inputs, variables=_in_order(context, axes, inputs, _scaled(layer)))


@convert.register(_of.RMSNormalization)
def rms_normalization(layer: Any, context: Context, inputs: Value) -> Value:
    axes = _axes(layer)
    variables = _in_order(context, axes, inputs, {"scale": layer.scale})
    return context.call(nnspec.RMSNorm(float(layer.epsilon), axes=axes), inputs, variables=variables)


@convert.register(_of.GroupNormalization)
def group_normalization(layer: Any, context: Context, inputs: Value) -> Value:
    rank = len(context.shapes[inputs])
    axis = layer.axis % rank
    spec = nnspec.GroupNorm(int(layer.groups), None, float(layer.epsilon), layer.scale, layer.center)
    if axis == rank - 1:
        return context.call(spec, inputs, variables=_scaled(layer))
    order = (*(i for i in range(1, rank) if i != axis), axis)
    x = context.call(nnspec.Permute(order), inputs, part="channels_last")
    y = context.call(spec, x, variables=_scaled(layer))
    back = tuple(order.index(i) + 1 for i in range(1, rank))
    return context.call(nnspec.Permute(back), y, part="channels_back")


@convert.register(_of.UnitNormalization)
def unit_normalization(layer: Any, context: Context, inputs: Value) -> Value:
    return context.call(nnspec.UnitNorm(_axes(layer), 1e-12), inputs)


@convert.register(_of.SpectralNormalization)
def spectral_normalization(layer: Any, context: Context, inputs: Value, training: bool | None = None) -> Value:
    """The layer within: Keras overwrites its kernel in training, and uses it as it is in inference."""
    if training:
        raise context.error("is called with training=True: a port of it is for inference")
    context.note("changes its kernel in training in Keras; the port has the kernel as it is, for inference.")
    return context.apply(layer.layer, inputs)
