"""Layers that shift, turn, stretch and distort images at random in training.

They stand at the front of a model, and images are (batch, height, width, channels). An element y[b, p, q] is read from
x[b] at the row s and the column t that the layer's class says. Both are real numbers, computed in float64; element
(p, q) lies at the row p and the column q. (c_p, c_q) is the middle of the image, (height − 1)/2 and (width − 1)/2.

* ``interpolation`` "bilinear": with i = ⌊s⌋, j = ⌊t⌋, f = s − i and g = t − j,
  y = (1 − f)(1 − g) · x[i, j] + (1 − f) g · x[i, j + 1] + f (1 − g) · x[i + 1, j] + f g · x[i + 1, j + 1];
* "nearest": y = x[⌊s + ½⌋, ⌊t + ½⌋]: a half goes up.

Elements beyond x, by ``fill_mode`` and for n rows or columns a, b, …, d:

* "constant": ``fill_value``, between which and the elements at the edge "bilinear" is bilinear, too;
* "nearest": a a a | a b c d | d d d;
* "reflect": c b a | a b c d | d c b: −1 is 0, n is n − 1, with the period 2n;
* "wrap": b c d | a b c d | a b c: −1 is n − 1, n is 0, with the period n.

These are the modes grid-constant, nearest, reflect and grid-wrap of ``scipy.ndimage.map_coordinates``. Keras on
TensorFlow lets "nearest" round halves away from 0, and has for "wrap" a gap between the last element and the first.

What is drawn is drawn for each image by itself; w₀, w₁, … are the words of the image (docs/randomness.md), and
w₀ → [a, b] is the number that word makes between a and b. In inference y = x. Gradients pass to the elements that are
read, by the weights with which they are; what was drawn has none.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

from nnspec.errors import ShapeError, SpecError
from nnspec.layers.augmentation import Augmentation, Range, bounds, check_images, check_range
from nnspec.layers.base import Shape, known, show
from nnspec.spec import spec

FillMode = Literal["constant", "nearest", "reflect", "wrap"]


@spec
class _Warp(Augmentation):
    """Base of layers that read each element of the output from another place of the image."""

    fill_mode: FillMode = dataclasses.field(default="reflect", kw_only=True)
    fill_value: float = dataclasses.field(default=0.0, kw_only=True)
    interpolation: Literal["bilinear", "nearest"] = dataclasses.field(default="bilinear", kw_only=True)

    def __post_init__(self) -> None:
        if self.fill_value and self.fill_mode != "constant":
            raise SpecError(f"a fill value is for the mode constant, not for {self.fill_mode}", ("fill_value",))

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,), what = shapes, type(self).__name__
        check_images(shape, what)
        if 0 in [known(size, f"each axis of {what}'s images") for size in shape[1:3]]:
            raise ShapeError(f"{what} has nothing to take in input {show(shape)}")
        return shape


@spec
class RandomTranslation(_Warp):
    """Images shifted down and to the right by random numbers of elements.

    s = p − height · (w₀ → height_factor),   t = q − width · (w₁ → width_factor)

    Shapes: x, y (batch, height, width, channels).
    Source: ``keras.layers.RandomTranslation``.

    Attributes:
        height_factor: the range of the shift down as a share of the height, within −1 to 1; a number f for [−f, f].
        width_factor: of the shift to the right as a share of the width, likewise.
        fill_mode, fill_value: what lies beyond the image.
        interpolation: what lies between its elements.
    """

    height_factor: Range
    width_factor: Range

    def __post_init__(self) -> None:
        _Warp.__post_init__(self)
        check_range("height_factor", self.height_factor, -1, 1)
        check_range("width_factor", self.width_factor, -1, 1)

    def draws(self) -> int:
        return 2


@spec
class RandomRotation(_Warp):
    """Images turned about their middle by random angles, counterclockwise for positive ones.

    s = c_p + cos α · (p − c_p) + sin α · (q − c_q),   t = c_q − sin α · (p − c_p) + cos α · (q − c_q)

    with α = 2π · (w₀ → factor). Sine and cosine are those of α less its nearest number of quarter turns, which are made
    exactly: at a quarter turn rows become columns, without any rounding.

    Shapes: x, y (batch, height, width, channels).
    Source: ``keras.layers.RandomRotation``.

    Attributes:
        factor: the range of the angle as a share of a whole turn, within −1 to 1; a number f for [−f, f].
        fill_mode, fill_value: what lies beyond the image.
        interpolation: what lies between its elements.
    """

    factor: Range

    def __post_init__(self) -> None:
        _Warp.__post_init__(self)
        check_range("factor", self.factor, -1, 1)


@spec
class RandomZoom(_Warp):
    """Images made smaller or larger about their middle by random factors.

    s = c_p + (1 + w₀ → height_factor) · (p − c_p),   t = c_q + (1 + w₁ → width_factor) · (q − c_q)

    A positive factor zooms out. Without a width_factor both axes have w₀'s number, which keeps the ratio of the sides.

    Shapes: x, y (batch, height, width, channels).
    Source: ``keras.layers.RandomZoom``.

    Attributes:
        height_factor: the range of the factor along rows, above −1 and up to 1; a number f for [−f, f].
        width_factor: of that along columns; null for the same number.
        fill_mode, fill_value: what lies beyond the image.
        interpolation: what lies between its elements.
    """

    height_factor: Range
    width_factor: Range | None = None

    def __post_init__(self) -> None:
        _Warp.__post_init__(self)
        for name, factor in (("height_factor", self.height_factor), ("width_factor", self.width_factor)):
            if factor is not None:
                check_range(name, factor, -1, 1)
                if bounds(factor)[0] == -1:
                    raise SpecError("nothing is left of an image at a factor of -1", (name,))

    def draws(self) -> int:
        return 2

    def factors(self) -> tuple[tuple[int, tuple[float, float]], tuple[int, tuple[float, float]]]:
        """For rows and for columns, the word and the range of 1 + its number."""
        (low, high), rows = bounds(self.height_factor), 0
        if self.width_factor is None:
            return (rows, (1 + low, 1 + high)), (rows, (1 + low, 1 + high))
        left, right = bounds(self.width_factor)
        return (rows, (1 + low, 1 + high)), (1, (1 + left, 1 + right))


@spec
class RandomShear(_Warp):
    """Images sheared by random factors: columns shifted by a share of the row, and rows by a share of the column.

    s = p + sign · (w₁ → y_factor) · (q − o_q),   t = q + sign · (w₀ → x_factor) · (p − o_p)

    with (o_p, o_q) the middle of the image, or (0, 0). sign is 1, or with ``mirrored`` −1 where w₂ decides so, with
    probability ½.

    Shapes: x, y (batch, height, width, channels).
    Source: ``keras.layers.RandomShear``, which has ``origin`` "corner" and ``mirrored``, and factors from 0 to 1;
    torchvision's ``RandomAffine`` shears about the middle, by angles whose tangents the factors are.

    Attributes:
        x_factor: the range of the factor by which columns shift, within −1 to 1; a number f for [−f, f].
        y_factor: of that by which rows shift, likewise.
        mirrored: whether both factors may change their signs.
        origin: the place that stays where it is.
        fill_mode, fill_value: what lies beyond the image.
        interpolation: what lies between its elements.
    """

    x_factor: Range = 0.0
    y_factor: Range = 0.0
    mirrored: bool = False
    origin: Literal["center", "corner"] = "center"

    def __post_init__(self) -> None:
        _Warp.__post_init__(self)
        check_range("x_factor", self.x_factor, -1, 1)
        check_range("y_factor", self.y_factor, -1, 1)

    def draws(self) -> int:
        return 3
