"""Layers that make of each value of an image another one: inverted, coarser, or spread over the whole range.

The values of images lie in ``value_range``, from low to high; "a from (b, c)" is a number of each example's own,
uniform on that range. Where something is clipped, and at its bounds, the derivative is 0.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from nnspec.errors import SpecError
from nnspec.layers.augmentation import Range, check_range
from nnspec.layers.color import _Color, from_zero
from nnspec.spec import Probability, spec

Bits = Annotated[int, Field(ge=1, le=8)]


@spec
class RandomInvert(_Color):
    """Some images inverted: y = low + high − x.

    Shapes: x, y (batch, height, width, channels).
    Source: ``keras.layers.RandomInvert``, whose ``factor`` is a range from which a probability is drawn: its mean is
    ``probability`` here. It has y = high − x, which is the same where low = 0.

    Attributes:
        probability: that an image is inverted.
    """

    probability: Probability = 0.5


@spec
class Solarization(_Color):
    """Values from a threshold on inverted, after something has been added to all of them.

    z = clip(x + a · (high − low), low, high),   a from ``addition_factor``
    y = z where z < low + t · (high − low), else low + high − z,   t from ``threshold_factor``

    The derivative is 1 or −1, 0 where z is clipped, and that of the piece above at the threshold.

    Shapes: x, y (batch, height, width, channels).
    Source: ``keras.layers.Solarization``, whose code multiplies by 255 the upper ends of the two ranges alone.

    Attributes:
        addition_factor: the range of a, within 0 and 1; or one number a for (0, a).
        threshold_factor: the range of t, likewise.
    """

    addition_factor: Range = 0.0
    threshold_factor: Range = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("addition_factor", "threshold_factor"):
            check_range(name, from_zero(getattr(self, name)), 0.0, 1.0)

    def draws(self) -> int:
        return 2


@spec
class RandomPosterization(_Color):
    """Values of which only some bits are kept.

    y = ⌊z / 2ᵏ⌋ · 2ᵏ,   k = 8 − an integer of each example's own from ``bits``, with z = clip(x, low, high) and y in
    units of (high − low) / 255 above low

    The derivative is 0.

    Shapes: x, y (batch, height, width, channels).
    Source: ``keras.layers.RandomPosterization``. Its ``factor`` (a, b) stands for a to b − 1, one number b for 1 to
    b − 1.

    Attributes:
        bits: how many bits are kept, 1 to 8: from the first to the second number, or one number for all images.
    """

    bits: Bits | tuple[Bits, Bits]

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.ends[0] > self.ends[1]:
            raise SpecError(f"expected the smaller number first, got {list(self.ends)}", ("bits",))

    @property
    def ends(self) -> tuple[int, int]:
        """The fewest and the most bits."""
        return self.bits if isinstance(self.bits, tuple) else (self.bits, self.bits)
