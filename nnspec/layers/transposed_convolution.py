"""Transposed convolution over one, two or three axes."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field

from nnspec.errors import ShapeError
from nnspec.layers.base import Layer, Shape, elements, known, show
from nnspec.layers.convolution import Grouped
from nnspec.layers.window import Pads, PerAxis, Window, check_lengths, extent, per_axis
from nnspec.spec import AnyActivation, AnyInitializer, NonNegativeInt, PositiveInt, spec

# What is added at the end of each axis: the same for all of them, or one number for each.
Added = NonNegativeInt | Annotated[tuple[NonNegativeInt, ...], Field(min_length=1, max_length=3)]


@spec
class ConvTranspose(Grouped, Layer):
    """Transposed convolution over one, two or three axes: what takes gradients back through ``Conv``.

    z[b, p · strides + q · dilation, o] = Σ over p, q, c of x[b,p,c] · kernel[q, c, o]

    y[b,r,o] = activation(z[b, r + before, o] + bias[o])

    Each element of x puts its multiple of the kernel, which is not flipped, into z; where that reaches nothing, z
    is 0. How many elements z loses before, and how many positions y has, follow from ``padding``, with
    extent = (kernel_size − 1) · dilation + 1 along each axis:

    * "valid": before = 0, size · strides + max(extent − strides, 0) positions: all of z, and zeros up to a multiple
      of the strides where these are larger than the window;
    * "same": before = ⌊max(extent − strides, 0)/2⌋, size · strides positions;
    * [before, after] for each axis: (size − 1) · strides + extent − before − after positions, as in PyTorch and ONNX.

    ``output_padding`` adds so many positions at the end: of z where it reaches so far, else zeros. It tells apart the
    inputs of a convolution with strides that have outputs of one size. With ``groups`` each part of the features sees
    its part of the channels, as in ``Conv``.

    Shapes: x (batch, *sizes, in), kernel (*kernel_size, in/groups, features), bias (features,),
    y (batch, *positions, features). Keras's kernel has the last two axes exchanged; Flax's is flipped along each axis
    of the window (``transpose_kernel=False``); PyTorch's and ONNX's is (in, features/groups, *kernel_size).
    Default kernel_init is Glorot's uniform on fans of the kernel's window times in/groups, and times features.
    Source: Zeiler et al. 2010; Dumoulin & Visin 2016, arXiv:1603.07285.
    """

    features: PositiveInt
    kernel_size: Window
    strides: PerAxis = 1
    padding: Literal["same", "valid"] | Pads = "same"
    output_padding: Added = 0
    dilation: PerAxis = 1
    groups: PositiveInt = 1
    activation: AnyActivation = None
    use_bias: bool = True
    kernel_init: AnyInitializer = "glorot_uniform"
    bias_init: AnyInitializer = "zeros"

    def __post_init__(self) -> None:
        check_lengths(
            self.kernel_size,
            strides=self.strides,
            padding=self.padding,
            output_padding=self.output_padding,
            dilation=self.dilation,
        )
        self.check_groups()

    @property
    def convolves(self) -> bool:
        return True

    @property
    def before(self) -> tuple[int, ...]:
        """How many elements z loses at the beginning of each axis."""
        if self.padding == "valid":
            return (0,) * len(self.kernel_size)
        if self.padding == "same":
            reaches = zip(extent(self.kernel_size, self.dilations), self.stride, strict=True)
            return tuple(max(reach - stride, 0) // 2 for reach, stride in reaches)
        return tuple(before for before, _ in self.padding)

    @property
    def beyond(self) -> tuple[int, ...]:
        """How many positions y has along each axis, beside size · strides."""
        reaches = zip(extent(self.kernel_size, self.dilations), self.stride, strict=True)
        if isinstance(self.padding, str):
            more = [max(reach - stride, 0) if self.padding == "valid" else 0 for reach, stride in reaches]
        else:
            pairs = zip(reaches, self.padding, strict=True)
            more = [reach - stride - sum(lost) for (reach, stride), lost in pairs]
        added = per_axis(self.output_padding, self.kernel_size)
        return tuple(a + b for a, b in zip(more, added, strict=True))

    def linear(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if len(shape) != len(self.kernel_size) + 2:
            raise ShapeError(
                f"ConvTranspose with a window of {len(self.kernel_size)} axes needs inputs of "
                f"{len(self.kernel_size) + 2} axes (batch, the window's, and channels), got {show(shape)}"
            )
        self.channels(shape)
        axes = zip(shape[1:-1], self.stride, self.beyond, strict=True)
        found = [None if size is None else size * stride + more for size, stride, more in axes]
        if any(size is not None and size < 1 for size in found) or 0 in shape[1:-1]:
            raise ShapeError(f"ConvTranspose leaves nothing of input {show(shape)}")
        return (shape[0], *found, self.features)

    def flops(self, *shapes: tuple[int, ...]) -> int:
        (shape,) = shapes
        linear = tuple(known(size, "every axis") for size in self.linear(shape))
        products = elements(shape) * math.prod(self.kernel_size) * (self.features // self.groups)
        own = 2 * products + (elements(linear) if self.use_bias else 0)
        return own if self.activation is None else own + self.activation.flops(linear)
