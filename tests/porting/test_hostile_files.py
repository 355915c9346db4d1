"""Files from strangers: each is refused by an error that names it, nothing in it is executed, memory stays bounded."""

from __future__ import annotations

import resource
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnspec.errors import FileError, PortError, SpecError
from nnspec.porting.formats import Reading
from tests.porting import hostile, hostile_arrays, hostile_configs

startup = pytest.importorskip("nnspec_tensorflow.startup", reason="the tensorflow backend is not installed")
files = pytest.importorskip("nnspec_tensorflow.porting.files")
keras = startup.keras

pytestmark = [
    pytest.mark.tensorflow,
    # TensorFlow's variables have an ``__array__`` without the ``copy`` of NumPy 2, which Keras calls when it saves.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]

MEGABYTES = 300


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module")
def innocent(place: Path) -> tuple[bytes, bytes]:
    """A model in both formats; importing the module that hostile files name leaves a mark."""
    return _written(place / "innocent.keras", "dense"), _written(place / "innocent.h5", "first")


def _written(path: Path, name: str) -> bytes:
    given = keras.Input((5,), name="input")
    hidden = keras.layers.Dense(4, activation="tanh", name=name)(given)
    keras.Model(given, keras.layers.Dense(3, name="output")(hidden), name="innocent").save(path)
    return path.read_bytes()


@pytest.fixture(scope="module")
def made(place: Path, innocent: tuple[bytes, bytes]) -> dict[str, bytes]:
    mark = place / "executed"
    (place / "hostile_payload.py").write_text(
        f"__import__('pathlib').Path({str(mark)!r}).write_text('imported')\nrun = Layer = print\n"
    )
    found = hostile.containers(*innocent, mark) | hostile_configs.payloads(*innocent, mark)
    found |= hostile_configs.graphs(*innocent) | hostile_configs.sizes(*innocent)
    return found | hostile_arrays.arrays(*innocent, place / "other.h5")


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def test_none_is_opened_and_none_harms(made: dict[str, bytes], place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(place)
    monkeypatch.chdir(place)
    mark = place / "executed"
    before, loaded = _peak(), set(sys.modules)
    wrong: dict[str, Any] = {}
    for i, (name, data) in enumerate(made.items()):
        path = place / f"file{i}.{'keras' if i % 2 else 'h5'}"  # names mean nothing
        path.write_bytes(data)
        error = _refusal(path)
        if not isinstance(error, FileError | PortError | SpecError):
            wrong[name] = error
        elif str(path) not in str(error) or len(str(error)) > 900 or "\n" in str(error):
            wrong[name] = f"says {error}"
        if mark.exists() or {"hostile_payload"} & set(sys.modules) or (place.parent / "escaped").exists():
            wrong[name] = "was executed"
        if _peak() > before + MEGABYTES:
            wrong[name] = f"took {_peak() - before:.0f} MB"
            before = _peak()
        path.unlink()
    assert not wrong
    assert len(made) >= 100
    expected = ("keras", "tensorflow", "h5py", "numpy", "encodings")
    assert not {name for name in set(sys.modules) - loaded if not name.startswith(expected)}


def _refusal(path: Path) -> Any:
    try:
        return files.load(path, Reading())
    except BaseException as error:
        return error


@pytest.mark.parametrize("seed", range(4))
def test_a_flipped_bit_of_an_archive_is_found_or_means_nothing(
    seed: int, innocent: tuple[bytes, bytes], tmp_path: Path
) -> None:
    """Archives have checksums of all that is in them."""
    rng = np.random.default_rng(seed)
    path = tmp_path / "model.keras"
    path.write_bytes(innocent[0])
    expected = [np.asarray(w) for w in files.load(path, Reading()).weights]
    for place in rng.integers(0, len(innocent[0]), 12):
        data = bytearray(innocent[0])
        data[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(data)
        try:
            found = [np.asarray(w) for w in files.load(path, Reading()).weights]
        except (FileError, PortError):
            continue
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("seed", range(4))
def test_a_flipped_bit_of_an_hdf5_file_is_an_error_or_a_model(
    seed: int, innocent: tuple[bytes, bytes], tmp_path: Path
) -> None:
    """HDF5 files have none: a flipped bit within a weight is another weight."""
    rng = np.random.default_rng(seed)
    path = tmp_path / "model.h5"
    for place in rng.integers(0, len(innocent[1]), 25):
        data = bytearray(innocent[1])
        data[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(data)
        try:
            model = files.load(path, Reading())
        except (FileError, PortError):
            continue
        assert len(model.weights) == 4


def test_what_is_not_read_does_no_harm(innocent: tuple[bytes, bytes], place: Path, tmp_path: Path) -> None:
    """Losses, metrics, optimizers, initializers and build configs of a file are not made."""
    mark = tmp_path / "executed"
    written = {"class_name": "__lambda__", "config": {"value": [hostile.code(mark), None, None]}}
    popen = {"module": "subprocess", "class_name": "Popen", "config": {"args": f"touch {mark}", "shell": True}}

    def change(config: Any) -> None:
        config["compile_config"] = {"optimizer": popen, "loss": written, "metrics": [popen]}
        config["build_config"] = popen
        layer = config["config"]["layers"][1]
        layer["build_config"] = popen
        layer["config"].update(kernel_initializer=popen, bias_initializer=written, kernel_regularizer=popen)

    path = tmp_path / "model.keras"
    path.write_bytes(hostile.with_config(innocent[0], change))
    loaded = files.read(path, Reading())
    assert loaded.optimizer == popen  # as data
    assert len(loaded.model.weights) == 4
    assert not mark.exists()


def test_the_code_in_these_files_would_work(tmp_path: Path) -> None:
    """The oracle of the rest: Keras without its safe mode executes it."""
    mark = tmp_path / "executed"
    from keras.src.utils.python_utils import func_load

    function = func_load([hostile.code(mark), None, None])
    function(1)
    assert mark.read_text() == "executed"
