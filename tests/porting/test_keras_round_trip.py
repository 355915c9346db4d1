"""Keras → spec → Keras: the same weights, bit for bit, the same values, and the layers that Keras itself would use."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnspec.porting.formats import Reading

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]


@pytest.mark.parametrize("name", ["MobileNetV2", "EfficientNetV2B0", "ConvNeXtTiny", "DenseNet121"])
def test_applications_come_back_as_they_were(name: str, tmp_path: Path) -> None:
    importer: Any = pytest.importorskip("nnspec_tensorflow.porting.importer")
    from nnspec_tensorflow.porting.keras_file import KerasExporter
    from nnspec_tensorflow.startup import keras

    model = getattr(keras.applications, name)(weights=None, classes=10, input_shape=(64, 64, 3))
    rng = np.random.default_rng(0)
    for variable in model.variables:
        if variable.name == "moving_variance":
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
        elif variable.name in ("moving_mean", "beta", "bias"):
            variable.assign(rng.normal(0, 0.1, variable.shape))
    port = importer.KerasImporter().from_object(model, Reading())
    path = tmp_path / "model.keras"
    KerasExporter().write(port, path)
    again = keras.models.load_model(path)
    x = rng.uniform(0, 255, (2, 64, 64, 3)).astype(np.float32)
    expected = np.asarray(model(x))
    assert np.abs(np.asarray(again(x)) - expected).max() <= 1e-6 * np.abs(expected).max()
    assert _weights(again) == _weights(model)


def _weights(model: Any) -> Counter[bytes]:
    """The weights of a model whatever they are called, without the states of random generators."""
    return Counter(np.asarray(w).tobytes() for w in model.weights if "seed_generator" not in w.path)
