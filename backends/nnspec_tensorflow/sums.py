"""Sums as XLA for CPUs makes them fast.

It computes what is summed anew for each sum, with everything that leads to it up to the last matrix product, and sums
whole tensors window by window on one thread. A product with ones is spared both. On GPUs, where products may be rounded
to fewer digits (TF32), and among TensorFlow's own kernels sums are sums.
"""

from __future__ import annotations

from typing import Any

from nnspec_tensorflow.compilation import by_kernels
from nnspec_tensorflow.startup import tf

Tensor = Any


def over_rows(x: Tensor) -> Tensor:
    """The sum over all axes but the last."""
    if not _as_product(x):
        return tf.reduce_sum(x, axis=list(range(x.shape.rank - 1)))
    rows = tf.reshape(x, (-1, x.shape[-1]))
    return tf.reshape(tf.matmul(rows, tf.ones((tf.shape(rows)[0], 1), x.dtype), transpose_a=True), (-1,))


def of_squares(x: Tensor) -> Tensor:
    """Σx² of all elements."""
    squares = tf.square(x)
    if _as_product(x):
        squares = tf.matmul(tf.reshape(squares, (-1, x.shape[-1])), tf.ones((x.shape[-1], 1), x.dtype))
    return tf.reduce_sum(squares)


def _as_product(x: Tensor) -> bool:
    return x.shape.rank > 1 and not by_kernels() and not tf.config.list_logical_devices("GPU")
