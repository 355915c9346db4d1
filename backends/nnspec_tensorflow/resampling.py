"""Layers that change how densely axes are sampled."""

from __future__ import annotations

from typing import Any

from nnspec.layers.resampling import Upsample
from nnspec_tensorflow.realize import Context, build, sizes
from nnspec_tensorflow.startup import keras, tf
from nnspec_tensorflow.stateless import SpecFunction, formula

Tensor = Any


@build.register
def upsample(spec: Upsample, context: Context) -> keras.layers.Layer:
    return SpecFunction(spec, **context.options)


@formula.register
def repeated(spec: Upsample, x: Tensor) -> Tensor:
    for axis, factor in enumerate(spec.factors, 1):
        shape = sizes(x)
        wide = tf.broadcast_to(tf.expand_dims(x, axis + 1), (*shape[: axis + 1], factor, *shape[axis + 1 :]))
        x = tf.reshape(wide, (*shape[:axis], shape[axis] * factor, *shape[axis + 1 :]))
    return x
