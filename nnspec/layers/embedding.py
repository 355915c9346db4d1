"""Embeddings: vectors looked up by whole numbers, and numbers told from vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nnspec.errors import ShapeError
from nnspec.layers.base import DType, Layer, Param, Shape, elements, known, show
from nnspec.spec import AnyInitializer, PositiveInt, spec

if TYPE_CHECKING:
    from nnspec.graph import Tensor


@spec
class Embedding(Layer):
    """A learned vector for each of ``num_embeddings`` ids.

    y_i = embedding[x_i] for 0 ≤ x_i < num_embeddings, else a vector of NaN

    An id that is not in the table gives NaN on every backend, so that a mistake in the data shows, and has no gradient.
    (TensorFlow itself raises an error, or takes another vector or zeros, depending on the device and the compiler.) The
    gradient of a vector is the sum over all places where it was looked up.

    Shapes: x (batch, ...) of int32, embedding (num_embeddings, features), y (batch, ..., features).
    The table is no kernel: weight decay that is restricted to kernels leaves it alone.
    Default embedding_init is U(−0.05, 0.05). ``attend`` uses the table as a kernel: see :class:`Unembedding`.
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

    def shares_with(self, owner: Layer) -> bool:
        return self == owner or (isinstance(owner, Unembedding) and owner.num_embeddings == self.num_embeddings)

    def attend(self, x: Tensor) -> Tensor:
        """How well symbolic vectors fit each id: an Unembedding that shares this layer's table."""
        from nnspec.graph import call_layer

        return call_layer(Unembedding(self.num_embeddings, self.embedding_init), x, variables=self)


@spec
class Unembedding(Layer):
    """How well a vector fits each of ``num_embeddings`` ids: its products with the vectors of a table.

    y = x · embeddingᵀ

    It is a Dense without bias, whose kernel lies as the table of an Embedding and may be one: a node of it that
    ``shares`` the variables of an Embedding's node has tied weights, and the table's gradient is the sum over both
    uses. In Python ``table.attend(x)`` makes such a node.

    Shapes: x (batch, ..., features), embedding (num_embeddings, features), y (batch, ..., num_embeddings).
    The table is no kernel: weight decay that is restricted to kernels leaves it alone.
    Source: Press & Wolf 2017, arXiv:1608.05859; Flax's ``Embed.attend``. Default embedding_init is U(−0.05, 0.05).
    """

    num_embeddings: PositiveInt
    embedding_init: AnyInitializer = "uniform"

    def params(self, *shapes: Shape) -> dict[str, Param]:
        features = known(shapes[0][-1], "the last axis of Unembedding's input")
        return {"embedding": Param((self.num_embeddings, features), self.embedding_init)}

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if len(shape) < 2:
            raise ShapeError(f"Unembedding needs inputs of at least 2 axes (batch and features), got {show(shape)}")
        return (*shape[:-1], self.num_embeddings)

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return elements(self.output_shape(*shapes)) * (2 * shapes[0][-1] - 1)

    def shares_with(self, owner: Layer) -> bool:
        return self == owner or (isinstance(owner, Embedding) and owner.num_embeddings == self.num_embeddings)
