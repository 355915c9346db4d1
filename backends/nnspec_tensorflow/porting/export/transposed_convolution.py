"""Transposed convolution: Keras's whole one, of which the spec's part is cut out.

Keras has neither groups nor, on TensorFlow's CPU kernels, dilation: there it is a convolution with the flipped kernel,
of the input with zeros between its elements. (``keras.ops.conv_transpose`` cannot be recorded: Keras 3.15 calls it with
two arguments exchanged.)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nnspec.layers.transposed_convolution import ConvTranspose
from nnspec.layers.window import extent
from nnspec_tensorflow.porting.export.activation import activated, taken
from nnspec_tensorflow.porting.export.convert import Context, Tensor, native
from nnspec_tensorflow.porting.export.convolution import CONV, padded
from nnspec_tensorflow.porting.export.linear import PLAIN
from nnspec_tensorflow.startup import keras

_STOCK = {1: keras.layers.Conv1DTranspose, 2: keras.layers.Conv2DTranspose, 3: keras.layers.Conv3DTranspose}
_CROPPING = {1: keras.layers.Cropping1D, 2: keras.layers.Cropping2D, 3: keras.layers.Cropping3D}


def _exchanged(weight: Any, variable: Any) -> Any:
    return variable.swapaxes(-1, -2)


def _back(weight: Any) -> Any:
    return weight.swapaxes(-1, -2)


@native.register
def conv_transpose(spec: ConvTranspose, context: Context, x: Tensor) -> Tensor:
    simple = spec.groups == 1 and set(spec.dilations) == {1}
    cut, more = _margins(spec, simple)
    same = simple and spec.padding == "same" and spec.output_padding in (0, (0,) * len(spec.kernel_size))
    plain = same or not (any(map(any, cut)) or any(map(any, more)))
    name = taken(spec.activation, context) if simple and plain else None
    biased = not any(map(any, more))
    if simple:
        layer = context.layer(
            _STOCK[len(spec.kernel_size)],
            spec.features,
            spec.kernel_size,
            strides=spec.stride,
            padding="same" if same else "valid",
            output_padding=None,
            data_format="channels_last",
            dilation_rate=1,
            activation=name or "linear",
            use_bias=spec.use_bias and biased,
            **PLAIN,
        )
        y = layer(x)
        context.hold("kernel", layer, "kernel", write=_exchanged, read=_back)
        if biased:
            context.hold("bias", layer, "bias")
    else:
        y = _whole(spec, context, x, spec.use_bias and biased)
    if not same:
        y = padded(more, context, cropped(cut, context, y))
    if spec.use_bias and not biased:
        y = keras.ops.add(y, context.variable("bias", x))
    return y if name else activated(spec.activation, context, y)


def _margins(spec: ConvTranspose, filled: bool) -> tuple[Any, Any]:
    """What is cut off at both ends of each axis of the whole, and how many zeros are added.

    ``filled`` says whether the whole has zeros up to a multiple of the strides, as Keras's has.
    """
    cut, more = [], []
    for reach, stride, before, beyond in zip(
        extent(spec.kernel_size, spec.dilations), spec.stride, spec.before, spec.beyond, strict=True
    ):
        after = (max(reach - stride, 0) if filled else reach - stride) - before - beyond
        cut.append((before, max(after, 0)))
        more.append((0, max(-after, 0)))
    return tuple(cut), tuple(more)


def cropped(margins: tuple[tuple[int, int], ...], context: Context, x: Tensor) -> Tensor:
    """Each axis between batch and channels without some elements at its ends."""
    if not any(map(any, margins)):
        return x
    rank = len(margins)
    options = {} if rank == 1 else {"data_format": "channels_last"}
    cropping: Any = margins[0] if rank == 1 else margins
    return context.own(_CROPPING[rank], cropping=cropping, part="crop", **options)(x)


def _whole(spec: ConvTranspose, context: Context, x: Tensor, use_bias: bool) -> Tensor:
    """All that windows reach, by a convolution with the flipped kernel of what stands between zeros."""
    for axis, (size, step) in enumerate(zip(context.shapes[0][1:-1], spec.stride, strict=True), 1):
        if step > 1 and size is None:
            context.refuse(spec, "strides with groups or dilation on inputs of any size", "declare the sizes")
        if step > 1:
            x = _spread(x, axis, step, size or 0)
    reaches = extent(spec.kernel_size, spec.dilations)
    x = padded(tuple((reach - 1, reach - 1) for reach in reaches), context, x)
    flipped = tuple(range(len(spec.kernel_size)))
    layer = context.layer(
        CONV[len(spec.kernel_size)],
        spec.features,
        spec.kernel_size,
        strides=1,
        padding="valid",
        data_format="channels_last",
        dilation_rate=spec.dilations,
        groups=spec.groups,
        activation="linear",
        use_bias=use_bias,
        **PLAIN,
    )
    y = layer(x)
    context.hold(
        "kernel", layer, "kernel", write=lambda old, new: np.flip(new, flipped), read=lambda old: np.flip(old, flipped)
    )
    if use_bias:
        context.hold("bias", layer, "bias")
    return y


def _spread(x: Tensor, axis: int, step: int, size: int) -> Tensor:
    """An axis with step − 1 zeros between its elements."""
    ops, shape = keras.ops, [-1, *x.shape[1:]]
    margins = [[0, step - 1 if i == axis + 1 else 0] for i in range(len(shape) + 1)]
    shape[axis] = size * step
    wide = ops.reshape(ops.pad(ops.expand_dims(x, axis + 1), margins), shape)
    return wide[(*(slice(None),) * axis, slice(0, (size - 1) * step + 1))]
