"""LeNet-5."""

from __future__ import annotations

from typing import Literal

from nnspec.layers.convolution import Conv
from nnspec.layers.linear import Dense
from nnspec.layers.pooling import AvgPool, MaxPool
from nnspec.layers.shape import Flatten
from nnspec.model import Input, Model, Sequential
from nnspec.models.builder import InputShape, builder, check_images
from nnspec.spec import AnyActivation, AnyInitializer, PositiveInt


@builder
def lenet(
    num_classes: PositiveInt = 10,
    *,
    activation: AnyActivation = "tanh",
    pooling: Literal["average", "max"] = "average",
    padding: Literal["valid", "same"] = "valid",
    kernel_init: AnyInitializer = "glorot_uniform",
    input: InputShape = (32, 32, 1),
) -> Model:
    """LeNet-5: two convolutions with pooling, and three dense layers.

    | Layer | Output | Parameters |
    |---|---|---:|
    | convolution 5×5 | 28×28×6 | 156 |
    | pooling 2×2 | 14×14×6 | |
    | convolution 5×5 | 10×10×16 | 2416 |
    | pooling 2×2 | 5×5×16 | |
    | dense, activation | 120 | 48120 |
    | dense, activation | 84 | 10164 |
    | dense | num_classes | 850 |

    As it is built today. In the paper pooled values have a learned factor and bias for each map and an activation,
    the second convolution sees a choice of the maps, tanh is scaled, and the outputs are distances to codes of the
    classes.

    Shapes: x (batch, *input), y (batch, num_classes), logits.
    Source: LeCun et al. 1998, doi:10.1109/5.726791.

    Args:
        num_classes: the number of outputs.
        activation: of all layers but the last.
        pooling: the mean of each window, or its maximum.
        padding: of the first convolution; "same" for images of 28×28, which the paper pads to 32×32.
        kernel_init: of all layers.
        input: the images' shape, 16×16 at least ("same": 12×12).
    """
    if padding == "valid":
        check_images(input, 16, ": enlarge them, or set padding: same")
    else:
        check_images(input, 12, ": enlarge them")
    pool = AvgPool if pooling == "average" else MaxPool
    return Sequential(
        [
            Conv(6, (5, 5), padding=padding, activation=activation, kernel_init=kernel_init),
            pool((2, 2)),
            Conv(16, (5, 5), padding="valid", activation=activation, kernel_init=kernel_init),
            pool((2, 2)),
            Flatten(),
            Dense(120, activation, kernel_init=kernel_init),
            Dense(84, activation, kernel_init=kernel_init),
            Dense(num_classes, kernel_init=kernel_init),
        ],
        Input(input),
    )
