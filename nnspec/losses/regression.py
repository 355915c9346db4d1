"""Losses of numbers: errors per element, and likelihoods of what was observed."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from nnspec.errors import ShapeError
from nnspec.layers.base import Shape, show
from nnspec.losses.base import Loss
from nnspec.spec import PositiveFloat, spec


@spec
class MeanSquaredError(Loss):
    """l = (x − y)² per element."""


@spec
class HalfSquaredError(Loss):
    """l = (x − y)²/2 per element, whose gradient is x − y."""


@spec
class MeanAbsoluteError(Loss):
    """l = |x − y| per element; ∂l/∂x = 0 where x = y."""


@spec
class Huber(Loss):
    """l = e²/2 for |e| ≤ delta, delta · (|e| − delta/2) else, e = x − y, per element. Source: Huber 1964."""

    delta: PositiveFloat = 1.0


@spec
class LogCosh(Loss):
    """l = ln cosh(x − y) per element: e²/2 for small errors e, |e| − ln 2 for large ones; ∂l/∂x = tanh(x − y)."""


@spec
class MeanAbsolutePercentageError(Loss):
    """l = 100 · |x − y| / max(|y|, epsilon) per element, in percent; ∂l/∂x = 0 where x = y."""

    epsilon: PositiveFloat = 1e-7


@spec
class MeanSquaredLogarithmicError(Loss):
    """l = (ln(1 + max(x, ε)) − ln(1 + max(y, ε)))² per element, ε = ``epsilon``.

    Targets: y ≥ 0. An output that is clipped has gradient 0, at the bound too.
    """

    bounds: ClassVar[tuple[float, float]] = (0.0, math.inf)
    epsilon: PositiveFloat = 1e-7


@spec
class Pinball(Loss):
    """The loss of which a quantile is the minimum: l = max(q·(y − x), (q − 1)·(y − x)) per element, q = ``quantile``.

    ∂l/∂x = −q for x ≤ y, 1 − q else. Source: Koenker & Bassett 1978.
    """

    quantile: Annotated[float, Field(gt=0, lt=1)] = 0.5


@spec
class CosineDistance(Loss):
    """The cosine between outputs and targets along the last axis, as a loss.

    c = Σ x·y / (max(‖x‖, ε) · max(‖y‖, ε)), ε = ``epsilon``
    l = 1 − c        for ``form: distance``, Optax's
    l = −c           for ``form: negative``, Keras's

    Targets: y of x's shape. A norm that is clipped has gradient 0, at the bound too, so that ∂c/∂x is y / (ε·‖y‖) where
    ‖x‖ ≤ ε. Keras bounds the norm too, by 1e-7; Optax the squared norm: its epsilon is the square of this one.
    """

    axes: ClassVar[int] = 1
    alone: ClassVar[str] = "of one output has no gradient: give it vectors of two features at least"
    form: Literal["distance", "negative"] = "distance"
    epsilon: PositiveFloat = 1e-8


@spec
class PoissonNLL(Loss):
    """Negative log-likelihood of counts per element, whose rate is e^x, or x itself.

    l = e^x − y·x                       with ``log_input``, the default
    l = x − y · ln(x + epsilon)         else

    without the term ln y! of the targets alone. ``full`` adds Stirling's approximation of it,
    y ln y − y + ln(2π·y)/2, where y > 1. Targets: y ≥ 0 of x's shape.
    """

    bounds: ClassVar[tuple[float, float]] = (0.0, math.inf)
    log_input: bool = True
    full: bool = False
    epsilon: PositiveFloat = 1e-8


@spec
class GaussianNLL(Loss):
    """Negative log-likelihood of numbers per element, under normal distributions whose means and variances are put out.

    l = (ln v + (m − y)²/v) / 2         (+ ln(2π)/2 with ``full``)

    The outputs' last axis holds all means m first, then as many s: v = max(e^s, ε) with ``log_variance``, the default,
    v = max(s, ε) else, ε = ``epsilon``. A variance that is clipped has gradient 0, at the bound too.

    Shapes: outputs (..., 2·n), targets y and l (..., n). Source: Nix & Weigend 1994.

    Raises:
        ShapeError: the last axis cannot be halved.
    """

    log_variance: bool = True
    full: bool = False
    epsilon: PositiveFloat = 1e-6

    def positions(self, outputs: Shape) -> Shape:
        return self.target_shape(outputs)

    def target_shape(self, outputs: Shape) -> Shape:
        if not outputs or outputs[-1] is None or outputs[-1] % 2:
            raise ShapeError(f"GaussianNLL needs a mean and a variance for each number, got outputs {show(outputs)}")
        return (*outputs[:-1], outputs[-1] // 2)
