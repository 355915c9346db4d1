"""Recurrent layers that convolve: sequences of images, or of what else lies along axes."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, Literal

from nnspec.errors import ShapeError
from nnspec.layers.base import Layer, Param, Shape, elements, known, show
from nnspec.layers.convolution import Conv
from nnspec.layers.recurrence import Recurrence
from nnspec.layers.window import Pads, PerAxis, Window, check_lengths
from nnspec.spec import AnyActivation, AnyInitializer, Fraction, PositiveInt, spec


@spec
class ConvLSTM(Recurrence, Layer):  # type: ignore[override]  # random depends on the rate
    """Long short-term memory whose products are convolutions, over one, two or three axes, as ``kernel_size`` has.

    i, f, o = recurrent_activation(a_i), recurrent_activation(a_f), recurrent_activation(a_o); g = activation(a_g)
    c_t = f ⊙ c_(t−1) + i ⊙ g; h_t = o ⊙ activation(c_t); h_0 = c_0 = 0

    with (a_i, a_f, a_g, a_o) = Conv(x_t; kernel) + Conv(h_(t−1); recurrent_kernel) + bias, the four side by side in the
    last axis in this order. The first convolution has these ``strides`` and this ``padding``, the second has the stride
    1 and the padding "same", so that the state keeps its sizes. There are no peepholes. All else is as in LSTM, with
    states (batch, *positions, 2·features) and dropout masks (batch, *positions, features).

    Shapes: x (batch, time, *sizes, in), kernel (*kernel_size, in, 4·features), recurrent_kernel
    (*kernel_size, features, 4·features), bias (4·features,), y (batch, [time,] *positions, features). Sizes are known.
    Activations are applied to each gate, (batch, *positions, features). The first bias is 1 for the forget gate and 0
    elsewhere; kernels are drawn for all gates at once.
    Source: Shi et al. 2015, arXiv:1506.04214, without their peepholes, as Keras and Flax have it.
    """

    states: ClassVar[int] = 2
    features: PositiveInt
    kernel_size: Window
    strides: PerAxis = 1
    padding: Literal["same", "valid"] | Pads = "same"
    activation: AnyActivation = "tanh"
    recurrent_activation: AnyActivation = "sigmoid"
    use_bias: bool = True
    return_sequences: bool = False
    reverse: bool = False
    kernel_init: AnyInitializer = "glorot_uniform"
    recurrent_init: AnyInitializer = "orthogonal"
    bias_init: AnyInitializer = "forget_bias"
    return_state: bool = False
    initial_state: bool = dataclasses.field(default=False, kw_only=True)
    mask: bool = dataclasses.field(default=False, kw_only=True)
    zero_output_for_mask: bool = dataclasses.field(default=False, kw_only=True)
    recurrent_dropout_rate: Fraction = dataclasses.field(default=0.0, kw_only=True)

    def __post_init__(self) -> None:
        self.check_masks()
        check_lengths(self.kernel_size, strides=self.strides, padding=self.padding)

    @property
    def convolves(self) -> bool:
        return True

    @property
    def of_input(self) -> Conv:
        """The convolution of the inputs, of all gates."""
        return Conv(4 * self.features, self.kernel_size, self.strides, self.padding, use_bias=False)

    @property
    def of_state(self) -> Conv:
        """The convolution of h, of all gates."""
        return Conv(4 * self.features, self.kernel_size, use_bias=False)

    def params(self, *shapes: Shape) -> dict[str, Param]:
        inputs = known(shapes[0][-1], "the last axis of ConvLSTM's input")
        width = 4 * self.features
        made = {
            "kernel": Param((*self.kernel_size, inputs, width), self.kernel_init, decay=True),
            "recurrent_kernel": Param((*self.kernel_size, self.features, width), self.recurrent_init, decay=True),
        }
        if self.use_bias:
            made["bias"] = Param((width,), self.bias_init)
        return made

    def h_shape(self, shape: Shape) -> Shape:
        """The shape of h after one step, for an input of this shape."""
        axes = len(self.kernel_size)
        if len(shape) != axes + 3:
            raise ShapeError(
                f"ConvLSTM with a window of {axes} axes needs inputs of {axes + 3} axes (batch, time, the window's, "
                f"and channels), got {show(shape)}"
            )
        for size in shape[2:-1]:
            known(size, "each axis of ConvLSTM's input after time")
        return (*self.of_input.output_shape((shape[0], *shape[2:]))[:-1], self.features)

    def output_shape(self, *shapes: Shape) -> Shape:
        return self.output_of(shapes, self.h_shape(shapes[0]))

    def flops(self, *shapes: tuple[int, ...]) -> int:
        x = shapes[0]
        h = tuple(known(size, "every axis") for size in self.h_shape(x))
        values = elements(h)
        # Both convolutions, their sum and the bias; four operations that combine the gates; the activations.
        step = self.of_input.flops((x[0], *x[2:])) + self.of_state.flops(h) + values * (4 + 4 * self.use_bias + 4)
        for activation, times in ((self.activation, 2), (self.recurrent_activation, 3)):
            step += 0 if activation is None else times * activation.flops(h)
        return x[1] * step
