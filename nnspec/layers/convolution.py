"""Convolutions over one, two or three axes."""

from __future__ import annotations

import math
from typing import Any, Literal

from nnspec.errors import ShapeError, SpecError
from nnspec.layers.base import Layer, Param, Shape, elements, known, show
from nnspec.layers.linear import Dense
from nnspec.layers.window import Padding, Pads, PerAxis, Sliding, Window, check_lengths, positions
from nnspec.spec import AnyActivation, AnyInitializer, PositiveInt, spec


def _check(layer: Conv | DepthwiseConv | SeparableConv) -> None:
    """Fields that all of them have go together."""
    check_lengths(layer.kernel_size, strides=layer.strides, padding=layer.padding, dilation=layer.dilation)
    if layer.padding == "causal" and len(layer.kernel_size) > 1:
        raise SpecError(f"causal padding is for one axis, the kernel has {len(layer.kernel_size)}", ("padding",))


class Grouped(Sliding):
    """What ``Conv`` and ``ConvTranspose`` have in common: each group of features has kernels for its channels."""

    features: int
    groups: int
    activation: Any
    use_bias: bool
    kernel_init: Any
    bias_init: Any

    def check_groups(self) -> None:
        """Refuse features that cannot be cut into the groups."""
        if self.features % self.groups:
            raise SpecError(f"{self.features} features cannot be cut into {self.groups} equal groups", ("groups",))

    def params(self, *shapes: Shape) -> dict[str, Param]:
        kernel = (*self.kernel_size, self.channels(shapes[0]) // self.groups, self.features)
        made = {"kernel": Param(kernel, self.kernel_init, decay=True)}
        if self.use_bias:
            made["bias"] = Param((self.features,), self.bias_init)
        return made

    def output_shape(self, *shapes: Shape) -> Shape:
        result = self.linear(*shapes)
        return result if self.activation is None else self.activation.output_shape(result)

    def linear(self, *shapes: Shape) -> Shape:
        """The shape before the activation."""
        raise NotImplementedError

    def channels(self, shape: Shape) -> int:
        """How many channels an input has."""
        channels = known(shape[-1], f"the last axis of {type(self).__name__}'s input")
        if channels % self.groups:
            raise ShapeError(
                f"{channels} channels cannot be cut into {self.groups} equal groups, of input {show(shape)}"
            )
        return channels


class _Seeing(Sliding):
    """What sees a window of the input at each position of the output."""

    padding: Padding

    def positions(self, shape: Shape) -> tuple[int | None, ...]:
        """How many positions the window takes along each axis of an input; None where the axis is of any length.

        Raises:
            ShapeError: the input has another number of axes, or the window does not fit; the layer is named.
        """
        what = type(self).__name__
        return positions(what, shape, self.padding, self.kernel_size, self.stride, self.dilations)


@spec
class Conv(_Seeing, Grouped, Layer):
    """Convolution over one, two or three axes, as many as ``kernel_size`` has sizes; channels last.

    y[b,p,o] = activation(Σ over q, c of x[b, p · strides + q · dilation − before, c] · kernel[q, c, o] + bias[o])

    The kernel is not flipped (cross-correlation). Outside of x is 0. ``before`` and what lies after the last element
    follow from ``padding``, with extent = (kernel_size − 1) · dilation + 1 along each axis:

    * "valid": nothing is padded;
    * "same": p = max((⌈size/stride⌉ − 1) · stride + extent − size, 0) zeros, ⌊p/2⌋ before and the rest after, so that
      the output has ⌈size/stride⌉ positions, and an odd zero stands at the end;
    * "causal", over one axis: extent − 1 zeros before, so that no output depends on what comes later;
    * [before, after] for each axis.

    With ``groups`` the channels are cut into as many equal parts, in order, and features into as many: each part
    of the features sees its part of the channels.

    Shapes: x (batch, *sizes, in), kernel (*kernel_size, in/groups, features), bias (features,),
    y (batch, *positions, features). Positions are ⌊(before + size + after − extent)/stride⌋ + 1 along each axis.
    Default kernel_init is Glorot's uniform on fans of the kernel's window times in/groups, and times features.
    Source: LeCun et al. 1998; Dumoulin & Visin 2016, arXiv:1603.07285; groups: Krizhevsky et al. 2012; dilation: Yu &
    Koltun 2016, arXiv:1511.07122; causal: van den Oord et al. 2016, arXiv:1609.03499.
    """

    features: PositiveInt
    kernel_size: Window
    strides: PerAxis = 1
    padding: Literal["same", "valid", "causal"] | Pads = "same"
    dilation: PerAxis = 1
    groups: PositiveInt = 1
    activation: AnyActivation = None
    use_bias: bool = True
    kernel_init: AnyInitializer = "glorot_uniform"
    bias_init: AnyInitializer = "zeros"

    def __post_init__(self) -> None:
        _check(self)
        self.check_groups()

    @property
    def convolves(self) -> bool:
        return True

    def linear(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        found = self.positions(shape)
        self.channels(shape)
        return (shape[0], *found, self.features)

    def flops(self, *shapes: tuple[int, ...]) -> int:
        linear = tuple(known(size, "every axis") for size in self.linear(*shapes))
        outputs = elements(linear)
        products = outputs * math.prod(self.kernel_size) * (shapes[0][-1] // self.groups)
        own = 2 * products - outputs + (outputs if self.use_bias else 0)
        return own if self.activation is None else own + self.activation.flops(linear)


class _Depthwise(_Seeing):
    """What convolves each channel by itself."""

    depth_multiplier: int

    def channels(self, shape: Shape) -> int:
        """How many channels an input has."""
        return known(shape[-1], f"the last axis of {type(self).__name__}'s input")

    def apart(self, shape: Shape) -> Shape:
        """The shape after the convolution of each channel by itself."""
        return (shape[0], *self.positions(shape), self.channels(shape) * self.depth_multiplier)


@spec
class DepthwiseConv(_Depthwise, Layer):
    """Convolution of each channel by itself: ``Conv`` with a group for each channel.

    y[b,p,c · depth_multiplier + m] = activation(Σ over q of x[b, p · strides + q · dilation − before, c] ·
    kernel[q, 0, c · depth_multiplier + m] + bias[c · depth_multiplier + m])

    Windows, padding and initial weights are those of ``Conv``.

    Shapes: x (batch, *sizes, in), kernel (*kernel_size, 1, in · depth_multiplier), bias (in · depth_multiplier,),
    y (batch, *positions, in · depth_multiplier). Keras's kernel (*kernel_size, in, depth_multiplier) has the same
    elements in the same order; Flax's is ours.
    Source: Sifre 2014; Howard et al. 2017, arXiv:1704.04861.
    """

    kernel_size: Window
    depth_multiplier: PositiveInt = 1
    strides: PerAxis = 1
    padding: Literal["same", "valid", "causal"] | Pads = "same"
    dilation: PerAxis = 1
    activation: AnyActivation = None
    use_bias: bool = True
    kernel_init: AnyInitializer = "glorot_uniform"
    bias_init: AnyInitializer = "zeros"

    def __post_init__(self) -> None:
        _check(self)

    def conv(self, channels: int) -> Conv:
        """The convolution that it is on inputs of so many channels."""
        return Conv(
            channels * self.depth_multiplier,
            self.kernel_size,
            self.strides,
            self.padding,
            self.dilation,
            channels,
            self.activation,
            self.use_bias,
            self.kernel_init,
            self.bias_init,
        )

    def params(self, *shapes: Shape) -> dict[str, Param]:
        return self.conv(self.channels(shapes[0])).params(*shapes)

    def output_shape(self, *shapes: Shape) -> Shape:
        linear = self.apart(*shapes)
        return linear if self.activation is None else self.activation.output_shape(linear)

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return self.conv(shapes[0][-1]).flops(*shapes)


@spec
class SeparableConv(_Depthwise, Layer):
    """A depthwise convolution, then a pointwise one, with nothing between them.

    z[b,p,c · depth_multiplier + m] = Σ over q of x[b, p · strides + q · dilation − before, c] ·
    depthwise_kernel[q, 0, c · depth_multiplier + m]

    y = activation(z · pointwise_kernel + bias)

    Windows and padding are those of ``Conv``, the depthwise kernel that of ``DepthwiseConv``.

    Shapes: x (batch, *sizes, in), depthwise_kernel (*kernel_size, 1, in · depth_multiplier),
    pointwise_kernel (in · depth_multiplier, features), bias (features,), y (batch, *positions, features).
    Source: Chollet 2017, arXiv:1610.02357.
    """

    features: PositiveInt
    kernel_size: Window
    strides: PerAxis = 1
    padding: Literal["same", "valid", "causal"] | Pads = "same"
    dilation: PerAxis = 1
    depth_multiplier: PositiveInt = 1
    activation: AnyActivation = None
    use_bias: bool = True
    depthwise_init: AnyInitializer = "glorot_uniform"
    pointwise_init: AnyInitializer = "glorot_uniform"
    bias_init: AnyInitializer = "zeros"

    def __post_init__(self) -> None:
        _check(self)

    def depthwise(self, channels: int) -> Conv:
        """The first of its convolutions, on inputs of so many channels."""
        return Conv(
            channels * self.depth_multiplier,
            self.kernel_size,
            self.strides,
            self.padding,
            self.dilation,
            channels,
            use_bias=False,
            kernel_init=self.depthwise_init,
        )

    @property
    def pointwise(self) -> Dense:
        """The second of its convolutions, with the activation: a dense layer at each position."""
        return Dense(self.features, self.activation, self.use_bias, self.pointwise_init, self.bias_init)

    def params(self, *shapes: Shape) -> dict[str, Param]:
        first = self.depthwise(self.channels(shapes[0]))
        second = self.pointwise.params(self.apart(*shapes))
        kernels = {"depthwise_kernel": first.params(*shapes)["kernel"], "pointwise_kernel": second.pop("kernel")}
        return kernels | second

    def output_shape(self, *shapes: Shape) -> Shape:
        return self.pointwise.output_shape(self.apart(*shapes))

    def flops(self, *shapes: tuple[int, ...]) -> int:
        first = self.depthwise(shapes[0][-1])
        between = tuple(known(size, "every axis") for size in self.apart(*shapes))
        return first.flops(*shapes) + self.pointwise.flops(between)
