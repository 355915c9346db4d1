"""Embeddings: Keras's layer, with NaN for ids that are not in the table, and a dense gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nnspec.layers.embedding import Embedding, Unembedding
from nnspec_tensorflow.activation import constant
from nnspec_tensorflow.linear import product
from nnspec_tensorflow.realize import Context, build, serializable, working
from nnspec_tensorflow.startup import keras, tf

Tensor = Any


def rows(table: Tensor, ids: Tensor) -> Tensor:
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
    """Vectors looked up by ids; an id that is not in the table gives NaN, on every device, compiled or not.

    Vectors instead of ids are multiplied by the table, which two nodes may share so.
    """

    def call(self, inputs: Tensor) -> Tensor:
        # In float32 at least: the gradient of a vector that is looked up often is a sum.
        table = tf.cast(self.embeddings, working(self.compute_dtype))
        if inputs.dtype.is_floating:
            return tf.cast(product(tf.cast(inputs, table.dtype), tf.transpose(table)), self.compute_dtype)
        ids = tf.cast(inputs, tf.int32)
        known = (ids >= 0) & (ids < self.input_dim)
        found = rows(table, tf.where(known, ids, 0))
        return tf.cast(tf.where(known[..., None], found, constant(float("nan"), found)), self.compute_dtype)

    def compute_output_spec(self, inputs: Any) -> Any:
        vectors = "float" in inputs.dtype
        shape = (*inputs.shape[:-1], self.input_dim) if vectors else (*inputs.shape, self.output_dim)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)


@build.register(Embedding)
@build.register(Unembedding)
def embedding(spec: Embedding | Unembedding, context: Context) -> keras.layers.Layer:
    features = spec.features if isinstance(spec, Embedding) else context.shapes[0][-1]
    return SpecEmbedding(
        spec.num_embeddings, features, embeddings_initializer="zeros", mask_zero=False, **context.options
    )
