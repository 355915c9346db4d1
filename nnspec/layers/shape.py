"""Layers that only rearrange."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field

from nnspec.errors import ShapeError, SpecError
from nnspec.layers.base import DType, Layer, Shape, known, show
from nnspec.spec import PositiveInt, spec


@spec
class _Rearrangement(Layer):
    """Base of layers whose outputs are elements of the input, of any dtype."""

    def output_dtype(self, *dtypes: DType) -> DType:
        return dtypes[0]

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return 0


@spec
class Flatten(_Rearrangement):
    """All axes but the batch axis become one, in row-major (C) order.

    Shapes: x (batch, d1, ..., dn), y (batch, d1·…·dn); x (batch,) becomes (batch, 1).
    """

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        return (shape[0], math.prod(known(s, "every axis of Flatten's input") for s in shape[1:]))


@spec
class Reshape(_Rearrangement):
    """The axes after the batch axis take the given shape, in row-major (C) order; one of them may be −1.

    Shapes: x (batch, ...), y (batch, *shape).
    """

    shape: tuple[Annotated[int, Field(ge=-1)], ...]

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if self.shape.count(-1) > 1:
            raise ShapeError(f"Reshape can infer one axis (-1), got {list(self.shape)}")
        size = math.prod(known(s, "every axis of Reshape's input") for s in shape[1:])
        rest = math.prod(s for s in self.shape if s != -1)
        fits = size == rest if -1 not in self.shape else rest > 0 and size % rest == 0
        if not fits:
            raise ShapeError(f"Reshape to {list(self.shape)} does not fit {size} elements of input {show(shape)}")
        return (shape[0], *(size // rest if s == -1 else s for s in self.shape))


@spec
class Permute(_Rearrangement):
    """The axes after the batch axis in another order; the batch axis, 0, stays the first.

    y[b, i₁, …, iₙ] = x[b, j₁, …, jₙ], where j at axes[k] is i at k

    Shapes: x (batch, d1, ..., dn), y (batch, d of axes[1], ..., d of axes[n]).

    Attributes:
        axes: the numbers 1 to n, each once: which axis of x stands at each place of y, as in Keras's ``Permute``.
    """

    axes: Annotated[tuple[PositiveInt, ...], Field(min_length=1)]

    def __post_init__(self) -> None:
        if sorted(self.axes) != list(range(1, len(self.axes) + 1)):
            raise SpecError(f"expected the numbers 1 to {len(self.axes)}, each once, got {list(self.axes)}", ("axes",))

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if len(shape) != len(self.axes) + 1:
            raise ShapeError(
                f"Permute of {len(self.axes)} axes needs inputs of {len(self.axes) + 1} axes with the batch axis, "
                f"got {show(shape)}"
            )
        return (shape[0], *(shape[axis] for axis in self.axes))


@spec
class RepeatVector(_Rearrangement):
    """The input n times, along a new axis after the batch axis: a sequence of one vector.

    y[b, t, ...] = x[b, ...] for t = 0 … n − 1

    The derivative by x is the sum over all t.

    Shapes: x (batch, ...), y (batch, n, ...).
    """

    n: PositiveInt

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        return (shape[0], self.n, *shape[1:])


@spec
class _Blocks(_Rearrangement):
    """Base of layers that move blocks of positions into channels, and back."""

    block_size: Annotated[int, Field(ge=2)]
    order: Literal["blocks_first", "channels_first"] = "blocks_first"

    def _checked(self, shape: Shape) -> Shape:
        if not 3 <= len(shape) <= 5:
            raise ShapeError(
                f"{type(self).__name__} needs inputs of 3 to 5 axes (batch, one to three axes, channels), "
                f"got {show(shape)}"
            )
        return shape


@spec
class SpaceToDepth(_Blocks):
    """Each block of block_size positions along each axis becomes one position, its elements channels.

    y[b, p, q · channels + c] = x[b, p · block_size + q, c], with q the position within the block in row-major order

    With ``order`` "channels_first" the channel of y is c · block_size^axes + q instead.

    Shapes: x (batch, *sizes, channels), y (batch, *sizes / block_size, channels · block_size^axes), one to three axes.
    Source: Shi et al. 2016, arXiv:1609.05158 (the inverse); "blocks_first" is the order of TensorFlow and ONNX,
    "channels_first" that of PyTorch's ``pixel_unshuffle``.
    """

    def output_shape(self, *shapes: Shape) -> Shape:
        shape = self._checked(shapes[0])
        if any(size is not None and size % self.block_size for size in shape[1:-1]):
            raise ShapeError(f"SpaceToDepth cannot cut input {show(shape)} into blocks of {self.block_size}")
        channels = known(shape[-1], "the last axis of SpaceToDepth's input")
        sizes = (None if size is None else size // self.block_size for size in shape[1:-1])
        return (shape[0], *sizes, channels * self.block_size ** (len(shape) - 2))


@spec
class DepthToSpace(_Blocks):
    """Channels become blocks of block_size positions along each axis: the inverse of ``SpaceToDepth``, pixel shuffle.

    y[b, p · block_size + q, c] = x[b, p, q · channels + c], with q the position within the block in row-major order

    With ``order`` "channels_first" the channel of x is c · block_size^axes + q instead.

    Shapes: x (batch, *sizes, channels · block_size^axes), y (batch, *sizes · block_size, channels), one to three axes.
    Source: Shi et al. 2016, arXiv:1609.05158; "blocks_first" is the order of TensorFlow and ONNX's DCR,
    "channels_first" that of PyTorch's ``pixel_shuffle`` and ONNX's CRD.
    """

    def output_shape(self, *shapes: Shape) -> Shape:
        shape = self._checked(shapes[0])
        channels = known(shape[-1], "the last axis of DepthToSpace's input")
        block = self.block_size ** (len(shape) - 2)
        if channels % block:
            raise ShapeError(f"DepthToSpace cannot cut {channels} channels into blocks of {block}")
        sizes = (None if size is None else size * self.block_size for size in shape[1:-1])
        return (shape[0], *sizes, channels // block)
