"""Layers that change how densely the axes between batch and channels are sampled."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field

from nnspec.errors import ShapeError, SpecError
from nnspec.layers.base import Layer, Shape, show
from nnspec.layers.shape import _Rearrangement
from nnspec.layers.window import Window
from nnspec.spec import spec


@spec
class Upsample(_Rearrangement):
    """Each element repeated along each axis between batch and channels: the nearest one, for integer factors.

    y[b, p, c] = x[b, ⌊p / factors⌋, c]

    The derivative by an element of x is the sum over all of its copies.

    Shapes: x (batch, *sizes, channels), y (batch, *(sizes · factors), channels).

    Attributes:
        factors: how often along each axis, Keras's ``size``.
    """

    factors: Window

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if len(shape) != len(self.factors) + 2:
            raise ShapeError(
                f"Upsample with {len(self.factors)} factors needs inputs of {len(self.factors) + 2} axes "
                f"(batch, one for each factor, and channels), got {show(shape)}"
            )
        sizes = (None if n is None else n * factor for n, factor in zip(shape[1:-1], self.factors, strict=True))
        return (shape[0], *sizes, shape[-1])


@spec
class Resize(Layer):
    """The axes between batch and channels resampled to given sizes: nearest, linear (bilinear, trilinear) or cubic.

    y[b, p, c] = Σ over q of w(p, q) · x[b, q, c], one axis after the other

    An element is the middle of its cell: among the n elements of x, position p of m lies at s = (p + ½) · n/m − ½
    (``coordinates`` "half_pixel"), or with the first and last elements of both on each other at
    s = p · (n − 1)/(m − 1) ("align_corners"; 0 where m = 1).

    * "nearest": the element ⌊s + ½⌋, of half pixels alone;
    * "linear": w(p, q) = k(q − s) / Σ over q of k(q − s), with k(t) = max(1 − |t|, 0);
    * "cubic": likewise, with Keys's k(t) = (a + 2)|t|³ − (a + 3)|t|² + 1 up to |t| = 1,
      a|t|³ − 5a|t|² + 8a|t| − 4a up to 2, and 0 beyond.

    q goes over the elements of x. With ``edges`` "repeat" it also goes over those beyond, which are the element at the
    edge; "linear" is the same with both, unless it has ``antialias``. With that, where there are fewer positions than
    elements, k is stretched: k((q − s) · m/n).

    The sum has a term for every q: where one element is NaN or infinite, the whole axis is NaN, but for "nearest".

    Shapes: x (batch, *sizes, channels), y (batch, *output_size, channels).
    Source: Keys 1981. The defaults are those of ``jax.image.resize`` without antialiasing and of ``tf.image.resize``;
    PyTorch's bicubic has a = −0.75 and repeats edges, with antialias a = −0.5 and drops them; its "nearest-exact" is
    "nearest" here.

    Attributes:
        output_size: the number of positions along each axis.
        a: of the cubic kernel, from −1 to 0; k is Keys's with −0.5.
        edges: of the methods that have a kernel.
    """

    output_size: Window
    method: Literal["nearest", "linear", "cubic"] = "linear"
    antialias: bool = False
    coordinates: Literal["half_pixel", "align_corners"] = "half_pixel"
    a: Annotated[float, Field(ge=-1, le=0)] = -0.5
    edges: Literal["drop", "repeat"] = "drop"

    def __post_init__(self) -> None:
        if self.method == "nearest" and self.antialias:
            raise SpecError("nothing is averaged by nearest", ("antialias",))
        if self.coordinates == "align_corners" and (self.antialias or self.method == "nearest"):
            raise SpecError("align_corners is for linear and cubic without antialias", ("coordinates",))
        if self.method != "cubic" and self.a != -0.5:
            raise SpecError(f"a is for the method cubic, not for {self.method}", ("a",))
        if self.method == "nearest" and self.edges != "drop":
            raise SpecError("edges are for linear and cubic, not for nearest", ("edges",))

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if len(shape) != len(self.output_size) + 2:
            raise ShapeError(
                f"Resize to {len(self.output_size)} sizes needs inputs of {len(self.output_size) + 2} axes "
                f"(batch, one for each size, and channels), got {show(shape)}"
            )
        if 0 in shape[1:-1]:
            raise ShapeError(f"Resize has nothing to resample in input {show(shape)}")
        return (shape[0], *self.output_size, shape[-1])

    def flops(self, *shapes: tuple[int, ...]) -> int:
        sizes, total = list(shapes[0]), 0
        if self.method == "nearest":
            return 0
        for axis, count in enumerate(self.output_size, 1):
            before, sizes[axis] = sizes[axis], count
            total += math.prod(sizes) * (2 * before - 1)
        return total

    def nearest(self, size: int, count: int) -> list[int]:
        """Which of the ``size`` elements of an axis each of ``count`` positions is."""
        return [(2 * p + 1) * size // (2 * count) for p in range(count)]

    def weights(self, size: int, count: int) -> list[list[float]]:
        """The matrix (count, size) by which an axis is multiplied."""
        return [self._row(size, count, p) for p in range(count)]

    def _row(self, size: int, count: int, p: int) -> list[float]:
        if self.coordinates == "half_pixel":
            place = (p + 0.5) * size / count - 0.5
        else:
            place = p * (size - 1) / (count - 1) if count > 1 else 0.0
        stretch = max(size / count, 1.0) if self.antialias else 1.0
        row, reach = [0.0] * size, math.ceil(2 * stretch) + 1
        for q in range(math.floor(place) - reach, math.ceil(place) + reach + 1):
            if 0 <= q < size or self.edges == "repeat":
                row[min(max(q, 0), size - 1)] += self._kernel(abs(q - place) / stretch)
        total = math.fsum(row)
        return [weight / total for weight in row]

    def _kernel(self, t: float) -> float:
        if self.method == "linear":
            return max(1 - t, 0.0)
        if t <= 1:
            return ((self.a + 2) * t - (self.a + 3)) * t * t + 1
        return ((self.a * t - 5 * self.a) * t + 8 * self.a) * t - 4 * self.a if t < 2 else 0.0
