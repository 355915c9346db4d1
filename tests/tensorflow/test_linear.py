"""Linear layers of several axes in Keras: saved and loaded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nnspec as nn
from tests.tensorflow.models import randomized

keras = pytest.importorskip("nnspec_tensorflow.startup", reason="the tensorflow backend is not installed").keras


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
def test_saved_and_loaded(tmp_path: Path) -> None:
    x = nn.symbol([5, 4])
    y = nn.DenseGeneral((2, 3))(x)
    y = nn.TimeDistributed(nn.DenseGeneral(4, axes=(1, 2)))(y)
    y = nn.TimeDistributed(nn.EinsumDense("ab,bc->ac", (None, 4)))(nn.EinsumDense("abc,cd->abd", (None, 3), "d")(y))
    y = nn.WeightNorm(nn.DenseGeneral(3))(nn.Bilinear(4)(y, x))
    net = randomized(nn.Model(inputs=x, outputs=nn.WeightNorm(nn.Bilinear(2))(y, x)), "float32")
    given = np.random.default_rng(3).normal(size=(2, 5, 4)).astype(np.float32)
    net.native.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    (expected,) = net.forward({"input": given}).values()
    np.testing.assert_allclose(loaded(given), expected, rtol=1e-5, atol=1e-6)
    assert [v.shape for v in loaded.weights] == [v.shape for v in net.native.weights]
