"""What a layer is given, and the function that the families register their classes with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import singledispatch
from typing import Any

import torch
from torch import Tensor

from nnspec.errors import BackendError
from nnspec.random import stream_of
from nnspec_torch.random import keep_mask


@dataclass
class Pass:
    """One pass through a graph: what it reads, and what it leaves behind without changing anything.

    Attributes:
        variables: by canonical name, ``random/seed`` and ``random/step`` included.
        updates: new values of statistics; they hold from the next call of a shared layer on.
        nodes, masks: values and keep-masks by the path of the node.
        calls: how often the layer at a path has been called.
    """

    variables: Mapping[str, Tensor]
    training: bool
    updates: dict[str, Tensor] = field(default_factory=dict)
    nodes: dict[str, Tensor] = field(default_factory=dict)
    masks: dict[str, Tensor] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Scope:
    """What one call of a layer may need; ``owner`` holds its variables and random streams, ``path`` is the node."""

    run: Pass
    owner: str
    path: str

    def __getitem__(self, name: str) -> Tensor:
        full = f"{self.owner}/{name}"
        return self.run.updates.get(full, self.run.variables[full])

    def update(self, name: str, value: Tensor) -> None:
        """Give a statistic its new value, which is no part of the gradient."""
        self.run.updates[f"{self.owner}/{name}"] = value.detach()

    def keep_mask(self, rate: float, like: Tensor) -> Tensor:
        """The dropout mask of this call, at this seed and step."""
        stream = stream_of(self.owner, "dropout", self.run.calls[self.owner])
        seed, step = self.run.variables["random/seed"], self.run.variables["random/step"]
        mask = self.run.masks[self.path] = keep_mask(rate, like, seed, stream, step)
        return mask


@singledispatch
def apply(spec: Any, scope: Scope, *inputs: Tensor) -> Tensor:
    """The output of a layer, an activation or an operation for these inputs.

    Raises:
        BackendError: the class is not registered.
    """
    raise missing(spec)


def missing(spec: Any) -> BackendError:
    return BackendError(f"the torch backend has no realization of {type(spec).__name__}")


def elementwise(table: Mapping[type[Any], Callable[[Any, Tensor], Tensor]]) -> None:
    """Register functions of (spec, x) that need nothing of the scope."""
    for cls, function in table.items():
        apply.register(cls, lambda spec, scope, x, function=function: function(spec, x))


def clipped(x: Tensor, low: float, high: float) -> Tensor:
    """x cut to [low, high] with derivative 0 at both bounds, where that of ``torch.clamp`` is 1."""
    return torch.where(x <= low, low, torch.where(x >= high, high, x))
