"""The function that every family registers its classes with, and what a layer is given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import singledispatch
from typing import Any

import torch
from torch import Tensor

from nnspec.errors import BackendError
from nnspec.random import stream_of
from nnspec_torch.random import keep_mask


@singledispatch
def apply(spec: Any, *given: Any) -> Any:
    """What a spec computes: layers of (run, inputs…), losses and metrics of (outputs, targets), schedules of steps."""
    raise BackendError(f"the torch backend has no realization of {type(spec).__name__}")


@dataclass
class Pass:
    """One pass through a graph: what it reads, and what it leaves behind without changing anything."""

    variables: Mapping[str, Tensor]
    training: bool
    owner: str = ""  # of the layer that is called: the node that has its variables and random streams
    path: str = ""  # of the node itself
    updates: dict[str, Tensor] = field(default_factory=dict)  # of statistics, by canonical name
    nodes: dict[str, Tensor] = field(default_factory=dict)
    masks: dict[str, Tensor] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)  # of the layer of an owner

    def __getitem__(self, name: str) -> Tensor:
        """A variable of the layer; a statistic that an earlier call of a shared layer has updated is the new one."""
        full = f"{self.owner}/{name}"
        return self.updates.get(full, self.variables[full])

    def update(self, name: str, value: Tensor) -> None:
        self.updates[f"{self.owner}/{name}"] = value.detach()

    def keep_mask(self, rate: float, like: Tensor) -> Tensor:
        stream = stream_of(self.owner, "dropout", self.calls[self.owner])
        mask = keep_mask(rate, like, self.variables["random/seed"], stream, self.variables["random/step"])
        self.masks[self.path] = mask
        return mask


def clipped(x: Tensor, low: float, high: float) -> Tensor:
    """x cut to [low, high] with derivative 0 at both bounds, where that of ``torch.clamp`` is 1."""
    return torch.where(x <= low, low, torch.where(x >= high, high, x))
