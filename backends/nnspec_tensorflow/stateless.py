"""Layers and operations without variables: functions of their inputs, with one Keras layer around them all."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

from nnspec.layers.base import Layer, Operation
from nnspec.spec import dump, parse
from nnspec_tensorflow.realize import missing, serializable, working
from nnspec_tensorflow.startup import keras, tf

Tensor = Any


@singledispatch
def formula(spec: Any, *inputs: Tensor) -> Tensor:
    """The value of a spec for inputs in the dtype that is computed in. Families register their classes.

    Raises:
        BackendError: there is none for this class.
    """
    raise missing(spec)


@serializable
class SpecFunction(keras.layers.Layer):
    """A layer or an operation of the spec that has no variables; those of several inputs take a list.

    bfloat16 and float16 are computed in float32 and rounded once; integers and booleans stay what they are.
    """

    def __init__(self, spec: Any, **options: Any) -> None:
        super().__init__(**options)
        self.spec: Layer = parse("layer", spec)

    @property
    def _listed(self) -> bool:
        return isinstance(self.spec, Operation) or self.spec.takes() != 1

    def call(self, inputs: Any) -> Tensor:
        wide = working(self.compute_dtype)
        given = inputs if isinstance(inputs, list | tuple) else [inputs]
        y = formula(self.spec, *(tf.cast(x, wide) if x.dtype.is_floating else x for x in given))
        return tf.cast(y, self.compute_dtype) if y.dtype.is_floating else y

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        shapes = input_shape if self._listed else [input_shape]
        return self.spec.output_shape(*map(tuple, shapes))

    def compute_output_spec(self, inputs: Any) -> Any:
        given = inputs if isinstance(inputs, list | tuple) else [inputs]
        shape = self.spec.output_shape(*(tuple(x.shape) for x in given))
        dtype = self.spec.output_dtype(*("float" if "float" in x.dtype else x.dtype for x in given))
        return keras.KerasTensor(shape, self.compute_dtype if dtype == "float" else dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "spec": dump(self.spec)}


def along(x: Tensor, axis: int, start: int | None, stop: int | None, step: int = 1) -> Tensor:
    """A slice along one axis."""
    return x[(slice(None),) * axis + (slice(start, stop, step),)]
