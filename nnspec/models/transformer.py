"""Transformers: encoders, decoders, and classifiers of sequences."""

from __future__ import annotations

import math
from typing import Any, Literal

from nnspec.graph import Tensor, symbol
from nnspec.layers.embedding import Embedding
from nnspec.layers.linear import Dense
from nnspec.layers.pooling import GlobalAvgPool
from nnspec.layers.scaling import Rescaling
from nnspec.model import Model
from nnspec.models.attention import Blocks, NormOrder, Positions, check_length, dropped, first_of, logits, positioned
from nnspec.models.builder import builder, refuse
from nnspec.spec import AnyActivation, AnyInitializer, Fraction, PositiveFloat, PositiveInt


@builder
def transformer_encoder(
    num_layers: PositiveInt = 6,
    features: PositiveInt = 512,
    num_heads: PositiveInt = 8,
    mlp_features: PositiveInt = 2048,
    *,
    num_embeddings: PositiveInt | None = None,
    positions: Positions | None = "sinusoidal",
    max_length: PositiveInt = 512,
    num_classes: PositiveInt | None = None,
    pool: Literal["mean", "first"] = "mean",
    norm: NormOrder = "post",
    activation: AnyActivation = "relu",
    dropout_rate: Fraction = 0.1,
    attention_dropout_rate: Fraction = 0.0,
    causal: bool = False,
    mask: bool = False,
    epsilon: PositiveFloat = 1e-6,
    kernel_init: AnyInitializer = "glorot_uniform",
    embedding_init: AnyInitializer = "uniform",
    length: PositiveInt | None = None,
) -> Model:
    """The encoder of a transformer, or with ``num_classes`` a classifier of sequences.

    Each block is a MultiHeadAttention of the sequence to itself and a perceptron of two dense layers at each position,
    each within a residual connection: norm(x + branch(x)), or with ``norm: pre`` x + branch(norm(x)) and a last norm
    after the blocks. Ids are embedded and multiplied by √features; positions and a Dropout follow.

    Shapes: x (batch, length, features), or ids (batch, length) of int32 with ``num_embeddings``; with ``mask`` a second
    input of booleans (batch, length), false where attention leaves out what stands there; y (batch, length, features),
    or logits (batch, num_classes). A block has 4 · features² + 2 · features · mlp_features + 9 · features +
    mlp_features parameters.
    Source: Vaswani et al. 2017, arXiv:1706.03762; Xiong et al. 2020, arXiv:2002.04745, for ``norm: pre``.

    Args:
        num_layers: the number of blocks.
        features: the size of the vector at each position.
        num_heads: of attention.
        mlp_features: the size of the perceptrons' hidden layers.
        num_embeddings: how many ids have a vector; null for a sequence of vectors.
        positions: waves, learned vectors, or null for none.
        max_length: how many positions have a learned vector.
        num_classes: the number of outputs; null for a vector at each position.
        pool: what is classified: the mean of all positions, or the first.
        norm: where the norms stand.
        activation: of the perceptrons.
        dropout_rate: of the embedded sequence and of what each branch gives.
        attention_dropout_rate: of the weights of attention.
        causal: whether a position attends to none after it.
        mask: whether a mask is given.
        epsilon: of the norms.
        kernel_init: of all kernels.
        embedding_init: of the vectors of ids and positions.
        length: of the sequences; null for any.
    """
    if mask and num_classes and pool == "mean":
        raise refuse("pool", "the mean would count what is masked: set pool: first, or leave out the mask")
    blocks = Blocks(
        features,
        num_heads,
        mlp_features,
        norm,
        activation,
        dropout_rate,
        attention_dropout_rate,
        epsilon,
        kernel_init,
    )
    _check_positions(positions, features, max_length, length)
    x, y, _ = _start(num_embeddings, features, length, embedding_init)
    y = dropped(positioned(y, positions, max_length, embedding_init), dropout_rate, "embedding_dropout")
    masks = [symbol((length,), "mask", "bool")] if mask else []
    for i in range(num_layers):
        y = blocks.encoder(f"block_{i + 1}", causal=causal, mask=mask)(y, *masks)
    if norm == "pre":
        y = blocks.layer_norm("last_norm")(y)
    if num_classes is not None:
        y = GlobalAvgPool()(y) if pool == "mean" else first_of(y)
        y = Dense(num_classes, kernel_init=kernel_init, name="head")(y)
    return Model(inputs=[x, *masks], outputs=y)


@builder
def transformer_decoder(
    num_layers: PositiveInt = 6,
    features: PositiveInt = 512,
    num_heads: PositiveInt = 8,
    mlp_features: PositiveInt = 2048,
    *,
    num_embeddings: PositiveInt | None = None,
    positions: Positions | None = "sinusoidal",
    max_length: PositiveInt = 512,
    memory_features: PositiveInt | None = None,
    tied: bool = True,
    norm: NormOrder = "post",
    activation: AnyActivation = "relu",
    dropout_rate: Fraction = 0.1,
    attention_dropout_rate: Fraction = 0.0,
    mask: bool = False,
    epsilon: PositiveFloat = 1e-6,
    kernel_init: AnyInitializer = "glorot_uniform",
    embedding_init: AnyInitializer = "uniform",
    length: PositiveInt | None = None,
    memory_length: PositiveInt | None = None,
) -> Model:
    """The decoder of a transformer: of a sequence so far, and a memory that an encoder has made of another one.

    Each block is a causal MultiHeadAttention of the sequence to itself, one to the memory, and a perceptron at each
    position, with residual connections, norms, embedded ids and positions as in ``transformer_encoder``. With
    ``num_embeddings`` y are logits of the next id at each position, by the vectors of the ids themselves.

    Shapes: x (batch, length, features), or ids (batch, length) of int32; memory (batch, memory_length,
    memory_features); with ``mask`` a third input of booleans (batch, memory_length), false where attention leaves out
    what the memory holds; y (batch, length, features), or logits (batch, length, num_embeddings).
    Source: Vaswani et al. 2017, arXiv:1706.03762.

    Args:
        num_layers: the number of blocks.
        features: the size of the vector at each position.
        num_heads: of attention.
        mlp_features: the size of the perceptrons' hidden layers.
        num_embeddings: how many ids have a vector; null for a sequence of vectors.
        positions: waves, learned vectors, or null for none.
        max_length: how many positions have a learned vector.
        memory_features: the size of the memory's vectors; ``features`` if left out.
        tied: whether logits are products with the ids' vectors, and not with a kernel of their own.
        norm: where the norms stand.
        activation: of the perceptrons.
        dropout_rate: of the embedded sequence and of what each branch gives.
        attention_dropout_rate: of the weights of attention.
        mask: whether a mask of the memory is given.
        epsilon: of the norms.
        kernel_init: of all kernels.
        embedding_init: of the vectors of ids and positions.
        length: of the sequences; null for any.
        memory_length: of the memory; null for any.
    """
    blocks = Blocks(
        features,
        num_heads,
        mlp_features,
        norm,
        activation,
        dropout_rate,
        attention_dropout_rate,
        epsilon,
        kernel_init,
    )
    _check_positions(positions, features, max_length, length)
    x, y, table = _start(num_embeddings, features, length, embedding_init)
    y = dropped(positioned(y, positions, max_length, embedding_init), dropout_rate, "embedding_dropout")
    others = [symbol((memory_length, memory_features or features), "memory")]
    others += [symbol((memory_length,), "mask", "bool")] if mask else []
    for i in range(num_layers):
        y = blocks.decoder(f"block_{i + 1}", mask=mask)(y, *others)
    if norm == "pre":
        y = blocks.layer_norm("last_norm")(y)
    if table is not None:
        y = logits(y, table, kernel_init, tied=tied)
    return Model(inputs=[x, *others], outputs=y)


def _start(
    num_embeddings: int | None, features: int, length: int | None, init: Any
) -> tuple[Tensor, Tensor, Embedding | None]:
    """The input, the vectors it stands for, and where they are from."""
    if num_embeddings is None:
        x = symbol((length, features), "input")
        return x, x, None
    x, table = symbol((length,), "input", "int32"), Embedding(num_embeddings, features, init, name="embedding")
    return x, Rescaling(math.sqrt(features))(table(x)), table


def _check_positions(positions: Positions | None, features: int, max_length: int, length: int | None) -> None:
    if positions == "sinusoidal" and features % 2:
        raise refuse("features", f"waves come in pairs, got {features}: take an even number, or learned positions")
    if positions == "learned":
        check_length(length, max_length)
