"""Embeddings: vectors looked up by whole numbers."""

from __future__ import annotations

from nnspec.errors import ShapeError
from nnspec.layers.base import DType, Layer, Param, Shape
from nnspec.spec import AnyInitializer, PositiveInt, spec


@spec
class Embedding(Layer):
    """A learned vector for each of ``num_embeddings`` ids.

    y_i = embedding[x_i] for 0 ≤ x_i < num_embeddings, else a vector of NaN

    An id that is not in the table gives NaN on every backend, so that a mistake in the data shows, and has no gradient.
    (TensorFlow itself raises an error, or takes another vector or zeros, depending on the device and the compiler.) The
    gradient of a vector is the sum over all places where it was looked up.

    Shapes: x (batch, ...) of int32, embedding (num_embeddings, features), y (batch, ..., features).
    The table is no kernel: weight decay that is restricted to kernels leaves it alone.
    Default embedding_init is U(−0.05, 0.05).
    """

    num_embeddings: PositiveInt
    features: PositiveInt
    embedding_init: AnyInitializer = "uniform"

    def params(self, *shapes: Shape) -> dict[str, Param]:
        return {"embedding": Param((self.num_embeddings, self.features), self.embedding_init)}

    def output_shape(self, *shapes: Shape) -> Shape:
        return (*shapes[0], self.features)

    def output_dtype(self, *dtypes: DType) -> DType:
        if dtypes[0] != "int32":
            raise ShapeError(f"Embedding looks up int32 ids, got {dtypes[0]} input")
        return "float"

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return 0
