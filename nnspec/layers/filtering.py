"""Layers that blur or sharpen images at random in training, by sums over the neighbors of each pixel.

The values of images lie in ``value_range``, from low to high; "f from (a, b)" is a number of each example's own,
uniform on that range. Beyond the edges of an image its values are 0, as Keras has it: what is summed up there grows
darker. Where something is clipped, and at its bounds, the derivative is 0.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from nnspec.errors import SpecError
from nnspec.layers.color import _Color, _Factor, from_zero
from nnspec.spec import PositiveFloat, PositiveInt, Probability, spec

# What is added to a drawn standard deviation, which may be all but 0: that of Keras.
LEAST_SIGMA = 1e-6


@spec
class RandomGaussianBlur(_Color):
    """Some images blurred by a normal distribution.

    y[i, j] = clip(Σ over p, q of w(p, σ₁) · w(q, σ₂) · x[i + p, j + q], low, high),
    w(p, σ) = exp(−p²/2σ²) / Σ over q of exp(−q²/2σ²),   σ₁, σ₂ from ``sigma``, plus 1e-6

    with p and q around 0, as many as ``kernel_size`` says. Images that are not blurred are clipped as well. The words
    of an example decide on that, on σ₁ along the height and on σ₂ along the width.

    Shapes: x, y (batch, height, width, channels).
    Source: ``keras.layers.RandomGaussianBlur``, whose ``factor`` is a range from which a probability is drawn: its mean
    is ``probability`` here. It draws one pair of σ for the whole batch, at most 1, and its kernels that are not square
    are no product of these w.

    Attributes:
        probability: that an image is blurred.
        kernel_size: odd; along height and width, or one number for both.
        sigma: the range of σ₁ and σ₂; or one number s for (0, s).
    """

    probability: Probability = 0.5
    kernel_size: PositiveInt | tuple[PositiveInt, PositiveInt] = 3
    sigma: PositiveFloat | tuple[Annotated[float, Field(ge=0)], PositiveFloat] = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if any(size % 2 == 0 for size in self.sizes):
            raise SpecError(f"expected odd numbers, got {list(self.sizes)}", ("kernel_size",))
        if self.spread[0] > self.spread[1]:
            raise SpecError(f"expected the lower end first, got {list(self.spread)}", ("sigma",))

    @property
    def sizes(self) -> tuple[int, int]:
        """The kernel's size along height and width."""
        return self.kernel_size if isinstance(self.kernel_size, tuple) else (self.kernel_size, self.kernel_size)

    @property
    def spread(self) -> tuple[float, float]:
        """The ends of σ."""
        lower, upper = from_zero(self.sigma)
        return lower + LEAST_SIGMA, upper + LEAST_SIGMA

    def draws(self) -> int:
        return 3


@spec
class RandomSharpness(_Factor):
    """Images mixed with their own blur, or with its opposite.

    y = clip(x + (1 − 2f) · (smooth − x), low, high), with f from ``factor``,

    where smooth is the sum of the nine pixels around each, the one in the middle five times, over 13. f = 0 blurs,
    f = 0.5 changes nothing, f = 1 sharpens.

    Shapes: x, y (batch, height, width, channels).
    Source: ``keras.layers.RandomSharpness``.

    Attributes:
        factor: the range of f, within 0 and 1; or one number f for (0, f).
    """
