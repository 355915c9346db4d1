"""Linear layers."""

from __future__ import annotations

from nnspec.errors import ShapeError
from nnspec.layers.base import Layer, Param, Shape, elements, known, show
from nnspec.spec import AnyActivation, AnyInitializer, PositiveInt, spec


@spec
class Dense(Layer):
    """Fully connected layer over the last axis.

    y = activation(x · kernel + bias)

    Shapes: x (..., in), kernel (in, features), bias (features,), y (..., features).
    Default kernel_init is Glorot's uniform, U(−√(6/(in+features)), √(6/(in+features))).
    Source: Glorot & Bengio 2010 for the initial weights.
    """

    features: PositiveInt
    activation: AnyActivation = None
    use_bias: bool = True
    kernel_init: AnyInitializer = "glorot_uniform"
    bias_init: AnyInitializer = "zeros"

    def params(self, *shapes: Shape) -> dict[str, Param]:
        inputs = known(shapes[0][-1], "the last axis of Dense's input")
        made = {"kernel": Param((inputs, self.features), self.kernel_init, decay=True)}
        if self.use_bias:
            made["bias"] = Param((self.features,), self.bias_init)
        return made

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if len(shape) < 2:
            raise ShapeError(f"Dense needs inputs of at least 2 axes (batch and features), got {show(shape)}")
        known(shape[-1], "the last axis of Dense's input")
        result = (*shape[:-1], self.features)
        return result if self.activation is None else self.activation.output_shape(result)

    def flops(self, *shapes: tuple[int, ...]) -> int:
        (shape,) = shapes
        products = elements(shape) * self.features
        outputs = elements((*shape[:-1], self.features))
        own = 2 * products - outputs + (outputs if self.use_bias else 0)
        return own if self.activation is None else own + self.activation.flops((*shape[:-1], self.features))
