"""Normalized kernels in Keras's own classes: saved and loaded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nnspec as nn
from tests.tensorflow.models import randomized

keras = pytest.importorskip("nnspec_tensorflow.startup", reason="the tensorflow backend is not installed").keras


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
@pytest.mark.parametrize("layer", [nn.SpectralNorm(nn.Conv(3, (2,)), stored_sigma=True), nn.WeightNorm(nn.Dense(3))])
def test_saved_and_loaded(layer: nn.Layer, tmp_path: Path) -> None:
    net = randomized(nn.Sequential([layer], input=[5, 4]), "float32")
    x = np.random.default_rng(3).normal(size=(2, 5, 4)).astype(np.float32)
    net.native.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    (expected,) = net.forward({"input": x}).values()
    np.testing.assert_allclose(loaded(x), expected, rtol=1e-6, atol=1e-6)
    assert [v.shape for v in loaded.weights] == [v.shape for v in net.native.weights]
