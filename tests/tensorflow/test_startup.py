"""Starting TensorFlow: quietly, with Keras on it or not at all, and whatever a person's configuration file says."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("tensorflow", reason="the tensorflow backend is not installed")

# Builds, computes and trains in several dtypes, by nnspec and by Keras, and prints every bit of the result.
TRAINING = """
import numpy as np
import nnspec as nn
model = nn.Sequential([nn.Flatten(), nn.Dense(9, "gelu"), nn.BatchNorm(), nn.LayerNorm(), nn.Dropout(0.4),
                       nn.Dense(3, "elu")], input=[2, 3])
backend = nn.backend("tensorflow")
rng = np.random.default_rng(0)
x, y = rng.normal(size=(20, 2, 3)), rng.integers(0, 3, 20)
rate = nn.WarmupCosine(0.1, 2, 9)
for dtype in ("float32", "float64"):
    net = backend.build(model, seed=3, dtype=dtype)
    engine = backend.engine(net, loss=nn.SoftmaxCrossEntropy(), optimizer=nn.AdamW(rate), metrics=[nn.Accuracy()],
                            clip=nn.Clip(global_norm=1.0))
    engine.load("train", {"input": x, "targets": y})
    engine.train(np.arange(20, dtype=np.int32).reshape(4, 5), 0, 4)
    print(engine.totals(), engine.evaluate("train", 7))
    for name, value in engine.variables().items():
        print(name, value.dtype, value.tobytes().hex())
    for rows in range(1, 7):  # many shapes: TensorFlow would warn
        net.forward({"input": x[:rows]}, compiled=rows % 2 == 0)
net = backend.build(model, seed=3)
net.native.compile(optimizer=backend.realize(nn.Adam(0.01)), loss=backend.realize(nn.SoftmaxCrossEntropy()))
net.native.fit(x.astype(np.float32), y, batch_size=10, epochs=2, verbose=0)  # Keras feeds in floatx: not compared
net.native.predict(x.astype(np.float32), verbose=0)
print(backend.words(1, 2, 3, 9).tobytes().hex(), backend.devices())
"""


def python(code: str, **variables: str | None) -> subprocess.CompletedProcess[str]:
    """A process of its own with these environment variables; None takes one away."""
    given = {"KERAS_BACKEND": None, "TF_CPP_MIN_LOG_LEVEL": None, **variables}
    environment = {**os.environ, **{name: value for name, value in given.items() if value is not None}}
    for name in (name for name, value in given.items() if value is None):
        environment.pop(name, None)
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_nothing_is_imported_past_the_startup() -> None:
    """A module that imports TensorFlow by itself brings its log lines, if it is the first to do so."""
    import nnspec_tensorflow

    root = Path(next(iter(nnspec_tensorflow.__path__)))
    past = [
        f"{path.relative_to(root)}: {line}"
        for path in root.rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.startswith(("import tensorflow", "from tensorflow", "import keras", "from keras"))
    ]
    assert past == []


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    return python(TRAINING, KERAS_HOME=str(tmp_path_factory.mktemp("keras")))


def test_no_line_reaches_the_user(undisturbed: subprocess.CompletedProcess[str]) -> None:
    assert undisturbed.stderr == ""
    assert undisturbed.returncode == 0
    assert undisturbed.stdout.count("optimizer/dense/kernel/m float") == 2


# A network that is a graph of kernels on CPUs, in a dtype that some of TensorFlow's libraries do not know.
CONVOLVING = """
import numpy as np
import nnspec as nn
nn.backend("jax")
model = nn.Sequential([nn.Conv(4, (3, 3), activation="gelu"), nn.Flatten(), nn.Dense(3)], input=[6, 6, 2])
net = nn.backend("tensorflow").build(model, dtype="float64")
print(net.forward({"input": np.ones((5, 6, 6, 2))}, training=True)["dense"].shape)
"""


@pytest.mark.slow
def test_no_line_reaches_the_user_where_jax_is_loaded() -> None:
    """JAX changes the environment that TensorFlow takes its log level from."""
    if importlib.util.find_spec("jax") is None:
        pytest.skip("jax is not installed")
    done = python(CONVOLVING)
    assert (done.stdout, done.stderr) == ("(5, 3)\n", "")
    assert "Not handling type DT_DOUBLE" in python(CONVOLVING, TF_CPP_MIN_LOG_LEVEL="0").stderr, "who asks for them"


@pytest.mark.slow
def test_the_configuration_file_changes_nothing(tmp_path: Path, undisturbed: subprocess.CompletedProcess[str]) -> None:
    settings = {"floatx": "float16", "epsilon": 0.1, "backend": "jax", "image_data_format": "channels_first"}
    (tmp_path / "keras.json").write_text(json.dumps({**settings, "dtype_policy": "mixed_float16"}))
    done = python(TRAINING, KERAS_HOME=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == undisturbed.stdout


ASK = "import nnspec\ntry: nnspec.backend('tensorflow')\nexcept nnspec.BackendError as error: print(error)"


def test_an_environment_that_names_another_backend_of_keras() -> None:
    done = python(ASK, KERAS_BACKEND="jax")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "KERAS_BACKEND=jax is set, and the tensorflow backend needs Keras on TensorFlow: "
        "unset KERAS_BACKEND, or set KERAS_BACKEND=tensorflow\n"
    )


@pytest.mark.parametrize("other", ["numpy", "jax"])
def test_keras_is_loaded_on_another_backend(other: str) -> None:
    if importlib.util.find_spec(other) is None:
        pytest.skip(f"{other} is not installed")
    done = python(f"import keras\n{ASK}", KERAS_BACKEND=other)
    assert f"Keras is already loaded in this process with its {other} backend" in done.stdout
    assert "start a new process with KERAS_BACKEND=tensorflow" in done.stdout


def test_keras_and_tensorflow_may_be_loaded_before() -> None:
    code = "import tensorflow, keras, nnspec\nprint(nnspec.backend('tensorflow').name)"
    assert python(code, TF_CPP_MIN_LOG_LEVEL="3").stdout == "tensorflow\n"


@pytest.mark.slow
def test_the_environment_is_left_as_it_was() -> None:
    code = (
        "import os, nnspec; before = os.environ.get('KERAS_BACKEND'); nnspec.backend('tensorflow');"
        "print(before == os.environ.get('KERAS_BACKEND'))"
    )
    assert python(code).stdout == "True\n"
    assert python(code, KERAS_BACKEND="tensorflow").stdout == "True\n"


def test_what_a_failing_import_says_is_shown(tmp_path: Path) -> None:
    broken = tmp_path / "tensorflow"
    broken.mkdir()
    (broken / "__init__.py").write_text(
        "import os\nos.write(2, b'a library is missing')\nraise OSError('no such library')"
    )
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = python(ASK, PYTHONPATH=path)
    assert done.stdout.startswith("TensorFlow and Keras cannot be loaded: no such library")
    assert done.stderr == "a library is missing"


def test_an_optimizer_by_itself_knows_all_classes() -> None:
    code = """
from nnspec_tensorflow.optimizers import SpecOptimizer
from nnspec_tensorflow.startup import keras, tf
w = keras.Variable([3.0, 4.0])
SpecOptimizer({"LAMB": {"learning_rate": 2**-1.5}}).apply([tf.ones(2)], [w])
print(w.numpy().round(4).tolist())
"""
    assert python(code).stdout == "[1.75, 2.75]\n"


def test_no_switch_of_the_process_is_changed() -> None:
    code = """
import numpy as np
import keras, tensorflow as tf
def switches():
    return (keras.config.floatx(), keras.config.epsilon(), keras.config.image_data_format(),
            keras.config.dtype_policy().name, tf.config.optimizer.get_jit(), tf.config.functions_run_eagerly(),
            tf.config.experimental.tensor_float_32_execution_enabled(), tf.config.get_soft_device_placement())
before = switches()
import nnspec as nn
backend = nn.backend("tensorflow")
for dtype in ("float64", "bfloat16"):
    net = backend.build(nn.Sequential([nn.Dense(2), nn.Dropout(0.5)], input=[3]), dtype=dtype)
    engine = backend.engine(net, loss=nn.MeanSquaredError(), optimizer=nn.Adam())
    engine.load("train", {"input": np.ones((4, 3)), "targets": np.ones((4, 2))})
    engine.train(np.arange(4, dtype=np.int32)[:, None], 0, 4)
print(switches() == before, before[0])
"""
    assert python(code, TF_CPP_MIN_LOG_LEVEL="3").stdout == "True float32\n"
