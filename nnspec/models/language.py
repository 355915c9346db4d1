"""Language models: GPT-2 and BERT."""

from __future__ import annotations

from typing import Literal

from nnspec.graph import symbol
from nnspec.initializers import DepthScaled, Normal, TruncatedNormal
from nnspec.layers.activation import GELU
from nnspec.layers.embedding import Embedding
from nnspec.layers.linear import Dense
from nnspec.model import Model
from nnspec.models.attention import Blocks, check_length, dropped, everywhere, first_of, logits, positioned
from nnspec.models.builder import builder, refuse
from nnspec.ops import Add
from nnspec.spec import AnyActivation, AnyInitializer, Fraction, PositiveFloat, PositiveInt

_TANH_GELU = GELU(approximate=True)
_GPT_NORMAL = Normal(0.02)
_BERT_NORMAL = TruncatedNormal(0.02)


@builder
def gpt2(
    num_layers: PositiveInt = 12,
    features: PositiveInt = 768,
    num_heads: PositiveInt = 12,
    *,
    num_embeddings: PositiveInt = 50257,
    max_length: PositiveInt = 1024,
    mlp_features: PositiveInt | None = None,
    tied: bool = True,
    activation: AnyActivation = _TANH_GELU,
    dropout_rate: Fraction = 0.1,
    epsilon: PositiveFloat = 1e-5,
    kernel_init: AnyInitializer = _GPT_NORMAL,
    length: PositiveInt | None = None,
) -> Model:
    """GPT-2: a transformer that gives logits of the next id at each position, from those up to it.

    | Size | Layers | Features | Heads |
    |---|---:|---:|---:|
    | small | 12 | 768 | 12 |
    | medium | 24 | 1024 | 16 |
    | large | 36 | 1280 | 20 |
    | XL | 48 | 1600 | 25 |

    Blocks of causal attention and a perceptron, each x + branch(norm(x)), on learned vectors of ids and positions, and
    a norm after the last one. Logits are products with the vectors of the ids. The last kernels of attention and of
    the perceptrons are drawn 1/√(2 · num_layers) as wide as the others, as in the paper and in Hugging Face's code.

    Shapes: ids (batch, length) of int32, y (batch, length, num_embeddings).
    Source: Radford et al. 2019, *Language models are unsupervised multitask learners*; sizes as in OpenAI's code, which
    draws no kernel narrower, and the vectors of positions with a standard deviation of 0.01 where all have 0.02 here.

    Args:
        num_layers: the number of blocks.
        features: the size of the vector at each position.
        num_heads: of attention.
        num_embeddings: how many ids there are.
        max_length: how many positions have a vector.
        mlp_features: the size of the perceptrons' hidden layers; 4 · features if left out.
        tied: whether logits are products with the ids' vectors, and not with a kernel of their own.
        activation: of the perceptrons; GELU by tanh.
        dropout_rate: of the embedded sequence, of the weights of attention, and of what each branch gives.
        epsilon: of the norms.
        kernel_init: of kernels, and of the vectors of ids and positions.
        length: of the sequences; null for any.
    """
    check_length(length, max_length)
    blocks = Blocks(
        features,
        num_heads,
        mlp_features or 4 * features,
        "pre",
        activation,
        dropout_rate,
        dropout_rate,
        epsilon,
        kernel_init,
        DepthScaled(kernel_init, 2 * num_layers),
    )
    ids, table = symbol((length,), "input", "int32"), Embedding(num_embeddings, features, kernel_init)
    y = positioned(table(ids), "learned", max_length, kernel_init)
    y = dropped(y, dropout_rate, "embedding_dropout")
    for i in range(num_layers):
        y = blocks.encoder(f"block_{i + 1}", causal=True)(y)
    y = logits(blocks.layer_norm("last_norm")(y), table, kernel_init, tied=tied)
    return Model(inputs=ids, outputs=y)


@builder
def bert(
    num_layers: PositiveInt = 12,
    features: PositiveInt = 768,
    num_heads: PositiveInt = 12,
    *,
    num_embeddings: PositiveInt = 30522,
    num_segments: PositiveInt = 2,
    max_length: PositiveInt = 512,
    mlp_features: PositiveInt | None = None,
    tied: bool = True,
    head: Literal["pooler", "classifier", "mlm", "none"] = "pooler",
    num_classes: PositiveInt | None = None,
    activation: AnyActivation = "gelu",
    dropout_rate: Fraction = 0.1,
    attention_dropout_rate: Fraction = 0.1,
    mask: bool = False,
    epsilon: PositiveFloat = 1e-12,
    kernel_init: AnyInitializer = _BERT_NORMAL,
    length: PositiveInt | None = None,
) -> Model:
    """BERT: a transformer that looks both ways, on ids of two segments.

    | Size | Layers | Features | Heads |
    |---|---:|---:|---:|
    | base | 12 | 768 | 12 |
    | large | 24 | 1024 | 16 |

    Learned vectors of ids, segments and positions are added, normalized and dropped; the blocks are those of
    ``transformer_encoder`` with ``norm: post``.

    | Head | Output |
    |---|---|
    | pooler | a dense layer with tanh of the first position, (batch, features) |
    | classifier | a Dropout of that and a dense layer, logits (batch, num_classes) |
    | mlm | a dense layer, a norm, products with the ids' vectors and a bias, logits (batch, length, num_embeddings) |
    | none | the vectors, (batch, length, features) |

    Shapes: ids and segments (batch, length) of int32; with ``mask`` a third input of booleans (batch, length), false
    where there is padding.
    Source: Devlin et al. 2019, arXiv:1810.04805; epsilon and initial weights as in the authors' code.

    Args:
        num_layers: the number of blocks.
        features: the size of the vector at each position.
        num_heads: of attention.
        num_embeddings: how many ids there are.
        num_segments: how many segments there are.
        max_length: how many positions have a vector.
        mlp_features: the size of the perceptrons' hidden layers; 4 · features if left out.
        tied: whether "mlm" takes the products with the ids' vectors, and not with a kernel of its own.
        head: what follows the blocks.
        num_classes: of the classifier.
        activation: of the perceptrons, and of the first layer of "mlm".
        dropout_rate: of the embedded sequence, of what each branch gives, and before the classifier.
        attention_dropout_rate: of the weights of attention.
        mask: whether a mask is given.
        epsilon: of the norms.
        kernel_init: of kernels, and of the vectors of ids, segments and positions.
        length: of the sequences; null for any.
    """
    if (head == "classifier") != (num_classes is not None):
        remedy = "set num_classes" if num_classes is None else "set head: classifier, or leave num_classes out"
        raise refuse("num_classes", f"a number of classes goes with the head that is a classifier: {remedy}")
    check_length(length, max_length)
    blocks = Blocks(
        features,
        num_heads,
        mlp_features or 4 * features,
        "post",
        activation,
        dropout_rate,
        attention_dropout_rate,
        epsilon,
        kernel_init,
    )

    ids, segments = symbol((length,), "ids", "int32"), symbol((length,), "segments", "int32")
    masks = [symbol((length,), "mask", "bool")] if mask else []
    table = Embedding(num_embeddings, features, kernel_init)
    segment = Embedding(num_segments, features, kernel_init, name="segment_embedding")(segments)
    y = Add(name="embedded")(table(ids), segment)
    y = blocks.layer_norm("embedding_norm")(positioned(y, "learned", max_length, kernel_init))
    y = dropped(y, dropout_rate, "embedding_dropout")
    for i in range(num_layers):
        y = blocks.encoder(f"block_{i + 1}", mask=mask)(y, *masks)
    if head == "mlm":
        y = blocks.layer_norm("head_norm")(Dense(features, activation, kernel_init=kernel_init, name="head_in")(y))
        y = logits(y, table, kernel_init, tied=tied)
        y = Add(name="logits")(y, everywhere(y, "head_bias"))
    elif head != "none":
        y = Dense(features, "tanh", kernel_init=kernel_init, name="pooler")(first_of(y))
    if num_classes is not None:
        y = Dense(num_classes, kernel_init=kernel_init, name="head")(dropped(y, dropout_rate, "head_dropout"))
    return Model(inputs=[ids, segments, *masks], outputs=y)
