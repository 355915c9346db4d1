"""Transposed convolution: TensorFlow's kernels where they have the options, else products put in their places.

What TensorFlow computes is the whole of it, of which the spec's part is cut out. Its kernels for CPUs have no dilation,
and for groups of one channel its compiler multiplies by a kernel that is mostly zeros, as for ``Conv``.
"""

from __future__ import annotations

import operator
from functools import reduce
from itertools import product
from typing import Any

from nnspec.layers.transposed_convolution import ConvTranspose
from nnspec.layers.window import extent
from nnspec.spec import dump, parse
from nnspec_tensorflow.activation import value
from nnspec_tensorflow.realize import Context, build, serializable, sizes, working
from nnspec_tensorflow.startup import keras, tf

Tensor = Any


@serializable
class SpecConvTranspose(keras.layers.Layer):
    """A transposed convolution with any options of the spec, in float32 at least."""

    def __init__(self, spec: Any, channels: int, **options: Any) -> None:
        super().__init__(**options)
        self.spec: ConvTranspose = parse("layer", spec)
        self.channels = channels

    def build(self, input_shape: Any) -> None:
        params = self.spec.params((*input_shape[:-1], self.channels))
        made = {n: self.add_weight(name=n, shape=p.shape, initializer="zeros") for n, p in params.items()}
        self.kernel, self.bias = made["kernel"], made.get("bias")

    def call(self, inputs: Tensor) -> Tensor:
        wide = working(self.compute_dtype)
        y = _transposed(self.spec, tf.cast(inputs, wide), tf.cast(self.kernel, wide))
        if self.bias is not None:
            y += tf.cast(self.bias, wide)
        if self.spec.activation is not None:
            y = value(self.spec.activation, y)
        return tf.cast(y, self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return self.spec.output_shape(tuple(input_shape))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "spec": dump(self.spec), "channels": self.channels}


def _transposed(spec: ConvTranspose, x: Tensor, kernel: Tensor) -> Tensor:
    lengths = sizes(x)[1:-1]
    reaches = extent(spec.kernel_size, spec.dilations)
    reached = [(n - 1) * s + e for n, s, e in zip(lengths, spec.stride, reaches, strict=True)]
    if 1 < spec.groups == x.shape[-1]:
        z = _placed(spec, tf.repeat(x, spec.features // spec.groups, -1), kernel, operator.mul)
    else:
        whole = _whole if set(spec.dilations) == {1} else _multiplied
        parts = zip(tf.split(x, spec.groups, -1), tf.split(kernel, spec.groups, -1), strict=True)
        z = tf.concat([whole(spec, part, weights) for part, weights in parts], -1)
    positions = [n * s + more for n, s, more in zip(lengths, spec.stride, spec.beyond, strict=True)]
    ends = [first + count for first, count in zip(spec.before, positions, strict=True)]
    z = tf.pad(z, ((0, 0), *((0, tf.maximum(end - have, 0)) for end, have in zip(ends, reached, strict=True)), (0, 0)))
    return z[(slice(None), *map(slice, spec.before, ends))]


def _whole(spec: ConvTranspose, x: Tensor, kernel: Tensor) -> Tensor:
    """All that windows reach, by TensorFlow's kernels, over one axis as over a plane of height 1."""
    plane = len(spec.kernel_size) == 1
    window, strides = spec.kernel_size, spec.stride
    if plane:
        x, kernel, window, strides = x[:, None], kernel[None], (1, *window), (1, *strides)
    batch, *lengths, _ = sizes(x)
    shape = [batch, *((n - 1) * s + k for n, s, k in zip(lengths, strides, window, strict=True)), kernel.shape[-1]]
    transposed = tf.nn.conv3d_transpose if len(window) == 3 else tf.nn.conv2d_transpose
    z = transposed(x, tf.linalg.matrix_transpose(kernel), shape, strides, "VALID")
    return z[:, 0] if plane else z


def _multiplied(spec: ConvTranspose, x: Tensor, kernel: Tensor) -> Tensor:
    return _placed(spec, x, kernel, lambda x, weights: tf.tensordot(x, weights, 1))


def _placed(spec: ConvTranspose, x: Tensor, kernel: Tensor, times: Any) -> Tensor:
    """All that windows reach: the products of each place in the window, put where they belong."""
    reaches = extent(spec.kernel_size, spec.dilations)

    def put(place: tuple[int, ...]) -> Tensor:
        z = times(x, kernel[place])
        for axis, stride in enumerate(spec.stride, 1):
            z = _spread(z, axis, stride)
        axes = zip(place, spec.dilations, reaches, strict=True)
        return tf.pad(z, ((0, 0), *((q * d, reach - 1 - q * d) for q, d, reach in axes), (0, 0)))

    return reduce(operator.add, map(put, product(*map(range, spec.kernel_size))))


def _spread(x: Tensor, axis: int, stride: int) -> Tensor:
    """An axis with stride − 1 zeros between its elements."""
    if stride == 1:
        return x
    shape = sizes(x)
    wide = tf.pad(tf.expand_dims(x, axis + 1), [(0, stride - 1 if i == axis + 1 else 0) for i in range(len(shape) + 1)])
    wide = tf.reshape(wide, (*shape[:axis], shape[axis] * stride, *shape[axis + 1 :]))
    return wide[(slice(None),) * axis + (slice(0, (shape[axis] - 1) * stride + 1),)]


@build.register
def conv_transpose(spec: ConvTranspose, context: Context) -> keras.layers.Layer:
    return SpecConvTranspose(spec, spec.channels(context.shapes[0]), **context.options)
