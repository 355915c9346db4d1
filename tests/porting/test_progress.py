"""What a command says while it works: stages by name on a terminal, nothing where standard error is no terminal."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pty = pytest.importorskip("pty", reason="the system has no pseudo terminals")

WORKING = """
from nnspec.cli.port import doing
with doing(False) as say:
    say("verifying the import: running [Keras]")
"""


def test_stages_are_named_on_a_terminal() -> None:
    own, other = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    done = subprocess.run([sys.executable, "-c", WORKING], stdout=subprocess.PIPE, stderr=other, env=environment)
    os.close(other)
    shown = os.read(own, 1 << 16).decode()
    os.close(own)
    assert done.returncode == 0 and done.stdout == b""
    assert "verifying the import: running [Keras]" in shown and "0:00:0" in shown


def test_nothing_is_said_to_a_pipe() -> None:
    others = {name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "TTY_COMPATIBLE")}
    done = subprocess.run([sys.executable, "-c", WORKING], capture_output=True, env=others, check=True)
    assert done.stdout == done.stderr == b""
