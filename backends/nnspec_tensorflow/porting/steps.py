"""Nodes that are applied to each step of a sequence: what ``TimeDistributed`` holds, layer by layer."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace

import numpy as np

import nnspec
from nnspec.backends import Array
from nnspec.errors import PortError
from nnspec.layers.base import Layer, Operation
from nnspec.layers.dropout import Dropout
from nnspec.porting.assembly import Assembly, Value

# Operations of several inputs that mean the same of sequences.
_ELEMENTWISE = ("Add", "Subtract", "Multiply", "Divide", "Maximum", "Minimum")


class Steps(Assembly):
    """Collects for another assembly what happens at each step of a sequence: layers as ``TimeDistributed``."""

    def __init__(self, whole: Assembly) -> None:
        super().__init__()
        self.whole = whole

    def call(
        self,
        layer: Layer,
        *inputs: Value,
        name: str | None = None,
        scope: Sequence[str] = (),
        owner: Hashable | None = None,
        variables: Mapping[str, Array] | None = None,
        origin: str = "",
        invocations: Sequence[Hashable] = (),
    ) -> Value:
        lifted = _lifted(layer, len(inputs), origin)
        inside = isinstance(lifted, nnspec.TimeDistributed)
        named = {f"layer/{key}" if inside else key: np.asarray(x) for key, x in (variables or {}).items()}
        return self.whole.call(
            lifted,
            *inputs,
            name=name,
            scope=scope,
            owner=owner,
            variables=named,
            origin=origin,
            invocations=invocations,
        )


def _lifted(layer: Layer, count: int, origin: str) -> Layer:
    if isinstance(layer, nnspec.Identity):
        return layer
    if isinstance(layer, Dropout):  # of any shape; axes are counted from the batch's
        dims = tuple(axis if axis < 0 else axis + (axis > 0) for axis in layer.broadcast_dims)
        return replace(layer, broadcast_dims=dims)
    if count == 1 and not layer.random and layer.takes() in (None, 1):
        return nnspec.TimeDistributed(layer)
    if isinstance(layer, Operation) and type(layer).__name__ in _ELEMENTWISE:
        return layer
    if isinstance(layer, nnspec.Concat):
        return replace(layer, axis=layer.axis if layer.axis < 0 else layer.axis + 1)
    raise PortError(f"{origin}: {type(layer).__name__} at each step of a sequence has no counterpart in nnspec")
