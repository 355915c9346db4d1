"""Layers that change how densely axes are sampled.

``tf.image.resize`` computes in float32, and XLA has not all of its gradients: resizing is a product of matrices here.
"""

from __future__ import annotations

from typing import Any

from nnspec.layers.resampling import Resize, Upsample
from nnspec_tensorflow.realize import Context, build, sizes, traced_sizes
from nnspec_tensorflow.startup import keras, tf
from nnspec_tensorflow.stateless import SpecFunction, formula

Tensor = Any


@build.register(Resize)
@build.register(Upsample)
def resampled(spec: Resize | Upsample, context: Context) -> keras.layers.Layer:
    return SpecFunction(spec, **context.options)


@formula.register
def repeated(spec: Upsample, x: Tensor) -> Tensor:
    for axis, factor in enumerate(spec.factors, 1):
        shape = sizes(x)
        wide = tf.broadcast_to(tf.expand_dims(x, axis + 1), (*shape[: axis + 1], factor, *shape[axis + 1 :]))
        x = tf.reshape(wide, (*shape[:axis], shape[axis] * factor, *shape[axis + 1 :]))
    return x


@formula.register
def resized(spec: Resize, x: Tensor) -> Tensor:
    traced_sizes(spec, x, range(1, x.shape.rank - 1))
    for axis, count in enumerate(spec.output_size, 1):
        if spec.method == "nearest":
            x = tf.gather(x, spec.nearest(x.shape[axis], count), axis=axis)
            continue
        weights = tf.constant(spec.weights(x.shape[axis], count), x.dtype)
        letters = "abcdefg"[: x.shape.rank]
        x = tf.einsum(f"{letters},z{letters[axis]}->{letters.replace(letters[axis], 'z')}", x, weights)
    return x
