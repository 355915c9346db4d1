"""Linear layers."""

from __future__ import annotations

from math import prod
from string import ascii_lowercase
from typing import Annotated, Any, ClassVar

from pydantic import Field

from nnspec.equation import Equation
from nnspec.errors import ShapeError, SpecError
from nnspec.layers.base import Axes, Layer, Param, Shape, elements, feature_axes, known, show
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


@spec
class _Contraction(Layer):
    """Base of layers that multiply by a kernel of several axes.

    Each has three methods of an input's shape: ``spelled``, the equation with letters for all axes; ``kernel``, the
    kernel's shape; ``biases``, the shape in which the bias is added, with axes of size 1 where it has none, or None.
    """

    def output_shape(self: Any, *shapes: Shape) -> Shape:
        (shape,) = shapes
        equation = self.spelled(shape)
        sizes = equation.sizes(shape, self.kernel(shape))
        result = tuple(sizes[letter] for letter in equation.result)
        return result if self.activation is None else tuple(self.activation.output_shape(result))

    def flops(self: Any, *shapes: tuple[int, ...]) -> int:
        (shape,) = shapes
        sizes = self.spelled(shape).sizes(shape, self.kernel(shape))
        result = tuple(sizes[letter] for letter in self.spelled(shape).result)
        outputs = elements(result)
        own = 2 * elements(tuple(sizes.values())) - outputs + (0 if self.biases(shape) is None else outputs)
        return own if self.activation is None else own + int(self.activation.flops(result))


@spec
class DenseGeneral(_Contraction):
    """Fully connected layer from one axis of the input or several, to one axis or several.

    y = activation(x · kernel + bias), summed over ``axes``; the new axes are the last ones

    Shapes: x (batch, ...) with ``axes`` anywhere behind the batch; kernel (*in, *features), with the sizes of ``axes``
    in the input's order; bias features; y (batch, the input's other axes, *features). The kernel is drawn as the matrix
    of all inputs and all outputs, hence with its fans.
    Source: ``flax.linen.DenseGeneral``.
    """

    features: PositiveInt | Annotated[tuple[PositiveInt, ...], Field(min_length=1)]
    axes: Axes = -1
    activation: AnyActivation = None
    use_bias: bool = True
    kernel_init: AnyInitializer = "glorot_uniform"
    bias_init: AnyInitializer = "zeros"

    @property
    def outputs(self) -> tuple[int, ...]:
        """The sizes of the new axes."""
        return self.features if isinstance(self.features, tuple) else (self.features,)

    def spelled(self, shape: Shape) -> Equation:
        """The equation, with letters for all axes."""
        summed = feature_axes(shape, self.axes, "DenseGeneral")
        letters = ascii_lowercase[: len(shape)]
        new = ascii_lowercase[len(shape) : len(shape) + len(self.outputs)]
        kept = "".join(letter for axis, letter in enumerate(letters) if axis not in summed)
        return Equation((letters, "".join(letters[axis] for axis in summed) + new), kept + new)

    def kernel(self, shape: Shape) -> tuple[int, ...]:
        """The kernel's shape."""
        summed = feature_axes(shape, self.axes, "DenseGeneral")
        inputs = (known(shape[axis], f"axis {axis} of DenseGeneral's input") for axis in summed)
        return (*inputs, *self.outputs)

    def biases(self, shape: Shape) -> tuple[int, ...] | None:
        """The shape in which the bias is added, or None."""
        return self.outputs if self.use_bias else None

    def params(self, *shapes: Shape) -> dict[str, Param]:
        kernel, new = self.kernel(shapes[0]), prod(self.outputs)
        made = {"kernel": Param(kernel, self.kernel_init, decay=True, drawn=(prod(kernel) // new, new))}
        if self.use_bias:
            made["bias"] = Param(self.outputs, self.bias_init, drawn=(new,))
        return made


@spec
class EinsumDense(_Contraction):
    """Multiplication by a kernel of any axes, as an equation of Einstein's summation says.

    y = activation(Σ x · kernel + bias), with Σ over the letters that the result lacks

    ``abc,cde->abde`` is a Dense to two axes, ``...x,xy->...y`` one of inputs of any rank, and in ``abc,bcd->abd`` an
    axis of the input picks its kernel. The first axis of the input is the batch, and that of the result. The letters of
    an operand differ.

    Shapes: x and y as the equation says; kernel ``kernel_shape``, where null stands for the size of the input's axis of
    that letter; bias the sizes of ``bias_axes`` in the result's order, none without them. A kernel whose summed axes
    come first, and whose others the input lacks, is drawn as the matrix of all inputs and all outputs, any other one as
    a convolution's.
    Source: ``keras.layers.EinsumDense``, ``flax.nnx.Einsum``.

    Attributes:
        bias_axes: letters of the result.
    """

    equation: str
    kernel_shape: Annotated[tuple[PositiveInt | None, ...], Field(min_length=1)]
    bias_axes: str | None = None
    activation: AnyActivation = None
    kernel_init: AnyInitializer = "glorot_uniform"
    bias_init: AnyInitializer = "zeros"

    def __post_init__(self) -> None:
        read = Equation.read(self.equation)
        if len(read.operands) != 2 or "..." in read.operands[1]:
            raise SpecError(f"expected an input and a kernel without '...', got {self.equation!r}", ("equation",))
        x, kernel = read.operands
        first = {term[:3] if term.startswith("...") else term[:1] for term in (x, read.result)}
        if len(first) > 1 or x[:1] in kernel:
            raise SpecError(
                f"the first axis of the input is the batch, and that of the result, which {self.equation!r} denies",
                ("equation",),
            )
        if len(kernel) != len(self.kernel_shape):
            raise SpecError(
                f"expected {len(kernel)} sizes for {kernel!r}, got {len(self.kernel_shape)}", ("kernel_shape",)
            )
        for i, (letter, size) in enumerate(zip(kernel, self.kernel_shape, strict=True)):
            if size is None and letter not in x:
                raise SpecError(f"the input has no axis {letter!r} to take the size of", ("kernel_shape", i))
        if not set(self.bias_axes or "") <= set(read.result[1:]) - {"."}:
            raise SpecError(f"expected letters of {read.result!r}, got {self.bias_axes!r}", ("bias_axes",))

    def spelled(self, shape: Shape) -> Equation:
        """The equation, with letters for all axes."""
        return Equation.read(self.equation).spelled(len(shape), len(self.kernel_shape))

    def kernel(self, shape: Shape) -> tuple[int, ...]:
        """The kernel's shape."""
        x, kernel = self.spelled(shape).operands
        sizes = dict(zip(x, shape, strict=True))
        return tuple(
            known(sizes[letter], f"axis {letter!r} of EinsumDense's input") if size is None else size
            for letter, size in zip(kernel, self.kernel_shape, strict=True)
        )

    def biases(self, shape: Shape) -> tuple[int, ...] | None:
        """The shape in which the bias is added, or None."""
        if not self.bias_axes:
            return None
        equation = self.spelled(shape)
        sizes = equation.sizes(shape, self.kernel(shape))
        first = min(map(equation.result.index, self.bias_axes))
        return tuple(
            known(sizes[letter], f"axis {letter!r} of EinsumDense's bias") if letter in self.bias_axes else 1
            for letter in equation.result[first:]
        )

    def params(self, *shapes: Shape) -> dict[str, Param]:
        (shape,) = shapes
        equation, kernel, bias = self.spelled(shape), self.kernel(shape), self.biases(shape)
        (x, term), drawn = equation.operands, None
        summed = [letter for letter in term if letter not in equation.result]
        if not set(term[len(summed) :]) & set(x) and set(term[: len(summed)]) == set(summed):
            inputs = prod(kernel[: len(summed)])
            drawn = (inputs, prod(kernel) // inputs)
        made = {"kernel": Param(kernel, self.kernel_init, decay=True, drawn=drawn)}
        if bias is not None:
            of = [letter for letter in equation.result if letter in (self.bias_axes or "")]
            sizes = equation.sizes(shape, kernel)
            own = tuple(known(sizes[letter], "every axis") for letter in of)
            made["bias"] = Param(own, self.bias_init, drawn=(prod(own),))
        return made


@spec
class Bilinear(Layer):
    """A form of two inputs for each feature.

    y_f = Σ_{i,j} x1_i · kernel[i, j, f] · x2_j + bias_f

    Shapes: x1 (batch, ..., in1), x2 (batch, ..., in2) with the same axes before the last, kernel (in1, in2, features),
    bias (features,), y (batch, ..., features). The kernel is drawn as the matrix (in1 · in2, features).
    Source: ``torch.nn.Bilinear``, whose kernel has the features first.
    """

    arity: ClassVar[int | None] = 2
    features: PositiveInt
    use_bias: bool = True
    kernel_init: AnyInitializer = "glorot_uniform"
    bias_init: AnyInitializer = "zeros"

    def params(self, *shapes: Shape) -> dict[str, Param]:
        one, other = (known(shape[-1], "the last axis of Bilinear's inputs") for shape in shapes)
        drawn = (one * other, self.features)
        made = {"kernel": Param((one, other, self.features), self.kernel_init, decay=True, drawn=drawn)}
        if self.use_bias:
            made["bias"] = Param((self.features,), self.bias_init)
        return made

    def output_shape(self, *shapes: Shape) -> Shape:
        one, other = shapes
        if min(map(len, shapes)) < 2 or one[:-1] != other[:-1]:
            raise ShapeError(
                "Bilinear needs two inputs of the same axes (batch, ...) and features, "
                f"got {show(one)} and {show(other)}"
            )
        return (*one[:-1], self.features)

    def flops(self, *shapes: tuple[int, ...]) -> int:
        one, other = shapes
        positions, pairs = elements(one[:-1]), one[-1] * other[-1]
        return positions * (pairs + self.features * (2 * pairs - 1 + self.use_bias))
