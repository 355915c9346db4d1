"""Which files are taken for Keras's, and weights in several files."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnspec.errors import FileError

startup = pytest.importorskip("nnspec_tensorflow.startup", reason="the tensorflow backend is not installed")
files = pytest.importorskip("nnspec_tensorflow.porting.files")
reads = pytest.importorskip("nnspec_tensorflow.porting.importer").KerasImporter().reads
h5py = pytest.importorskip("h5py")
keras = startup.keras

pytestmark = [
    pytest.mark.tensorflow,
    # TensorFlow's variables have an ``__array__`` without the ``copy`` of NumPy 2, which Keras calls when it saves.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]


class Net(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = keras.layers.Dense(300, name="first"), keras.layers.Dense(500, name="second")

    def call(self, x: Any) -> Any:
        return self.second(self.first(x))


def net() -> Any:
    model = Net()
    model(np.ones((1, 40), np.float32))
    rng = np.random.default_rng(5)
    model.set_weights([rng.normal(size=w.shape) for w in model.weights])
    return model


def test_weights_of_all_kinds_are_keras_files(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
    for name, write in {
        "model.keras": model.save,
        "model.h5": model.save,
        "layers.weights.h5": model.save_weights,
        "attributes.weights.h5": net().save_weights,
    }.items():
        write(tmp_path / name)
        # The content decides.
        assert reads((tmp_path / name).rename(tmp_path / f"{name}.bin")), name


def test_other_files_are_not(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["measured"] = np.ones(3)
        file.create_group("site")["height"] = np.ones(2)
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("data.pkl", b"")
    with zipfile.ZipFile(tmp_path / "alone.zip", "w") as archive:
        archive.writestr("config.json", b"{}")
    (tmp_path / "text").write_text("layers")
    for name in ("data.h5", "other.zip", "alone.zip", "text", "missing", "."):
        assert not reads(tmp_path / name), name


def test_what_calls_itself_a_model_is_told_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    assert reads(path)
    with pytest.raises(FileError, match="git lfs pull"):
        files.load(path, None)


def test_keras_is_not_imported_for_that(tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    with h5py.File(path, "w") as file:
        file.create_group("layers")
    program = (
        "import sys, pathlib\nfrom nnspec_tensorflow.porting.importer import KerasImporter\n"
        f"assert KerasImporter().reads(pathlib.Path({str(path)!r}))\n"
        "assert not {'keras', 'tensorflow'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def shards(tmp_path: Path) -> tuple[Any, Path]:
    model = net()
    path = tmp_path / "net.weights.json"
    model.save_weights(path, max_shard_size=0.0006)
    assert len(list(tmp_path.glob("net_*.weights.h5"))) > 1
    return model, path


def test_weights_in_several_files(shards: tuple[Any, Path]) -> None:
    model, path = shards
    other = net()
    other.set_weights([np.zeros_like(w) for w in other.get_weights()])
    files.load_weights(other, path)
    for a, b in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", ["../net_00000.weights.h5", "/etc/passwd", 3, "net_00009.weights.h5", "net.h5"])
def test_an_index_names_files_beside_it(shards: tuple[Any, Path], name: Any) -> None:
    _, path = shards
    index = json.loads(path.read_text())
    key = next(iter(index["weight_map"]))
    index["weight_map"][key] = name
    path.write_text(json.dumps(index))
    with pytest.raises(FileError, match=r"is missing|no file of weights beside it"):
        files.load_weights(net(), path)


def test_a_damaged_file_among_several(shards: tuple[Any, Path]) -> None:
    _, path = shards
    shard = path.with_name("net_00001.weights.h5")
    shard.write_bytes(shard.read_bytes()[:2000])
    with pytest.raises(FileError, match=r"net_00001\.weights\.h5"):
        files.load_weights(net(), path)
