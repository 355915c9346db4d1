"""A layer at each step of a sequence: steps are taken for examples."""

from __future__ import annotations

import dataclasses

from nnspec.layers.time_distributed import TimeDistributed, step_shape
from nnspec_tensorflow.porting.export.convert import Context, Owner, Tensor, native
from nnspec_tensorflow.startup import keras

PREFIX = "layer/"


@native.register
def time_distributed(spec: TimeDistributed, context: Context, x: Tensor) -> Tensor:
    """Reshaped before and after: ``keras.layers.TimeDistributed`` would take BatchNorm's means step by step."""
    shape, step = context.shapes[0], step_shape(context.shapes[0])
    if None in shape[1:]:
        context.refuse(spec, "an axis of any length", "declare the sizes of the input, time included")
    ops, after = keras.ops, spec.layer.output_shape(step)[1:]
    params = {name.removeprefix(PREFIX): param for name, param in context.owner.params.items()}
    owner = Owner(context.owner.name, params, (spec.layer,), context.owner.layers)
    inner = dataclasses.replace(context, owner=owner, shapes=(step,), path=f"{context.path}/layer")
    y = native(spec.layer, inner, ops.reshape(x, (-1, *shape[2:])))
    for name, places in owner.places.items():
        context.owner.places.setdefault(PREFIX + name, places)
    return ops.reshape(y, (-1, shape[1], *after))
