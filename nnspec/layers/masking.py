"""Masks of positions, made of what stands there."""

from __future__ import annotations

from nnspec.errors import ShapeError
from nnspec.layers.base import DType, Layer, Shape, feature_axis
from nnspec.spec import spec


@spec
class PaddingMask(Layer):
    """Which positions are no padding: booleans for the ``mask`` of recurrent layers and of attention.

    y = (x ≠ value), or with ``axis`` y = any of (x ≠ value) along it.

    Ids are masked by themselves (``PaddingMask``, after which an Embedding still looks up the value), vectors by their
    features (``PaddingMask: {axis: -1}``). Masks never travel along with values: a layer that is to see one is given it
    as an input (docs/conventions.md). ``value`` is rounded to the dtype of x; NaN differs from everything.

    Shapes: x (batch, ...) of floats or int32, y of booleans, as x or without ``axis``.
    Source: ``mask_zero`` of ``keras.layers.Embedding``, and ``keras.layers.Masking``.

    Attributes:
        value: what padding consists of.
        axis: an axis of which one element that is not the value is enough.
    """

    value: float = 0.0
    axis: int | None = None

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if self.axis is None:
            return shape
        axis = feature_axis(shape, self.axis, "PaddingMask")
        return (*shape[:axis], *shape[axis + 1 :])

    def output_dtype(self, *dtypes: DType) -> DType:
        if dtypes[0] == "bool":
            raise ShapeError("PaddingMask finds padding among numbers, got bool input")
        return "bool"

    @property
    def whole(self) -> int | None:
        """The int32 that whole numbers are compared with; None if none of them is the value."""
        return int(self.value) if self.value.is_integer() and -(2**31) <= self.value < 2**31 else None

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return 0
