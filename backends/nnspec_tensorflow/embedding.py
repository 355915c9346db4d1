"""Embeddings: Keras's layer, with NaN for ids that are not in the table, and a dense gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nnspec.layers.embedding import Embedding
from nnspec_tensorflow.activation import constant
from nnspec_tensorflow.realize import Context, build, serializable, working
from nnspec_tensorflow.startup import keras, tf

Tensor = Any


def _rows(table: Tensor, ids: Tensor) -> Tensor:
    """The rows of a table, their gradients summed in its dtype.

    The gradient of ``tf.gather`` is a ``tf.IndexedSlices``, for which Keras's optimizers have formulas of their own.
    """

    @tf.custom_gradient
    def look_up(table: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        def gradient(upstream: Tensor) -> Tensor:
            return tf.math.unsorted_segment_sum(upstream, ids, table.shape[0])

        return tf.gather(table, ids), gradient

    return look_up(table)


@serializable
class SpecEmbedding(keras.layers.Embedding):
    """Vectors looked up by ids; an id that is not in the table gives NaN, on every device, compiled or not."""

    def call(self, inputs: Tensor) -> Tensor:
        # In float32 at least: the gradient of a vector that is looked up often is a sum.
        table = tf.cast(self.embeddings, working(self.compute_dtype))
        ids = tf.cast(inputs, tf.int32)
        known = (ids >= 0) & (ids < self.input_dim)
        rows = _rows(table, tf.where(known, ids, 0))
        return tf.cast(tf.where(known[..., None], rows, constant(float("nan"), rows)), self.compute_dtype)


@build.register
def embedding(spec: Embedding, context: Context) -> keras.layers.Layer:
    return SpecEmbedding(
        spec.num_embeddings, spec.features, embeddings_initializer="zeros", mask_zero=False, **context.options
    )
