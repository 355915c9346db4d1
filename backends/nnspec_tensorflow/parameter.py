"""Variables that are values by themselves."""

from __future__ import annotations

from typing import Any

from nnspec.layers.parameter import Parameter
from nnspec_tensorflow.realize import Context, build, serializable, sizes, working
from nnspec_tensorflow.startup import keras, tf

Tensor = Any


@serializable
class FreeParameter(keras.layers.Layer):
    """A variable as the value that each example has. Gradients of half precision are summed in float32.

    Args:
        shape: of the variable.
        trained: whether it has gradients.
    """

    def __init__(self, shape: Any, trained: bool, **options: Any) -> None:
        super().__init__(**options)
        self.shape, self.trained = tuple(shape), trained

    def build(self, input_shape: Any) -> None:
        self.value = self.add_weight(name="value", shape=self.shape, initializer="zeros", trainable=self.trained)

    def call(self, inputs: Tensor) -> Tensor:
        value = tf.cast(self.value, working(self.compute_dtype))
        wide = tf.broadcast_to(value, (sizes(inputs)[0], *self.shape))
        return tf.cast(wide, self.compute_dtype)

    def compute_output_spec(self, inputs: Any) -> Any:
        return keras.KerasTensor((inputs.shape[0], *self.shape), dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "shape": self.shape, "trained": self.trained}


@build.register
def parameter(spec: Parameter, context: Context) -> keras.layers.Layer:
    return FreeParameter(spec.shape, spec.trainable, **context.options)
