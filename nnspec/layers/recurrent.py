"""Recurrent layers: networks that go through the second axis, time, step by step."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Literal

from nnspec.errors import ShapeError, SpecError
from nnspec.layers.base import Layer, Param, Shape, elements, known, show
from nnspec.layers.recurrence import Recurrence
from nnspec.spec import AnyActivation, AnyInitializer, Fraction, PositiveInt, spec


@spec
class _Recurrent(Recurrence, Layer):  # type: ignore[override]  # random depends on the rate
    """What those have in common whose state is a vector; ``gates`` functions of input and state stand side by side."""

    gates: ClassVar[int]
    initial_state: bool = dataclasses.field(default=False, kw_only=True)
    mask: bool = dataclasses.field(default=False, kw_only=True)
    zero_output_for_mask: bool = dataclasses.field(default=False, kw_only=True)
    recurrent_dropout_rate: Fraction = dataclasses.field(default=0.0, kw_only=True)

    def __post_init__(self) -> None:
        self.check_masks()

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

    def h_shape(self, shape: Shape) -> Shape:
        """The shape of h after one step, for an input of this shape."""
        layer: Any = self
        name = type(self).__name__
        if len(shape) != 3:
            raise ShapeError(f"{name} needs inputs of 3 axes (batch, time and features), got {show(shape)}")
        known(shape[-1], f"the last axis of {name}'s input")
        return (shape[0], layer.features)

    def output_shape(self, *shapes: Shape) -> Shape:
        return self.output_of(shapes, self.h_shape(shapes[0]))

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
    first, and all of them are returned in the order they were taken in: y_1 belongs to the last x. With ``residual``
    h_(t−1) is added before the activation.

    With ``initial_state`` one more input follows, h_0; y is the state to go on with. With ``mask`` a last one follows,
    of booleans: where it is false the step is left out, h_t = h_(t−1), so that y_t repeats what was before (h_0 where
    nothing was, for which Keras has 0), or is 0 with ``zero_output_for_mask``, while the state is kept. What x is there
    does not matter, not even if it is NaN, and has the gradient 0. In training h_(t−1) is dropped before it is
    multiplied by the recurrent kernel, and there alone, by one mask for all steps and gates:
    where(keep, h_(t−1) / (1 − recurrent_dropout_rate), 0), with a keep-mask (batch, features) from the stream
    (node, "dropout", call). (A dropout of inputs by one mask for all steps is a Dropout with ``broadcast_dims: [1]``.)

    Shapes: x (batch, time, in), kernel (in, features), recurrent_kernel (features, features), bias (features,),
    h_0 (batch, features), mask (batch, time), y (batch, features) or (batch, time, features). The activation is applied
    to (batch, features).
    Source: Elman 1990, doi:10.1207/s15516709cog1402_1; Saxe et al. 2014, arXiv:1312.6120, for the orthogonal kernel;
    Gal & Ghahramani 2016, arXiv:1512.05287, for the dropout; Yue et al. 2018, arXiv:1801.06105, for the residual.
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
    residual: bool = False

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return self._flops(shapes[0], combining=int(self.residual), plain=1)


@spec
class LSTM(_Recurrent):
    """Long short-term memory with forget gates, without peepholes.

    i, f, o = recurrent_activation(a_i), recurrent_activation(a_f), recurrent_activation(a_o); g = activation(a_g)
    c_t = f ⊙ c_(t−1) + i ⊙ g; h_t = o ⊙ activation(c_t); h_0 = c_0 = 0

    with (a_i, a_f, a_g, a_o) = x_t · kernel + h_(t−1) · recurrent_kernel + bias, the four side by side in the last axis
    in this order. y is the last h, or with ``return_sequences`` all of them. With ``reverse`` the steps are taken from
    the last to the first, and all of them are returned in the order they were taken in: y_1 belongs to the last x.

    The state is h and c, side by side in one array. With ``return_state`` y is the state instead of h: the last one, or
    that after each step. With ``initial_state`` one more input follows x, the state to start from. Masks and dropout
    are as in SimpleRNN; a step that is left out keeps h and c.

    Shapes: x (batch, time, in), kernel (in, 4·features), recurrent_kernel (features, 4·features), bias (4·features,),
    state (batch, 2·features), mask (batch, time), y (batch, features) or (batch, time, features), of 2·features with
    ``return_state``. Activations are applied to each gate, (batch, features). The first bias is 1 for the forget gate
    and 0 elsewhere; kernels are drawn for all gates at once.
    Source: Hochreiter & Schmidhuber 1997; Gers et al. 2000 for the forget gate; Jozefowicz et al. 2015 for its bias.
    """

    gates: ClassVar[int] = 4
    states: ClassVar[int] = 2
    features: PositiveInt
    activation: AnyActivation = "tanh"
    recurrent_activation: AnyActivation = "sigmoid"
    use_bias: bool = True
    return_sequences: bool = False
    reverse: bool = False
    kernel_init: AnyInitializer = "glorot_uniform"
    recurrent_init: AnyInitializer = "orthogonal"
    bias_init: AnyInitializer = "forget_bias"
    return_state: bool = False

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
    would be one with the bias. ``recurrent_bias`` says which parts of it there are: all ("full"), that of n alone
    ("candidate"), or none ("none"). y is the last h, or with ``return_sequences`` all of them. With ``reverse`` the
    steps are taken from the last to the first, and all of them are returned in the order they were taken in: y_1
    belongs to the last x. Initial states, masks and dropout are as in SimpleRNN; what r acts on is dropped.

    Shapes: x (batch, time, in), kernel (in, 3·features), recurrent_kernel (features, 3·features), bias and
    recurrent_bias (3·features,), the latter (features,) for "candidate", h_0 (batch, features), mask (batch, time),
    y (batch, features) or (batch, time, features). Activations are applied to each gate, (batch, features). Kernels are
    drawn for all gates at once, both biases by ``bias_init``.
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
    recurrent_bias: Literal["full", "candidate", "none"] = "full"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.recurrent_bias != "full" and not (self.use_bias and self.reset_after):
            raise SpecError("there is a recurrent bias with use_bias and reset_after alone", ("recurrent_bias",))

    @property
    def recurrent_biases(self) -> int:
        """How many parts of the recurrent bias there are."""
        return {"full": 3, "candidate": 1, "none": 0}[self.recurrent_bias] * (self.use_bias and self.reset_after)

    def params(self, *shapes: Shape) -> dict[str, Param]:
        made = super().params(*shapes)
        if self.recurrent_biases:
            made["recurrent_bias"] = Param((self.recurrent_biases * self.features,), self.bias_init)
        return made

    def flops(self, *shapes: tuple[int, ...]) -> int:
        # r ⊙ b_n (or r ⊙ h); 1 − z, two products and a sum; and the recurrent bias.
        return self._flops(shapes[0], combining=5 + self.recurrent_biases, plain=1)


@spec
class MGU(_Recurrent):
    """Minimal gated unit: a GRU whose one gate both resets and updates.

    f = recurrent_activation(a_f + b_f)
    n = activation(a_n + f ⊙ (b_n + recurrent_bias)); h_t = (1 − f) ⊙ n + f ⊙ h_(t−1); h_0 = 0

    with (a_f, a_n) = x_t · kernel + (forget_bias, bias) and (b_f, b_n) = h_(t−1) · recurrent_kernel, f before n in the
    last axis. Without ``reset_gate`` n = activation(a_n + b_n), and there is no recurrent_bias. y is the last h, or
    with ``return_sequences`` all of them. With ``reverse`` the steps are taken from the last to the first, and all of
    them are returned in the order they were taken in. Initial states, masks and dropout are as in SimpleRNN.

    Shapes: x (batch, time, in), kernel (in, 2·features), recurrent_kernel (features, 2·features), forget_bias, bias and
    recurrent_bias (features,), h_0 (batch, features), mask (batch, time), y (batch, features) or
    (batch, time, features). Activations are applied to f and n, (batch, features). Kernels are drawn for both at once,
    bias and recurrent_bias by ``bias_init``.
    Source: Zhou et al. 2016, arXiv:1603.09420, whose f is 1 − f here, and who reset before the product;
    ``flax.linen.MGUCell``.
    """

    gates: ClassVar[int] = 2
    features: PositiveInt
    activation: AnyActivation = "tanh"
    recurrent_activation: AnyActivation = "sigmoid"
    use_bias: bool = True
    reset_gate: bool = True
    return_sequences: bool = False
    reverse: bool = False
    kernel_init: AnyInitializer = "glorot_uniform"
    recurrent_init: AnyInitializer = "orthogonal"
    bias_init: AnyInitializer = "zeros"
    forget_bias_init: AnyInitializer = "ones"

    def params(self, *shapes: Shape) -> dict[str, Param]:
        made = super().params(*shapes)
        if self.use_bias:
            made["forget_bias"] = Param((self.features,), self.forget_bias_init)
            made["bias"] = Param((self.features,), self.bias_init)
        if self.use_bias and self.reset_gate:
            made["recurrent_bias"] = Param((self.features,), self.bias_init)
        return made

    def flops(self, *shapes: tuple[int, ...]) -> int:
        # f ⊙ b_n and its bias; 1 − f, two products and a sum.
        resetting = self.reset_gate * (1 + self.use_bias)
        return self._flops(shapes[0], combining=4 + resetting, plain=1)
