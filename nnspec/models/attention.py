"""What transformers are put together from: blocks of attention and a perceptron at each position."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Literal

from nnspec.graph import Tensor, symbol
from nnspec.layers.attention import MultiHeadAttention
from nnspec.layers.dropout import Dropout
from nnspec.layers.embedding import Embedding
from nnspec.layers.linear import Dense
from nnspec.layers.normalization import LayerNorm
from nnspec.layers.positions import LearnedPositions, SinusoidalPositions
from nnspec.model import Model
from nnspec.models.builder import refuse
from nnspec.ops import Add, ExpandDims, Slice
from nnspec.reductions import Sum

NormOrder = Literal["post", "pre"]
Positions = Literal["sinusoidal", "learned"]


@dataclasses.dataclass(frozen=True)
class Blocks:
    """What all blocks of a transformer have in common.

    Attributes:
        features: the size of the vector at each position.
        mlp_features: the size of the perceptron's hidden layer.
        norm: "post" for norm(x + branch(x)), "pre" for x + branch(norm(x)).
        activation: of the hidden layer.
        dropout_rate: of what a branch gives.
        attention_dropout_rate: of the weights of attention.
        epsilon: of the norms.
        kernel_init: of all kernels.
        last_init: of the last kernel of each branch, where it is another one.
    """

    features: int
    num_heads: int
    mlp_features: int
    norm: NormOrder
    activation: Any
    dropout_rate: float
    attention_dropout_rate: float
    epsilon: float
    kernel_init: Any
    last_init: Any = None

    def __post_init__(self) -> None:
        if self.features % self.num_heads:
            near = max(n for n in range(1, self.num_heads) if self.features % n == 0)
            why = f"{self.features} features cannot be divided among {self.num_heads} heads"
            raise refuse("num_heads", f"{why}: take {near}, or a multiple of {self.num_heads} as features")

    def encoder(self, name: str, *, causal: bool = False, mask: bool = False) -> Model:
        """Attention of a sequence to itself, and the perceptron."""
        x, masks = symbol(name="x"), [symbol(name="mask", dtype="bool")] if mask else []
        attention = self._attention("attention", causal=causal, mask=mask)
        y = self._around("attention", x, lambda given: attention(given, *masks))
        return Model(inputs=[x, *masks], outputs=self._around("mlp", y, self._mlp), name=name)

    def decoder(self, name: str, *, mask: bool = False) -> Model:
        """Causal attention of a sequence to itself, attention to a memory, and the perceptron."""
        x, memory = symbol(name="x"), symbol(name="memory")
        masks = [symbol(name="mask", dtype="bool")] if mask else []
        own = self._attention("attention", causal=True)
        across = self._attention("cross_attention", mask=mask)
        y = self._around("attention", x, own)
        y = self._around("cross_attention", y, lambda given: across(given, memory, *masks))
        return Model(inputs=[x, memory, *masks], outputs=self._around("mlp", y, self._mlp), name=name)

    def layer_norm(self, name: str) -> LayerNorm:
        return LayerNorm(self.epsilon, name=name)

    def _attention(self, name: str, *, causal: bool = False, mask: bool = False) -> MultiHeadAttention:
        return MultiHeadAttention(
            self.num_heads,
            dropout_rate=self.attention_dropout_rate,
            kernel_init=self.kernel_init,
            out_kernel_init=self.last_init,
            name=name,
            causal=causal,
            mask=mask,
        )

    def _mlp(self, x: Tensor) -> Tensor:
        hidden = Dense(self.mlp_features, self.activation, kernel_init=self.kernel_init, name="mlp_in")(x)
        return Dense(self.features, kernel_init=self.last_init or self.kernel_init, name="mlp_out")(hidden)

    def _around(self, name: str, x: Tensor, branch: Callable[[Tensor], Tensor]) -> Tensor:
        """The sum of x and a branch, with the norm in its place."""
        norm = self.layer_norm(f"{name}_norm")
        y = branch(norm(x) if self.norm == "pre" else x)
        total = Add(name=f"{name}_sum")(x, dropped(y, self.dropout_rate, f"{name}_dropout"))
        return total if self.norm == "pre" else norm(total)


def dropped(x: Tensor, rate: float, name: str) -> Tensor:
    return Dropout(rate, name=name)(x) if rate else x


def logits(x: Tensor, table: Embedding, kernel_init: Any, *, tied: bool) -> Tensor:
    """How well the vectors fit each id, without a bias: by the ids' own vectors, or by a kernel."""
    if tied:
        return table.attend(x)
    return Dense(table.num_embeddings, use_bias=False, kernel_init=kernel_init, name="head")(x)


def everywhere(x: Tensor, name: str) -> Tensor:
    """A learned vector of x's features, 0 at first, that does not depend on x: (batch, 1, features)."""
    return LearnedPositions(1, add=False, embedding_init="zeros", name=name)(ExpandDims(axis=1)(first_of(x)))


def positioned(x: Tensor, positions: Positions | None, max_length: int, init: Any) -> Tensor:
    """Vectors with those of their positions added."""
    if positions == "learned":
        return LearnedPositions(max_length, embedding_init=init, name="positions")(x)
    return x if positions is None else SinusoidalPositions(name="positions")(x)


def check_length(length: int | None, max_length: int) -> None:
    """Every position has a vector.

    Raises:
        SpecError: there are too few.
    """
    if length is not None and length > max_length:
        raise refuse(
            "max_length", f"{length} positions need as many vectors, got {max_length}: set max_length: {length}"
        )


def first_of(x: Tensor) -> Tensor:
    """The vector at the first position: a sum of one, which does not ask how many there are."""
    return Sum(axis=1)(Slice(stop=1, axis=1)(x))
