"""A layer at each step of a sequence."""

from __future__ import annotations

from nnspec.errors import ShapeError, SpecError
from nnspec.layers.base import DType, Layer, Param, Shape, show
from nnspec.spec import AnyLayer, spec


@spec
class TimeDistributed(Layer):
    """A layer applied to each step of a sequence by itself, with the same variables.

    y[b, t] = layer(x[b, t]): steps are taken for examples, x (batch, time, ...) as (batch · time, ...).

    A norm with statistics, BatchNorm, therefore takes its mean over examples and steps. For Dense, activations, and
    norms of the last axis it changes nothing. Layers that draw at random and models are refused: several layers go one
    after the other, Dropout works on any shape anyway.

    Shapes: x (batch, time, ...), y (batch, time, ...), with the layer's shapes for what follows; the layer's variables
    are named ``layer/kernel`` and so on.
    Source: ``keras.layers.TimeDistributed``.
    """

    layer: AnyLayer

    def __post_init__(self) -> None:
        inner = self.layer
        what = type(inner).__name__
        if inner.name is not None:
            raise SpecError("name the layer around it", ("layer", "name"))
        if hasattr(inner, "to_file"):
            raise SpecError(f"{what} has layers of its own: put TimeDistributed around each of them", ("layer",))
        if inner.takes() not in (None, 1):
            raise SpecError(f"the layer has one input, {what} takes {inner.takes()}", ("layer",))
        if inner.random:
            raise SpecError(f"{what} draws at random, which needs no steps apart: use it by itself", ("layer",))

    @property
    def convolves(self) -> bool:
        within: bool = self.layer.convolves
        return within

    def params(self, *shapes: Shape) -> dict[str, Param]:
        made: dict[str, Param] = self.layer.params(step_shape(shapes[0]))
        return {f"layer/{name}": param for name, param in made.items()}

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        after = self.layer.output_shape(step_shape(shape))
        return (*shape[:2], *after[1:])

    def output_dtype(self, *dtypes: DType) -> DType:
        found: DType = self.layer.output_dtype(*dtypes)
        return found

    def flops(self, *shapes: tuple[int, ...]) -> int:
        batch, time, *rest = shapes[0]
        made: int = self.layer.flops((batch * time, *rest))
        return made


def step_shape(shape: Shape) -> Shape:
    """The shape of one step of a sequence, batch axis included.

    Raises:
        ShapeError: there is no axis of time.
    """
    if len(shape) < 2:
        raise ShapeError(f"TimeDistributed needs inputs of at least 2 axes (batch and time), got {show(shape)}")
    return (shape[0], *shape[2:])
