"""Layers that change how densely the axes between batch and channels are sampled."""

from __future__ import annotations

from nnspec.layers.resampling import Resize, Upsample
from nnspec_tensorflow.porting.export.convert import Context, Tensor, native
from nnspec_tensorflow.startup import keras


@native.register
def upsample(spec: Upsample, context: Context, x: Tensor) -> Tensor:
    if len(spec.factors) == 1:
        return context.own(keras.layers.UpSampling1D, spec.factors[0])(x)
    if len(spec.factors) == 2:
        options = {"data_format": "channels_last", "interpolation": "nearest"}
        return context.own(keras.layers.UpSampling2D, spec.factors, **options)(x)
    return context.own(keras.layers.UpSampling3D, spec.factors, data_format="channels_last")(x)


@native.register
def resize(spec: Resize, context: Context, x: Tensor) -> Tensor:
    """One axis after the other: a product with its weights, or the nearest elements."""
    ops, sizes = keras.ops, context.shapes[0][1:-1]
    if None in sizes:
        context.refuse(spec, "an input of any size", "declare the sizes, of which the weights depend")
    letters = "abcdefg"[: len(sizes) + 2]
    for axis, (size, count) in enumerate(zip(sizes, spec.output_size, strict=True), 1):
        if spec.method == "nearest":
            x = ops.take(x, spec.nearest(size or 0, count), axis=axis)
        else:
            weights = context.constant(spec.weights(size or 0, count))
            x = ops.einsum(f"{letters},z{letters[axis]}->{letters.replace(letters[axis], 'z')}", x, weights)
    return x
