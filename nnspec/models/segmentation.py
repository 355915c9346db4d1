"""U-Net."""

from __future__ import annotations

from typing import Any, Literal

from nnspec.graph import Tensor, symbol
from nnspec.layers.activation import ReLU
from nnspec.layers.convolution import Conv
from nnspec.layers.dropout import Dropout
from nnspec.layers.padding import Crop
from nnspec.layers.pooling import MaxPool
from nnspec.layers.transposed_convolution import ConvTranspose
from nnspec.model import Model, Sequential
from nnspec.models.builder import HE_NORMAL, AnyNorm, InputShape, builder, check_images, fresh, refuse
from nnspec.ops import Concat
from nnspec.spec import AnyInitializer, Fraction, PositiveInt

Padding = Literal["valid", "same"]


@builder
def unet(
    num_classes: PositiveInt = 2,
    features: PositiveInt = 64,
    *,
    levels: PositiveInt = 4,
    padding: Padding = "valid",
    norm: AnyNorm = None,
    dropout_rate: Fraction = 0.5,
    kernel_init: AnyInitializer = HE_NORMAL,
    input: InputShape = (572, 572, 1),
) -> Model:
    """U-Net: a class for each pixel, from a path that contracts and one that expands again and is shown the first.

    Each level of the contracting path is a pair of 3×3 convolutions with ReLU and a max-pooling 2×2, and has twice the
    channels of the one before; a last pair stands at the bottom. Each level of the expanding path is a 2×2 transposed
    convolution by strides of 2, which halves the channels, the concatenation with the level of the same resolution,
    and a pair of convolutions. A 1×1 convolution makes the classes. The last two pairs of the contracting path end in
    Dropout.

    Convolutions without padding lose 4 rows and columns a pair, and what is concatenated is cropped around its middle:
    the output shows the middle of the input, 388×388 for 572×572. With ``padding: same`` both are equal.

    Shapes: x (batch, rows, columns, channels), y (batch, rows − m, columns − m, num_classes), logits, with m = 184 of
    4 levels, or 0.
    Source: Ronneberger et al. 2015, arXiv:1505.04597.

    Args:
        num_classes: the number of outputs of each pixel.
        features: the channels of the first level.
        levels: how often the resolution is halved.
        padding: of the convolutions.
        norm: a normalization between convolution and ReLU, such as BatchNorm; biases are left out then.
        dropout_rate: at the end of the contracting path.
        kernel_init: of the convolutions.
        input: the images' shape. Every level must halve evenly; null is an axis of any such length.
    """
    lost = _lost(input, levels, padding)

    def pair(name: str, size: int, *, drops: bool = False) -> Model:
        layers: list[Any] = []
        for n in (1, 2):
            layers.append(
                Conv(size, (3, 3), padding=padding, use_bias=norm is None, kernel_init=kernel_init, name=f"conv_{n}")
            )
            layers += [ReLU()] if norm is None else [fresh(norm), ReLU()]
        return Sequential([*layers, Dropout(dropout_rate)] if drops and dropout_rate else layers, name=name)

    x: Tensor = symbol(input, "input")
    y, passed = x, []
    for level in range(levels):
        y = pair(f"down_{level + 1}", features * 2**level, drops=level == levels - 1)(y)
        passed.append(y)
        y = MaxPool((2, 2), name=f"pool_{level + 1}")(y)
    y = pair("bottom", features * 2**levels, drops=True)(y)
    for level in reversed(range(levels)):
        size, n = features * 2**level, level + 1
        y = ConvTranspose(size, (2, 2), 2, "valid", kernel_init=kernel_init, name=f"up_sample_{n}")(y)
        skip = passed[level]
        if padding == "valid":
            skip = Crop(((lost[level],) * 2,) * 2, name=f"crop_{n}")(skip)
        y = pair(f"up_{n}", size)(Concat(name=f"concat_{n}")(skip, y))
    y = Conv(num_classes, (1, 1), kernel_init=kernel_init, name="head")(y)
    return Model(inputs=x, outputs=y)


def _lost(input: tuple[int | None, ...] | None, levels: int, padding: Padding) -> list[int]:
    """How many elements each level loses on either side before it is concatenated, convolutions without padding.

    Raises:
        SpecError: a size cannot be halved evenly as often, or too little of it is left.
    """
    check_images(input)
    for size in () if input is None else input[:2]:
        if size is not None and not _fits(size, levels, padding):
            further = range(size + 1, size + 200 * 2**levels)
            near = [
                next((s for s in sizes if _fits(s, levels, padding)), None) for sizes in (range(size, 0, -1), further)
            ]
            remedy = " or ".join(str(s) for s in near if s is not None)
            raise refuse("input", f"{size} cannot be halved evenly on {levels} levels: take {remedy}, or other levels")
    # On either side, from the deepest level up: the pair at the bottom loses 2, which are 4 at twice the resolution;
    # each further level adds 2 of its pair on the way down and 2 on the way up, all of which count twice above it.
    lost = [4]
    while len(lost) < levels:
        lost.append(2 * (lost[-1] + 4))
    return lost[::-1]


def _fits(size: int, levels: int, padding: Padding) -> bool:
    """Whether each level's size is even and the output has a pixel at least."""
    lost = 4 if padding == "valid" else 0
    for _ in range(levels):
        size -= lost
        if size < 2 or size % 2:
            return False
        size //= 2
    size -= lost
    for _ in range(levels):
        size = 2 * size - lost
    return size > 0
