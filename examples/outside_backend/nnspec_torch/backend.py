"""The PyTorch backend: what the entry point names."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

import nnspec
from nnspec.backends import Array, Arrays, Engine, FloatType, Net
from nnspec.errors import BackendError
from nnspec.initializers import Initializer
from nnspec.lacking import demand
from nnspec.model import Model
from nnspec.optimizers import Clip, Optimizer
from nnspec.random import key_of
from nnspec_torch.arrays import to_host, to_tensor
from nnspec_torch.engine import TorchEngine
from nnspec_torch.losses import sums
from nnspec_torch.net import TorchNet
from nnspec_torch.optimizers import SpecOptimizer
from nnspec_torch.random import words
from nnspec_torch.realize import apply


class TorchBackend:
    """PyTorch, computing eagerly in float64 or float32. See :class:`nnspec.backends.Backend`."""

    name: ClassVar[str] = "torch"
    #: Options that are not realized: a spec that sets one is refused, and the suite counts it as not implemented.
    without_options: ClassVar[Mapping[type[Any], tuple[str, ...]]] = {
        nnspec.BatchNorm: ("axis", "use_running_average"),
        nnspec.LayerNorm: ("axes",),
        nnspec.Dropout: ("broadcast_dims",),
        nnspec.SoftmaxCrossEntropy: ("class_weights", "ignore_label"),
        **dict.fromkeys((nnspec.Adam, nnspec.AdamW), ("amsgrad",)),
    }

    def versions(self) -> dict[str, str]:
        return {"torch": torch.__version__, "numpy": np.__version__}

    def devices(self) -> list[str]:
        return [*(f"gpu:{i}" for i in range(torch.cuda.device_count())), "cpu:0"]

    def lacks(self, cls: type[Any]) -> bool:
        # Initial weights are drawn on the host for every backend alike, nested models are walked node by node, and
        # clipping is no class of its own here.
        return cls not in apply.registry and not issubclass(cls, Initializer | Model | Clip)

    def realize(self, spec: Any, *, dtype: str = "float32") -> Any:
        """A function of tensors; for an optimizer, one that makes a ``torch.optim.Optimizer`` of named parameters."""
        demand(self, spec)
        return partial(SpecOptimizer, spec=spec) if isinstance(spec, Optimizer) else partial(apply, spec)

    def build(
        self, model: Model, variables: Any = None, *, dtype: FloatType = "float32", seed: int = 0, device: Any = None
    ) -> Net:
        if dtype not in ("float64", "float32"):
            raise BackendError(f"the torch backend computes in float64 and float32, not in {dtype}")
        demand(self, model)
        if variables is None:
            from nnspec.reference.model import initial_variables  # brings SciPy

            variables = initial_variables(model, seed, dtype)
        start = {"random/seed": key_of(seed), "random/step": np.zeros((), np.uint32)}
        where = device or self.devices()[0]
        if where not in (*self.devices(), "cpu", "gpu"):
            raise BackendError(f"there is no device {where!r} (devices: {', '.join(self.devices())})")
        return TorchNet(model, {**start, **variables}, dtype, where.replace("gpu", "cuda"))

    def engine(self, net: Net, *, loss: Any, optimizer: Any, metrics: Any = (), clip: Any = None) -> Engine:
        if not isinstance(net, TorchNet):
            raise BackendError(f"the torch backend trains its own nets, got one of {net.backend}")
        demand(self, loss, optimizer, *metrics)
        return TorchEngine(net, loss, optimizer, metrics, clip)

    def loss(self, spec: Any, outputs: Any, targets: Any, weights: Any = None, *, dtype: str) -> tuple[Array, Array]:
        demand(self, spec)
        x, *others = self._batch(dtype, outputs, targets, weights)
        total, count = sums(spec, x.requires_grad_(), *others)
        value = total if spec.reduction == "sum" else total / count  # NaN where all weights are 0
        return value.detach().numpy(), torch.autograd.grad(value, x)[0].numpy()

    def metric(self, spec: Any, outputs: Any, targets: Any, weights: Any = None, *, dtype: str) -> tuple[float, float]:
        total, count = sums(spec, *self._batch(dtype, outputs, targets, weights))
        return total.item(), count.item()

    def schedule(self, spec: Any, steps: NDArray[np.int64], *, dtype: str) -> Array:
        return np.array(apply(spec, torch.tensor(steps, dtype=torch.float64)).to(getattr(torch, dtype)))

    def optimize(
        self, spec: Any, parameters: Arrays, gradients: Arrays, *, clip: Any = None, decayed: Any = None, dtype: str
    ) -> dict[str, Array]:
        demand(self, spec)
        held = {name: to_tensor(w, dtype) for name, w in parameters.items()}
        optimizer, made = SpecOptimizer(held, spec, clip, decayed), []
        for k in range(len(next(iter(gradients.values())))):
            for name, w in held.items():
                w.grad = to_tensor(gradients[name][k], dtype)
            optimizer.step()
            made.append(to_host({**held, **optimizer.variables}))
        slots = [name for name in optimizer.variables if name.count("/") > 1]
        return {name: np.stack([after[name] for after in made]) for name in (*held, *slots)}

    def words(self, seed: int, stream: int, step: int, count: int, start: int = 0) -> NDArray[np.uint32]:
        key = torch.tensor(key_of(seed).astype(np.int64))
        return words(key, stream, step, count, start).numpy().astype(np.uint32)

    def _batch(self, dtype: str, *arrays: Array | None) -> Any:
        return [None if x is None else to_tensor(x, dtype) for x in arrays]
