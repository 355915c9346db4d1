"""A layer at each step of a sequence.

Keras's own ``TimeDistributed`` calls the layer once for each step.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nnspec.layers.base import Operation
from nnspec.layers.time_distributed import TimeDistributed, step_shape
from nnspec_tensorflow.realize import Context, build, serializable, sizes
from nnspec_tensorflow.startup import keras, tf

Tensor = Any


@serializable
class SpecTimeDistributed(keras.layers.Wrapper):
    """A layer that takes the steps of sequences for examples.

    Args:
        layer: the Keras layer.
        listed: whether it takes a list of inputs.
    """

    def __init__(self, layer: Any, *, listed: bool = False, **options: Any) -> None:
        super().__init__(layer, **options)
        self.listed = listed

    def build(self, input_shape: Any) -> None:
        inner = step_shape(tuple(input_shape))
        super().build([inner] if self.listed else inner)

    def call(self, x: Tensor, training: bool | None = None) -> Tensor:
        batch, time, *rest = sizes(x)
        steps = tf.reshape(x, (batch * time, *rest))
        y = self.layer([steps] if self.listed else steps, training=training)
        return tf.reshape(y, (batch, time, *sizes(y)[1:]))

    def compute_output_spec(self, x: Any, training: bool | None = None) -> Any:
        step = keras.KerasTensor(step_shape(tuple(x.shape)), x.dtype)
        inner = self.layer.compute_output_spec([step] if self.listed else step)
        return keras.KerasTensor((*x.shape[:2], *inner.shape[1:]), inner.dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "listed": self.listed}


@build.register
def time_distributed(spec: TimeDistributed, context: Context) -> keras.layers.Layer:
    inner = replace(context, name="layer", path=f"{context.path}/layer", shapes=(step_shape(context.shapes[0]),))
    return SpecTimeDistributed(build(spec.layer, inner), listed=isinstance(spec.layer, Operation), **context.options)
