"""Keras's files of all versions: the model that comes out computes what the program that wrote it computed."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnspec.errors import FileError, PortError
from nnspec.porting.formats import Reading
from tests.porting import keras2
from tests.porting.old_keras import Config, old_file

startup = pytest.importorskip("nnspec_tensorflow.startup", reason="the tensorflow backend is not installed")
files = pytest.importorskip("nnspec_tensorflow.porting.files")
recognition = pytest.importorskip("nnspec_tensorflow.porting.recognition")
legacy = pytest.importorskip("nnspec_tensorflow.porting.legacy")
tf, keras = startup.tf, startup.keras

pytestmark = [
    pytest.mark.tensorflow,
    # TensorFlow's variables have an ``__array__`` without the ``copy`` of NumPy 2, which Keras calls when it saves.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]
L = keras.layers
RNG = np.random.default_rng(3)


def randomize(model: Any) -> Any:
    for variable in model.weights:
        low = 0.3 if "variance" in variable.name else -1.0
        variable.assign(RNG.uniform(low, 1.0, variable.shape))
    for layer in model.layers:
        if isinstance(layer, L.Normalization):
            layer.finalize_state()
    return model


class Twice(keras.layers.Layer):
    """A layer of a user's, which holds another."""

    def __init__(self, units: int, activation: Any = None, **options: Any) -> None:
        super().__init__(**options)
        self.units = units
        self.activation = keras.activations.get(activation)
        self.inner = keras.layers.Dense(units)

    def build(self, shape: Any) -> None:
        self.inner.build(shape)
        self.scale = self.add_weight(shape=(self.units,), name="scale")

    def call(self, x: Any) -> Any:
        return self.activation(self.inner(x)) * self.scale * 2

    def get_config(self) -> Config:
        return {**super().get_config(), "units": self.units, "activation": keras.activations.serialize(self.activation)}


class Subclassed(keras.Model):
    def __init__(self, units: int, **options: Any) -> None:
        super().__init__(**options)
        self.units = units
        self.first, self.second = keras.layers.Dense(units, activation="relu"), Twice(2)

    def call(self, x: Any) -> Any:
        return self.second(self.first(x))

    def get_config(self) -> Config:
        return {**super().get_config(), "units": self.units}


def doubled(x: Any) -> Any:
    return keras.ops.tanh(x) * 2


def sequence() -> Any:
    return keras.Sequential(
        [
            keras.Input((6,), dtype="int32"),
            L.Embedding(9, 4, mask_zero=True),
            L.Bidirectional(L.LSTM(3, return_sequences=True, recurrent_activation="hard_sigmoid"), merge_mode="mul"),
            L.TimeDistributed(L.Dense(4, activation=keras.layers.LeakyReLU(0.2))),
            L.RNN([L.GRUCell(3), L.SimpleRNNCell(2)]),
        ]
    )


def graph() -> Any:
    inner_input = keras.Input((5,))
    inner = keras.Model(inner_input, L.BatchNormalization()(L.Dense(3, trainable=False)(inner_input)), name="inner")
    a, b = keras.Input((5,), name="a"), keras.Input((5,), name="b")
    x, y = inner(a), inner(b)
    z = keras.ops.concatenate([x[:, :2] * 2.0, keras.ops.mean(y, axis=-1, keepdims=True)], axis=1)
    w = L.MultiHeadAttention(2, 2)(L.Reshape((3, 1))(z), L.Reshape((3, 1))(x), use_causal_mask=True)
    return keras.Model({"a": a, "b": b}, [L.Flatten()(w), inner(keras.ops.pad(z, [(0, 0), (1, 1)]))])


def image() -> Any:
    x = keras.Input((7, 8, 3))
    y = L.Normalization(axis=-1)(L.Rescaling([0.5, 1.0, 2.0], offset=-0.5)(x))
    y = L.Conv2D(4, (3, 2), strides=(2, 1), dilation_rate=1, activation="gelu", kernel_regularizer="l2")(y)
    y = L.SpectralNormalization(L.Conv2D(4, 1))(y)
    y = L.GroupNormalization(2)(L.DepthwiseConv2D(3, padding="same")(y))
    return keras.Model(x, [L.GlobalMaxPooling2D()(y), L.SeparableConv2D(2, 2)(L.ReLU(3.0, 0.1)(y))])


def inputs_of(model: Any) -> Any:
    made = [
        RNG.integers(0, 9, (3, *x.shape[1:]))
        if x.dtype == "int32"
        else RNG.normal(size=(3, *x.shape[1:])).astype("float32")
        for x in model.inputs
    ]
    return {"a": made[0], "b": made[1]} if len(made) == 2 else made[0]


@pytest.mark.parametrize("suffix", ["keras", "h5"])
@pytest.mark.parametrize("build", [sequence, graph, image])
def test_keras_3(build: Any, suffix: str, tmp_path: Path) -> None:
    model = randomize(build())
    path = tmp_path / f"model.{suffix}"
    model.save(path)
    assert recognition.reads(path)
    found = files.load(path, Reading())
    assert [w.path.split("/")[-1] for w in found.weights] == [w.path.split("/")[-1] for w in model.weights]
    for a, b in zip(found.weights, model.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    given = inputs_of(model)
    for a, b in zip(keras.tree.flatten(found(given)), keras.tree.flatten(model(given)), strict=True):
        np.testing.assert_array_equal(a, b)


def test_layers_that_models_share_stay_one(tmp_path: Path) -> None:
    shared = L.Dense(3, name="shared")
    a, b = keras.Input((3,)), keras.Input((3,))
    one, two = keras.Model(a, L.Dense(3)(shared(a)), name="one"), keras.Model(b, shared(b), name="two")
    x = keras.Input((3,), name="x")
    randomize(keras.Model(x, two(one(x)))).save(tmp_path / "model.keras")
    found = files.load(tmp_path / "model.keras", Reading())
    assert len(found.weights) == 4
    assert found.get_layer("one").get_layer("shared") is found.get_layer("two").get_layer("shared")


def test_classes_and_functions_of_the_users(tmp_path: Path) -> None:
    x = keras.Input((4,), name="x")
    y = Twice(3, activation=doubled, name="mine")(x)
    model = randomize(keras.Model(x, L.Lambda(doubled, name="code")(L.Dense(3, activation=doubled, name="last")(y))))
    path = tmp_path / "model.keras"
    model.save(path)
    with pytest.raises(PortError, match=r"'mine' \(Twice\).*--custom '.*Twice=package"):
        files.load(path, Reading())
    by_place = {"Twice": Twice, "last.activation": doubled, "code": doubled}
    with pytest.raises(PortError, match=r"'mine' \(Twice\): its config names 'doubled'"):
        files.load(path, Reading(custom=by_place))
    found = files.load(path, Reading(custom={"Twice": Twice, "doubled": doubled}))
    np.testing.assert_array_equal(found(np.ones((2, 4))), model(np.ones((2, 4))))
    keras.Model(x, L.Dense(2)(L.Lambda(doubled, name="code")(x))).save(path)
    with pytest.raises(PortError, match=r"'code' .Lambda.*never executed.*--custom 'code="):
        files.load(path, Reading())
    assert files.load(path, Reading(custom={"code": doubled})).get_layer("code").function is doubled


def test_a_lambda_for_an_activation_is_given_by_its_place(tmp_path: Path) -> None:
    x = keras.Input((4,), name="x")
    model = randomize(keras.Model(x, L.Dense(3, activation=lambda v: keras.ops.tanh(v) * 2, name="last")(x)))
    with pytest.warns(UserWarning, match="lambda"):
        model.save(tmp_path / "model.keras")
    with pytest.raises(PortError, match=r"--custom 'last\.activation=package\.module:function'"):
        files.load(tmp_path / "model.keras", Reading())
    found = files.load(tmp_path / "model.keras", Reading(custom={"last.activation": doubled}))
    np.testing.assert_array_equal(found(np.ones((2, 4))), model(np.ones((2, 4))))


def test_subclassed_models(tmp_path: Path) -> None:
    model = Subclassed(5)
    model(np.ones((2, 4), "float32"))
    randomize(model)
    model.save(tmp_path / "model.keras")
    found = files.load(tmp_path / "model.keras", Reading(custom={"Subclassed": Subclassed, "Twice": Twice}))
    np.testing.assert_array_equal(found(np.ones((2, 4))), model(np.ones((2, 4))))


def test_weights_for_a_function(tmp_path: Path) -> None:
    model = randomize(image())
    for name in ("model.weights.h5", "model.keras", "model.h5", "renamed.bin"):
        if name.endswith("weights.h5"):
            model.save_weights(tmp_path / name)
            (tmp_path / "renamed.bin").write_bytes((tmp_path / name).read_bytes())
        elif name != "renamed.bin":
            model.save(tmp_path / name)
        found = image()
        files.load_weights(found, tmp_path / name)
        for a, b in zip(found.weights, model.weights, strict=True):
            np.testing.assert_array_equal(a, b)
    with pytest.raises(FileError, match=r"weights without a model.*package\.module:function"):
        files.load(tmp_path / "model.weights.h5", Reading())
    with pytest.raises(FileError, match="do not fit the model"):
        files.load_weights(sequence(), tmp_path / "model.weights.h5")


def test_optimizers_are_kept_aside(tmp_path: Path) -> None:
    x = keras.Input((4,), name="x")
    model = randomize(keras.Model(x, L.Dense(2, name="out")(x)))
    model.compile(keras.optimizers.Adam(0.01, beta_1=0.8), "mse")
    model.fit(np.ones((6, 4)), np.zeros((6, 2)), verbose=0)
    for suffix in ("keras", "h5"):
        path = tmp_path / f"model.{suffix}"
        model.save(path)
        loaded = files.read(path, Reading())
        assert loaded.optimizer is not None
        assert loaded.optimizer["class_name"] == "Adam" and loaded.optimizer["config"]["beta_1"] == 0.8
        state = files.optimizer_state(path)
        assert len(state) == len(model.optimizer.variables)
        for (_, value), variable in zip(state, model.optimizer.variables, strict=True):
            np.testing.assert_array_equal(value, variable)


# Keras 2, by Keras 2.


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if find_spec("tf_keras") is None:
        pytest.skip("tf_keras is not installed")
    folder = tmp_path_factory.mktemp("keras2")
    done = subprocess.run([sys.executable, keras2.__file__, str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


OLD = [
    (name, suffix) for name in keras2.MODELS for suffix in ("h5", "keras") if (name, suffix) != ("functions", "keras")
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "suffix"), OLD)
def test_keras_2(name: str, suffix: str, written: Path) -> None:
    path = written / f"{name}.{suffix}"
    assert recognition.reads(path)
    loaded = files.read(path, Reading())
    assert loaded.version.startswith("2.")
    _computes(loaded.model, written / f"{name}.npz")
    assert (loaded.optimizer is not None) == (name in ("recurrent", "nested"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["recurrent", "images", "nested", "words"])
def test_weights_of_keras_2_for_a_function(name: str, written: Path) -> None:
    model = files.load(written / f"{name}.h5", Reading())
    randomize(model)
    files.load_weights(model, written / f"{name}.weights_only.h5")
    _computes(model, written / f"{name}.npz")


def _computes(model: Any, path: Path) -> None:
    with np.load(path) as arrays:
        given = [arrays[key] for key in sorted(arrays.files) if key != "y"]
        found = np.asarray(model(given[0] if len(given) == 1 else given))
        np.testing.assert_allclose(found, arrays["y"], rtol=2e-5, atol=2e-6 * np.abs(arrays["y"]).max())


@pytest.mark.slow
def test_weights_of_keras_1_and_cudnn(written: Path, tmp_path: Path) -> None:
    """Laid out as Keras 2 reads them."""
    first = {"dim_ordering": "th"}
    layers: dict[str, tuple[str, Config, list[int | None], str]] = {
        "lstm": ("LSTM", {"output_dim": 4}, [None, 5, 3], "1"),
        "gru": ("GRU", {"output_dim": 4}, [None, 5, 3], "1"),
        "conv1d": ("Convolution1D", {"nb_filter": 4, "filter_length": 3}, [None, 9, 2], "1"),
        "conv1d_th": ("Convolution1D", {"nb_filter": 4, "filter_length": 3}, [None, 9, 2], "1"),
        "conv2d_th": ("Convolution2D", {"nb_filter": 4, "nb_row": 3, "nb_col": 5, **first}, [None, 2, 9, 9], "1"),
        "conv2d_tf": (
            "Convolution2D",
            {"nb_filter": 4, "nb_row": 3, "nb_col": 5, "dim_ordering": "tf"},
            [None, 9, 9, 2],
            "1",
        ),
        "conv3d_th": (
            "Convolution3D",
            {"nb_filter": 4, "kernel_dim1": 3, "kernel_dim2": 2, "kernel_dim3": 5, **first},
            [None, 2, 9, 9, 9],
            "1",
        ),
        "cudnn_lstm": ("CuDNNLSTM", {"units": 4, "return_sequences": False, "stateful": False}, [None, 5, 3], "2.2.4"),
        "cudnn_gru": ("CuDNNGRU", {"units": 4, "return_sequences": False, "stateful": False}, [None, 5, 3], "2.2.4"),
    }
    with np.load(written / "converted.npz") as arrays:
        for name, (kind, config, shape, version) in layers.items():
            saved = [arrays[key] for key in arrays.files if key.startswith(f"{name}.from.")]
            wanted = [arrays[key] for key in arrays.files if key.startswith(f"{name}.to.")]
            path = old_file(
                tmp_path / f"{name}.h5",
                [(kind, {"name": "only", "batch_input_shape": shape, **config}, saved)],
                version=version,
            )
            found = files.load(path, Reading()).weights
            assert len(found) == len(wanted), name
            for a, b in zip(found, wanted, strict=True):
                np.testing.assert_array_equal(a, b, err_msg=name)
