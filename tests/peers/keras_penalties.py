"""Stand-ins for Keras's regularizers and constraints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import nnspec as nn
from nnspec.backends import Array
from tests.peers.driver import Namespace
from tests.peers.outcome import NotExpressible, NoValues
from tests.peers.subjects import Subject

# What Keras adds to norms.
_EPSILON = 1e-7


@dataclass
class Held:
    """A penalty or a constraint that is called with a tensor."""

    ask: Callable[[Any, Array], Array]
    spec: nn.Penalty | nn.Constraint

    def __call__(self, x: Any) -> Array:
        return self.ask(self.spec, np.asarray(x))

    def __getattr__(self, name: str) -> Any:
        raise NoValues(name)


def regularizers(subject: Subject) -> dict[str, Any]:
    """The global ``regularizers`` of Keras's tests of them."""

    def penalty(vectors: Any = "rows", **factors: float) -> Held:
        if not any(factors.values()):
            raise NotExpressible("a penalty of nothing, which is an error here")
        return Held(subject.penalty, nn.Penalty(vectors=vectors, **factors))  # type: ignore[arg-type]

    found = Namespace(
        L1=lambda l1: penalty(l1=l1),
        L2=lambda l2: penalty(l2=l2),
        L1L2=lambda l1=0.0, l2=0.0: penalty(l1=l1, l2=l2),
        OrthogonalRegularizer=lambda factor, mode="rows": penalty(orthogonal=factor, vectors=mode),
    )
    return {"regularizers": found}


def constraints(subject: Subject) -> dict[str, Any]:
    """The global ``constraints`` of Keras's tests of them."""

    def constraint(axis: int, **fields: Any) -> Held:
        return Held(subject.constrained, nn.Constraint(axes=axis, **fields))

    def bounded(min_value: float, max_value: float, rate: float = 1.0, axis: int = 0) -> Held:
        return constraint(axis, max_norm=max_value, min_norm=min_value, rate=rate, epsilon=_EPSILON)

    found = Namespace(
        MaxNorm=lambda max_value, axis=0: constraint(axis, max_norm=max_value, epsilon=_EPSILON),
        MinMaxNorm=bounded,
        NonNeg=lambda: constraint(0, non_negative=True),
        UnitNorm=lambda axis=0: bounded(1.0, 1.0, axis=axis),
    )
    return {"constraints": found}
