"""Convolutions and transposed convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from flax import linen as nn, nnx
from flax.linen.linear import canonicalize_padding

from nnspec.layers.base import Layer
from nnspec.layers.convolution import Conv
from nnspec.layers.padding import Pad
from nnspec.layers.time_distributed import TimeDistributed
from nnspec.layers.transposed_convolution import ConvTranspose
from nnspec.porting.assembly import Value
from nnspec_jax.porting.convert import Context, NoConversionError, convert
from nnspec_jax.porting.marker import POINTWISE
from nnspec_jax.porting.modules.variables import variables

# Whatever stands before the axes of an image counts as a batch.
POINTWISE.update((nnx.Conv, nnx.ConvTranspose, nn.Conv, nn.ConvTranspose))
_MODES = {"CIRCULAR": "wrap", "REFLECT": "reflect"}


def _per_axis(value: int | Sequence[int] | None, axes: int) -> tuple[int, ...]:
    return (value or 1,) * axes if value is None or isinstance(value, int) else tuple(value)


def _window(module: Any) -> tuple[int, ...]:
    size = module.kernel_size
    return (size,) if isinstance(size, int) else tuple(size)


def _placed(context: Context, layer: Layer, x: Value, own: dict[str, Any], window: int, part: str | None) -> Value:
    """A layer of images on what may be a sequence of them, or a sequence of sequences."""
    for _ in range(len(context.shapes[x]) - window - 2):
        layer = TimeDistributed(layer)
        own = {f"layer/{name}": array for name, array in own.items()}
    return context.call(layer, x, variables=own, part=part)


@convert.register(nnx.Conv)
@convert.register(nn.Conv)
def conv(module: nnx.Conv | nn.Conv, context: Context, inputs: Value, out_sharding: Any = None) -> Value:
    window = _window(module)
    axes = len(window)
    if module.mask is not None or set(_per_axis(module.input_dilation, axes)) != {1}:
        raise NoConversionError("a mask of the kernel, or gaps within the input")
    own_function = getattr(module, "conv_general_dilated", None)
    if own_function not in (None, jax.lax.conv_general_dilated):
        raise NoConversionError("a convolution of the user's own")
    if len(context.shapes[inputs]) < axes + 2:
        raise NoConversionError("an image without a batch")
    dilation = _per_axis(module.kernel_dilation, axes)
    padding: Any = canonicalize_padding(module.padding, axes)
    x = inputs
    if isinstance(padding, str) and padding in _MODES:
        reach = [(size - 1) * step + 1 for size, step in zip(window, dilation, strict=True)]
        pads = tuple(((size - 1) // 2, size // 2) for size in reach)
        around = Pad(pads, mode=_MODES[padding])  # type: ignore[arg-type]
        x, padding = _placed(context, around, x, {}, axes, "pad"), "valid"
    elif isinstance(padding, str):
        padding = padding.lower()
    else:
        padding = tuple((int(before), int(after)) for before, after in padding)
    strange = padding not in ("same", "valid", "causal") if isinstance(padding, str) else min(map(min, padding)) < 0
    if strange:
        raise NoConversionError(f"the padding {padding}")
    features = module.features if isinstance(module, nn.Conv) else module.out_features
    layer = Conv(
        features,
        window,
        strides=_per_axis(module.strides, axes),
        padding=padding,
        dilation=dilation,
        groups=module.feature_group_count,
        use_bias=bool(module.use_bias),
    )
    return _placed(context, layer, x, variables(module, "kernel", "bias"), axes, None)


@convert.register(nnx.ConvTranspose)
@convert.register(nn.ConvTranspose)
def conv_transpose(module: nnx.ConvTranspose | nn.ConvTranspose, context: Context, inputs: Value) -> Value:
    window = _window(module)
    axes = len(window)
    padding: Any = canonicalize_padding(module.padding, axes)
    if module.mask is not None or (isinstance(padding, str) and padding not in ("SAME", "VALID")):
        raise NoConversionError("a mask of the kernel, or circular padding")
    if len(context.shapes[inputs]) < axes + 2:
        raise NoConversionError("an image without a batch")
    dilation = _per_axis(module.kernel_dilation, axes)
    if isinstance(padding, str):
        padding = padding.lower()
    else:
        # Flax says what lies around the gaps of the input, the spec what the output loses.
        reach = [(size - 1) * step for size, step in zip(window, dilation, strict=True)]
        padding = tuple((size - low, size - high) for size, (low, high) in zip(reach, padding, strict=True))
        if min(map(min, padding)) < 0:
            raise NoConversionError(f"the padding {module.padding}")
    own = variables(module, "kernel", "bias")
    if module.transpose_kernel:
        own["kernel"] = np.swapaxes(own["kernel"], -1, -2)
    else:
        own["kernel"] = np.flip(own["kernel"], tuple(range(axes)))
    features = module.features if isinstance(module, nn.ConvTranspose) else module.out_features
    layer = ConvTranspose(
        features,
        window,
        strides=_per_axis(module.strides, axes),
        padding=padding,
        dilation=dilation,
        use_bias=bool(module.use_bias),
    )
    return _placed(context, layer, inputs, own, axes, None)
