"""PyTorch: the usual loop with a fused optimizer, eager or with the model compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks.contenders import Session, Settings
from benchmarks.contenders.batches import Batches
from benchmarks.contenders.torch_models import model
from benchmarks.networks import Array
from benchmarks.workloads import CLIP, EPSILON, LEARNING_RATE, WEIGHT_DECAY


def build(contender: str, inputs: dict[str, Array], targets: Array, settings: Settings) -> Session:
    """A module and, for training, its optimizer."""
    torch.manual_seed(0)
    if settings.device == "gpu":
        torch.set_float32_matmul_precision("high")  # TensorFloat-32, as JAX and TensorFlow use by default
    (x,) = inputs.values()
    if x.ndim == 4:
        x = np.ascontiguousarray(np.moveaxis(x, -1, 1))
    return (Training if settings.workload.kind == "training" else Inference)(x, targets, settings)


class _Model:
    """The module on its device, in its dtype and memory format."""

    unit = 1

    def __init__(self, settings: Settings) -> None:
        self.device = torch.device("cuda" if settings.device == "gpu" else "cpu")
        self.dtype = getattr(torch, settings.dtype)
        self.format = torch.channels_last if "channels_last" in settings.setup else torch.contiguous_format
        self.module = model(settings.workload.network).to(self.device, self.dtype, memory_format=self.format)
        self.parameters = sum(p.numel() for p in self.module.parameters() if p.requires_grad)
        self.call = torch.compile(self.module) if settings.setup.startswith("compiled") else self.module

    def tensor(self, x: Array) -> Any:
        """On the device; ids as int64, as PyTorch's losses demand."""
        made = torch.from_numpy(x)
        if not made.is_floating_point():
            return made.to(self.device, torch.int64)
        layout = {"memory_format": self.format} if x.ndim == 4 else {}
        return made.to(self.device, self.dtype, **layout)


class Training(_Model):
    """One iteration of the loop per update, on rows of data that stay on the device."""

    def __init__(self, x: Array, targets: Array, settings: Settings) -> None:
        super().__init__(settings)
        self._x, self._targets = self.tensor(x), self.tensor(targets)
        self._batches = Batches(settings.workload, np.int64)
        self._trained = [p for p in self.module.parameters() if p.requires_grad]
        kernels = _kernels(self.module)
        groups = [
            {"params": [p for p in self._trained if id(p) in kernels], "weight_decay": WEIGHT_DECAY},
            {"params": [p for p in self._trained if id(p) not in kernels], "weight_decay": 0.0},
        ]
        self._optimizer = torch.optim.AdamW(groups, LEARNING_RATE, eps=EPSILON, fused=True)
        self.module.train()

    def first(self) -> float:
        return float(self._update())

    def run(self, steps: int) -> None:
        for _ in range(steps):
            value = self._update()
        float(value)

    def _update(self) -> Any:
        rows = torch.from_numpy(self._batches.next()).to(self.device)
        self._optimizer.zero_grad(set_to_none=True)
        outputs = self.call(self._x[rows])
        value = functional.cross_entropy(outputs.flatten(0, -2), self._targets[rows].flatten())
        value.backward()
        nn.utils.clip_grad_norm_(self._trained, CLIP)
        self._optimizer.step()
        return value.detach()


class Inference(_Model):
    """Batch after batch, from NumPy to NumPy."""

    def __init__(self, x: Array, targets: Array, settings: Settings) -> None:
        super().__init__(settings)
        self.module.eval()
        self._batches = np.split(x, settings.workload.steps)

    def first(self) -> None:
        self.run(1)

    def run(self, steps: int) -> None:
        with torch.inference_mode():
            for i in range(steps):
                self.call(self.tensor(self._batches[i % len(self._batches)])).to("cpu", torch.float32).numpy()


def _kernels(module: nn.Module) -> set[int]:
    """The ids of the parameters that decay applies to: matrices and convolutions, but no table of an embedding."""
    tables = {id(m.weight) for m in module.modules() if isinstance(m, nn.Embedding)}
    return {id(p) for p in module.parameters() if p.ndim > 1} - tables
