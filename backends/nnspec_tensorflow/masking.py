"""Masks of positions.

Keras's ``Masking`` hides its mask in the tensor that it returns; here it is an output.
"""

from __future__ import annotations

from typing import Any

from nnspec.layers.masking import PaddingMask
from nnspec.spec import dump, parse
from nnspec_tensorflow.activation import constant
from nnspec_tensorflow.realize import Context, build, serializable
from nnspec_tensorflow.startup import keras, tf

Tensor = Any


@serializable
class SpecPaddingMask(keras.layers.Layer):
    """Booleans that say which positions are no padding.

    Args:
        spec: the layer of the spec, or its short form.
    """

    def __init__(self, spec: Any, **options: Any) -> None:
        super().__init__(**options)
        self.spec: PaddingMask = parse("layer", spec)

    def call(self, x: Tensor) -> Tensor:
        value = self.spec.value if x.dtype.is_floating else self.spec.whole
        differs = tf.ones_like(x, tf.bool) if value is None else tf.not_equal(x, constant(value, x))
        return differs if self.spec.axis is None else tf.reduce_any(differs, self.spec.axis)

    def compute_output_spec(self, x: Any) -> Any:
        return keras.KerasTensor(self.spec.output_shape(tuple(x.shape)), "bool")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "spec": dump(self.spec)}


@build.register
def padding_mask(spec: PaddingMask, context: Context) -> keras.layers.Layer:
    return SpecPaddingMask(spec, **context.options)
