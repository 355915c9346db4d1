"""What the hardware can do, measured in the same run: a large matrix product in each framework, and a large copy.

``python -m benchmarks.limits FRAMEWORK DTYPE DEVICE`` prints GFLOP/s, or for the framework "copy" GB/s.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.contenders import CONTENDERS
from benchmarks.process import ROOT, environment

# Large enough that what surrounds the arithmetic costs nothing, small enough for a share of a second on two cores.
SIZES = {"cpu": 2048, "gpu": 8192}
COPIED = 1 << 28  # bytes, more than caches hold
REPEATS = 10
# A contender of each framework: its process's environment is the one to measure in.
OF = {"jax": "jax", "tensorflow": "keras-tensorflow", "torch": "torch"}


def measured(framework: str, dtype: str, device: str) -> float | None:
    """GFLOP/s (GB/s for "copy") in a process of its own; None where the framework is not installed or fails."""
    with tempfile.TemporaryDirectory() as caches:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.limits", framework, dtype, device],
            cwd=ROOT,
            env=environment(CONTENDERS[OF.get(framework, "jax")], device, caches),
            capture_output=True,
            text=True,
            check=False,
        )
    return float(done.stdout.split()[-1]) if done.returncode == 0 else None


def _jax(size: int, dtype: str, device: str) -> Callable[[], Any]:
    import jax
    import jax.numpy as jnp

    x = jnp.ones((size, size), dtype)
    product = jax.jit(jnp.matmul)
    return lambda: product(x, x).block_until_ready()


def _tensorflow(size: int, dtype: str, device: str) -> Callable[[], Any]:
    import tensorflow as tf

    x = tf.ones((size, size), dtype)
    # One element comes to the host: the product is done then.
    return lambda: tf.linalg.matmul(x, x)[0, 0].numpy()


def _torch(size: int, dtype: str, device: str) -> Callable[[], Any]:
    import torch

    torch.set_float32_matmul_precision("high")
    x = torch.ones((size, size), dtype=getattr(torch, dtype), device="cuda" if device == "gpu" else "cpu")
    return lambda: (x @ x)[0, 0].item()


def _best(call: Callable[[], Any]) -> float:
    """The shortest time in seconds: whatever else the machine does can only add to it."""
    call()
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return min(times)


def main() -> None:
    framework, dtype, device = sys.argv[1:]
    if framework == "copy":
        source = np.ones(COPIED // 8)
        target = np.empty_like(source)
        # Read and written.
        print(2 * COPIED / _best(lambda: np.copyto(target, source)) / 1e9)
        return
    size = SIZES[device]
    make = {"jax": _jax, "tensorflow": _tensorflow, "torch": _torch}[framework]
    print(2 * size**3 / _best(make(size, dtype, device)) / 1e9)


if __name__ == "__main__":
    main()
