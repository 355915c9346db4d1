"""``environment.json``: what a run was made with."""

from __future__ import annotations

import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from nnspec import outside
from nnspec.backends import Backend, Net


def environment(backend: Backend, net: Net, seed: int, device: str | None) -> dict[str, Any]:
    """Versions, devices, seed and the commit of the working directory's repository (None outside of one)."""
    import nnspec

    return {
        "format": 1,
        "nnspec": nnspec.__version__,
        "backend": backend.name,
        "dtype": net.dtype,
        "seed": seed,
        "device": device or "default",
        "devices": backend.devices(),
        "versions": {
            "python": platform.python_version(),
            "numpy": version("numpy"),
            **backend.versions(),
            **outside.versions(),
        },
        "platform": platform.platform(),
        "commit": _commit(),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]] if sys.argv and sys.argv[0] else [],
    }


def _commit() -> str | None:
    try:
        found = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() if found.returncode == 0 else None
