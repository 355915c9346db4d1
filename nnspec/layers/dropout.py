"""Layers that drop elements or add noise at random in training."""

from __future__ import annotations

import math
from typing import ClassVar

from nnspec.errors import ShapeError
from nnspec.layers.base import Layer, Shape, show
from nnspec.spec import Fraction, NonNegativeFloat, spec

# What SELU tends to below: −λα.
SELU_LIMIT = -1.7580993408473766


@spec
class _Dropping(Layer):
    """Base of layers that drop on masks.

    Attributes:
        rate: the probability with which an element is dropped.
    """

    random: ClassVar[tuple[str, ...]] = ("dropout",)
    rate: Fraction

    def shared(self, rank: int) -> tuple[int, ...]:
        """The axes of an input of so many axes whose elements share one word of the mask."""
        return ()

    def mask_shape(self, shape: Shape) -> tuple[int, ...]:
        """The mask's shape for an input of this shape (of which unknown sizes count as 1).

        Raises:
            ShapeError: an axis that shares the mask does not exist, or is named twice.
        """
        axes, what = self.shared(len(shape)), type(self).__name__
        for axis in axes:
            if not -len(shape) <= axis < len(shape):
                raise ShapeError(f"{what}: axis {axis} does not exist in input {show(shape)}")
        found = {axis % len(shape) for axis in axes}
        if len(found) < len(axes):
            raise ShapeError(f"{what}: axes {list(axes)} name an axis of input {show(shape)} twice")
        return tuple(1 if axis in found or size is None else size for axis, size in enumerate(shape))

    def output_shape(self, *shapes: Shape) -> Shape:
        self.mask_shape(shapes[0])
        return shapes[0]

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return 0


@spec
class Dropout(_Dropping):
    """Inverted dropout: in training each element is kept with probability 1 − rate and scaled by 1/(1 − rate).

    y = where(mask, x / (1 − rate), 0),   mask = bits < round((1 − rate) · 2³²)

    In inference, and for rate 0, y = x. ``bits`` are Philox words of the stream (node, "dropout", call), one per
    element in row-major order, at the counter of the current step (docs/randomness.md): the mask is the same in every
    dtype and on every backend. The gradient is the mask scaled by 1/(1 − rate).

    Shapes: y as x.
    Source: Srivastava et al. 2014, JMLR 15.

    Attributes:
        broadcast_dims: axes whose elements share one word of the mask, which has the size 1 there; 0 is the batch axis.
    """

    broadcast_dims: tuple[int, ...] = ()

    def shared(self, rank: int) -> tuple[int, ...]:
        return self.broadcast_dims


@spec
class SpatialDropout(_Dropping):
    """Dropout of whole channels: one word of the mask for all positions of a channel.

    y = where(mask, x / (1 − rate), 0), as Dropout with all axes between batch and channels in ``broadcast_dims``.

    Shapes: x, y (batch, ..., channels) with at least one axis between; the mask (batch, 1, ..., 1, channels).
    Source: Tompson et al. 2015, arXiv:1411.4280.
    """

    def output_shape(self, *shapes: Shape) -> Shape:
        if len(shapes[0]) < 3:
            raise ShapeError(f"SpatialDropout needs an axis between batch and channels, got {show(shapes[0])}")
        return shapes[0]

    def shared(self, rank: int) -> tuple[int, ...]:
        return tuple(range(1, rank - 1))


@spec
class StochasticDepth(_Dropping):
    """Dropout of whole examples ("drop path"), for the end of a residual branch, which is left out for them.

    y = where(mask, x / (1 − rate), 0), as Dropout with all axes but the batch's in ``broadcast_dims``.

    Shapes: y as x; the mask (batch, 1, ..., 1).
    Source: Huang et al. 2016, arXiv:1603.09382, who scale in inference; scaled in training here, as Dropout is.
    """

    def shared(self, rank: int) -> tuple[int, ...]:
        return tuple(range(1, rank))


@spec
class AlphaDropout(_Dropping):
    """Dropout for networks of SELU: dropped elements take the value α' that SELU tends to, and mean and variance stay.

    y = a · where(mask, x, α') + b,   α' = −1.7580993408473766
    a = 1 / √((1 − rate) · (1 + rate · α'²)),   b = −a · α' · rate

    The mask is Dropout's. In inference, and for rate 0, y = x. The gradient is the mask times a.

    Shapes: y as x.
    Source: Klambauer et al. 2017, arXiv:1706.02515.

    Attributes:
        broadcast_dims: axes whose elements share one word of the mask, as Dropout's.
    """

    broadcast_dims: tuple[int, ...] = ()

    @property
    def affine(self) -> tuple[float, float]:
        """a and b."""
        a = 1 / math.sqrt((1 - self.rate) * (1 + self.rate * SELU_LIMIT**2))
        return a, -a * SELU_LIMIT * self.rate

    def shared(self, rank: int) -> tuple[int, ...]:
        return self.broadcast_dims


@spec
class GaussianNoise(Layer):
    """Noise that is added in training: y = x + stddev · z, with z standard normal, one number per element.

    In inference, and for stddev 0, y = x. z is made inside the compiled step of Philox words of the stream (node,
    "noise", call) (docs/randomness.md): the same number everywhere but for rounding. The gradient is 1.

    Shapes: y as x.
    Source: Bishop 1995, *Training with noise is equivalent to Tikhonov regularization*; ``keras.layers.GaussianNoise``.
    """

    random: ClassVar[tuple[str, ...]] = ("noise",)
    stddev: NonNegativeFloat

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return 0


@spec
class GaussianDropout(Layer):
    """Noise by which elements are multiplied in training, of the mean and the variance of dropout's.

    y = x · (1 + √(rate / (1 − rate)) · z), with z as GaussianNoise's. In inference, and for rate 0, y = x. The gradient
    is that factor.

    Shapes: y as x.
    Source: Srivastava et al. 2014, JMLR 15, section 10.
    """

    random: ClassVar[tuple[str, ...]] = ("noise",)
    rate: Fraction

    @property
    def stddev(self) -> float:
        """The factor's standard deviation."""
        return math.sqrt(self.rate / (1 - self.rate))

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return 0


@spec
class GaussianSample(Layer):
    """A number from each of some normal distributions, whose means and variances the input has (reparameterization).

    z = μ + e^(s/2) · ε,    x = [μ, s],    ε standard normal

    The last axis of x holds all means μ first, then as many logarithms of variances s, as outputs for GaussianNLL do.
    In training ε is one number per element of z, made as GaussianNoise's; in inference z = μ. The gradient is 1 for μ
    and e^(s/2) · ε / 2 for s, in inference 0 for s.

    Shapes: x (batch, ..., 2·n), z (batch, ..., n).
    Source: Kingma & Welling 2014, arXiv:1312.6114, section 2.4. Penalty has the divergence that belongs to it, ``kl``.

    Raises:
        ShapeError: the last axis cannot be halved.
    """

    random: ClassVar[tuple[str, ...]] = ("noise",)

    def output_shape(self, *shapes: Shape) -> Shape:
        *others, last = shapes[0]
        if not others or last is None or last % 2:
            raise ShapeError(f"GaussianSample needs as many log variances as means, got {show(shapes[0])}")
        return (*others, last // 2)

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return 0
