"""KerasHub's backbones in small, with random weights: ported, and run by the reference against Keras."""

from __future__ import annotations

import numpy as np
import pytest

keras = pytest.importorskip("nnspec_tensorflow.startup", reason="the tensorflow backend is not installed").keras
hub = pytest.importorskip("keras_hub", reason="keras-hub is not installed")

from nnspec.porting.formats import Reading  # noqa: E402
from nnspec.reference.model import run  # noqa: E402
from nnspec_tensorflow.porting.importer import KerasImporter  # noqa: E402
from tests.porting.keras_hub.backbones import BACKBONES, Backbone  # noqa: E402

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]


@pytest.mark.parametrize("backbone", BACKBONES, ids=lambda b: b.name)
def test_the_port_computes_what_keras_does(backbone: Backbone) -> None:
    rng = np.random.default_rng(len(backbone.name))
    original = getattr(hub.models, f"{backbone.name}Backbone")(**backbone.config)
    for weight in original.weights:
        if "float" in weight.dtype:
            noise = rng.normal(scale=0.2, size=weight.shape)
            variance = "variance" in weight.path
            weight.assign(rng.uniform(0.5, 1.5, weight.shape) if variance else np.asarray(weight) * 0.5 + noise)
    tensors, inputs = {}, {}
    for name, shape in backbone.shapes.items():
        whole = name.endswith(("ids", "mask"))
        tensors[name] = keras.Input(shape, name=name, dtype="int32" if whole else "float32")
        below = 2 if name == "segment_ids" else 17
        x = rng.integers(0, below, (2, *shape)) if whole else rng.normal(size=(2, *shape))
        if name.endswith("mask"):  # the last two of one of them are padding
            x = np.ones((2, *shape), int)
            x[1, -2:] = 0
        inputs[name] = x.astype("int32" if whole else "float32")
    single = list(backbone.shapes) == ["images"]
    model = keras.Model(tensors, original(tensors["images"] if single and backbone.name != "DINOV2" else tensors))
    expected = [np.asarray(y) for y in keras.tree.flatten(model(inputs))]
    port = KerasImporter().from_object(model, Reading())
    found = run(port.model, port.variables, inputs, dtype=np.float64).outputs
    for name, y in zip(port.model.outputs, expected, strict=True):
        np.testing.assert_allclose(found[name], y, rtol=1e-4, atol=2e-5 * np.abs(y).max())
