"""What a comparison of two backends found, and how differences are measured."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from nnspec.rounding import relative as relative


@dataclass
class Step:
    """The largest relative differences after (gradients: at) one update."""

    step: int
    loss: float
    gradients: float
    parameters: float
    statistics: float
    optimizer: float
    bit_equal: float
    worst: dict[str, str] = field(default_factory=dict)


@dataclass
class Comparison:
    """What :func:`compare` found.

    Attributes:
        backends: the two names; the second is measured against the first.
        steps: a record per checked step.
        bit_equal: whether initial parameters, masks and batches are equal bit for bit.
        without_effect: parameters (and statistics that absorb them) whose gradient is zero but for rounding, with their
            relative difference at the end and the reason; they are not part of the figures above.
        first_difference: the first node, in the order of the graph, that differs by more than rounding when both
            backends compute it from equal variables; None if none does.
    """

    backends: tuple[str, str]
    dtype: str
    steps: list[Step]
    bit_equal: dict[str, bool]
    without_effect: dict[str, dict[str, Any]]
    first_difference: dict[str, Any] | None
    versions: dict[str, dict[str, str]]

    @property
    def max_relative_difference(self) -> dict[str, float]:
        kinds = ("loss", "gradients", "parameters", "statistics", "optimizer")
        return {kind: max(getattr(step, kind) for step in self.steps) for kind in kinds}

    def to_json(self) -> dict[str, Any]:
        return {
            "backends": list(self.backends),
            "dtype": self.dtype,
            "max_relative_difference": self.max_relative_difference,
            "bit_equal": self.bit_equal,
            "without_effect": self.without_effect,
            "first_difference": self.first_difference,
            "steps": [asdict(step) for step in self.steps],
            "versions": self.versions,
        }


def checkpoints(steps: int) -> list[int]:
    """The updates after which states are compared: 1, 2, 5, 10, 20, 50, … and the last."""
    found = [m * 10**e for e in range(len(str(steps)) + 1) for m in (1, 2, 5) if m * 10**e < steps]
    return [*sorted(found), steps]
