"""What users get wrong: each mistake with the message it must give, exit status 2 and no traceback.

Every row runs the command line as a user would, in a directory of its own; ``nnspec train`` is asked to leave nothing.
"""

from __future__ import annotations

import errno
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnspec import files
from nnspec.backends import installed
from nnspec.cli.main import run as nnspec

# Most mistakes are found before a backend is asked for.
ANY = (installed() or ["jax"])[0]
GOOD = """\
nnspec: 1
model:
  input: [4]
  layers:
    - Dense: {features: 8, activation: relu}
    - Dense: 3
loss: SoftmaxCrossEntropy
metrics: [accuracy]
optimizer: {Adam: 0.01}
data: {sklearn: iris, standardize: true, validation_split: 0.2}
training: {epochs: 1, batch_size: 32}
"""
GRAPH = """\
nnspec: 1
model:
  inputs: {x: [4]}
  nodes:
    a: {layer: {Dense: 4}, inputs: x}
    b: {layer: add, inputs: [a, x]}
    c: {layer: {Dense: 3}, inputs: b}
  outputs: c
loss: SoftmaxCrossEntropy
data: {sklearn: iris}
"""


@dataclass(frozen=True)
class Mistake:
    """One row: what is written, what is typed, what must be said (a regular expression)."""

    id: str
    message: str
    spec: str = GOOD
    arguments: tuple[str, ...] = ("train", "spec.yaml", "--out", "out")
    files: Callable[[Path], None] | None = None
    environment: tuple[tuple[str, str], ...] = ()


def changed(old: str, new: str, base: str = GOOD) -> str:
    assert base.count(old) == 1, old
    return base.replace(old, new)


def csv(text: str, target: str = "y") -> tuple[str, Callable[[Path], None]]:
    """The good spec on a table of four numeric columns and a target."""
    spec = changed("{sklearn: iris,", f"{{csv: rows.csv, target: {target},")
    return spec, lambda place: place.joinpath("rows.csv").write_text(text) and None  # type: ignore[func-returns-value]


def npz(**arrays: Any) -> tuple[str, Callable[[Path], None]]:
    spec = changed("{sklearn: iris,", "{npz: rows.npz, target: y,")
    return spec, lambda place: np.savez(place / "rows.npz", **arrays)


def table(id: str, message: str, text: str, target: str = "y") -> Mistake:
    spec, write = csv(text, target)
    return Mistake(id, message, spec, files=write)


def arrays(id: str, message: str, **given: Any) -> Mistake:
    spec, write = npz(**given)
    return Mistake(id, message, spec, files=write)


X = np.random.default_rng(0).normal(size=(20, 4))
Y = np.arange(20) % 3
ROWS = "a,b,c,d,y\n" + "".join(f"{i},{i % 5},{i % 7},{-i},{i % 3}\n" for i in range(20))


def bad(array: np.ndarray, place: tuple[int, ...], value: float) -> np.ndarray:
    changed_array = array.copy()
    changed_array[place] = value
    return changed_array


class Payload:
    """Unpickling this would leave a file behind."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (open, ("executed", "w"))


def hostile_npz(place: Path) -> None:
    np.savez(place / "rows.npz", x=np.array([Payload()] * 20, dtype=object), y=Y)


def run_directory(place: Path, **contents: bytes | str) -> None:
    """Something that looks like a run, with files of other contents."""
    (place / "run" / "checkpoints").mkdir(parents=True)
    (place / "run" / "spec.yaml").write_text(GOOD)
    for name, content in contents.items():
        path = place / "run" / name.replace("__", "/").replace("_", ".")
        path.write_bytes(content.encode() if isinstance(content, str) else content)


MISTAKES = [
    # -- files and their form
    Mistake("no such file", r"nowhere\.yaml", arguments=("train", "nowhere.yaml")),
    Mistake("spec is a directory", r"directory", arguments=("summary", ".")),
    Mistake("empty file", r"spec\.yaml", ""),
    Mistake("not YAML", r"spec\.yaml:[34]: not valid YAML", "nnspec: 1\nmodel:\n  input: [4\nloss: x\n"),
    Mistake("tab", r"spec\.yaml:\d", "nnspec: 1\nmodel:\n\tinput: [4]\n"),
    Mistake("duplicate key", r"(?s)spec\.yaml:\d+.*loss", GOOD + "loss: Huber\n"),
    Mistake("duplicate field", r"features", changed("{features: 8,", "{features: 8, features: 9,")),
    Mistake("no version", r"nnspec: 1", changed("nnspec: 1\n", "")),
    Mistake("newer version", r"(?i)upgrade", changed("nnspec: 1\n", "nnspec: 2\n")),
    Mistake("version is a word", r"nnspec", changed("nnspec: 1\n", "nnspec: one\n")),
    Mistake("python object", r"(?i)tag", changed("Adam: 0.01", "Adam: !!python/object/apply:os.getcwd []")),
    Mistake(
        "not UTF-8", r"UTF-8", files=lambda p: (p / "spec.yaml").write_bytes(b"nnspec: 1\nmodel: \xff\xfe") and None
    ),  # type: ignore[func-returns-value]
    Mistake(
        "billion laughs",
        r"(?i)alias",
        "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"{c}: &{c} [{', '.join(['*' + p] * 10)}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True)),
    ),
    Mistake("octal or decimal", r"010.*(10|8)", changed("features: 8", "features: 010")),
    Mistake(
        "float where a whole number is due", r"features.*integer.*0\.001", changed("features: 8", "features: 1e-3")
    ),
    Mistake("nan in the spec", r"(?i)nan|finite", changed("Adam: 0.01", "Adam: .nan")),
    Mistake("time of day", r"features.*'12:30'", changed("features: 8", "features: 12:30")),
    Mistake(
        "broken JSON",
        r"spec\.json",
        arguments=("summary", "spec.json"),
        files=lambda p: (p / "spec.json").write_text('{"nnspec": 1,') and None,
    ),  # type: ignore[func-returns-value]
    # -- names and types
    Mistake("unknown layer", r"did you mean 'Dense'", changed("- Dense: 3", "- Dens: 3")),
    Mistake(
        "unknown activation",
        r"model\.layers\[0\].*activation.*did you mean 'relu'",
        changed("activation: relu", "activation: rleu"),
    ),
    Mistake("wrong case", r"did you mean 'relu'", changed("activation: relu", "activation: ReLU")),
    Mistake("unknown field", r"did you mean 'features'", changed("{features: 8,", "{feature: 8,")),
    Mistake("missing field", r"features", changed("- Dense: 3", "- Dense")),
    Mistake("text for a number", r"model\.layers\[1\]\.Dense\.features.*'3'", changed("- Dense: 3", "- Dense: '3'")),
    Mistake("boolean for a number", r"features.*[Tt]rue", changed("- Dense: 3", "- Dense: true")),
    Mistake("negative size", r"features.*greater than 0.*-3", changed("- Dense: 3", "- Dense: -3")),
    Mistake("rate of one", r"rate", changed("- Dense: 3", "- Dropout: 1.0\n    - Dense: 3")),
    Mistake("list for a layer", r"model\.layers\[1\]", changed("- Dense: 3", "- [Dense, 3]")),
    Mistake("two layers in one", r"model\.layers\[1\].*one name", changed("- Dense: 3", "- {Dense: 3, relu: 1}")),
    Mistake(
        "layers is not a list",
        r"layers",
        changed("  layers:\n    - Dense: {features: 8, activation: relu}\n    - Dense: 3", "  layers: Dense"),
    ),
    Mistake(
        "no layers",
        r"layer",
        changed("  layers:\n    - Dense: {features: 8, activation: relu}\n    - Dense: 3", "  layers: []"),
    ),
    Mistake("no model", r"model", "nnspec: 1\nloss: MeanSquaredError\n"),
    Mistake("no loss", r"loss", changed("loss: SoftmaxCrossEntropy\n", "")),
    Mistake(
        "unknown loss",
        r"did you mean 'SoftmaxCrossEntropy'",
        changed("loss: SoftmaxCrossEntropy", "loss: SoftmaxCrossEntropi"),
    ),
    Mistake("unknown metric", r"did you mean 'accuracy'", changed("[accuracy]", "[acuracy]")),
    Mistake("unknown optimizer", r"did you mean 'Adam", changed("{Adam: 0.01}", "Adm")),
    Mistake("negative learning rate", r"learning.rate.*-0\.01", changed("{Adam: 0.01}", "{Adam: -0.01}")),
    Mistake(
        "warm-up longer than the decay",
        r"includes the warm-up",
        changed(
            "{Adam: 0.01}", "{Adam: {learning_rate: {WarmupCosine: {peak: 0.1, warmup_steps: 9, decay_steps: 5}}}}"
        ),
    ),
    Mistake("two clips", r"one of global_norm", GOOD + "clip: {global_norm: 1.0, value: 2.0}\n"),
    Mistake("unknown section", r"did you mean 'training'", changed("training:", "trainig:")),
    Mistake("unknown dtype", r"float32", changed("batch_size: 32", "batch_size: 32, dtype: float31")),
    Mistake("zero epochs", r"epochs", changed("epochs: 1", "epochs: 0")),
    Mistake(
        "monitor of nothing",
        r"did you mean 'val_accuracy'",
        changed("batch_size: 32", "batch_size: 32, monitor: val_acuracy"),
    ),
    # -- shapes and graphs
    Mistake(
        "reshape that does not fit",
        r"reshape.*8 elements",
        changed("- Dense: 3", "- Reshape: [3, 3]\n    - Flatten\n    - Dense: 3"),
    ),
    Mistake("input that the data does not fit", r"4|iris", changed("input: [4]", "input: [5]")),
    Mistake("too few outputs", r"3 classes", changed("- Dense: 3", "- Dense: 2")),
    Mistake("one output under a softmax", r"BinaryCrossEntropy", changed("- Dense: 3", "- Dense: 1")),
    Mistake("odd GLU", r"glu.*odd|GLU.*odd", changed("- Dense: 3", "- Dense: 7\n    - glu\n    - Dense: 3")),
    Mistake(
        "add of other shapes",
        r"b.*\(batch, 5\) and \(batch, 4\)",
        changed("a: {layer: {Dense: 4}", "a: {layer: {Dense: 5}", GRAPH),
    ),
    Mistake(
        "cycle",
        r"cycle.*a -> |cycle: a",
        changed("a: {layer: {Dense: 4}, inputs: x}", "a: {layer: {Dense: 4}, inputs: b}", GRAPH),
    ),
    Mistake("unknown node", r"did you mean 'b'|not a node", changed("inputs: b}", "inputs: bb}", GRAPH)),
    Mistake("unknown output", r"outputs.*not a node", changed("outputs: c", "outputs: d", GRAPH)),
    Mistake("node that leads nowhere", r"nodes\.c.*leads to no output", changed("outputs: c", "outputs: b", GRAPH)),
    Mistake("node without a layer", r"nodes\.a", changed("a: {layer: {Dense: 4}, inputs: x}", "a: {inputs: x}", GRAPH)),
    Mistake(
        "node without inputs",
        r"nodes\.a\.inputs",
        changed("a: {layer: {Dense: 4}, inputs: x}", "a: {layer: {Dense: 4}}", GRAPH),
    ),
    Mistake("name with a slash", r"a/b", changed("    a: {layer", "    a/b: {layer", GRAPH)),
    Mistake("sharing with nobody", r"share", changed("c: {layer: {Dense: 3}", "c: {shares: q", GRAPH)),
    # -- data
    Mistake("unknown data set", r"did you mean 'iris'", changed("sklearn: iris", "sklearn: irs")),
    Mistake("two sources", r"csv|one", changed("{sklearn: iris,", "{sklearn: iris, csv: rows.csv,")),
    Mistake("no data", r"(?i)data", changed("data: {sklearn: iris, standardize: true, validation_split: 0.2}\n", "")),
    Mistake("no such table", r"rows\.csv", csv("")[0]),
    table("table without the target", r"'z'|z", ROWS, target="z"),
    table("empty table", r"(?i)empty|no rows", "a,b,c,d,y\n"),
    table("missing value", r"rows\.csv:3: column 'b'", ROWS.replace("1,1,1,-1,1", "1,,1,-1,1")),
    table("text in a numeric column", r"c.*'x'|'x'.*c", ROWS.replace("1,1,1,-1,1", "1,1,x,-1,1")),
    table("ragged table", r"(?i)line 3|columns|values", ROWS.replace("1,1,1,-1,1", "1,1,1,-1,1,9")),
    table("too few columns", r"\[4\]|4", "a,b,y\n" + "".join(f"{i},{i % 5},{i % 3}\n" for i in range(20))),
    arrays("NaN in the data", r"(?i)nan.*row 2|row 2.*nan", x=bad(X, (2, 1), np.nan), y=Y),
    arrays("infinity in the data", r"(?i)inf.*row 5|row 5.*inf", x=bad(X, (5, 0), np.inf), y=Y),
    arrays("label out of range", r"row 4.*7|7.*row 4", x=X, y=bad(Y, (4,), 7)),
    arrays("negative label", r"-1", x=X, y=bad(Y, (4,), -1)),
    arrays("labels that are no integers", r"(?i)integer|whole|id", x=X, y=Y + 0.5),
    arrays("rows without targets", r"20.*19|19.*20", x=X, y=Y[:19]),
    arrays("no target array", r"'y'|y", x=X, z=Y),
    Mistake("pickle in an npz", r"rows\.npz", npz()[0], files=hostile_npz),
    Mistake(
        "an npz that is none",
        r"rows\.npz",
        npz()[0],
        files=lambda p: (p / "rows.npz").write_bytes(pickle.dumps(Payload())) and None,
    ),  # type: ignore[func-returns-value]
    # -- the command line
    Mistake("unknown backend", r"did you mean", arguments=("train", "spec.yaml", "--backend", "tensorflo")),
    Mistake(
        "unknown backend in the environment",
        r"torch",
        arguments=("train", "spec.yaml"),
        environment=(("NNSPEC_BACKEND", "torch"),),
    ),
    Mistake(
        "unknown device", r"(?i)tpu:7.*cpu:0", arguments=("train", "spec.yaml", "--device", "tpu:7", "--out", "out")
    ),
    Mistake("unknown command", r"(?i)no such command|tran", arguments=("tran", "spec.yaml")),
    Mistake("unknown option", r"(?i)no such option", arguments=("train", "spec.yaml", "--epoch", "1")),
    Mistake("epochs is a word", r"(?i)integer|ten", arguments=("train", "spec.yaml", "--epochs", "ten")),
    Mistake(
        "override of nothing",
        r"did you mean 'epochs'|epochs",
        arguments=("train", "spec.yaml", "--set", "training.epoch=3"),
    ),
    Mistake(
        "override without a value",
        r"path=value|PATH=VALUE|=",
        arguments=("train", "spec.yaml", "--set", "training.epochs"),
    ),
    Mistake(
        "override out of range", r"layers\[9\]|9", arguments=("train", "spec.yaml", "--set", "model.layers[9].Dense=3")
    ),
    Mistake("seed out of range", r"seed", arguments=("train", "spec.yaml", "--seed", "-1")),
    Mistake("run directory is in use", r"not empty", arguments=("train", "spec.yaml", "--out", ".")),
    Mistake("run directory is a file", r"is a file", arguments=("train", "spec.yaml", "--out", "spec.yaml")),
    Mistake("run directory below a file", r"spec\.yaml", arguments=("train", "spec.yaml", "--out", "spec.yaml/run")),
    Mistake("evaluate what is no run", r"not a run directory", arguments=("evaluate", "elsewhere")),
    Mistake("run without a checkpoint", r"checkpoint", arguments=("evaluate", "run"), files=run_directory),
    Mistake(
        "checkpoint is a pickle",
        r"best\.safetensors",
        arguments=("evaluate", "run"),
        files=lambda p: run_directory(
            p,
            checkpoints__best_safetensors=pickle.dumps(Payload()),
            metrics_jsonl="",
            data_json='{"classes": null, "feature_names": null, "standardization": {}}',
            environment_json='{"backend": "jax"}',
        ),
    ),
    Mistake(
        "damaged run",
        r"damaged",
        arguments=("predict", "run", "rows.npy"),
        files=lambda p: run_directory(
            p, checkpoints__best_safetensors=b"", metrics_jsonl="{", data_json="{}", environment_json="{}"
        ),
    ),
    Mistake(
        "compare one backend with itself",
        r"two different backends",
        arguments=("compare", "spec.yaml", "--backends", f"{ANY},{ANY}"),
    ),
    Mistake("compare no steps", r"(?i)steps|0", arguments=("compare", "spec.yaml", "--steps", "0")),
]


def test_the_good_spec_is_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each mistake is measured against a file without one."""
    monkeypatch.chdir(tmp_path)
    for text in (GOOD, GRAPH):
        (tmp_path / "spec.yaml").write_text(text)
        assert nnspec(["summary", "spec.yaml"]) == 0
        if installed():
            assert nnspec(["train", "spec.yaml", "--epochs", "1", "--quiet", "--backend", ANY]) == 0


def test_there_are_enough_and_each_is_named_once() -> None:
    assert len(MISTAKES) >= 60
    assert len({mistake.id for mistake in MISTAKES}) == len(MISTAKES)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.id)
def test_mistakes(
    mistake: Mistake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NNSPEC_BACKEND", ANY)
    for name, value in mistake.environment:
        monkeypatch.setenv(name, value)
    (tmp_path / "spec.yaml").write_text(mistake.spec)
    if mistake.files is not None:
        mistake.files(tmp_path)
    before = set(tmp_path.rglob("*"))
    status = nnspec(list(mistake.arguments))
    out, err = capsys.readouterr()
    assert status == 2, (status, out, err)
    if not installed() and "which is not installed" in err and not re.search(mistake.message, err):
        pytest.skip("without any backend, that is the mistake found first")
    assert re.search(mistake.message, err), err
    assert "Traceback" not in err and len(err.splitlines()) <= 6, err
    assert set(tmp_path.rglob("*")) == before, "something was left behind"


@pytest.mark.parametrize("name", installed())
def test_a_full_disk_leaves_nothing_half_written(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second epoch's files find the disk full: those of the first are whole, and nothing else lies around."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spec.yaml").write_text(GOOD)
    calls = {"fsync": 0}
    real = os.fsync

    def full(descriptor: int) -> None:
        calls["fsync"] += 1
        if calls["fsync"] > 6:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    monkeypatch.setattr(files.os, "fsync", full)
    assert nnspec(["train", "spec.yaml", "--epochs", "9", "--quiet", "--out", "out", "--backend", name]) == 2
    assert "disk is full" in capsys.readouterr().err
    left = {path.name for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert left <= {
        "spec.yaml",
        "data.json",
        "environment.json",
        "metrics.jsonl",
        "best.safetensors",
        "last.safetensors",
    }


@pytest.mark.skipif("tensorflow" not in installed(), reason="the TensorFlow backend's framework is not installed")
def test_keras_on_another_backend_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("jax", reason="Keras needs JAX to run on it")
    (tmp_path / "spec.yaml").write_text(GOOD)
    code = (
        "import os; os.environ['KERAS_BACKEND'] = 'jax'; import keras; from nnspec.cli.main import main; "
        "main(['train', 'spec.yaml', '--backend', 'tensorflow'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 2, done.stderr
    assert "KERAS_BACKEND" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("missing", ["jax", "tensorflow"])
def test_a_backend_that_is_not_installed(missing: str, tmp_path: Path) -> None:
    """As in an environment with neither framework: the finder hides it, and the message says how to install it."""
    (tmp_path / "spec.yaml").write_text(GOOD)
    code = (
        "import importlib.util as u; real = u.find_spec; "
        f"u.find_spec = lambda name, *a: None if name.split('.')[0] == {missing!r} else real(name, *a); "
        f"from nnspec.cli.main import main; main(['train', 'spec.yaml', '--backend', {missing!r}])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 2, done.stderr
    assert f"pip install 'nnspec[{missing}]'" in done.stderr and "Traceback" not in done.stderr


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "nnspec.cli.main", "--debug", "summary", "nowhere.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode != 0 and "Traceback" in done.stderr and "nowhere.yaml" in done.stderr


@pytest.mark.skipif("tensorflow" not in installed(), reason="the TensorFlow backend's framework is not installed")
@pytest.mark.parametrize("content", ['{"floatx": "float31"}', '["backend", "jax"]'])
def test_a_hostile_keras_configuration_is_named(content: str, tmp_path: Path) -> None:
    """What Keras cannot digest is explained; what it can (another backend, floatx, epsilon) changes nothing."""
    (tmp_path / ".keras").mkdir()
    (tmp_path / ".keras" / "keras.json").write_text(content)
    (tmp_path / "spec.yaml").write_text(GOOD)
    command = [sys.executable, "-m", "nnspec.cli.main", "train", "spec.yaml", "--backend", "tensorflow", "--out", "out"]
    environment = {k: v for k, v in os.environ.items() if k != "KERAS_HOME"} | {"HOME": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    assert done.returncode == 2, done.stderr
    assert "keras.json" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
