"""The PyTorch backend: what the entry point names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from nnspec.backends import Array, Arrays, Engine, FloatType, Net
from nnspec.errors import BackendError, did_you_mean
from nnspec.initializers import Initializer
from nnspec.losses import Loss
from nnspec.metrics import Metric
from nnspec.model import Model
from nnspec.optimizers import Clip, Optimizer
from nnspec.random import key_of
from nnspec.schedules import Schedule
from nnspec.spec import Spec
from nnspec_torch import losses, metrics, optimizers, schedules
from nnspec_torch.arrays import to_host, to_tensor
from nnspec_torch.engine import TorchEngine
from nnspec_torch.net import TorchNet
from nnspec_torch.random import words
from nnspec_torch.realize import apply, missing

CPU = torch.zeros(())  # what small computations are on the device of


class TorchBackend:
    """PyTorch, computing eagerly in float64 or float32. See :class:`nnspec.backends.Backend` for its methods."""

    name: ClassVar[str] = "torch"

    def versions(self) -> dict[str, str]:
        return {"torch": torch.__version__, "numpy": np.__version__}

    def devices(self) -> list[str]:
        return [*(f"gpu:{i}" for i in range(torch.cuda.device_count())), "cpu:0"]

    def lacks(self, cls: type[Any]) -> bool:
        # Initial weights are drawn on the host, for every backend alike; nested models are walked node by node.
        if issubclass(cls, Initializer | Model | Clip):
            return False
        functions = (apply, losses.loss, metrics.metric, schedules.rate, optimizers.advance)
        return all(cls not in function.registry for function in functions)

    def realize(self, spec: Any, *, dtype: FloatType = "float32") -> Any:
        """A function of tensors; for an optimizer, one that makes a ``torch.optim.Optimizer`` of named parameters."""
        self._demand(spec)
        if isinstance(spec, Optimizer):
            return partial(optimizers.SpecOptimizer, spec=spec)
        for kind, function in ((Loss, losses.loss), (Metric, metrics.metric), (Schedule, schedules.rate)):
            if isinstance(spec, kind):
                return partial(function, spec)
        raise BackendError(f"{type(spec).__name__} is realized within a model: build one")

    def build(
        self,
        model: Model,
        variables: Arrays | None = None,
        *,
        dtype: FloatType = "float32",
        seed: int = 0,
        device: str | None = None,
    ) -> Net:
        if dtype not in ("float64", "float32"):
            raise BackendError(f"the torch backend computes in float64 and float32, not in {dtype}")
        for _, node in model.walk():
            self._demand(node.layer)
        if variables is None:
            from nnspec.reference.model import initial_variables  # brings SciPy

            variables = initial_variables(model, seed, dtype)
        start = {"random/seed": key_of(seed), "random/step": np.zeros((), np.uint32)}
        return TorchNet(model, {**start, **variables}, dtype, self._device(device))

    def engine(
        self, net: Net, *, loss: Loss, optimizer: Optimizer, metrics: Sequence[Metric] = (), clip: Clip | None = None
    ) -> Engine:
        if not isinstance(net, TorchNet):
            raise BackendError(f"the torch backend trains its own nets, got one of {net.backend}")
        self._demand(loss, optimizer, *metrics)
        return TorchEngine(net, loss, optimizer, metrics, clip)

    def loss(
        self, spec: Loss, outputs: Array, targets: Array, weights: Array | None = None, *, dtype: FloatType
    ) -> tuple[Array, Array]:
        x, *others = self._batch(outputs, targets, weights, dtype)
        value = losses.reduced(spec, *losses.sums(spec, x.requires_grad_(), *others))
        return value.detach().numpy(), torch.autograd.grad(value, x)[0].numpy()

    def metric(
        self, spec: Metric, outputs: Array, targets: Array, weights: Array | None = None, *, dtype: FloatType
    ) -> tuple[float, float]:
        x, y, w = self._batch(outputs, targets, weights, dtype)
        total, count = losses.weighted(metrics.metric(spec, x, y).to(x.dtype), w)
        return float(total), float(count)

    def schedule(self, spec: Schedule, steps: NDArray[np.int64], *, dtype: FloatType) -> Array:
        rates: Array = schedules.rate(spec, torch.tensor(np.asarray(steps, np.int64))).numpy()
        return rates.astype("float64" if dtype == "float64" else "float32")

    def optimize(
        self,
        spec: Optimizer,
        parameters: Arrays,
        gradients: Arrays,
        *,
        clip: Clip | None = None,
        decayed: frozenset[str] | None = None,
        dtype: FloatType,
    ) -> dict[str, Array]:
        held = {name: to_tensor(w, dtype, CPU) for name, w in parameters.items()}
        given = {name: to_tensor(gradients[name], dtype, CPU) for name in held}
        optimizer = optimizers.SpecOptimizer(held, spec, clip, decayed)
        slots = {name: x for name, x in optimizer.variables.items() if name.count("/") > 1}
        made = []
        for k in range(len(next(iter(given.values())))):
            optimizer.update({name: g[k] for name, g in given.items()})
            made.append(to_host({**held, **slots}))
        return {name: np.stack([after[name] for after in made]) for name in made[0]}

    def words(self, seed: int, stream: int, step: int, count: int, start: int = 0) -> NDArray[np.uint32]:
        key = torch.tensor(key_of(seed).astype(np.int64))
        drawn: NDArray[np.uint32] = words(key, stream, step, count, start).numpy().astype(np.uint32)
        return drawn

    def _demand(self, *specs: Any) -> None:
        """Refuse what has no realization, within a spec too (a layer's activation, an optimizer's schedule)."""
        for spec in specs:
            if self.lacks(type(spec)):
                raise missing(spec)
            self._demand(*(part for field in fields(spec) if isinstance(part := getattr(spec, field.name), Spec)))

    def _device(self, name: str | None) -> str:
        found = self.devices()[0] if name is None else name if ":" in name else f"{name}:0"
        if found not in self.devices():
            hint, listed = did_you_mean(found, self.devices()), ", ".join(self.devices())
            raise BackendError(f"the torch backend has no device {name!r}{hint} (devices: {listed})")
        return found.replace("gpu", "cuda")

    def _batch(self, outputs: Array, targets: Array, weights: Array | None, dtype: str) -> tuple[Any, Any, Any]:
        return tuple(None if x is None else to_tensor(x, dtype, CPU) for x in (outputs, targets, weights))
