"""What fits together in layers over the axes between batch and channels: as many numbers as the input has axes."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from nnspec.layers.base import Shape
from nnspec.layers.convolution import Conv, DepthwiseConv, SeparableConv
from nnspec.layers.padding import Crop, Pad
from nnspec.layers.pooling import AdaptiveAvgPool, AdaptiveMaxPool, AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool
from nnspec.layers.resampling import Resize, Upsample
from nnspec.layers.shape import DepthToSpace, SpaceToDepth
from nnspec.layers.transposed_convolution import ConvTranspose
from nnspec_conformance.strategies.fields import numbers

BLOCKS = (DepthToSpace, SpaceToDepth)
CONVOLUTIONS = (Conv, ConvTranspose, DepthwiseConv, SeparableConv)
CLASSES = (
    AdaptiveAvgPool,
    AdaptiveMaxPool,
    AvgPool,
    Crop,
    GlobalAvgPool,
    GlobalMaxPool,
    MaxPool,
    Pad,
    Resize,
    Upsample,
    *BLOCKS,
    *CONVOLUTIONS,
)
# Those whose gradient jumps where two elements are equal.
MAXIMA = (AdaptiveMaxPool, GlobalMaxPool, MaxPool)


def may_take(cls: type[Any], shape: Shape) -> bool:
    """Whether an input has the axes of some window, or any for all of them."""
    if issubclass(cls, DepthToSpace):
        return 2 < len(shape) <= 5 and (shape[-1] or 1) % 2 ** (len(shape) - 2) == 0
    if issubclass(cls, SpaceToDepth):
        return 2 < len(shape) <= 5 and all(size and size % 2 == 0 for size in shape[1:-1])
    return len(shape) > 2 and (len(shape) <= 5 or issubclass(cls, GlobalAvgPool | GlobalMaxPool))


def hints(cls: type[Any], shape: Shape) -> dict[str, SearchStrategy[Any]]:
    """Options for an input of this shape (batch axis included)."""
    sizes, channels = shape[1:-1], shape[-1] or 1
    window = st.tuples(*(st.integers(1, min(size or 1, 3)) for size in sizes)).map(list)
    per_axis = st.integers(1, 3) | st.tuples(*(st.integers(1, 3) for _ in sizes)).map(list)
    pair = st.tuples(st.integers(0, 2), st.integers(0, 2)).map(list)
    if issubclass(cls, BLOCKS):
        return {"block_size": st.integers(2, 3)}
    if issubclass(cls, AdaptiveAvgPool | AdaptiveMaxPool | Resize):
        kernel: dict[str, SearchStrategy[Any]] = {"a": st.just(-0.5) | numbers(-1, 0, -0.75)}
        return {
            "output_size": st.tuples(*(st.integers(1, 4) for _ in sizes)).map(list),
            **(kernel if cls is Resize else {}),
        }
    if issubclass(cls, Upsample):
        return {"factors": st.tuples(*(st.integers(1, 3) for _ in sizes)).map(list)}
    if issubclass(cls, Pad | Crop):
        return {"padding" if cls is Pad else "cropping": st.tuples(*(pair for _ in sizes)).map(list)}
    if issubclass(cls, CONVOLUTIONS):
        causal = len(sizes) == 1 and cls is not ConvTranspose
        words = ["same", "valid", *(["causal"] if causal else [])]
        made = {
            "features": st.integers(1, 5),
            "kernel_size": window,
            "strides": per_axis,
            "padding": st.sampled_from(words) | st.tuples(*(pair for _ in sizes)).map(list),
            "dilation": per_axis,
            "groups": st.sampled_from([n for n in range(1, channels + 1) if channels % n == 0]),
            "depth_multiplier": st.integers(1, 3),
            "output_padding": st.integers(0, 2) | st.tuples(*(st.integers(0, 2) for _ in sizes)).map(list),
        }
        return {name: value for name, value in made.items() if name in cls.__dataclass_fields__}
    return {"window": window, "strides": st.none() | per_axis}
