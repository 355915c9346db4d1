"""The architectures of keras.applications as trained networks are: activations of one size, statistics that fit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.porting.keras_models import randomized

ALL = (
    *("MobileNet", "MobileNetV2", "MobileNetV3Small", "MobileNetV3Large", "ResNet50", "ResNet101", "ResNet152"),
    *("ResNet50V2", "ResNet101V2", "ResNet152V2", "DenseNet121", "DenseNet169", "DenseNet201", "VGG16", "VGG19"),
    *(f"EfficientNetB{i}" for i in range(8)),
    *(f"EfficientNetV2{size}" for size in ("B0", "B1", "B2", "B3", "S", "M", "L")),
    *(f"ConvNeXt{size}" for size in ("Tiny", "Small", "Base", "Large", "XLarge")),
    *("InceptionV3", "InceptionResNetV2", "NASNetMobile", "NASNetLarge", "Xception"),
)
# The smallest images that they take, where that is more than 32×32.
SIZES = {"InceptionV3": 75, "InceptionResNetV2": 75, "Xception": 71}
# Those that rescale their images themselves, and take bytes.
RESCALING = ("EfficientNet", "ConvNeXt", "MobileNetV3")


def images(name: str, batch: int) -> NDArray[np.float32]:
    """Random images, of the range that a model takes them in: the first ones of those that its statistics fit."""
    size = SIZES.get(name, 32)
    rng = np.random.default_rng(1)
    shape = (batch, size, size, 3)
    drawn = rng.uniform(0.0, 255.0, shape) if name.startswith(RESCALING) else rng.normal(size=shape)
    return drawn.astype(np.float32)


def application(name: str) -> Any:
    """One of them with random weights, for small images.

    Statistics are those of :func:`images`, moved at random. With others activations grow or vanish from block to block,
    as in no trained network: gates that are saturated make steps, at which rounding decides.
    """
    from nnspec_tensorflow.startup import keras

    size = SIZES.get(name, 32)
    options = {"weights": None, "input_shape": (size, size, 3), "classes": 7, "classifier_activation": None}
    model = randomized(getattr(keras.applications, name)(**options), scale=1.4)
    _settle(model, images(name, 16))
    return model


def _settle(model: Any, batch: NDArray[np.float32]) -> None:
    """Give each statistic, in the order of the layers, a value that fits what a batch gives there."""
    from nnspec_tensorflow.startup import keras

    rng = np.random.default_rng(3)
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for layer in norms:

        def call(x: Any, layer: Any = layer, own: Any = layer.call, **how: Any) -> Any:
            values = np.asarray(x).reshape(-1, x.shape[-1])
            mean, variance = values.mean(axis=0), values.var(axis=0)
            # Units that no image excites vary a little, too.
            variance = np.maximum(variance, 0.1 * variance.mean())
            layer.moving_mean.assign(mean + 0.3 * np.sqrt(variance) * rng.normal(size=mean.shape))
            layer.moving_variance.assign(variance * rng.uniform(0.6, 1.6, mean.shape))
            return own(x, **how)

        layer.call = call
    if norms:
        model(batch, training=False)
    for layer in norms:
        del layer.call
