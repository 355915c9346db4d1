"""What has no need of a framework imports none, so that it starts at once and runs where none is installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SPEC = """\
nnspec: 1
model: {layers: [{Dense: 32}, BatchNorm, gelu, {Dropout: 0.3}, {Dense: 10}]}
loss: SoftmaxCrossEntropy
metrics: [accuracy]
optimizer: {AdamW: {learning_rate: {WarmupCosine: {peak: 0.1, warmup_steps: 3, decay_steps: 10}}}}
data: {sklearn: digits, validation_split: 0.1}
"""
FRAMEWORKS = ["jax", "jaxlib", "flax", "optax", "tensorflow", "keras", "torch"]
# What is of no use to these commands and slow to import; and the backends' own modules, but for their first lines.
SLOW = ["numpy", "scipy", "sklearn", "matplotlib", "pandas", "grain", "nnspec.reference", "nnspec.training"]

_PROGRAM = """
import sys
from nnspec.cli.main import run
status = run(sys.argv[2:])
loaded = [name for name in sys.argv[1].split(",") if name in sys.modules]
print("LOADED", *loaded)
sys.exit(status)
"""


def loaded(arguments: list[str], names: list[str], cwd: Path) -> tuple[int, str, set[str]]:
    """Exit status, output, and which of ``names`` were imported by a command line."""
    command = [sys.executable, "-W", "error", "-c", _PROGRAM, ",".join(names), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)
    output, _, last = done.stdout.rpartition("LOADED")
    return done.returncode, output + done.stderr, set(last.split())


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "spec.yaml").write_text(SPEC)
    (tmp_path / "wrong.yaml").write_text(SPEC.replace("BatchNorm", "BatchNrm"))
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "status", "printed"),
    [
        (["--help"], 0, "Train the network of a spec file."),
        (["--version"], 0, "nnspec 0."),
        (["summary", "spec.yaml"], 0, "memory in training"),
        (["summary", "spec.yaml", "--json"], 0, '"parameters"'),
        (["summary", "wrong.yaml"], 2, "did you mean 'BatchNorm'"),
        (["summary", "--help"], 0, "--batch-size"),
        (["schema"], 0, '"$schema"'),
        (["train", "--help"], 0, "--backend"),
    ],
)
def test_neither_frameworks_nor_numpy(place: Path, arguments: list[str], status: int, printed: str) -> None:
    code, output, found = loaded(
        arguments, [*FRAMEWORKS, *SLOW, "nnspec_jax.backend", "nnspec_tensorflow.backend"], place
    )
    assert (code, found) == (status, set()), output
    assert printed in output


def test_backends_are_listed_without_importing_them(place: Path) -> None:
    names = [*FRAMEWORKS, "nnspec_jax.backend", "nnspec_tensorflow.backend", "scipy", "sklearn"]
    code, output, found = loaded(["backends"], names, place)
    assert (code, found) == (0, set()), output
    assert "jax" in output and "tensorflow" in output


def test_the_package_imports_nothing_by_itself(place: Path) -> None:
    program = "import sys, nnspec; print(*[n for n in sys.argv[1:] if n in sys.modules])"
    names = [*FRAMEWORKS, *SLOW, "pydantic", "yaml", "typer", "rich"]
    done = subprocess.run(
        [sys.executable, "-c", program, *names], capture_output=True, text=True, check=True, cwd=place
    )
    assert done.stdout.split() == []


def test_specs_need_neither_frameworks_nor_numpy(place: Path) -> None:
    program = (
        "import sys, nnspec as nn; nn.Sequential([nn.Dense(3), nn.GELU()], [4]).params();"
        "print(*[n for n in sys.argv[1:] if n in sys.modules])"
    )
    command = [sys.executable, "-c", program, *FRAMEWORKS, *SLOW]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=place)
    assert done.stdout.split() == []
