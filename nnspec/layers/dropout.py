"""Layers that drop at random in training."""

from __future__ import annotations

from typing import ClassVar

from nnspec.layers.base import Layer
from nnspec.spec import Fraction, spec


@spec
class Dropout(Layer):
    """Inverted dropout: in training each element is kept with probability 1 − rate and scaled by 1/(1 − rate).

    y = where(mask, x / (1 − rate), 0),   mask = bits < round((1 − rate) · 2³²)

    In inference, and for rate 0, y = x. ``bits`` are Philox words of the stream (node, "dropout", call), one per
    element in row-major order, at the counter of the current step (docs/randomness.md): the mask is the same in every
    dtype and on every backend. The gradient is the mask scaled by 1/(1 − rate).

    Shapes: y as x.
    Source: Srivastava et al. 2014, JMLR 15.
    """

    random: ClassVar[tuple[str, ...]] = ("dropout",)
    rate: Fraction

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return 0
