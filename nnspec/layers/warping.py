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
from typing import ClassVar, Literal

from nnspec.errors import ShapeError, SpecError
from nnspec.layers.augmentation import Augmentation, Range, bounds, check_images, check_range
from nnspec.layers.base import Shape, known, show
from nnspec.spec import Probability, spec

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

    def chance(self) -> float:
        """The probability with which an image is changed, by w₀ where it is below 1."""
        return 1.0

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


@spec
class RandomPerspective(_Warp):
    """Images seen from another side: their four corners are moved, and what is between them along straight lines.

    s = H · a/k,   t = W · b/k,   (a, b, k) = M⁻¹ · (p/H, q/W, 1),   H, W = height − 1, width − 1

    (1 where they are 0) where w₀ decides so; else s = p, t = q. M is the 3×3 matrix of the projective map that takes
    the corners of the unit square, (0, 0), (0, 1), (1, 0), (1, 1), to the moved ones. Corner n, (u, v), moves to

    * ``corners`` "inward": (u ± α, v ± β), toward the middle, with α = w₁₊₂ₙ → [0, scale/2], β = w₂₊₂ₙ → [0, scale/2];
    * "scaled": (u · (1 + α), v · (1 + β)), with α and β from −scale/2 to scale/2, so that (0, 0) stays.

    s and t are cut to ±2²⁰.

    Shapes: x, y (batch, height, width, channels).
    Source: torchvision's ``RandomPerspective`` (``distortion_scale``), but for its whole elements; "scaled" is
    ``keras.layers.RandomPerspective``, whose ``factor`` is a range from which a probability is drawn: the mean of the
    range is ``probability`` here.

    Attributes:
        scale: how far corners move, as a share of the sides.
        probability: that an image is changed.
        corners: how they move.
        fill_mode, fill_value: what lies beyond the image.
        interpolation: what lies between its elements.
    """

    scale: Probability = 0.5
    probability: Probability = 0.5
    corners: Literal["inward", "scaled"] = "inward"
    fill_mode: FillMode = dataclasses.field(default="constant", kw_only=True)

    def draws(self) -> int:
        return 9

    def chance(self) -> float:
        return self.probability

    def moves(self) -> tuple[float, float]:
        """The range of what corners move by."""
        return (0.0 if self.corners == "inward" else -self.scale / 2), self.scale / 2


@spec
class RandomElasticTransform(_Warp):
    """Images distorted by a smooth random field.

    s = p + α σ · Σ over i and j of K(i) · K(j) · z₁[b, p + i, q + j],   t = q + the same of z₂

    where w₀ decides so; else s = p, t = q. z₁ and z₂ are standard normal, the elements (p, q, 0) and (p, q, 1) of an
    array (batch, height, width, 2) of the stream (node, "noise", call), and 0 beyond the image. f = w₁ → scale,
    α = f · (0.1 · max(height, width)), σ = f · (0.05 · min(height, width)), all in float64.
    K(i) = exp(−½ (i/σ)²) / Σ over j of exp(−½ (j/σ)²), with i and j from −3⌊σ⌋ to 3⌊σ⌋.

    Shapes: x, y (batch, height, width, channels).
    Source: Simard et al. 2003, *Best practices for convolutional neural networks applied to visual document analysis*,
    as ``keras.layers.RandomElasticTransform`` has it, which draws one f for the whole batch, takes (3.15) one field
    for both z₁ and z₂, and clips y to a ``value_range``. Its ``factor`` is a range from which a probability is drawn:
    the mean of the range is ``probability`` here.

    Attributes:
        scale: the range of the strength f, within 0 to 1; a number for the range from 0 to it.
        probability: that an image is changed.
        fill_mode, fill_value: what lies beyond the image.
        interpolation: what lies between its elements.
    """

    random: ClassVar[tuple[str, ...]] = ("augmentation", "noise")
    scale: Range = 1.0
    probability: Probability = 0.5

    def __post_init__(self) -> None:
        _Warp.__post_init__(self)
        check_range("scale", self.strengths(), 0, 1)

    def strengths(self) -> tuple[float, float]:
        """The lower and the upper end of ``scale``."""
        return self.scale if isinstance(self.scale, tuple) else (0.0, self.scale)

    def draws(self) -> int:
        return 2

    def chance(self) -> float:
        return self.probability

    def units(self, height: int, width: int) -> tuple[float, float, int]:
        """α and σ of the strength 1, and how far the widest kernel reaches."""
        sigma = 0.05 * min(height, width)
        return 0.1 * max(height, width), sigma, 3 * int(sigma * self.strengths()[1])
