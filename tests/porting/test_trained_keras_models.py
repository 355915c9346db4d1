"""Trained models from packages, written by Keras 2: read, ported, run on JAX, and compared with Keras 2's own run.

Compared before the last sigmoid or softmax, which hides differences where it has come to 0 or 1.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnspec
from nnspec.porting.formats import Reading
from tests.porting import trained

startup = pytest.importorskip("nnspec_tensorflow.startup", reason="the tensorflow backend is not installed")
files = pytest.importorskip("nnspec_tensorflow.porting.files")
importer = pytest.importorskip("nnspec_tensorflow.porting.importer")
keras = startup.keras

pytestmark = [pytest.mark.slow, pytest.mark.tensorflow, pytest.mark.jax]
# Of the largest output: two frameworks' sums of the same float32 numbers.
LIMIT = 2e-5


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if find_spec("tf_keras") is None:
        pytest.skip("tf_keras is not installed")
    place = tmp_path_factory.mktemp("trained")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("KERAS")}
    command = [sys.executable, trained.__file__, str(place)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    return place


def fer(x: Any) -> Any:
    model = files.load(_there(trained.FER), Reading())
    return trained.without_end(model, model.layers[-1], keras.activations.linear)


def astrorapid(x: Any) -> Any:
    model = files.load(_there(trained.RAPID), Reading())
    return trained.without_end(model, model.layers[-1].layer, keras.activations.linear)


def deepcut(x: Any) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        # tensorflow.keras, which its source names, may be another Keras; its Embedding has an option that is gone.
        patch.setitem(sys.modules, "tensorflow.keras.layers", _Layers(keras.layers))
        patch.setitem(sys.modules, "tensorflow.keras.models", keras.models)
        patch.setitem(sys.modules, "tensorflow.keras.optimizers", keras.optimizers)
        model = trained.module(_there("deepcut/model.py")).get_convo_nn2()
    files.load_weights(model, _there(trained.DEEPCUT))
    return trained.without_end(model, model.layers[-1], keras.activations.linear)


class _Layers:
    """Keras 3's layers with what Keras 2 let pass."""

    def __init__(self, layers: Any) -> None:
        self._layers = layers

    def __getattr__(self, name: str) -> Any:
        made = getattr(self._layers, name)
        gone = ("input_length", "input_shape")
        if name not in ("Embedding", "Dense"):
            return made
        return lambda *args, **options: made(*args, **{k: v for k, v in options.items() if k not in gone})


def net(name: str, place: Path) -> Any:
    kind, size = trained.NETS[name]
    _there(f"mtcnn/assets/weights/{name}.lz4")
    model = getattr(trained.module(_there(f"mtcnn/network/{name}.py")), kind)()
    model.build((None, size, size, 3))
    with np.load(place / f"{name}.weights.npz") as arrays:
        model.set_weights([arrays[key] for key in arrays.files])
    return trained.without_end(model, getattr(model, trained.LAST[name]), keras.activations.linear)


def _there(path: str) -> Path:
    found = trained.located(path)
    if found is None:
        pytest.skip(f"{path} is not installed")
    return found


@pytest.mark.parametrize("name", ["fer", "astrorapid", "deepcut", *trained.NETS])
def test_trained(name: str, folder: Path) -> None:
    if not (folder / f"{name}.npz").exists():
        pytest.skip(f"{name} is not installed")
    with np.load(folder / f"{name}.npz") as arrays:
        given = [arrays[key] for key in sorted(arrays.files) if key.startswith("x")]
        wanted = [arrays[key] for key in sorted(arrays.files) if key.startswith("y")]
    model = net(name, folder) if name in trained.NETS else globals()[name](given)
    how = Reading(inputs={str(i): x for i, x in enumerate(given)} if name in trained.NETS else None)
    port = importer.KerasImporter().from_object(model, how)
    run = nnspec.backend("jax").build(port.model, dtype="float32")
    run.assign(port.variables)
    inputs = {
        key: x.astype("int32") if spec.dtype == "int32" else x
        for (key, spec), x in zip(port.model.inputs.items(), given, strict=True)
    }
    outputs = run.forward(inputs)
    found = [outputs[key] for key in port.model.outputs]
    for value, expected in zip(found, wanted, strict=True):
        error = np.abs(np.asarray(value) - expected).max() / np.abs(expected).max()
        assert error < LIMIT
