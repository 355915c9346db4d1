"""The architectures of keras.applications, with random weights and statistics, as ports on the JAX backend."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnspec import backends
from nnspec.porting.port import Port
from tests.porting.keras_models import difference, examples, ported, randomized

pytestmark = [pytest.mark.tensorflow, pytest.mark.jax]

ALL = (
    *("MobileNet", "MobileNetV2", "MobileNetV3Small", "MobileNetV3Large", "ResNet50", "ResNet101", "ResNet152"),
    *("ResNet50V2", "ResNet101V2", "ResNet152V2", "DenseNet121", "DenseNet169", "DenseNet201", "VGG16", "VGG19"),
    *(f"EfficientNetB{i}" for i in range(8)),
    *(f"EfficientNetV2{size}" for size in ("B0", "B1", "B2", "B3", "S", "M", "L")),
    *(f"ConvNeXt{size}" for size in ("Tiny", "Small", "Base", "Large", "XLarge")),
    *("InceptionV3", "InceptionResNetV2", "NASNetMobile", "NASNetLarge", "Xception"),
)
SIZES = {"InceptionV3": 75, "InceptionResNetV2": 75, "Xception": 71}
# Those that rescale their images themselves.
RESCALING = ("EfficientNet", "ConvNeXt", "MobileNetV3")
FOUR = ["MobileNetV2", "ResNet50", "EfficientNetB0", "ConvNeXtTiny"]


def images(name: str, port: Port) -> dict[str, Any]:
    """Random images, of the range that a model takes them in."""
    wide = 64 if name.startswith(RESCALING) else 1
    return {key: wide * x for key, x in examples(port, batch=2).items()}


def application(name: str) -> Any:
    """One of them with random weights, for small images."""
    from nnspec_tensorflow.startup import keras

    size = SIZES.get(name, 32)
    options = {"weights": None, "input_shape": (size, size, 3), "classes": 7, "classifier_activation": None}
    made = getattr(keras.applications, name)(**options)
    # Blocks that multiply by functions of themselves amplify what they are given, rounding errors, too.
    return randomized(made, scale=1.0 if name.startswith("EfficientNetV2") else 1.4)


def test_the_list_is_complete() -> None:
    from nnspec_tensorflow.startup import keras

    assert {name for name in dir(keras.applications) if name[0].isupper()} == set(ALL)


def check_float32(name: str) -> None:
    model = application(name)
    port = ported(model)
    inputs = images(name, port)
    net = backends.backend("jax").build(port.model, port.variables, dtype="float32")
    (found,) = net.forward(inputs).values()
    expected = np.asarray(model(next(iter(inputs.values())), training=False))
    assert np.isfinite(expected).all() and expected.std(axis=0).max() > 0
    assert difference(found, expected) < 1e-4


def check_float64(name: str, gradients: bool) -> None:
    port = ported(application(name))
    inputs = images(name, port)
    net = backends.backend("jax").build(port.model, port.variables, dtype="float64")
    found, expected = port.subject.nodes(inputs, dtype="float64"), net.nodes(inputs)
    assert len(found.keys() & expected.keys()) > 0.7 * len(expected)
    for path in found.keys() & expected.keys():
        assert difference(found[path], expected[path]) < 1e-11, path
    if gradients:
        (output,) = port.model.outputs
        upstream = {output: np.random.default_rng(3).normal(size=expected[output].shape)}
        own, theirs = port.subject.gradients(inputs, upstream, dtype="float64"), net.gradients(inputs, upstream)
        assert own.parameters.keys() == theirs.parameters.keys()
        largest = max(np.abs(x).max() for x in theirs.parameters.values())
        for path, value in theirs.parameters.items():
            error = np.abs(own.parameters[path] - value).max() / max(np.abs(value).max(), 1e-3 * largest)
            assert error < 1e-9, path


def test_one_of_them_in_float64() -> None:
    check_float64("MobileNetV2", gradients=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", FOUR)
def test_in_float64_with_gradients(name: str) -> None:
    check_float64(name, gradients=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_all_of_them_in_float32(name: str) -> None:
    check_float32(name)
