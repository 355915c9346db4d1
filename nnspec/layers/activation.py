"""Activations: the union of ``jax.nn`` and ``keras.activations``, and PReLU.

The derivative where two pieces meet is part of the meaning: it is that of the flat piece if one of the two is flat
(ReLU at 0, hard tanh at ±1: 0), else that of the piece on the left (leaky ReLU at 0: the slope). Products follow the
product rule from there (hard SiLU at 3: 1). NaN passes through every activation.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

from nnspec.errors import ShapeError
from nnspec.layers.base import Activation, Layer, Param, Shape, feature_axis, known, show
from nnspec.spec import AnyInitializer, NonNegativeFloat, PositiveFloat, spec


@spec
class CELU(Activation):
    """y = x for x > 0, alpha · (e^(x/alpha) − 1) else; y′(0) = 1. Source: Barron 2017, arXiv:1704.07483."""

    alpha: PositiveFloat = 1.0


@spec
class ELU(Activation):
    """y = x for x > 0, alpha · (eˣ − 1) else; y′(0) = alpha. Source: Clevert et al. 2016, arXiv:1511.07289."""

    alpha: NonNegativeFloat = 1.0


@spec
class Exponential(Activation):
    """y = eˣ."""


@spec
class GELU(Activation):
    """y = x · Φ(x) with the normal distribution function Φ(x) = (1 + erf(x/√2))/2.

    With ``approximate``: y = x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³))). Source: Hendrycks & Gimpel 2016,
    arXiv:1606.08415.
    """

    approximate: bool = False


@spec
class GLU(Activation):
    """y = a · σ(b), where x splits into halves a and b along ``axis``. Source: Dauphin et al. 2017, arXiv:1612.08083.

    Shapes: x (..., 2n, ...), y (..., n, ...).
    """

    axis: int = -1

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        axis = feature_axis(shape, self.axis, "GLU")
        size = known(shape[axis], "GLU's axis")
        if size % 2:
            raise ShapeError(f"GLU halves axis {self.axis}, whose size {size} is odd, of input {show(shape)}")
        return (*shape[:axis], size // 2, *shape[axis + 1 :])


@spec
class HardShrink(Activation):
    """y = x for |x| > threshold, 0 else; y′(±threshold) = 0."""

    threshold: NonNegativeFloat = 0.5


@spec
class HardSigmoid(Activation):
    """y = min(max(x + 3, 0), 6) / 6; y′ = 0 at ±3.

    ``convention="keras2"``: y = min(max(0.2 x + 0.5, 0), 1), y′ = 0 at ±2.5, as Keras 1 and 2 and Theano had it.
    Source: Howard et al. 2019, arXiv:1905.02244; Courbariaux et al. 2015.
    """

    convention: Literal["relu6", "keras2"] = "relu6"


@spec
class HardSilu(Activation):
    """y = x · min(max(x + 3, 0), 6) / 6 (hard swish); y′(−3) = 0, y′(3) = 1. Source: arXiv:1905.02244."""


@spec
class HardTanh(Activation):
    """y = min(max(x, −1), 1); y′(±1) = 0."""


@spec
class Identity(Activation):
    """y = x (Keras's "linear")."""


@spec
class LeakyReLU(Activation):
    """y = x for x > 0, negative_slope · x else; y′(0) = negative_slope. Source: Maas et al. 2013."""

    negative_slope: NonNegativeFloat = 0.01


@spec
class LogSigmoid(Activation):
    """y = ln σ(x) = −ln(1 + e⁻ˣ), without overflow."""


@spec
class LogSoftmax(Activation):
    """y = x − ln Σ eˣ along ``axis``, without overflow.

    An element of −∞ is taken out: y is −∞ there, and the others are as if it did not exist, as long as one is left.
    """

    axis: int = -1

    def output_shape(self, *shapes: Shape) -> Shape:
        feature_axis(shapes[0], self.axis, "log_softmax")
        return shapes[0]


@spec
class Mish(Activation):
    """y = x · tanh(ln(1 + eˣ)). Source: Misra 2019, arXiv:1908.08681."""


@spec
class ReLU(Activation):
    """y = x for x > threshold, negative_slope · (x − threshold) else, then at most ``max_value``.

    y′ = negative_slope at the threshold, 0 at ``max_value``. With the defaults, max(x, 0) with y′(0) = 0.
    Source: Nair & Hinton 2010; the parameters are those of Keras's ``relu``.
    """

    negative_slope: NonNegativeFloat = 0.0
    max_value: PositiveFloat | None = None
    threshold: NonNegativeFloat = 0.0


@spec
class ReLU6(Activation):
    """y = min(max(x, 0), 6); y′(0) = y′(6) = 0. Source: Krizhevsky 2010."""


@spec
class SELU(Activation):
    """y = λx for x > 0, λα(eˣ − 1) else, λ = 1.0507009873554805, α = 1.6732632423543772; y′(0) = λα.

    Source: Klambauer et al. 2017, arXiv:1706.02515.
    """


@spec
class Sigmoid(Activation):
    """y = 1 / (1 + e⁻ˣ)."""


@spec
class Silu(Activation):
    """y = x · σ(x) (swish). Source: Elfwing et al. 2018, arXiv:1702.03118."""


@spec
class SoftShrink(Activation):
    """y = x − threshold for x > threshold, x + threshold for x < −threshold, 0 else; y′(±threshold) = 0."""

    threshold: NonNegativeFloat = 0.5


@spec
class SoftSign(Activation):
    """y = x / (1 + |x|); y′(0) = 1. Source: Bergstra et al. 2009."""


@spec
class Softmax(Activation):
    """y = eˣ / Σ eˣ along ``axis``, without overflow.

    An element of −∞ is taken out: y and the gradient are 0 there, and the others are as if it did not exist, as long as
    one is left.
    """

    axis: int = -1

    def output_shape(self, *shapes: Shape) -> Shape:
        feature_axis(shapes[0], self.axis, "softmax")
        return shapes[0]


@spec
class Softplus(Activation):
    """y = ln(1 + eˣ), without overflow. Source: Dugas et al. 2001."""


@spec
class SparsePlus(Activation):
    """y = 0 for x ≤ −1, (x + 1)²/4 for −1 < x < 1, x for x ≥ 1. Source: ``jax.nn.sparse_plus``."""


@spec
class SparseSigmoid(Activation):
    """y = min(max((x + 1)/2, 0), 1); y′(±1) = 0. The derivative of sparse plus. Source: ``jax.nn.sparse_sigmoid``."""


@spec
class Sparsemax(Activation):
    """The Euclidean projection of x onto the probability simplex along ``axis``.

    yᵢ = max(xᵢ − τ, 0) with Σ yᵢ = 1. The gradient is v − mean(v over the support) on the support (yᵢ > 0), 0 off it.
    Source: Martins & Astudillo 2016, arXiv:1602.02068.
    """

    axis: int = -1

    def output_shape(self, *shapes: Shape) -> Shape:
        feature_axis(shapes[0], self.axis, "sparsemax")
        return shapes[0]


@spec
class Squareplus(Activation):
    """y = (x + √(x² + b))/2. Source: Barron 2021, arXiv:2112.11687."""

    b: NonNegativeFloat = 4.0


@spec
class Standardize(Activation):
    """y = (x − mean) / √(var + epsilon) with the mean and biased variance along ``axis``.

    Source: ``jax.nn.standardize``.
    """

    axis: int = -1
    epsilon: PositiveFloat = 1e-5

    def output_shape(self, *shapes: Shape) -> Shape:
        feature_axis(shapes[0], self.axis, "standardize")
        return shapes[0]


@spec
class Tanh(Activation):
    """y = tanh(x)."""


@spec
class TanhShrink(Activation):
    """y = x − tanh(x)."""


@spec
class Threshold(Activation):
    """y = x for x > threshold, ``value`` else; y′(threshold) = 0."""

    threshold: float = 0.0
    value: float = 0.0


@spec
class PReLU(Layer):
    """Leaky ReLU with a learned slope per channel (the last axis), or one for all with ``shared``.

    y = x for x > 0, slope · x else; ∂y/∂x = slope and ∂y/∂slope = 0 at x = 0.

    Shapes: x, y (batch, ..., features); slope (features,) or (1,).
    Source: He et al. 2015, arXiv:1502.01852.
    """

    slope_init: AnyInitializer = dataclasses.field(default_factory=lambda: {"constant": 0.25})
    shared: bool = False

    def params(self, *shapes: Shape) -> dict[str, Param]:
        size = 1 if self.shared else known(shapes[0][-1], "the last axis of PReLU's input")
        return {"slope": Param((size,), self.slope_init)}

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if len(shape) < 2:
            raise ShapeError(f"PReLU needs inputs of at least 2 axes (batch and features), got {show(shape)}")
        return shape
