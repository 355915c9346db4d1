"""QLKNN 7.11, a plasma's turbulent fluxes as a linen MLP that its package ships trained: ported to Keras.

Beside it run the package's published numbers in float64, its ONNX file, and the formula in NumPy.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnspec import porting
from tests.porting import onnx_oracle, trained

pytest.importorskip("nnspec_jax.porting.importer", reason="the jax backend is not installed")
pytest.importorskip("nnspec_tensorflow.porting.importer", reason="the tensorflow backend is not installed")

pytestmark = [
    *(pytest.mark.slow, pytest.mark.tensorflow, pytest.mark.jax),
    # TensorFlow's variables have an ``__array__`` without the ``copy`` of NumPy 2, which Keras calls when it saves.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]
FOLDER = "fusion_surrogates/qlknn/models"


@pytest.fixture(scope="module")
def kept() -> Any:
    """The file: config and variables, without the axis of the ensemble, which has one member."""
    import jax
    from flax import serialization

    content = serialization.msgpack_restore(trained.installed(f"{FOLDER}/qlknn_7_11.qlknn").read_bytes())
    config = serialization.msgpack_restore(content["config"])
    assert config["network_type"] == "mlp"
    assert config["normalize_inputs"]
    assert config["normalize_targets"]
    return config, jax.tree.map(lambda x: x[0], content["params"])


@pytest.fixture(scope="module")
def surrogate(kept: Any) -> Any:
    """The package's predict_targets as a linen module around the package's network."""
    pytest.importorskip("immutabledict")
    networks = trained.module(trained.installed("fusion_surrogates/common/networks.py"))
    from flax import linen as nn

    config, variables = kept
    stats, sizes = config["stats_data"], config["network_config"]

    class Surrogate(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            x = (x - stats["input_mean"]) / stats["input_stddev"]
            y = networks.MLP(**sizes, num_targets=len(config["target_names"]), name="network")(x)
            return y * stats["target_stddev"] + stats["target_mean"]

    return Surrogate(), {"params": {"network": variables["params"]}}


@pytest.fixture(scope="module")
def port(surrogate: Any, kept: Any) -> Any:
    """Verified node by node by the way."""
    module, variables = surrogate
    return porting.from_flax(module, plasmas(kept[0], 5), variables=variables)


def plasmas(config: Any, count: int) -> Any:
    """Inputs around what the network was trained on."""
    stats = config["stats_data"]
    made = np.random.default_rng(3).normal(size=(count, len(config["input_names"])))
    made = stats["input_mean"] + made * stats["input_stddev"]
    return made.clip(stats["input_min"], stats["input_max"]).astype("float32")


def test_published_numbers(port: Any) -> None:
    """The package's own test asks for ten decimals."""
    with np.load(trained.installed(f"{FOLDER}/qlknn_7_11_test_data.npz")) as arrays:
        x, wanted = arrays["inputs"], arrays["outputs"]
    import nnspec

    x, wanted = x.reshape(-1, x.shape[-1]), wanted.reshape(-1, wanted.shape[-1])
    net = nnspec.backend("tensorflow").build(port.model, port.variables, dtype="float64")
    (found,) = net.forward(dict(zip(port.model.inputs, [x], strict=True))).values()
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-10)


def test_fluxes(port: Any, kept: Any) -> None:
    """A live Keras model of stock layers in float32, beside ONNX's fluxes: products of outputs, clipped at 0."""
    config, _ = kept
    pytest.importorskip("onnx", reason="the package onnx is not installed")
    file = trained.installed(f"{FOLDER}/qlknn_7_11.onnx")
    x = plasmas(config, 300)
    targets = dict(zip(config["target_names"], np.asarray(porting.to_keras(port)(x)).T, strict=True))
    fluxes = onnx_oracle.run(file, {onnx_oracle.inputs(file)[0]: x})
    assert set(fluxes) == set(config["flux_map"])
    for name, given in config["flux_map"].items():
        leading = given["denominator"] or given["target"]
        value = targets[leading].clip(0) * (targets[given["target"]] if given["denominator"] else 1)
        error = np.abs(value - fluxes[name].ravel()).max() / np.abs(fluxes[name]).max()
        assert error < 1e-5, name


def test_targets(port: Any, kept: Any) -> None:
    """Before anything is clipped, in float32 beside the formula in float64."""
    config, variables = kept
    stats = config["stats_data"]
    x = plasmas(config, 300)
    y = (x.astype("float64") - stats["input_mean"]) / stats["input_stddev"]
    layers = [variables["params"][f"Dense_{i}"] for i in range(config["network_config"]["num_hiddens"] + 1)]
    for i, layer in enumerate(layers):
        y = y @ np.asarray(layer["kernel"], "float64") + layer["bias"]
        y = np.tanh(y) if i < len(layers) - 1 else y
    wanted = y * stats["target_stddev"] + stats["target_mean"]
    found = np.asarray(porting.to_keras(port)(x))
    assert (np.abs(found - wanted).max(0) / np.abs(wanted).max(0)).max() < 1e-5
