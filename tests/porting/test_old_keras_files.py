"""Files of Keras 1 and early Keras 2, written by hand: their options, layouts and meanings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.signal

from nnspec.errors import PortError
from nnspec.porting.formats import Reading
from tests.porting.old_keras import Config, old_file

startup = pytest.importorskip("nnspec_tensorflow.startup", reason="the tensorflow backend is not installed")
files = pytest.importorskip("nnspec_tensorflow.porting.files")
legacy = pytest.importorskip("nnspec_tensorflow.porting.legacy")
tf, keras = startup.tf, startup.keras

pytestmark = [
    pytest.mark.tensorflow,
    # TensorFlow's variables have an ``__array__`` without the ``copy`` of NumPy 2, which Keras calls when it saves.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]
RNG = np.random.default_rng(3)


def normal(*shape: int) -> Any:
    return RNG.normal(size=shape).astype("float32")


def hard(x: Any) -> Any:
    return np.clip(0.2 * x + 0.5, 0, 1)


@pytest.mark.parametrize("rename", [False, True])
def test_keras_1(rename: bool, tmp_path: Path) -> None:
    """An LSTM with a kernel for each gate, and a Dense; groups that are named otherwise go by their order."""
    gates = {gate: (normal(3, 4), normal(4, 4), normal(4)) for gate in "icfo"}
    kernel, bias = normal(4, 2), normal(2)
    layers = [
        (
            "LSTM",
            {
                "name": "lstm_1",
                "batch_input_shape": [None, 5, 3],
                "input_dtype": "float32",
                "output_dim": 4,
                "init": "glorot_uniform",
                "inner_init": "orthogonal",
                "forget_bias_init": "one",
                "activation": "tanh",
                "inner_activation": "hard_sigmoid",
                "W_regularizer": None,
                "dropout_W": 0.1,
                "dropout_U": 0.2,
                "return_sequences": False,
                "go_backwards": False,
                "stateful": False,
                "unroll": False,
                "consume_less": "cpu",
                "input_dim": 3,
                "input_length": 5,
            },
            [array for gate in "icfo" for array in gates[gate]],
        ),
        ("Dropout", {"name": "dropout_1", "p": 0.5, "trainable": True}, []),
        (
            "Dense",
            {
                "name": "dense_1",
                "output_dim": 2,
                "activation": "hard_sigmoid",
                "init": "uniform",
                "bias": True,
                "input_dim": 4,
            },
            [kernel, bias],
        ),
    ]
    model = files.load(old_file(tmp_path / "model.h5", layers, rename=rename), Reading())
    assert model.layers[0].cell.recurrent_activation is legacy.hard_sigmoid
    assert legacy.MEANINGS[model.layers[2].activation].convention == "keras2"
    x = normal(2, 5, 3) * 3
    h = c = np.zeros((2, 4))
    for t in range(5):
        z = {gate: x[:, t] @ w + h @ u + b for gate, (w, u, b) in gates.items()}
        c = hard(z["f"]) * c + hard(z["i"]) * np.tanh(z["c"])
        h = hard(z["o"]) * np.tanh(c)
    np.testing.assert_allclose(model(x), hard(h @ kernel + bias), rtol=1e-5, atol=1e-6)


def test_keras_1_images(tmp_path: Path) -> None:
    """Statistics, paddings and pools under their old names."""
    kernel, bias = normal(3, 2, 3, 4), normal(4)
    gamma, beta, mean, var = normal(4), normal(4), normal(4), RNG.uniform(0.3, 1, 4).astype("float32")
    layers = [
        (
            "Convolution2D",
            {
                "name": "c",
                "batch_input_shape": [None, 6, 5, 3],
                "nb_filter": 4,
                "nb_row": 3,
                "nb_col": 2,
                "border_mode": "valid",
                "subsample": [1, 2],
                "dim_ordering": "tf",
                "activation": "linear",
                "bias": True,
            },
            [kernel, bias],
        ),
        (
            "BatchNormalization",
            {"name": "n", "mode": 0, "axis": -1, "momentum": 0.9, "epsilon": 0.01},
            [gamma, beta, mean, var],
        ),
        ("ZeroPadding2D", {"name": "z", "padding": [1, 0], "dim_ordering": "tf"}, []),
        (
            "MaxPooling2D",
            {"name": "p", "pool_size": [2, 1], "strides": [2, 1], "border_mode": "valid", "dim_ordering": "tf"},
            [],
        ),
        ("LeakyReLU", {"name": "l", "alpha": 0.3}, []),
        ("Flatten", {"name": "f"}, []),
    ]
    model = files.load(old_file(tmp_path / "model.h5", layers), Reading())
    x = normal(2, 6, 5, 3)
    y = np.zeros((2, 4, 2, 4))
    for i in range(4):
        for j in range(2):
            y[:, i, j] = np.einsum("bhwc,hwcf->bf", x[:, i : i + 3, 2 * j : 2 * j + 2], kernel) + bias
    y = (y - mean) / np.sqrt(var + 0.01) * gamma + beta
    y = np.pad(y, ((0, 0), (1, 1), (0, 0), (0, 0))).reshape(2, 3, 2, 2, 4).max(2)
    np.testing.assert_allclose(model(x), np.where(y > 0, y, 0.3 * y).reshape(2, -1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("version", ["1.2.2", "2.0.5"])
def test_theano_convolves(version: str, tmp_path: Path) -> None:
    kernel = normal(3, 2, 1, 1)
    sizes = {"nb_filter": 1, "nb_row": 3, "nb_col": 2, "bias": False}
    config = sizes if version < "2" else {"filters": 1, "kernel_size": [3, 2], "use_bias": False}
    kind = "Convolution2D" if version < "2" else "Conv2D"
    layers = [(kind, {"name": "c", "batch_input_shape": [None, 6, 7, 1], **config}, [kernel])]
    x = normal(1, 6, 7, 1)
    for backend, signals in (("theano", scipy.signal.convolve2d), ("tensorflow", scipy.signal.correlate2d)):
        path = old_file(tmp_path / f"{backend}.h5", layers, version=version, backend=backend)
        found = files.load(path, Reading())(x)[0, :, :, 0]
        np.testing.assert_allclose(found, signals(x[0, :, :, 0], kernel[:, :, 0, 0], "valid"), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "config", "said"),
    [
        ("MaxoutDense", {"output_dim": 3}, "MaxoutDense"),
        ("BatchNormalization", {"mode": 1}, "mode=1"),
        ("Convolution1D", {"nb_filter": 2, "filter_length": 3, "border_mode": "full"}, "border_mode='full'"),
        ("Merge", {"mode": "lambda", "mode_type": "lambda"}, "never executed"),
        ("Deconvolution2D", {"nb_filter": 2}, "Conv2DTranspose"),
        ("Dense", {"output_dim": 2, "activation": "my_own"}, r"my_own.*--custom 'it\.activation="),
        ("Embedding", {"input_dim": 3, "output_dim": 2, "dropout": 0.2}, "dropout=0.2"),
    ],
)
def test_what_keras_1_had_alone(kind: str, config: Config, said: str, tmp_path: Path) -> None:
    layers = [(kind, {"name": "it", "batch_input_shape": [None, 5, 3], **config}, [])]
    with pytest.raises(PortError, match=rf"model\.h5.*'it'.*{said}"):
        files.load(old_file(tmp_path / "model.h5", layers), Reading())


@pytest.mark.parametrize(
    ("kind", "config", "said"),
    [
        ("LSTM", {"units": 2, "time_major": True}, "time_major=True"),
        ("LocallyConnected1D", {"filters": 2}, "LocallyConnected1D|unshared"),
        ("UpSampling2D", {"size": [2, 2], "interpolation": "bilinear"}, "corners of pixels"),
        ("InputLayer", {"ragged": True}, "ragged"),
        (
            "Dense",
            {"units": 2, "dtype": {"class_name": "QuantizedDTypePolicy", "config": {"name": "int8_from_float32"}}},
            "int8",
        ),
    ],
)
def test_options_of_keras_2_that_are_gone(kind: str, config: Config, said: str, tmp_path: Path) -> None:
    layers = [(kind, {"name": "it", "batch_input_shape": [None, 5, 3], **config}, [])]
    with pytest.raises(PortError, match=rf"model\.h5.*'it'.*(?:{said})"):
        files.load(old_file(tmp_path / "model.h5", layers, version="2.2.4"), Reading())


def test_float64_files_stay_float64(tmp_path: Path) -> None:
    kernel = RNG.normal(size=(3, 2))
    layers = [("Dense", {"name": "d", "batch_input_shape": [None, 3], "output_dim": 2, "bias": False}, [kernel])]
    model = files.load(old_file(tmp_path / "model.h5", layers), Reading())
    np.testing.assert_array_equal(model.weights[0], kernel)
