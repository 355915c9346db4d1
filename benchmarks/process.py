"""The parent's end of a worker: start, ask, stop."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.contenders import Contender, Settings

# The longest that a worker may take for one answer: compilers take minutes for some networks.
PATIENCE = 900.0
ROOT = Path(__file__).resolve().parent.parent
# Lines of a worker's standard error that are shown when it fails.
SHOWN = 15


class WorkerError(Exception):
    """A worker ended, or gave no answer in time; the message ends with what it last wrote to standard error."""


class Process:
    """A worker that runs, to be used as a context. Its caches of compiled code are its own, and empty at the start."""

    def __init__(self, contender: Contender, settings: Settings) -> None:
        self._caches = tempfile.TemporaryDirectory(prefix="benchmarks-", ignore_cleanup_errors=True)
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        self._name = f"{contender.name} ({settings.setup}) on {settings.workload.name}"
        began = time.time()
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "benchmarks.worker"),
                *(contender.name, settings.workload.name, settings.setup, settings.dtype, settings.device),
            ],
            cwd=ROOT,
            env=environment(contender, settings.device, self._caches.name),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        #: Seconds until Python ran in the worker.
        self.start = self._receive()["began"] - began

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """One request and its answer.

        Raises:
            WorkerError: it ended instead.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise WorkerError(self._told("ended")) from None
        return self._receive()

    def _receive(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        timer = threading.Timer(PATIENCE, self._process.kill)
        timer.start()
        line = self._process.stdout.readline()
        late = not timer.is_alive()
        timer.cancel()
        if not line:
            status = self._process.wait()
            raise WorkerError(self._told(f"no answer in {PATIENCE:.0f} s" if late else f"ended with status {status}"))
        found: dict[str, Any] = json.loads(line)
        return found

    def _told(self, what: str) -> str:
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()[-SHOWN:]
        return "\n".join([f"{self._name}: {what}", *lines])

    def close(self) -> None:
        """End the worker."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            with suppress(BrokenPipeError):
                stream.close()
        self._log.close()
        self._caches.cleanup()

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def environment(contender: Contender, device: str, caches: str) -> dict[str, str]:
    """A worker's environment: the user's own, less what would let it find code compiled before."""
    made = {name: value for name, value in os.environ.items() if name != "JAX_COMPILATION_CACHE_DIR"}
    made |= {"XDG_CACHE_HOME": caches, "TORCHINDUCTOR_CACHE_DIR": f"{caches}/inductor", "TF_CPP_MIN_LOG_LEVEL": "2"}
    # Several processes hold the one GPU.
    made |= {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "TF_FORCE_GPU_ALLOW_GROWTH": "true"}
    if device == "cpu":
        made |= {"JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": "-1"}
    return made | dict(contender.environment)
