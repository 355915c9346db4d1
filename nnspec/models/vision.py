"""Vision transformers."""

from __future__ import annotations

from typing import Literal

from nnspec.graph import symbol
from nnspec.initializers import Normal
from nnspec.layers.convolution import Conv
from nnspec.layers.linear import Dense
from nnspec.layers.pooling import GlobalAvgPool
from nnspec.layers.shape import Reshape
from nnspec.model import Model
from nnspec.models.attention import Blocks, Positions, dropped, everywhere, first_of, positioned
from nnspec.models.builder import builder, check_images, refuse
from nnspec.ops import Concat
from nnspec.spec import AnyActivation, AnyInitializer, Fraction, PositiveFloat, PositiveInt

_NORMAL = Normal(0.02)


@builder
def vit(
    num_classes: PositiveInt | None = 1000,
    patch_size: PositiveInt = 16,
    *,
    num_layers: PositiveInt = 12,
    features: PositiveInt = 768,
    num_heads: PositiveInt = 12,
    mlp_features: PositiveInt | None = None,
    pool: Literal["token", "mean"] = "token",
    positions: Positions | None = "learned",
    activation: AnyActivation = "gelu",
    dropout_rate: Fraction = 0.1,
    attention_dropout_rate: Fraction = 0.0,
    epsilon: PositiveFloat = 1e-6,
    kernel_init: AnyInitializer = "glorot_uniform",
    positions_init: AnyInitializer = _NORMAL,
    input: tuple[PositiveInt, PositiveInt, PositiveInt] = (224, 224, 3),
) -> Model:
    """A vision transformer: an image as a sequence of patches, and a class.

    | Size | Layers | Features | Heads |
    |---|---:|---:|---:|
    | Ti | 12 | 192 | 3 |
    | S | 12 | 384 | 6 |
    | B | 12 | 768 | 12 |
    | L | 24 | 1024 | 16 |
    | H | 32 | 1280 | 16 |

    A convolution whose window and strides are ``patch_size`` makes a vector of each patch, in row-major order. A
    learned vector, 0 at first, is put before them, positions are added, and blocks follow: attention and a perceptron,
    each x + branch(norm(x)). A norm and a dense layer of the first position make the logits, or with ``pool: mean``,
    which needs no vector before the patches, of the mean of all positions.

    Shapes: x (batch, *input), y (batch, num_classes); without ``num_classes`` all positions, (batch, patches + 1,
    features).
    Source: Dosovitskiy et al. 2021, arXiv:2010.11929; Touvron et al. 2021, arXiv:2012.12877, for Ti and S; Beyer et al.
    2022, arXiv:2205.01580, for ``pool: mean`` with waves as positions.

    Args:
        num_classes: the number of outputs; null for all positions.
        patch_size: rows and columns of a patch.
        num_layers: the number of blocks.
        features: the size of the vector at each position.
        num_heads: of attention.
        mlp_features: the size of the perceptrons' hidden layers; 4 · features if left out.
        pool: what is classified.
        positions: learned vectors, waves along the sequence, or null for none.
        activation: of the perceptrons.
        dropout_rate: of the embedded patches and of what each branch gives.
        attention_dropout_rate: of the weights of attention.
        epsilon: of the norms.
        kernel_init: of kernels.
        positions_init: of the positions' vectors.
        input: the images' shape, in whole patches.
    """
    check_images(input)
    rows, columns, _ = input
    if rows % patch_size or columns % patch_size:
        fitting = [max(round(size / patch_size), 1) * patch_size for size in (rows, columns)]
        raise refuse("input", f"{rows}×{columns} is not cut evenly into patches of {patch_size}: take {fitting}")
    blocks = Blocks(
        features,
        num_heads,
        mlp_features or 4 * features,
        "pre",
        activation,
        dropout_rate,
        attention_dropout_rate,
        epsilon,
        kernel_init,
    )
    count = (rows // patch_size) * (columns // patch_size)
    window = (patch_size, patch_size)

    x = symbol(input, "input")
    y = Conv(features, window, patch_size, "valid", kernel_init=kernel_init, name="patches")(x)
    y = Reshape((count, features))(y)
    if pool == "token":
        y, count = Concat(axis=1)(everywhere(y, "token"), y), count + 1
    y = dropped(positioned(y, positions, count, positions_init), dropout_rate, "embedding_dropout")
    for i in range(num_layers):
        y = blocks.encoder(f"block_{i + 1}")(y)
    y = blocks.layer_norm("last_norm")(y)
    if num_classes is not None:
        y = Dense(num_classes, kernel_init="zeros", name="head")(first_of(y) if pool == "token" else GlobalAvgPool()(y))
    return Model(inputs=x, outputs=y)
