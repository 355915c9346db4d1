"""A layer at each step of a sequence."""

from __future__ import annotations

from typing import Any

from nnspec.porting.assembly import Value
from nnspec_tensorflow.porting.convert import Context, convert
from nnspec_tensorflow.startup import keras


@convert.register(keras.layers.TimeDistributed)
def time_distributed(
    layer: Any, context: Context, inputs: Value, training: bool | None = None, mask: Value | None = None
) -> Value:
    if mask is not None and layer.layer._call_has_mask_arg and not isinstance(layer.layer, keras.Model):
        raise context.error(f"gives each step's mask to {type(layer.layer).__name__}, for which the spec has no option")
    if training is not None:
        raise context.error(f"is called with training={training}: leave the mode open")
    for part in layer.layer._flatten_layers():
        if isinstance(part, keras.layers.BatchNormalization) and part.trainable:
            context.note_training(
                f"Keras normalizes each step by itself in training ({part.name}), and moves its statistics once a "
                "step; the spec does so over examples and steps together."
            )
    return context.apply(layer.layer, inputs, steps=True)
