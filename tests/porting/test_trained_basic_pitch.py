"""Basic Pitch, which its package ships trained: ported from Keras to JAX, beside the package's own ONNX file."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec
from nnspec.porting.formats import Reading
from tests.porting import onnx_oracle, pitch, trained

startup = pytest.importorskip("nnspec_tensorflow.startup", reason="the tensorflow backend is not installed")
importer = pytest.importorskip("nnspec_tensorflow.porting.importer")
pytest.importorskip("onnx", reason="the package onnx is not installed")

pytestmark = [pytest.mark.slow, pytest.mark.tensorflow, pytest.mark.jax]
FOLDER = "basic_pitch/saved_models/icassp_2022"


@pytest.fixture(scope="module")
def model() -> Any:
    variables = trained.installed(f"{FOLDER}/nmp/variables/variables.index").with_suffix("")
    return pitch.build(startup.keras, trained.module(trained.installed("basic_pitch/layers/nnaudio.py")), variables)


def sounds() -> Any:
    """Two seconds of notes with harmonics over noise."""
    rng = np.random.default_rng(17)
    time = np.arange(pitch.SAMPLES) / pitch.RATE
    made = rng.normal(size=(2, pitch.SAMPLES)) * 0.02
    for example in made:
        for start, key in zip((0.0, 0.4, 0.9, 1.3), rng.integers(0, 60, 4), strict=True):
            loudness = np.where(time > start, np.exp(-3 * (time - start).clip(0)), 0.0)
            for harmonic in (1, 2, 3):
                frequency = harmonic * 55.0 * 2 ** (key / 12)
                example += 0.3 / harmonic * loudness * np.sin(2 * np.pi * frequency * time)
    return made[:, :, None].astype("float32")


def test_basic_pitch(model: Any) -> None:
    file = trained.installed(f"{FOLDER}/nmp.onnx")
    x = sounds()
    names = onnx_oracle.before(file, "Sigmoid")
    found = onnx_oracle.run(file, {onnx_oracle.inputs(file)[0]: x}, names)
    port = importer.KerasImporter().from_object(model, Reading())
    assert len(port.model.outputs) == len(names)
    backend = nnspec.backend("jax")
    exact, rough = (backend.build(port.model, port.variables, dtype=dtype) for dtype in ("float64", "float32"))
    truth, outputs = exact.forward({"audio": x}), rough.forward({"audio": x})
    for name, key, own in zip(names, port.model.outputs, model(x), strict=True):
        assert truth[key].std() > 0.1
        limit = 4 * _error(own, truth[key])  # the gate: four times what float32 costs Keras itself
        assert limit < 2e-4
        assert _error(np.moveaxis(found[name], 1, -1), truth[key]) < limit
        assert _error(outputs[key], truth[key]) < limit


def _error(value: Any, truth: Any) -> float:
    value = np.asarray(value, np.float64)
    assert value.shape == truth.shape
    return float(np.abs(value - truth).max() / np.abs(truth).max())
