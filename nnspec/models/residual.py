"""Residual networks, version 1 and 2."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

from nnspec.graph import Tensor, symbol
from nnspec.layers.activation import ReLU
from nnspec.layers.convolution import Conv
from nnspec.layers.linear import Dense
from nnspec.layers.normalization import BatchNorm
from nnspec.layers.padding import Pad
from nnspec.layers.pooling import GlobalAvgPool, MaxPool
from nnspec.model import Input, Model, Sequential
from nnspec.models.builder import HE_NORMAL, InputShape, Sizes, builder, check_images, refuse
from nnspec.ops import Add, ExpandDims, Slice, Squeeze
from nnspec.spec import AnyInitializer, PositiveFloat, PositiveInt, Probability

Kind = Literal["basic", "bottleneck"]
Stem = Literal["imagenet", "cifar"]

# Table 1 of He et al. 2015, and the deepest one of He et al. 2016.
_IMAGENET: dict[int, tuple[Kind, tuple[int, ...]]] = {
    18: ("basic", (2, 2, 2, 2)),
    34: ("basic", (3, 4, 6, 3)),
    50: ("bottleneck", (3, 4, 6, 3)),
    101: ("bottleneck", (3, 4, 23, 3)),
    152: ("bottleneck", (3, 8, 36, 3)),
    200: ("bottleneck", (3, 24, 36, 3)),
}


@builder
def resnet(
    depth: PositiveInt | Sizes = 50,
    num_classes: PositiveInt | None = 1000,
    *,
    version: Literal[1, 2] = 1,
    stem: Stem = "imagenet",
    block: Kind | None = None,
    features: PositiveInt | None = None,
    shortcut: Literal["projection", "padding"] | None = None,
    stride_in_1x1: bool | None = None,
    use_bias: bool = False,
    momentum: Probability = 0.9,
    epsilon: PositiveFloat = 1e-5,
    kernel_init: AnyInitializer = HE_NORMAL,
    input: InputShape = None,
) -> Model:
    """A residual network: blocks of convolutions that add to what they are given, in stages of growing width.

    | Block | Convolutions |
    |---|---|
    | basic | 3×3 f, 3×3 f |
    | bottleneck | 1×1 f, 3×3 f, 1×1 4f |

    The first stage has f = ``features``, each further one twice as many at half the resolution, by strides of 2 in its
    first block. In version 1 each convolution is followed by a BatchNorm, each but the last by a ReLU, and the block is
    ReLU(x + branch(x)). In version 2 BatchNorm and ReLU come before each convolution, and the block is x + branch(x);
    in the first block of a stage they come before the two paths part. A last BatchNorm and ReLU follow the last stage.

    | Stem | Layers | Stages | Depths |
    |---|---|---|---|
    | imagenet | 7×7 by 2, BatchNorm, ReLU, 3×3 max-pooling by 2 | 4, f = 64 | 18, 34 (basic), 50, 101, 152, 200 |
    | cifar | 3×3, BatchNorm, ReLU | 3, f = 16 | 6n + 2 (basic), 9n + 2 (bottleneck) |

    At the end stand the mean over all positions and a dense layer. Convolutions and pooling pad alike on all sides.

    Shapes: x (batch, rows, columns, channels) of any size, y (batch, num_classes), logits; without ``num_classes`` the
    features of the last stage, (batch, positions, positions, f).
    Source: He et al. 2015, arXiv:1512.03385 (version 1); He et al. 2016, arXiv:1603.05027 (version 2).

    Args:
        depth: the number of layers with weights, or how many blocks each stage has.
        num_classes: the number of outputs; null for the features.
        version: 2 for BatchNorm and ReLU before the convolutions.
        stem: the layers before the stages.
        block: basic or bottleneck; of ImageNet's depths the paper's, else basic.
        features: f of the first stage.
        shortcut: what x passes where its shape changes: a 1×1 convolution, with a BatchNorm in version 1 (the paper's
            option B), or every other position, and zeros as further channels (option A), which is the default of basic
            blocks after the stem of CIFAR.
        stride_in_1x1: whether a bottleneck strides in its first convolution, as in the paper's version 1, and not in
            that of 3×3, as in version 2 and in PyTorch's "version 1.5".
        use_bias: whether convolutions have biases, as Keras's do, though each BatchNorm takes them away.
        momentum: of BatchNorm.
        epsilon: of BatchNorm.
        kernel_init: of the convolutions.
        input: the images' shape; from the data if left out.
    """
    check_images(input)
    kind, blocks = _blocks(depth, stem, block)
    if shortcut is None:
        shortcut = "padding" if (stem, kind) == ("cifar", "basic") else "projection"
    first = features or (64 if stem == "imagenet" else 16)
    made = _Made(
        version,
        kind,
        shortcut == "projection",
        version == 1 if stride_in_1x1 is None else stride_in_1x1,
        use_bias,
        BatchNorm(momentum, epsilon),
        kernel_init,
    )
    large = stem == "imagenet"
    layers: list[Any] = [made.conv("stem", first, 7 if large else 3, 2 if large else 1), made.norm("stem_norm"), "relu"]
    if large:  # after ReLU, zeros that are padded change no maximum
        layers += [Pad(((1, 1), (1, 1))), MaxPool((3, 3), 2)]
    channels = first
    for i, count in enumerate(blocks):
        stage = []
        for n in range(count):
            stage.append(made.block(channels, first * 2**i, stage=i, number=n))
            channels = made.outputs(first * 2**i)
        layers.append(Sequential(stage, name=f"stage_{i + 1}"))
    layers += [made.norm("last_norm"), "relu"] if version == 2 else []
    layers += [] if num_classes is None else [GlobalAvgPool(), Dense(num_classes, name="head")]
    return Sequential(layers, Input(input))


def _blocks(depth: int | tuple[int, ...], stem: Stem, block: Kind | None) -> tuple[Kind, tuple[int, ...]]:
    """What the blocks are, and how many each stage has."""
    if isinstance(depth, tuple):
        return block or "basic", depth
    if stem == "imagenet":
        if depth not in _IMAGENET:
            known = ", ".join(map(str, _IMAGENET))
            raise refuse(
                "depth",
                f"after the stem of ImageNet there are {known} layers, got {depth}: give one of these, or how many "
                "blocks each stage has, such as [3, 4, 6, 3]",
            )
        kind, blocks = _IMAGENET[depth]
        if block not in (None, kind):
            why = f"networks of {depth} layers have {kind} blocks"
            raise refuse("block", f"{why}: leave block out, or give each stage's number of blocks, depth: {[*blocks]}")
        return kind, blocks
    kind = block or "basic"
    unit = 6 if kind == "basic" else 9
    n, rest = divmod(depth - 2, unit)
    if n < 1 or rest:
        nearest = unit * max(round((depth - 2) / unit), 1) + 2
        raise refuse("depth", f"{kind} blocks after the stem of CIFAR make {unit}n + 2 layers, got {depth}: {nearest}?")
    return kind, (n, n, n)


@dataclasses.dataclass(frozen=True)
class _Made:
    """What all blocks of a network have in common.

    Attributes:
        projects: whether shortcuts that change the shape are convolutions.
        like: the norm of which each is a copy.
    """

    version: int
    kind: Kind
    projects: bool
    stride_in_1x1: bool
    use_bias: bool
    like: BatchNorm
    kernel_init: Any

    def outputs(self, width: int) -> int:
        """The channels that a block of this width gives."""
        return width if self.kind == "basic" else 4 * width

    def conv(self, name: str, features: int, size: int, strides: int = 1) -> Conv:
        pads = ((size // 2, size // 2),) * 2
        window = (size, size)
        return Conv(features, window, strides, pads, use_bias=self.use_bias, kernel_init=self.kernel_init, name=name)

    def norm(self, name: str) -> BatchNorm:
        return dataclasses.replace(self.like, name=name)

    def block(self, channels: int, width: int, stage: int, number: int) -> Model:
        """The block of that number (from 0) in a stage, for inputs of so many channels."""
        strides = 2 if stage and not number else 1
        convs = self._convs(width, strides)
        x = symbol()
        if self.version == 1:
            branch = x
            for i, conv in enumerate(convs, 1):
                branch = self.norm(f"norm_{i}")(conv(branch))
                branch = ReLU()(branch) if conv is not convs[-1] else branch
            y = ReLU()(Add()(branch, self._shortcut(x, channels, width, strides)))
        else:
            # The stem's norm is the first block's.
            active = ReLU()(self.norm("norm_1")(x)) if stage or number else x
            branch = convs[0](active)
            for i, conv in enumerate(convs[1:], 2):
                branch = conv(ReLU()(self.norm(f"norm_{i}")(branch)))
            y = Add()(branch, x if number else self._shortcut(active, channels, width, strides))
        return Model(inputs=x, outputs=y, name=f"block_{number + 1}")

    def _convs(self, width: int, strides: int) -> list[Conv]:
        if self.kind == "basic":
            return [self.conv("conv_1", width, 3, strides), self.conv("conv_2", width, 3)]
        one, three = (strides, 1) if self.stride_in_1x1 else (1, strides)
        return [
            self.conv("conv_1", width, 1, one),
            self.conv("conv_2", width, 3, three),
            self.conv("conv_3", 4 * width, 1),
        ]

    def _shortcut(self, x: Tensor, channels: int, width: int, strides: int) -> Tensor:
        """x in the shape of what is added to it."""
        outputs = self.outputs(width)
        if (channels, strides) == (outputs, 1):
            return x
        if self.projects:
            y = self.conv("projection", outputs, 1, strides)(x)
            return self.norm("projection_norm")(y) if self.version == 1 else y
        if strides > 1:
            x = Slice(step=strides, axis=2)(Slice(step=strides, axis=1)(x))
        if channels < outputs:  # the axis of channels is padded as one of positions
            x = Squeeze()(Pad(((0, 0), (0, 0), (0, outputs - channels)))(ExpandDims()(x)))
        return x
