"""Flax NNX: modules and ``nnx.Optimizer`` handed to a function under ``nnx.jit``."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from flax import nnx

from benchmarks.contenders import Session, Settings
from benchmarks.contenders.batches import Batches
from benchmarks.contenders.flax_training import count, loss, make_model, make_optimizer, on_device
from benchmarks.networks import Array


def build(contender: str, inputs: dict[str, Array], targets: Array, settings: Settings) -> Session:
    """A module and, for training, its optimizer."""
    (x,) = inputs.values()
    if settings.workload.kind == "inference":
        return Inference(x, settings)
    return Training(on_device(x, settings.dtype), on_device(targets, settings.dtype), settings)


@nnx.jit
def _step(made: Any, optimizer: Any, x: Any, targets: Any, rows: Any) -> Any:
    value, gradients = nnx.value_and_grad(loss)(made, x[rows], targets[rows])
    optimizer.update(made, gradients)
    return value


@nnx.jit
def _predict(made: Any, x: Any) -> Any:
    return made(x)


class Training:
    """One call of the jitted function per update, on rows of data that stay on the device."""

    unit = 1

    def __init__(self, x: Any, targets: Any, settings: Settings) -> None:
        made = make_model(settings)
        optimizer = nnx.Optimizer(made, make_optimizer(), wrt=nnx.Param)
        self.parameters = count(nnx.state(made, nnx.Param))
        self._batches = Batches(settings.workload)
        cached = settings.setup == "nnx.cached_partial"
        step = nnx.cached_partial(_step, made, optimizer) if cached else _bound(_step, made, optimizer)
        self._update = lambda: step(x, targets, self._batches.next())

    def first(self) -> float:
        return float(self._update())

    def run(self, steps: int) -> None:
        for _ in range(steps):
            value = self._update()
        jax.block_until_ready(value)


class Inference:
    """Batch after batch, from NumPy to NumPy."""

    unit = 1

    def __init__(self, x: Array, settings: Settings) -> None:
        made = make_model(settings)
        self.parameters = count(nnx.state(made, nnx.Param))
        cached = settings.setup == "nnx.cached_partial"
        self._predict = nnx.cached_partial(_predict, made) if cached else _bound(_predict, made)
        self._batches = np.split(x, settings.workload.steps)

    def first(self) -> None:
        self.run(1)

    def run(self, steps: int) -> None:
        for i in range(steps):
            np.asarray(self._predict(self._batches[i % len(self._batches)]))


def _bound(function: Any, *state: Any) -> Any:
    return lambda *arguments: function(*state, *arguments)
