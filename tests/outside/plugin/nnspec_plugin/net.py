"""A net and its engine, computing in NumPy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

import nnspec
from nnspec.backends import FloatType, Gradients
from nnspec.inference import BatchShape, Inference
from nnspec_plugin.layers import Array, Arrays, pull_back, run


def assign(held: dict[str, Array], values: Arrays) -> None:
    """Set arrays by name, all or none."""
    for name, value in values.items():
        if name not in held or held[name].shape != np.shape(value):
            raise nnspec.SpecError(f"{name!r} is no variable of this shape")
    held.update({name: np.array(value, held[name].dtype) for name, value in values.items()})


class NumpyNet:
    """A model computed by NumPy."""

    backend = "numpy"

    def __init__(self, model: nnspec.Model, variables: Arrays, dtype: FloatType) -> None:
        self.model, self.dtype = model, dtype
        self.held = {n: np.array(x, dtype if x.dtype.kind == "f" else x.dtype) for n, x in variables.items()}
        self.parameters = [name for name, param in model.params().items() if param.kind == "parameter"]

    @property
    def native(self) -> dict[str, Array]:
        return self.held

    def variables(self, names: Iterable[str] | None = None) -> dict[str, Array]:
        return {name: self.held[name].copy() for name in (self.held if names is None else names)}

    def assign(self, variables: Arrays) -> None:
        assign(self.held, variables)

    def floats(self, arrays: Arrays) -> dict[str, Array]:
        return {name: np.array(x, self.dtype) for name, x in arrays.items()}

    def forward(self, inputs: Arrays, *, training: bool = False, compiled: bool = True) -> dict[str, Array]:
        values, _ = run(self.model, self.held, self.floats(inputs))
        if training:
            self.held["random/step"] = self.held["random/step"] + np.uint32(1)
        return {name: values[name] for name in self.model.outputs}

    def compiled(self, shape: BatchShape) -> Inference:
        return Inference(self, shape)

    def nodes(self, inputs: Arrays, *, training: bool = False) -> dict[str, Array]:
        values, _ = run(self.model, self.held, self.floats(inputs))
        return {node.name: values[node.name] for node in self.model.nodes}

    def masks(self, inputs: Arrays) -> dict[str, Array]:
        return {}

    def gradients(
        self, inputs: Arrays, cotangents: Arrays, *, training: bool = False, compiled: bool = True
    ) -> Gradients:
        found = pull_back(*run(self.model, self.held, self.floats(inputs)), self.floats(cotangents))
        return Gradients({n: found[n] for n in self.model.inputs}, {n: found[n] for n in self.parameters})


def squares(spec: Any, x: Array, targets: Array, weights: Array | None) -> tuple[Array, Array, Array]:
    """Σ w·(x − y)², its count, and the gradient of the reduced loss."""
    e = x - targets.astype(x.dtype)
    w = np.ones((), x.dtype) if weights is None else weights.astype(x.dtype)
    w = np.broadcast_to(w.reshape(w.shape + (1,) * (e.ndim - w.ndim)), e.shape)
    mean = getattr(spec, "reduction", "weighted_mean") == "mean"
    count = np.asarray(e.size, x.dtype) if mean else w.sum()
    reduced = getattr(spec, "reduction", "mean") != "sum"
    return (w * e * e).sum(), count, 2 * w * e / (count if reduced else 1)


class NumpyEngine:
    """Gradient descent, one update after the other."""

    def __init__(self, net: NumpyNet, loss: Any, optimizer: Any, metrics: Any) -> None:
        self.net: Any = net
        self._loss, self._optimizer, self._metrics = loss, optimizer, metrics
        self._kernels = [name for name, param in net.model.params().items() if param.decay]
        self._splits: dict[str, Arrays] = {}
        self._state = {"optimizer/step": np.array(0, np.int64), "optimizer/learning_rate_scale": np.array(1.0)}
        self._totals: dict[str, Array] = {}

    def load(self, split: str, data: Arrays) -> None:
        self._splits[split] = self.net.floats(data)

    def _pass(self, batch: Arrays) -> tuple[dict[str, Array], Mapping[str, Array]]:
        """(total, count) of the loss and of each metric, and the gradients."""
        (output,) = self.net.model.outputs
        values, tape = run(self.net.model, self.net.held, {n: batch[n] for n in self.net.model.inputs})
        given = values[output], batch["targets"], batch.get("weights")
        total, count, gradient = squares(self._loss, *given)
        sums = {"loss": np.array([total, count], np.float64)}
        for metric in self._metrics:
            sums["mse"] = np.array(squares(metric, *given)[:2], np.float64)
        found = pull_back(values, tape, {output: gradient})
        return sums, {name: found[name] for name in self.net.parameters}

    def train(self, order: Array, start: int, stop: int) -> None:
        eta = self._optimizer.learning_rate
        for rows in order[start:stop]:
            sums, gradients = self._pass({name: x[rows] for name, x in self._splits["train"].items()})
            norm = np.sqrt(sum((g * g).sum() for g in gradients.values()))
            for name, pair in {**sums, "grad_norm": np.array([norm, 1.0])}.items():
                self._totals[name] = self._totals.get(name, 0) + pair
            self._totals["learning_rate"] = np.array([eta, 1.0])
            for name, g in gradients.items():
                decays = self._optimizer.decay == "all" or name in self._kernels
                w = self.net.held[name]
                self.net.held[name] = w - eta * (g + self._optimizer.weight_decay * w if decays else g)
            self._state["optimizer/step"] = self._state["optimizer/step"] + 1
            self.net.held["random/step"] = self.net.held["random/step"] + np.uint32(1)

    def totals(self) -> dict[str, tuple[float, float]]:
        names = ("loss", *(["mse"] if self._metrics else []), "grad_norm", "learning_rate")
        found = {name: tuple(map(float, self._totals.get(name, (0.0, 0.0)))) for name in names}
        self._totals = {}
        return found  # type: ignore[return-value]

    def evaluate(self, split: str, batch_size: int) -> dict[str, tuple[float, float]]:
        found: dict[str, Any] = {}
        rows = len(self._splits[split]["targets"])
        for first in range(0, rows, batch_size):
            batch = {name: x[first : first + batch_size] for name, x in self._splits[split].items()}
            for name, pair in self._pass(batch)[0].items():
                found[name] = found.get(name, 0) + pair
        return {name: (float(total), float(count)) for name, (total, count) in found.items()}

    def loss_gradients(self, split: str, rows: Array) -> tuple[float, dict[str, Array]]:
        sums, gradients = self._pass({name: x[rows] for name, x in self._splits[split].items()})
        return self._loss.result(*sums["loss"]), dict(gradients)

    def variables(self) -> dict[str, Array]:
        return {**self.net.variables(), **{name: x.copy() for name, x in self._state.items()}}

    def assign(self, variables: Arrays) -> None:
        both = {**self.net.held, **self._state}
        assign(both, variables)
        self.net.held.update({name: both[name] for name in self.net.held})
        self._state.update({name: both[name] for name in self._state})
