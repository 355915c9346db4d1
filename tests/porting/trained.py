"""A program that runs trained models from packages with Keras 2: an oracle in a process of its own.

``python trained.py FOLDER`` leaves ``NAME.npz`` with inputs ("x0", …) and outputs ("y0", …), before the last sigmoid or
softmax, for the models whose package is installed; for MTCNN's nets with their weights ("w0", …).
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

RNG = np.random.default_rng(11)
FER = "fer/data/emotion_model.hdf5"
DEEPCUT = "deepcut/weight/cnn_without_ne_ab.h5"
RAPID = "astrorapid/ZTF_unknown_redshift.hdf5"
NETS = {"pnet": ("PNet", 40), "rnet": ("RNet", 24), "onet": ("ONet", 48)}
LAST = {"pnet": "conv4_2", "rnet": "fc5_2", "onet": "fc6_3"}


def located(path: str) -> Path | None:
    """A file of an installed package, which is not imported."""
    package, _, rest = path.partition("/")
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        return None
    file = Path(found.submodule_search_locations[0]) / rest
    return file if file.is_file() else None


def installed(path: str) -> Path:
    """The same file, for a test that is skipped without it."""
    import pytest  # which the program does not need

    found = located(path)
    if found is None:
        pytest.skip(f"{path} is not installed")
    return found


def module(path: Path) -> Any:
    """A module of a package, without the package around it."""
    spec = importlib.util.spec_from_file_location(f"trained_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def images(size: int, channels: int) -> Any:
    """Smooth pictures, between −1 and 1."""
    grid = np.linspace(0, 3, size)
    waves = [np.sin(a * grid[:, None] + b * grid + c) for a, b, c in RNG.normal(size=(4 * channels, 3)) * 3]
    return np.stack(waves).reshape(4, channels, size, size).transpose(0, 2, 3, 1).astype("float32")


def without_end(model: Any, layer: Any, linear: Any) -> Any:
    """The model before its last activation, in which differences show that 0 and 1 hide."""
    layer.activation = linear
    return model


def light_curves() -> Any:
    """Series that end early, the rest of which is masked."""
    curves = RNG.normal(size=(4, 50, 2)).astype("float32").cumsum(1) * 0.2
    curves[1, 30:] = curves[3, 12:] = 0.0
    return curves


def main(folder: Path) -> None:
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_USE_LEGACY_KERAS="1")
    import tf_keras

    linear = tf_keras.activations.linear
    runs: dict[str, tuple[Any, list[Any]]] = {}
    if path := located(FER):
        model = tf_keras.models.load_model(path, compile=False)
        runs["fer"] = (without_end(model, model.layers[-1], linear), [images(64, 1)])
    if path := located(RAPID):
        model = tf_keras.models.load_model(path, compile=False)
        model(light_curves())
        runs["astrorapid"] = (without_end(model, model.layers[-1].layer, linear), [light_curves()])
    if (path := located(DEEPCUT)) and (source := located("deepcut/model.py")):
        model = module(source).get_convo_nn2()
        model.load_weights(path)
        ids = [RNG.integers(0, 178, (40, 21)), RNG.integers(0, 12, (40, 21))]
        runs["deepcut"] = (without_end(model, model.layers[-1], linear), [x.astype("float32") for x in ids])
    for name, (kind, size) in NETS.items():
        path, source = located(f"mtcnn/assets/weights/{name}.lz4"), located(f"mtcnn/network/{name}.py")
        if path and source:
            import joblib

            weights = joblib.load(path)
            model = getattr(module(source), kind)()
            model.build((None, size, size, 3))
            model.set_weights(weights)
            runs[name] = (without_end(model, getattr(model, LAST[name]), linear), [images(size, 3)])
            np.savez(folder / f"{name}.weights.npz", *weights)
    for name, (model, inputs) in runs.items():
        found = model(inputs[0] if len(inputs) == 1 else inputs)
        outputs = {f"y{i}": np.asarray(y) for i, y in enumerate(found if isinstance(found, list) else [found])}
        np.savez(folder / f"{name}.npz", **outputs, **{f"x{i}": x for i, x in enumerate(inputs)})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
