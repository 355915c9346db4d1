"""Variables that are values by themselves: free weights, class tokens, fixed arrays."""

from __future__ import annotations

from typing import Any

from nnspec.layers.base import DType, Layer, Param, Shape
from nnspec.spec import AnyInitializer, PositiveInt, spec


@spec
class Parameter(Layer):
    """A variable as the value that each example has: a class token, a free weight, a fixed array.

    y[b, ...] = value[...] for every example b, of which the input says how many there are, and nothing else.

    The derivative by ``value`` is the sum over the batch, that by the input 0. The variable is no kernel: weight decay
    that is restricted to kernels leaves it alone.

    Shapes: x (batch, ...) of any dtype, value ``shape``, y (batch, *shape), (batch,) of one number.

    Attributes:
        shape: of the variable; none for a single number.
        value_init: what draws it.
        trainable: otherwise training leaves it as it is.
    """

    shape: tuple[PositiveInt, ...]
    value_init: AnyInitializer = "zeros"
    trainable: bool = True

    def params(self, *shapes: Shape) -> dict[str, Param]:
        kind: Any = "parameter" if self.trainable else "statistic"
        return {"value": Param(self.shape, self.value_init, kind)}

    def output_shape(self, *shapes: Shape) -> Shape:
        return (shapes[0][0], *self.shape)

    def output_dtype(self, *dtypes: DType) -> DType:
        return "float"

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return 0
