"""Convolutions, forwards and transposed."""

from __future__ import annotations

from typing import Any

from nnspec.layers.convolution import Conv, DepthwiseConv, SeparableConv
from nnspec.layers.transposed_convolution import ConvTranspose
from nnspec.layers.window import extent
from nnspec_jax.porting.export.linear import activated, biased
from nnspec_jax.porting.export.written import Argument, Layout, Made, Place, Written, at, flipped, written


def one(values: tuple[int, ...]) -> Any:
    """One number, if it is the same along all axes."""
    return values[0] if len(set(values)) == 1 else values


def _arguments(layer: Conv, inputs: int) -> tuple[Argument, ...]:
    padding = layer.padding.upper() if isinstance(layer.padding, str) else layer.padding
    if not isinstance(padding, str) and not any(map(any, padding)):
        padding = "VALID"
    return (
        Argument("in_features", inputs, positional=True),
        Argument("out_features", layer.features, positional=True),
        Argument("kernel_size", layer.kernel_size),
        Argument("strides", one(layer.stride), 1),
        Argument("padding", padding, "SAME"),
        Argument("kernel_dilation", one(layer.dilations), 1),
        Argument("feature_group_count", layer.groups, 1),
        Argument("use_bias", layer.use_bias, True),
    )


@written.register
def conv(layer: Conv, place: Place) -> Written:
    made = Made("nnx.Conv", _arguments(layer, place.features))
    return activated(layer, place, Written("{self}({0})", made, biased(layer, "kernel"), heavy=True))


@written.register
def depthwise_conv(layer: DepthwiseConv, place: Place) -> Written:
    return conv(layer.conv(place.features), place)


@written.register
def separable_conv(layer: SeparableConv, place: Place) -> Written:
    first = layer.depthwise(place.features)
    arguments = (
        *(a for a in _arguments(first, place.features) if a.name not in ("out_features", "feature_group_count")),
        Argument("depth_multiplier", layer.depth_multiplier, 1),
    )
    arguments = tuple(
        Argument("use_bias", layer.use_bias, True) if argument.name == "use_bias" else argument
        for argument in (arguments[0], Argument("out_features", layer.features, positional=True), *arguments[1:])
    )
    layouts: dict[str, Layout] = {
        "depthwise_kernel": at("depthwise", "kernel"),
        "pointwise_kernel": at("pointwise", "kernel"),
    }
    if layer.use_bias:
        layouts["bias"] = at("pointwise", "bias")
    made = Made("SeparableConv", arguments)
    return activated(layer, place, Written("{self}({0})", made, layouts, ("SeparableConv",), heavy=True))


def _around(layer: ConvTranspose) -> tuple[tuple[int, int], ...]:
    """How many zeros stand around the dilated input, of which some may be fewer than none."""
    reaches = extent(layer.kernel_size, layer.dilations)
    axes = zip(reaches, layer.before, layer.stride, layer.beyond, strict=True)
    return tuple((reach - 1 - before, stride - 1 + more + before) for reach, before, stride, more in axes)


def _by_word(reach: int, stride: int, padding: str) -> tuple[int, int]:
    """What ``jax.lax.conv_transpose`` makes of a word."""
    if padding == "VALID":
        total = reach + stride - 2 + max(reach - stride, 0)
        return reach - 1, total - (reach - 1)
    total = reach + stride - 2
    before = reach - 1 if stride > reach - 1 else -(-total // 2)
    return before, total - before


@written.register
def conv_transpose(layer: ConvTranspose, place: Place) -> Written:
    around = _around(layer)
    reaches = extent(layer.kernel_size, layer.dilations)
    padding: Any = around
    for word in ("SAME", "VALID"):
        if all(_by_word(r, s, word) == a for r, s, a in zip(reaches, layer.stride, around, strict=True)):
            padding = word
            break
    stock = layer.groups == 1 and min(min(pair) for pair in around) >= 0
    arguments = (
        Argument("in_features", place.features, positional=True),
        Argument("out_features", layer.features, positional=True),
        Argument("kernel_size", layer.kernel_size),
        Argument("strides", layer.stride, None if set(layer.stride) != {1} else layer.stride),
        Argument("padding", padding if stock else around, "SAME" if stock else None),
        Argument("kernel_dilation", layer.dilations, None if set(layer.dilations) != {1} else layer.dilations),
        Argument("feature_group_count", layer.groups, 1),
        Argument("use_bias", layer.use_bias, True),
    )
    # Flax's kernel is reversed along each axis of the window.
    layouts = {**biased(layer, "kernel"), "kernel": flipped("kernel", len(layer.kernel_size))}
    kind = "nnx.ConvTranspose" if stock else "ConvTranspose"
    made = Written("{self}({0})", Made(kind, arguments), layouts, () if stock else ("ConvTranspose",), heavy=True)
    return activated(layer, place, made)
