"""Masks of positions, made of what stands there."""

from __future__ import annotations

from nnspec.layers.masking import PaddingMask
from nnspec_tensorflow.porting.export.convert import Context, Tensor, native
from nnspec_tensorflow.startup import keras


@native.register
def padding_mask(spec: PaddingMask, context: Context, x: Tensor) -> Tensor:
    ops = keras.ops
    if "int" in x.dtype:
        there = ops.not_equal(x, spec.whole) if spec.whole is not None else ops.equal(x, x)
    else:
        there = ops.not_equal(x, spec.value)
    return there if spec.axis is None else ops.any(there, axis=spec.axis)
