"""Convolutions over one, two or three axes."""

from __future__ import annotations

import math
from typing import Literal

from nnspec.errors import ShapeError, SpecError
from nnspec.layers.base import Layer, Param, Shape, elements, known, show
from nnspec.layers.window import Pads, PerAxis, Window, check_lengths, per_axis, positions
from nnspec.spec import AnyActivation, AnyInitializer, PositiveInt, spec


@spec
class Conv(Layer):
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
        check_lengths(self.kernel_size, strides=self.strides, padding=self.padding, dilation=self.dilation)
        if self.padding == "causal" and len(self.kernel_size) > 1:
            raise SpecError(f"causal padding is for one axis, the kernel has {len(self.kernel_size)}", ("padding",))
        if self.features % self.groups:
            raise SpecError(f"{self.features} features cannot be cut into {self.groups} equal groups", ("groups",))

    @property
    def stride(self) -> tuple[int, ...]:
        """The strides, one for each axis."""
        return per_axis(self.strides, self.kernel_size)

    @property
    def dilations(self) -> tuple[int, ...]:
        """The dilation, one for each axis."""
        return per_axis(self.dilation, self.kernel_size)

    def params(self, *shapes: Shape) -> dict[str, Param]:
        channels = self._channels(shapes[0])
        kernel = (*self.kernel_size, channels // self.groups, self.features)
        made = {"kernel": Param(kernel, self.kernel_init, decay=True)}
        if self.use_bias:
            made["bias"] = Param((self.features,), self.bias_init)
        return made

    def output_shape(self, *shapes: Shape) -> Shape:
        result = self._linear(*shapes)
        return result if self.activation is None else self.activation.output_shape(result)

    def flops(self, *shapes: tuple[int, ...]) -> int:
        linear = tuple(known(size, "every axis") for size in self._linear(*shapes))
        outputs = elements(linear)
        products = outputs * math.prod(self.kernel_size) * (shapes[0][-1] // self.groups)
        own = 2 * products - outputs + (outputs if self.use_bias else 0)
        return own if self.activation is None else own + self.activation.flops(linear)

    def _linear(self, *shapes: Shape) -> Shape:
        """The shape before the activation."""
        (shape,) = shapes
        found = positions("Conv", shape, self.padding, self.kernel_size, self.stride, self.dilations)
        self._channels(shape)
        return (shape[0], *found, self.features)

    def _channels(self, shape: Shape) -> int:
        channels = known(shape[-1], "the last axis of Conv's input")
        if channels % self.groups:
            raise ShapeError(
                f"{channels} channels cannot be cut into {self.groups} equal groups, of input {show(shape)}"
            )
        return channels
