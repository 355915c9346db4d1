"""Recurrent layers: networks that go through the second axis, time, step by step."""

from __future__ import annotations

from typing import Any, ClassVar

from nnspec.errors import ShapeError
from nnspec.layers.base import Layer, Param, Shape, elements, known, show
from nnspec.spec import AnyActivation, AnyInitializer, PositiveInt, spec


@spec
class _Recurrent(Layer):
    """What all have in common; ``gates`` functions of input and state stand side by side in the last axis."""

    gates: ClassVar[int]

    def params(self, *shapes: Shape) -> dict[str, Param]:
        """Kernels and bias with the gates side by side, each drawn as one matrix."""
        layer: Any = self
        inputs = known(shapes[0][-1], f"the last axis of {type(self).__name__}'s input")
        width = self.gates * layer.features
        made = {
            "kernel": Param((inputs, width), layer.kernel_init, decay=True),
            "recurrent_kernel": Param((layer.features, width), layer.recurrent_init, decay=True),
        }
        if layer.use_bias:
            made["bias"] = Param((width,), layer.bias_init)
        return made

    def output_shape(self, *shapes: Shape) -> Shape:
        layer: Any = self
        shape, name = shapes[0], type(self).__name__
        if len(shape) != 3:
            raise ShapeError(f"{name} needs inputs of 3 axes (batch, time and features), got {show(shape)}")
        known(shape[-1], f"the last axis of {name}'s input")
        state = (shape[0], layer.features)
        for field in ("activation", "recurrent_activation"):
            activation = getattr(self, field, None)
            if activation is not None and activation.output_shape(state) != state:
                raise ShapeError(f"the {field} of {name} has to keep the shape {show(state)} of the state")
        return (shape[0], shape[1], layer.features) if layer.return_sequences else state

    def _flops(self, shape: tuple[int, ...], combining: int, plain: int) -> int:
        """Of all steps: two products, their sum and the bias; what else combines the gates; the activations.

        Args:
            combining: operations per feature and step that combine gates and state.
            plain: to how many values per feature and step ``activation`` is applied.
        """
        layer: Any = self
        steps = elements(shape[:-1])
        products = self.gates * layer.features * (2 * (shape[-1] + layer.features) - 1 + layer.use_bias)
        made: int = steps * (products + combining * layer.features)
        if layer.activation is not None:
            made += plain * layer.activation.flops((steps, layer.features))
        others = getattr(self, "recurrent_activation", None)
        return made if others is None else made + (self.gates - 1) * others.flops((steps, layer.features))


@spec
class SimpleRNN(_Recurrent):
    """Elman's recurrent network: the state is a dense layer of the input and the state before.

    h_t = activation(x_t · kernel + h_(t−1) · recurrent_kernel + bias), h_0 = 0

    y is the last h, or with ``return_sequences`` all of them. With ``reverse`` the steps are taken from the last to the
    first, and all of them are returned in the order they were taken in: y_1 belongs to the last x.

    Shapes: x (batch, time, in), kernel (in, features), recurrent_kernel (features, features), bias (features,),
    y (batch, features) or (batch, time, features). The activation is applied to (batch, features).
    Source: Elman 1990, doi:10.1207/s15516709cog1402_1; Saxe et al. 2014, arXiv:1312.6120, for the orthogonal kernel.
    """

    gates: ClassVar[int] = 1
    features: PositiveInt
    activation: AnyActivation = "tanh"
    use_bias: bool = True
    return_sequences: bool = False
    reverse: bool = False
    kernel_init: AnyInitializer = "glorot_uniform"
    recurrent_init: AnyInitializer = "orthogonal"
    bias_init: AnyInitializer = "zeros"

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return self._flops(shapes[0], combining=0, plain=1)


@spec
class LSTM(_Recurrent):
    """Long short-term memory with forget gates, without peepholes.

    i, f, o = recurrent_activation(a_i), recurrent_activation(a_f), recurrent_activation(a_o); g = activation(a_g)
    c_t = f ⊙ c_(t−1) + i ⊙ g; h_t = o ⊙ activation(c_t); h_0 = c_0 = 0

    with (a_i, a_f, a_g, a_o) = x_t · kernel + h_(t−1) · recurrent_kernel + bias, the four side by side in the last axis
    in this order. y is the last h, or with ``return_sequences`` all of them. With ``reverse`` the steps are taken from
    the last to the first, and all of them are returned in the order they were taken in: y_1 belongs to the last x.

    Shapes: x (batch, time, in), kernel (in, 4·features), recurrent_kernel (features, 4·features), bias (4·features,),
    y (batch, features) or (batch, time, features). Activations are applied to each gate, (batch, features). The first
    bias is 1 for the forget gate and 0 elsewhere; kernels are drawn for all gates at once.
    Source: Hochreiter & Schmidhuber 1997; Gers et al. 2000 for the forget gate; Jozefowicz et al. 2015 for its bias.
    """

    gates: ClassVar[int] = 4
    features: PositiveInt
    activation: AnyActivation = "tanh"
    recurrent_activation: AnyActivation = "sigmoid"
    use_bias: bool = True
    return_sequences: bool = False
    reverse: bool = False
    kernel_init: AnyInitializer = "glorot_uniform"
    recurrent_init: AnyInitializer = "orthogonal"
    bias_init: AnyInitializer = "forget_bias"

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return self._flops(shapes[0], combining=4, plain=2)


@spec
class GRU(_Recurrent):
    """Gated recurrent unit.

    r, z = recurrent_activation(a_r + b_r), recurrent_activation(a_z + b_z)
    n = activation(a_n + r ⊙ b_n); h_t = (1 − z) ⊙ n + z ⊙ h_(t−1); h_0 = 0

    with (a_r, a_z, a_n) = x_t · kernel + bias and (b_r, b_z, b_n) = h_(t−1) · recurrent_kernel + recurrent_bias, the
    three side by side in the last axis in this order. Without ``reset_after`` the reset gate acts on the state before
    it is multiplied: n = activation(a_n + (r ⊙ h_(t−1)) · recurrent_kernel_n), and there is no recurrent_bias, which
    would be one with the bias. y is the last h, or with ``return_sequences`` all of them. With ``reverse`` the steps
    are taken from the last to the first, and all of them are returned in the order they were taken in: y_1 belongs to
    the last x.

    Shapes: x (batch, time, in), kernel (in, 3·features), recurrent_kernel (features, 3·features), bias and
    recurrent_bias (3·features,), y (batch, features) or (batch, time, features). Activations are applied to each gate,
    (batch, features). Kernels are drawn for all gates at once, both biases by ``bias_init``.
    Source: Cho et al. 2014, arXiv:1406.1078 (version 1 resets after, version 3 before; its z is 1 − z here, as in the
    frameworks).
    """

    gates: ClassVar[int] = 3
    features: PositiveInt
    activation: AnyActivation = "tanh"
    recurrent_activation: AnyActivation = "sigmoid"
    use_bias: bool = True
    reset_after: bool = True
    return_sequences: bool = False
    reverse: bool = False
    kernel_init: AnyInitializer = "glorot_uniform"
    recurrent_init: AnyInitializer = "orthogonal"
    bias_init: AnyInitializer = "zeros"

    def params(self, *shapes: Shape) -> dict[str, Param]:
        made = super().params(*shapes)
        if self.use_bias and self.reset_after:
            made["recurrent_bias"] = Param((3 * self.features,), self.bias_init)
        return made

    def flops(self, *shapes: tuple[int, ...]) -> int:
        # r ⊙ b_n (or r ⊙ h); 1 − z, two products and a sum; and the recurrent bias of three gates.
        return self._flops(shapes[0], combining=5 + 3 * (self.use_bias and self.reset_after), plain=1)
