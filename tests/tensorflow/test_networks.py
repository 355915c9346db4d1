"""Whole networks of the builders against ``keras.applications``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from nnspec import models
from nnspec.model import Model
from nnspec.reference.model import run

pytestmark = pytest.mark.tensorflow
RNG = np.random.default_rng(43)


@pytest.fixture
def float64() -> Iterator[None]:
    """``keras.applications`` takes its dtype from a switch of the whole process."""
    from nnspec_tensorflow.startup import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_dtype_policy(before)


OURS = {"gamma": "scale", "beta": "bias", "moving_mean": "mean", "moving_variance": "var"}


def compare(theirs: Any, model: Model, names: Mapping[str, str], x: Any) -> None:
    """Both on the same random weights; ``names`` leads from each of Keras's layers to our node."""
    x = x.astype(np.float32).astype(np.float64)  # inputs are float32 in Keras, whatever the layers are
    shapes = {name: param.shape for name, param in model.params(x.shape).items()}
    variables = {}
    for layer in theirs.layers:
        for weight in layer.weights:
            name = f"{names[layer.name]}/{OURS.get(weight.name, weight.name)}"
            size = np.prod(weight.shape[:-1]) if weight.name == "kernel" else 4
            value = RNG.normal(size=shapes[name]) / np.sqrt(size)
            variables[name] = 1 + value / 4 if weight.name in ("gamma", "moving_variance") else value
            weight.assign(variables[name].reshape(weight.shape))
    assert set(variables) == set(shapes)
    (found,) = run(model, variables, {"input": x}).outputs.values()
    assert found.std() > 1e-3  # what is compared is not all alike
    np.testing.assert_allclose(found, theirs(x, training=False).numpy(), rtol=1e-9, atol=1e-11)


def test_resnet(float64: None) -> None:
    """``ResNet50`` and its like are made of these parts; here are fewer."""
    from keras.src.applications import resnet

    def stages(x: Any) -> Any:
        x = resnet.stack_residual_blocks_v1(x, 64, 2, stride1=1, name="conv2")
        return resnet.stack_residual_blocks_v1(x, 128, 1, name="conv3")

    shape = (34, 32, 3)
    theirs = resnet.ResNet(stages, False, True, weights=None, input_shape=shape, classes=5, classifier_activation=None)
    model = models.resnet((2, 1), 5, block="bottleneck", use_bias=True, epsilon=1.001e-5, input=shape)
    names = {"conv1_conv": "stem", "conv1_bn": "stem_norm", "predictions": "head"}
    for stage, count in ((1, 2), (2, 1)):
        for block in range(1, count + 1):
            ours, keras_name = f"stage_{stage}/block_{block}", f"conv{stage + 1}_block{block}"
            names |= {f"{keras_name}_{i}_conv": f"{ours}/conv_{i}" for i in (1, 2, 3)}
            names |= {f"{keras_name}_{i}_bn": f"{ours}/norm_{i}" for i in (1, 2, 3)}
            names |= {f"{keras_name}_0_conv": f"{ours}/projection", f"{keras_name}_0_bn": f"{ours}/projection_norm"}
    compare(theirs, model, names, RNG.normal(size=(2, *shape)))


@pytest.mark.slow
def test_mobilenet_v2(float64: None) -> None:
    from keras.applications import MobileNetV2

    shape = (32, 64, 3)
    theirs = MobileNetV2(shape, alpha=0.35, weights=None, classes=5, classifier_activation=None)
    model = models.mobilenet_v2(5, 0.35, input=shape)
    names = {
        "Conv1": "stem",
        "bn_Conv1": "stem_norm",
        "Conv_1": "last",
        "Conv_1_bn": "last_norm",
        "predictions": "head",
    }
    for block in range(1, 18):
        before = "expanded_conv" if block == 1 else f"block_{block - 1}"
        for part in ("expand", "depthwise", "project"):
            names |= {f"{before}_{part}": f"block_{block}/{part}", f"{before}_{part}_BN": f"block_{block}/{part}_norm"}
    compare(theirs, model, names, RNG.normal(size=(1, *shape)))
