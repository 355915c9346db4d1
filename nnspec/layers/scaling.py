"""Layers that scale and shift by fixed numbers, or by learned factors."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from nnspec.errors import ShapeError, SpecError
from nnspec.initializers import Constant
from nnspec.layers.base import Layer, Param, Shape, elements, known, show
from nnspec.spec import AnyInitializer, NonNegativeFloat, PositiveFloat, spec

# One number for all channels, or one for each.
PerChannel = float | Annotated[tuple[float, ...], Field(min_length=1)]
PerChannelNonNegative = NonNegativeFloat | Annotated[tuple[NonNegativeFloat, ...], Field(min_length=1)]


def _check_channels(what: str, shape: Shape, **given: PerChannel | None) -> None:
    """Fields with a number for each channel have as many as the last axis has elements."""
    for name, value in given.items():
        if isinstance(value, tuple) and (len(shape) < 2 or shape[-1] != len(value)):
            raise ShapeError(f"{what}'s {name} has {len(value)} numbers, one for each channel, for input {show(shape)}")


@spec
class Rescaling(Layer):
    """y = x · scale + offset, with one number for all channels, or one for each of them.

    Shapes: y as x; channels are the last axis.
    Source: ``keras.layers.Rescaling``.
    """

    scale: PerChannel
    offset: PerChannel = 0.0

    def output_shape(self, *shapes: Shape) -> Shape:
        _check_channels("Rescaling", shapes[0], scale=self.scale, offset=self.offset)
        return shapes[0]

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return 2 * elements(shapes[0])


@spec
class Normalization(Layer):
    """Normalization by the mean and the variance of a data set.

    y = (x − mean) / max(√var, epsilon)
    y = x · max(√var, epsilon) + mean   if ``invert``

    Without ``mean`` and ``var``, both are variables, 0 and 1 at first, that training leaves as they are: those of a
    data set come with a file of variables, or are assigned.

    Shapes: x, y (batch, ..., channels); mean, var (channels,).
    Source: ``keras.layers.Normalization``, whose epsilon is 1e-7.

    Attributes:
        mean: of all channels, or of each; given together with ``var``.
        var: of all channels, or of each.
        invert: whether the layer goes the other way.
    """

    mean: PerChannel | None = None
    var: PerChannelNonNegative | None = None
    epsilon: PositiveFloat = 1e-7
    invert: bool = False

    def __post_init__(self) -> None:
        if (self.mean is None) != (self.var is None):
            given, lacking = ("mean", "var") if self.var is None else ("var", "mean")
            raise SpecError(f"Normalization takes mean and var together: {lacking} is missing", (given,))

    def params(self, *shapes: Shape) -> dict[str, Param]:
        if self.mean is not None:
            return {}
        channels = known(shapes[0][-1], "the last axis of Normalization's input")
        return {
            "mean": Param((channels,), "zeros", kind="statistic"),
            "var": Param((channels,), "ones", kind="statistic"),
        }

    def output_shape(self, *shapes: Shape) -> Shape:
        if self.mean is None and len(shapes[0]) < 2:
            raise ShapeError(f"Normalization needs inputs of at least 2 axes, got {show(shapes[0])}")
        _check_channels("Normalization", shapes[0], mean=self.mean, var=self.var)
        return shapes[0]

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return 2 * elements(shapes[0])


@spec
class LayerScale(Layer):
    """A learned factor for each channel, small at first, for the end of a residual branch.

    y = x · scale

    Shapes: x, y (batch, ..., channels); scale (channels,).
    Source: Touvron et al. 2021, arXiv:2103.17239.
    """

    scale_init: AnyInitializer = Constant(1e-6)

    def params(self, *shapes: Shape) -> dict[str, Param]:
        return {"scale": Param((known(shapes[0][-1], "the last axis of LayerScale's input"),), self.scale_init)}

    def output_shape(self, *shapes: Shape) -> Shape:
        if len(shapes[0]) < 2:
            raise ShapeError(f"LayerScale needs inputs of at least 2 axes (batch and channels), got {show(shapes[0])}")
        return shapes[0]
