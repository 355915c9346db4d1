"""SavedModels: served by TensorFlow alone, with the spec's names, and rows and lengths of any number."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec import models
from nnspec.errors import FileError, UnsupportedError
from nnspec.porting.port import Port
from nnspec.reference.model import run
from nnspec_conformance.stablehlo import program as case_program
from tests.porting.exports import Exported, branches, exported
from tests.porting.test_to_keras import near

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]
SERVE = """
import pathlib, sys
import numpy as np
sys.modules["keras"] = None  # which TensorFlow imports where there is one
import tensorflow as tf
folder = pathlib.Path(sys.argv[1])
for path in sorted(folder.glob("*.npz")):
    loaded = tf.saved_model.load(str(path.with_suffix("")))
    serve = loaded.signatures["serving_default"]
    found = serve(**{name: tf.constant(array) for name, array in np.load(path).items()})
    np.savez(path.with_suffix(".out"), **{name: value.numpy() for name, value in found.items()})
print([name for name in sys.modules if name.startswith(("keras.", "nnspec"))])
"""


def exporter() -> Any:
    from nnspec_tensorflow.porting.saved_model_exporter import SavedModelExporter

    return SavedModelExporter()


def texts() -> nn.Model:
    """A sequence of any length, by layers that stock Keras does not have."""
    ids = nn.symbol((None,), "ids", "int32")
    x = nn.MGU(4, return_sequences=True)(nn.Embedding(7, 3)(ids))
    return nn.Model(inputs=ids, outputs=nn.Dense(2, name="head")(nn.Mean(axis=1)(x)))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Exported]]:
    folder = tmp_path_factory.mktemp("saved")
    chosen = [
        exported("branches", branches()),
        exported("texts", texts()),
        exported("lenet", lenet()),
        exported("program", program()),
    ]
    for each in chosen:
        exporter().write(each.port, folder / each.name)
        np.savez(folder / f"{each.name}.npz", **each.inputs)
    return folder, chosen


def program() -> nn.Model:
    """A StableHLO program between layers."""
    spectrum = nn.StableHLO(case_program("spectrum"), 1, ("window",))
    return nn.Sequential([nn.Dense(6), spectrum, nn.Dense(2)], input=[5])


def lenet() -> nn.Model:
    return models.lenet(input=(16, 16, 1), padding="same", pooling="max")


def test_it_is_served_by_tensorflow_alone(served: tuple[Path, list[Exported]]) -> None:
    folder, chosen = served
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-c", SERVE, str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("[]"), done.stdout
    for each in chosen:
        near(dict(np.load(folder / f"{each.name}.out.npz")), each.outputs(), 2e-5)


def test_rows_and_lengths_are_free(served: tuple[Path, list[Exported]]) -> None:
    folder, chosen = served
    each = next(each for each in chosen if each.name == "texts")
    subject = exporter().open(folder / "texts", each.port)
    for shape in ((1, 9), (4, 2)):
        inputs = {"ids": np.random.default_rng(0).integers(0, 7, shape, dtype=np.int32)}
        expected = run(each.port.model, each.port.variables, inputs).outputs
        near(subject.nodes(inputs, dtype="float32"), expected, 2e-5)


def test_variables_keep_their_bits(served: tuple[Path, list[Exported]]) -> None:
    folder, chosen = served
    for each in chosen:
        kept = exporter().variables(folder / each.name, each.port)
        assert all(kept[name].tobytes() == array.tobytes() for name, array in each.port.variables.items())


def test_float64(tmp_path: Path) -> None:
    each = exported("branches", branches())
    exporter().write(each.port, tmp_path / "model", dtype="float64")
    subject = exporter().open(tmp_path / "model", each.port)
    assert subject.dtypes == ("float64",)
    near(subject.nodes(each.inputs, dtype="float64"), each.outputs(), 1e-12)


def test_what_is_not_served_is_named(served: tuple[Path, list[Exported]], tmp_path: Path) -> None:
    folder, chosen = served
    subject = exporter().open(folder / "branches", chosen[0].port)
    with pytest.raises(UnsupportedError, match="gradients"):
        subject.gradients(chosen[0].inputs, {}, dtype="float32")
    with pytest.raises(UnsupportedError, match="inference"):
        subject.nodes(chosen[0].inputs, dtype="float32", training=True)
    with pytest.raises(FileError, match=r"saved_model\.pb"):
        exporter().open(tmp_path, Port(branches(), {}))
