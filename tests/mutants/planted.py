"""Mistakes planted by hand in copies of the sources, where those at run time cannot reach: in what modules declare."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
# What a copy holds, each importable from its top.
PACKAGES = ("nnspec", "backends/nnspec_jax", "backends/nnspec_tensorflow", "conformance/nnspec_conformance")
TIMEOUT = 600


@dataclass(frozen=True)
class Patch:
    """A change in a file.

    Attributes:
        name: the mistake in a few words.
        guilty: the class whose cases must fail.
        backend: which is put to the test.
        file: below the copy's top.
        old, new: the text, which stands in the file once.
    """

    name: str
    guilty: str
    backend: str
    file: str
    old: str
    new: str

    @property
    def id(self) -> str:
        return f"{self.backend}: {self.guilty}: {self.name}"


PATCHES = (
    Patch(
        "derivative left to differentiation",
        "Softplus",
        "jax",
        "nnspec_jax/activation.py",
        "softplus = differentiated(_softplus, jax.nn.sigmoid)",
        "softplus = _softplus",
    ),
    Patch(
        "losses always in float32",
        "MeanSquaredError",
        "jax",
        "nnspec_jax/realize.py",
        "return jnp.promote_types(dtype, jnp.float32)",
        "return jnp.float32",
    ),
    Patch(
        "slots under each other's name",
        "Adam",
        "jax",
        "nnspec_jax/slots.py",
        '{"m": "mu", "v": "nu",',
        '{"m": "nu", "v": "mu",',
    ),
    Patch(
        "the step is no state that training changes",
        "Dropout",
        "jax",
        "nnspec_jax/net.py",
        'if name not in self.parameters), "random/step")',
        "if name not in self.parameters),)",
    ),
    Patch(
        "steps in 16 bits",
        "CosineRestarts",
        "jax",
        "nnspec_jax/schedules.py",
        "_LAST_STEP = 2**31 - 1",
        "_LAST_STEP = 2**15 - 1",
    ),
    Patch(
        "Keras's own, with the slope .2",
        "LeakyReLU",
        "tensorflow",
        "nnspec_tensorflow/activation.py",
        '    layers.Identity(): "linear",\n',
        '    layers.Identity(): "linear",\n    layers.LeakyReLU(): "leaky_relu",\n',
    ),
    Patch(
        "mean and variance exchanged",
        "BatchNorm",
        "tensorflow",
        "nnspec_tensorflow/realize.py",
        '"moving_mean": "mean",\n    "moving_variance": "var"',
        '"moving_mean": "var",\n    "moving_variance": "mean"',
    ),
    Patch(
        "a line copied and not changed",
        "Subtract",
        "tensorflow",
        "nnspec_tensorflow/ops.py",
        "    Subtract: keras.layers.Subtract,\n",
        "    Subtract: keras.layers.Add,\n",
    ),
    Patch(
        "computed in float32 within float64",
        "LayerNorm",
        "tensorflow",
        "nnspec_tensorflow/realize.py",
        'return "float64" if dtype == "float64" else "float32"',
        'return "float32"',
    ),
    Patch(
        "one digit of a constant",
        "SELU",
        "jax",
        "nnspec/reference/activation.py",
        "SELU_ALPHA = 1.6732632423543772",
        "SELU_ALPHA = 1.6732632423553772",
    ),
)


def copied(to: Path) -> Path:
    """The packages' sources side by side in a new folder."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, to / Path(package).name, ignore=shutil.ignore_patterns("__pycache__"))
    return to


def planted(patch: Patch, top: Path) -> None:
    """Make the change in a copy."""
    path = top / patch.file
    text = path.read_text(encoding="utf-8")
    assert text.count(patch.old) == 1, f"{patch.old!r} stands {text.count(patch.old)} times in {patch.file}"
    path.write_text(text.replace(patch.old, patch.new), encoding="utf-8")


def outcomes(top: Path, backend: str, guilty: str) -> Iterator[dict[str, Any]]:
    """What the command says of a class's cases on one backend, run on the copy."""
    facts = top / "facts.json"
    command = ["-m", "nnspec", "conformance", "--backend", backend, "--dtype", "float64", "-k", guilty]
    run = subprocess.run(
        [sys.executable, *command, "--json", str(facts)],
        cwd=top,
        env={**os.environ, "PYTHONPATH": str(top), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert facts.is_file(), run.stdout + run.stderr
    found = json.loads(facts.read_text(encoding="utf-8"))["outcomes"]
    assert run.returncode == int(any(each["status"] != "passed" for each in found)), run.stdout + run.stderr
    yield from found
