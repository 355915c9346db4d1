"""Convolutions: Keras's where they have the options, with padding before and strides after them where they have not."""

from __future__ import annotations

from typing import Any

from nnspec.layers.base import Layer
from nnspec.layers.convolution import Conv, DepthwiseConv, SeparableConv
from nnspec.layers.window import pads
from nnspec_tensorflow.porting.export.activation import activated, taken as taken_along
from nnspec_tensorflow.porting.export.convert import Context, Tensor, native
from nnspec_tensorflow.porting.export.linear import PLAIN
from nnspec_tensorflow.startup import keras

CONV = {1: keras.layers.Conv1D, 2: keras.layers.Conv2D, 3: keras.layers.Conv3D}
_DEPTHWISE = {1: keras.layers.DepthwiseConv1D, 2: keras.layers.DepthwiseConv2D}
_SEPARABLE = {1: keras.layers.SeparableConv1D, 2: keras.layers.SeparableConv2D}
_PADDING = {1: keras.layers.ZeroPadding1D, 2: keras.layers.ZeroPadding2D, 3: keras.layers.ZeroPadding3D}
_DEPTHWISE_PLAIN = {name.replace("kernel", "depthwise"): value for name, value in PLAIN.items() if "kernel" in name}
_POINTWISE_PLAIN = {name.replace("kernel", "pointwise"): value for name, value in PLAIN.items() if "kernel" in name}
_BIAS_PLAIN = {name: value for name, value in PLAIN.items() if "bias" in name}


def padded(around: tuple[tuple[int, int], ...], context: Context, x: Tensor) -> Tensor:
    """Zeros before and after each axis between batch and channels."""
    if not any(map(any, around)):
        return x
    layer = _PADDING[len(around)]
    margins: Any = around[0] if len(around) == 1 else around
    options = {} if len(around) == 1 else {"data_format": "channels_last"}
    return context.own(layer, padding=margins, part="pad", **options)(x)


def _window(spec: Any, context: Context, x: Tensor, causal: bool) -> tuple[dict[str, Any], Tensor, tuple[Any, ...]]:
    """What Keras's layer is told of the window, the input to give it, and what to take of its output."""
    strides, dilation = spec.stride, spec.dilations
    both = max(strides) > 1 and max(dilation) > 1  # Keras has one or the other
    padding = spec.padding
    if (padding == "causal" and not causal) or (both and padding == "same") or not isinstance(padding, str):
        sizes = context.shapes[0][1:-1]
        if padding == "same" and None in sizes:
            context.refuse(
                spec,
                f"padding='same' with strides={spec.strides!r} and dilation={spec.dilation!r}",
                "declare the sizes of the input, of which the padding depends",
            )
        known = tuple(size or 0 for size in sizes)
        x = padded(pads(padding, known, spec.kernel_size, strides, dilation), context, x)
        padding = "valid"
    taken: tuple[Any, ...] = ()
    if both:
        taken = (slice(None), *(slice(None, None, step) for step in strides))
        strides = (1,) * len(strides)
    options = {
        "strides": strides,
        "padding": padding,
        "data_format": "channels_last",
        "dilation_rate": dilation,
    }
    return options, x, taken


def _finished(spec: Any, context: Context, y: Tensor, taken: tuple[Any, ...]) -> Tensor:
    """What strides leave of an output, and an activation that the layer has not taken along."""
    if taken:
        y = y[taken]
    return y if _name(spec, context, taken) else activated(spec.activation, context, y)


def _name(spec: Any, context: Context, taken: tuple[Any, ...]) -> str | None:
    """The activation that the layer takes along, if it can: none where positions are left out after it."""
    return None if taken else taken_along(spec.activation, context)


@native.register
def conv(spec: Conv, context: Context, x: Tensor) -> Tensor:
    return _conv(spec, context, x, spec)


def _conv(spec: Layer, context: Context, x: Tensor, of: Conv) -> Tensor:
    options, x, taken = _window(of, context, x, causal=len(of.kernel_size) == 1)
    layer = context.layer(
        CONV[len(of.kernel_size)],
        of.features,
        of.kernel_size,
        groups=of.groups,
        activation=_name(of, context, taken) or "linear",
        use_bias=of.use_bias,
        **options,
        **PLAIN,
    )
    y = context.call(layer, x, kernel="kernel", bias="bias")
    return _finished(of, context, y, taken)


@native.register
def depthwise_conv(spec: DepthwiseConv, context: Context, x: Tensor) -> Tensor:
    if not _has_depthwise(spec):
        return _conv(spec, context, x, spec.conv(spec.channels(context.shapes[0])))
    options, x, taken = _window(spec, context, x, causal=False)
    layer = context.layer(
        _DEPTHWISE[len(spec.kernel_size)],
        spec.kernel_size,
        depth_multiplier=spec.depth_multiplier,
        activation=_name(spec, context, taken) or "linear",
        use_bias=spec.use_bias,
        **options,
        **_DEPTHWISE_PLAIN,
        **_BIAS_PLAIN,
    )
    y = context.call(layer, x, kernel="kernel", bias="bias")
    return _finished(spec, context, y, taken)


def _has_depthwise(spec: DepthwiseConv | SeparableConv) -> bool:
    """Whether TensorFlow has a kernel for it: over one or two axes, with one stride for both."""
    return len(spec.kernel_size) < 3 and len(set(spec.stride)) == 1


@native.register
def separable_conv(spec: SeparableConv, context: Context, x: Tensor) -> Tensor:
    if not _has_depthwise(spec):
        return _separated(spec, context, x)
    options, x, taken = _window(spec, context, x, causal=False)
    layer = context.layer(
        _SEPARABLE[len(spec.kernel_size)],
        spec.features,
        spec.kernel_size,
        depth_multiplier=spec.depth_multiplier,
        activation=_name(spec, context, taken) or "linear",
        use_bias=spec.use_bias,
        **options,
        **_DEPTHWISE_PLAIN,
        **_POINTWISE_PLAIN,
        **_BIAS_PLAIN,
    )
    y = context.call(layer, x, depthwise_kernel="depthwise_kernel", pointwise_kernel="pointwise_kernel", bias="bias")
    return _finished(spec, context, y, taken)


def _separated(spec: SeparableConv, context: Context, x: Tensor) -> Tensor:
    """A convolution with a group for each channel, and a Dense."""
    first = spec.depthwise(spec.channels(context.shapes[0]))
    options, x, taken = _window(first, context, x, causal=len(first.kernel_size) == 1)
    depthwise = context.layer(
        CONV[len(first.kernel_size)],
        first.features,
        first.kernel_size,
        groups=first.groups,
        activation="linear",
        use_bias=False,
        part="depthwise",
        **options,
        **PLAIN,
    )
    z = context.call(depthwise, x, depthwise_kernel="kernel")
    name = taken_along(spec.activation, context)
    pointwise = context.layer(
        keras.layers.Dense, spec.features, activation=name or "linear", use_bias=spec.use_bias, **PLAIN
    )
    y = context.call(pointwise, z[taken] if taken else z, pointwise_kernel="kernel", bias="bias")
    return y if name else activated(spec.activation, context, y)
