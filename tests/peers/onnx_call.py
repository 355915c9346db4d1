"""One call of an operator of ONNX's, and what it needs to be expressible."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nnspec.backends import Array
from tests.peers.outcome import NotExpressible
from tests.peers.subjects import Subject


@dataclass(frozen=True)
class Call:
    """One call of an operator: where, its attributes, its inputs (None where one is left out), how many outputs.

    Attributes:
        names: of the outputs, empty where one is left out.
    """

    subject: Subject
    attributes: dict[str, Any]
    inputs: list[Any]
    names: list[str]

    @property
    def outputs(self) -> int:
        """How many outputs there may be."""
        return len(self.names)

    def named(self, i: int) -> bool:
        """Whether output ``i`` is asked for."""
        return i < len(self.names) and bool(self.names[i])

    @property
    def x(self) -> Array:
        return self.inputs[0]

    def input(self, i: int) -> Any:
        """Input ``i``, or None where it is left out."""
        return self.inputs[i] if i < len(self.inputs) else None

    def get(self, name: str, default: Any) -> Any:
        return self.attributes.get(name, default)


Operator = Callable[[Call], list[Array]]


def need(condition: bool, reason: str) -> None:
    """The call is not expressible unless the condition holds."""
    if not condition:
        raise NotExpressible(reason)


def one(value: Any) -> float:
    """An attribute, which ONNX stores in float32, as the number that was written."""
    return float(f"{value:.7g}")
