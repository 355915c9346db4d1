"""What fits together in convolutions and pooling: as many numbers as the input has axes, windows that fit."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from nnspec.layers.base import Shape
from nnspec.layers.convolution import Conv
from nnspec.layers.pooling import AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool

CLASSES = (AvgPool, Conv, GlobalAvgPool, GlobalMaxPool, MaxPool)
# Those whose gradient jumps where two elements are equal.
MAXIMA = (GlobalMaxPool, MaxPool)


def may_take(cls: type[Any], shape: Shape) -> bool:
    """Whether an input has the axes of some window, or any for all of them."""
    return len(shape) > 2 and (len(shape) <= 5 or issubclass(cls, GlobalAvgPool | GlobalMaxPool))


def hints(cls: type[Any], shape: Shape) -> dict[str, SearchStrategy[Any]]:
    """Options for an input of this shape (batch axis included)."""
    sizes, channels = shape[1:-1], shape[-1] or 1
    window = st.tuples(*(st.integers(1, min(size or 1, 3)) for size in sizes)).map(list)
    per_axis = st.integers(1, 3) | st.tuples(*(st.integers(1, 3) for _ in sizes)).map(list)
    if issubclass(cls, Conv):
        words = ["same", "valid", *(["causal"] if len(sizes) == 1 else [])]
        pair = st.tuples(st.integers(0, 2), st.integers(0, 2)).map(list)
        return {
            "features": st.integers(1, 5),
            "kernel_size": window,
            "strides": per_axis,
            "padding": st.sampled_from(words) | st.tuples(*(pair for _ in sizes)).map(list),
            "dilation": per_axis,
            "groups": st.sampled_from([n for n in range(1, channels + 1) if channels % n == 0]),
        }
    return {"window": window, "strides": st.none() | per_axis}
