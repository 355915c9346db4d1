"""MobileNet, version 2."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from nnspec.graph import symbol
from nnspec.layers.activation import ReLU6
from nnspec.layers.convolution import Conv, DepthwiseConv
from nnspec.layers.dropout import Dropout
from nnspec.layers.linear import Dense
from nnspec.layers.normalization import BatchNorm
from nnspec.layers.pooling import GlobalAvgPool
from nnspec.model import Input, Model, Sequential
from nnspec.models.builder import InputShape, builder, check_images
from nnspec.ops import Add
from nnspec.spec import AnyInitializer, Fraction, PositiveFloat, PositiveInt, Probability

# Expansion, channels, number of blocks, strides of the first of them.
Group = tuple[PositiveInt, PositiveInt, PositiveInt, PositiveInt]
# Table 2 of the paper.
_GROUPS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


@builder
def mobilenet_v2(
    num_classes: PositiveInt | None = 1000,
    width_multiplier: PositiveFloat = 1.0,
    *,
    groups: Annotated[tuple[Group, ...], Field(min_length=1)] = _GROUPS,
    stem_features: PositiveInt = 32,
    last_features: PositiveInt = 1280,
    divisor: PositiveInt = 8,
    dropout_rate: Fraction = 0.2,
    momentum: Probability = 0.999,
    epsilon: PositiveFloat = 1e-3,
    kernel_init: AnyInitializer = "he_normal",
    input: InputShape = None,
) -> Model:
    """MobileNetV2: inverted residual blocks, wide within and narrow where they are added up.

    | Layers | Channels | Blocks | Strides |
    |---|---:|---:|---:|
    | 3×3 convolution | 32 | | 2 |
    | blocks without expansion | 16 | 1 | 1 |
    | blocks of expansion 6 | 24 | 2 | 2 |
    | blocks of expansion 6 | 32 | 3 | 2 |
    | blocks of expansion 6 | 64 | 4 | 2 |
    | blocks of expansion 6 | 96 | 3 | 1 |
    | blocks of expansion 6 | 160 | 3 | 2 |
    | blocks of expansion 6 | 320 | 1 | 1 |
    | 1×1 convolution | 1280 | | 1 |

    A block is a 1×1 convolution to expansion · in channels, a 3×3 depthwise one with the strides, and a 1×1 one to the
    block's channels, each followed by BatchNorm, the first two by ReLU6. Where the shape stays x is added. At
    the end stand the mean over all positions, Dropout and a dense layer. Convolutions have no biases.

    Channels c become c · width_multiplier, rounded to the nearest multiple of ``divisor`` but to no less than 0.9 of
    it; the last 1280 do so only where the multiplier is above 1.

    Shapes: x (batch, rows, columns, channels) of any size, y (batch, num_classes), logits; without ``num_classes`` the
    features of the last convolution, (batch, positions, positions, 1280).
    Source: Sandler et al. 2018, arXiv:1801.04381; Dropout, epsilon and the rounding are those of the authors' code,
    where BatchNorm's momentum is 0.997. 0.999 is Keras's.

    Args:
        num_classes: the number of outputs; null for the features.
        width_multiplier: by which all channels are multiplied.
        groups: expansion, channels, number of blocks and strides of the blocks, as in the table.
        stem_features: the channels of the first convolution.
        last_features: the channels of the last convolution.
        divisor: what channels are multiples of.
        dropout_rate: before the last layer.
        momentum: of BatchNorm.
        epsilon: of BatchNorm.
        kernel_init: of the convolutions.
        input: the images' shape; from the data if left out.
    """
    check_images(input)

    def norm(name: str) -> BatchNorm:
        return BatchNorm(momentum, epsilon, name=name)

    def conv(name: str, features: int, size: int = 1, strides: int = 1) -> Conv:
        return Conv(features, (size, size), strides, use_bias=False, kernel_init=kernel_init, name=name)

    def block(name: str, channels: int, outputs: int, expansion: int, strides: int) -> Model:
        y = x = symbol()
        if expansion > 1:
            y = ReLU6()(norm("expand_norm")(conv("expand", expansion * channels)(x)))
        apart = DepthwiseConv((3, 3), strides=strides, use_bias=False, kernel_init=kernel_init, name="depthwise")
        y = ReLU6()(norm("depthwise_norm")(apart(y)))
        y = norm("project_norm")(conv("project", outputs)(y))
        return Model(inputs=x, outputs=Add()(x, y) if (channels, strides) == (outputs, 1) else y, name=name)

    channels = rounded(stem_features * width_multiplier, divisor)
    layers: list[Any] = [conv("stem", channels, 3, 2), norm("stem_norm"), "relu6"]
    number = 0
    for expansion, features, count, strides in groups:
        outputs = rounded(features * width_multiplier, divisor)
        for n in range(count):
            number += 1
            layers.append(block(f"block_{number}", channels, outputs, expansion, 1 if n else strides))
            channels = outputs
    last = rounded(last_features * max(width_multiplier, 1.0), divisor)
    layers += [conv("last", last), norm("last_norm"), "relu6"]
    if num_classes is not None:
        layers += [GlobalAvgPool(), *([Dropout(dropout_rate)] if dropout_rate else []), Dense(num_classes, name="head")]
    return Sequential(layers, Input(input))


def rounded(channels: float, divisor: int) -> int:
    """The nearest multiple of the divisor, halves up; the next one where that is below 0.9 of the channels."""
    nearest = max(int(channels + divisor / 2) // divisor * divisor, divisor)
    return nearest if nearest >= 0.9 * channels else nearest + divisor
