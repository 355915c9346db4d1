"""Environments in which tests install a package of someone else's, as its users would.

Such an environment sees everything that is installed where the tests run, and holds the packages that a test brings:
their entry points are found there, and nowhere else.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tomllib
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest

TIMEOUT = 600


@dataclass(frozen=True)
class Environment:
    """A virtual environment.

    Attributes:
        python: its interpreter.
    """

    python: Path

    def run(self, *arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """Its interpreter on these arguments, with further environment variables; the status is not looked at."""
        return subprocess.run(
            [str(self.python), *arguments],
            cwd=cwd,
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )

    def nnspec(self, *arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """The command ``nnspec`` in this environment."""
        return self.run("-m", "nnspec", *arguments, cwd=cwd, **variables)


def environment(folder: Path, *projects: Path) -> Environment:
    """A new environment in ``folder`` with these projects installed; the test skips where nothing can install them.

    The projects are copied first: building writes into their folders.
    """
    if importlib.util.find_spec("pip") is None:
        pytest.skip("pip is needed to install a package into an environment of its own")
    home = folder / "environment"
    venv.EnvBuilder(symlinks=os.name != "nt", with_pip=False).create(home)
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    made = Environment(python)
    # addsitedir, not a bare path: what is installed in editable mode stands in .pth files of its own.
    seen = dict.fromkeys(path for path in sys.path if Path(path).name in ("site-packages", "dist-packages"))
    lines = [f"import site; site.addsitedir({path!r})" for path in seen]
    (_site_packages(made, folder) / "parent.pth").write_text("\n".join(lines) + "\n")
    for project in projects:
        copy = folder / "projects" / project.name
        shutil.copytree(project, copy, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
        _install(made, copy)
    return made


def _site_packages(made: Environment, cwd: Path) -> Path:
    done = made.run("-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=cwd)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


def _install(made: Environment, project: Path) -> None:
    """pip, with the build backend that is installed already or, where there is none, one that pip fetches."""
    needed = tomllib.loads((project / "pyproject.toml").read_text())["build-system"]["build-backend"].split(".")[0]
    installed = importlib.util.find_spec(needed) is not None
    how = ["--no-build-isolation", "--no-index"] if installed else []
    quiet = ["--quiet", "--disable-pip-version-check", "--no-input"]
    done = made.run("-m", "pip", "install", "--no-deps", *how, *quiet, str(project), cwd=project)
    if done.returncode and not installed:
        pytest.skip(f"{needed} is not installed and cannot be fetched: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stdout + done.stderr
