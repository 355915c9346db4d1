"""JAX: the module is split once, a pure function takes and gives its state, and buffers are donated."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import numpy as np
import optax
from flax import nnx

from benchmarks.contenders import Session, Settings
from benchmarks.contenders.batches import Batches
from benchmarks.contenders.flax_training import count, loss, make_model, make_optimizer, on_device
from benchmarks.networks import Array

# Updates in one call of the loop under lax.scan: enough that the call itself costs nothing.
SCANNED = 16


def build(contender: str, inputs: dict[str, Array], targets: Array, settings: Settings) -> Session:
    """Pure state and the compiled function on it."""
    (x,) = inputs.values()
    if settings.workload.kind == "inference":
        return Inference(x, settings)
    return Training(on_device(x, settings.dtype), on_device(targets, settings.dtype), settings)


class Training:
    """One call per update, or under ``lax.scan`` one for several, on rows of data that stay on the device."""

    def __init__(self, x: Any, targets: Any, settings: Settings) -> None:
        graph, parameters, others = nnx.split(make_model(settings), nnx.Param, ...)
        optimizer = make_optimizer()
        self.parameters = count(parameters)
        self.unit = SCANNED if settings.setup == "lax.scan" else 1
        self._batches = Batches(settings.workload)
        self._state = (parameters, others, jax.jit(optimizer.init)(parameters))

        def update(state: Any, x: Any, targets: Any, rows: Any) -> Any:
            parameters, others, slots = state

            def of_parameters(parameters: Any) -> Any:
                made = nnx.merge(graph, parameters, others, copy=True)
                return loss(made, x[rows], targets[rows]), nnx.state(made, nnx.Not(nnx.Param))

            (value, others), gradients = jax.value_and_grad(of_parameters, has_aux=True)(parameters)
            updates, slots = optimizer.update(gradients, slots, parameters)
            return (optax.apply_updates(parameters, updates), others, slots), value

        def updates(state: Any, x: Any, targets: Any, order: Any) -> Any:
            return jax.lax.scan(lambda state, rows: update(state, x, targets, rows), state, order)

        function = jax.jit(update if self.unit == 1 else updates, donate_argnums=0)
        self._function = partial(self._call, function, x, targets)

    def _call(self, function: Any, x: Any, targets: Any) -> Any:
        rows = self._batches.next() if self.unit == 1 else self._batches.several(self.unit)
        self._state, value = function(self._state, x, targets, rows)
        return value

    def first(self) -> float:
        return float(np.ravel(self._function())[0])

    def run(self, steps: int) -> None:
        for _ in range(steps // self.unit):
            value = self._function()
        jax.block_until_ready((value, self._state))


class Inference:
    """Batch after batch, from NumPy to NumPy."""

    unit = 1

    def __init__(self, x: Array, settings: Settings) -> None:
        graph, state = nnx.split(make_model(settings))
        self.parameters = count(nnx.split(nnx.merge(graph, state), nnx.Param, ...)[1])
        self._predict = partial(jax.jit(lambda state, x: nnx.merge(graph, state)(x)), state)
        self._batches = np.split(x, settings.workload.steps)

    def first(self) -> None:
        self.run(1)

    def run(self, steps: int) -> None:
        for i in range(steps):
            np.asarray(self._predict(self._batches[i % len(self._batches)]))
