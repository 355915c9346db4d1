"""Style, types and layering are tests like all others, so that one command checks everything."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def check(root: Path, *command: str, **environment: str) -> None:
    """Run a checker in the repository; its findings are the failure's message."""
    done = subprocess.run(
        [sys.executable, *command], cwd=root, env={**os.environ, **environment}, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"


def test_lint(root: Path) -> None:
    check(root, "-m", "ruff", "check", "--no-cache")


def test_format(root: Path) -> None:
    check(root, "-m", "ruff", "format", "--check", "--no-cache")


def test_types(root: Path, tmp_path: Path) -> None:
    check(root, "-m", "mypy", "--cache-dir", str(tmp_path))


def lint_imports(root: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    # import-linter has no -m form; this is what its console script does.
    return subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"],
        cwd=root,
        env={**os.environ, "NO_COLOR": "1", **environment},
        capture_output=True,
        text=True,
    )


def test_layering(root: Path) -> None:
    done = lint_imports(root)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ("nnspec/training/planted.py", "import jax"),
        ("nnspec/planted.py", "from nnspec_tensorflow import backend"),
        ("nnspec/planted.py", "import scipy.special"),
        ("nnspec/planted.py", "import nnspec_conformance"),
        ("nnspec/layers/planted.py", "def f():\n    import keras"),
        ("backends/nnspec_jax/planted.py", "import tensorflow"),
        ("backends/nnspec_tensorflow/planted.py", "from nnspec_jax import backend"),
        ("backends/nnspec_tensorflow/planted.py", "import sklearn.datasets"),
        ("conformance/nnspec_conformance/planted.py", "import nnspec_jax"),
        ("conformance/nnspec_conformance/planted.py", "import optax"),
    ],
)
def test_layering_notices(root: Path, tmp_path: Path, place: str, line: str) -> None:
    """The contracts are not empty: each of these imports, planted into a copy, breaks one."""
    copy_sources(root, tmp_path)
    (tmp_path / place).write_text(f"{line}\n")
    path = os.pathsep.join(str(tmp_path / folder) for folder in (".", "backends", "conformance"))
    done = lint_imports(tmp_path, PYTHONPATH=path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 broken" in done.stdout
    assert "planted ->" in done.stdout


def copy_sources(root: Path, target: Path) -> None:
    (target / "pyproject.toml").write_bytes((root / "pyproject.toml").read_bytes())
    for folder in ("nnspec", "backends", "conformance"):
        for source in (root / folder).rglob("*.py"):
            copy = target / source.relative_to(root)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(source.read_bytes())
