"""What the entry point names."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

import nnspec
from nnspec import random
from nnspec.backends import Engine, FloatType, Net
from nnspec.initializers import Initializer
from nnspec_plugin.layers import LAYERS, Array, Arrays
from nnspec_plugin.net import NumpyEngine, NumpyNet, squares

KNOWN = {*LAYERS, nnspec.MeanSquaredError, nnspec.MSE, nnspec.SGD}


class NumpyBackend:
    """A handful of classes in NumPy, with gradients written by hand. See :class:`nnspec.backends.Backend`."""

    name: ClassVar[str] = "numpy"

    def versions(self) -> dict[str, str]:
        return {"numpy": np.__version__}

    def devices(self) -> list[str]:
        return ["cpu:0"]

    def lacks(self, cls: type[Any]) -> bool:
        return cls not in KNOWN and not issubclass(cls, Initializer)

    def realize(self, spec: Any, *, dtype: FloatType = "float32") -> Any:
        raise nnspec.BackendError("the numpy backend has no objects of its own")

    def build(
        self,
        model: nnspec.Model,
        variables: Arrays | None = None,
        *,
        dtype: FloatType = "float32",
        seed: int = 0,
        device: str | None = None,
    ) -> Net:
        self._demand(*(node.layer for node in model.nodes))
        if variables is None:
            from nnspec.reference.model import initial_variables

            variables = initial_variables(model, seed, dtype)
        start = {"random/seed": random.key_of(seed), "random/step": np.zeros((), np.uint32)}
        return NumpyNet(model, {**start, **variables}, dtype)

    def engine(self, net: Any, *, loss: Any, optimizer: Any, metrics: Any = (), clip: Any = None) -> Engine:
        self._demand(loss, optimizer, *metrics, *([] if clip is None else [clip]))
        return NumpyEngine(net, loss, optimizer, metrics)

    def loss(
        self, spec: Any, outputs: Array, targets: Array, weights: Array | None = None, *, dtype: FloatType
    ) -> tuple[Array, Array]:
        total, count, gradient = squares(spec, outputs.astype(dtype), targets, weights)
        return np.asarray(spec.result(total, count), dtype), gradient

    def metric(
        self, spec: Any, outputs: Array, targets: Array, weights: Array | None = None, *, dtype: FloatType
    ) -> tuple[float, float]:
        total, count, _ = squares(spec, outputs.astype(dtype), targets, weights)
        return float(total), float(count)

    def schedule(self, spec: Any, steps: Array, *, dtype: FloatType) -> Array:
        raise nnspec.BackendError(f"the numpy backend has no realization of {type(spec).__name__}")

    def optimize(
        self,
        spec: Any,
        parameters: Arrays,
        gradients: Arrays,
        *,
        clip: Any = None,
        decayed: Any = None,
        dtype: FloatType,
    ) -> dict[str, Array]:
        found: dict[str, list[Array]] = {name: [] for name in parameters}
        for name, start in parameters.items():
            w = np.array(start, dtype)
            decays = spec.decay == "all" or name in decayed
            for g in gradients[name].astype(dtype):
                w = w - spec.learning_rate * (g + spec.weight_decay * w if decays else g)
                found[name].append(w)
        return {name: np.stack(made) for name, made in found.items()}

    def words(self, seed: int, stream: int, step: int, count: int, start: int = 0) -> Array:
        return random.words(seed, stream, step, count, start)

    def _demand(self, *specs: Any) -> None:
        for spec in specs:
            for part in (spec, getattr(spec, "activation", None), getattr(spec, "learning_rate", None)):
                if isinstance(part, nnspec.spec.Spec) and self.lacks(type(part)):
                    raise nnspec.BackendError(f"the numpy backend has no realization of {type(part).__name__}")
