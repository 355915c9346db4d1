"""What happens between epochs: early stopping, the best model, plateaus. Bookkeeping, the same for every backend."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from nnspec.errors import SpecError, did_you_mean
from nnspec.schedules import ReduceOnPlateau


def improves(value: float, best: float | None, mode: str, min_delta: float = 0.0, relative: bool = False) -> bool:
    """Whether ``value`` is better than ``best`` by more than ``min_delta`` (a share of |best| if ``relative``).

    NaN never improves; anything that is not NaN improves on nothing.
    """
    if math.isnan(value):
        return False
    if best is None:
        return True
    margin = min_delta * abs(best) if relative else min_delta
    return value < best - margin if mode == "min" else value > best + margin


def monitored(record: Mapping[str, float], name: str) -> float:
    """The value of a monitored quantity in an epoch's record.

    Raises:
        SpecError: no such quantity; the message lists what there is.
    """
    if name not in record:
        known = [k for k in record if k not in ("epoch", "step", "seconds", "compile_seconds", "examples_per_second")]
        reason = (
            "there is no validation data: set data.validation_split or give validation="
            if name.startswith("val_") and not any(k.startswith("val_") for k in known)
            else f"is not recorded{did_you_mean(name, known)} (recorded: {', '.join(known)})"
        )
        raise SpecError(f"monitor {name!r}: {reason}")
    return record[name]


@dataclass
class Patience:
    """Counts epochs without an improvement.

    ``update`` says whether patience has run out: after ``patience`` epochs in a row that did not improve on the best
    value by more than ``min_delta``.
    """

    patience: int
    mode: str
    min_delta: float = 0.0
    best: float | None = None
    waited: int = 0

    def update(self, value: float) -> bool:
        if improves(value, self.best, self.mode, self.min_delta):
            self.best, self.waited = value, 0
            return False
        self.waited += 1
        return self.waited >= self.patience


@dataclass
class Plateau:
    """The controller of :class:`~nnspec.schedules.ReduceOnPlateau`: ``update`` gives the scale for the next epoch."""

    spec: ReduceOnPlateau
    mode: str
    scale: float = 1.0
    best: float | None = None
    waited: int = 0
    cooling: int = 0

    def update(self, value: float) -> float:
        better = improves(value, self.best, self.mode, self.spec.min_delta, self.spec.threshold == "relative")
        if better:
            self.best = value
        if self.cooling > 0:
            self.cooling -= 1
            self.waited = 0
        elif better:
            self.waited = 0
        else:
            self.waited += 1
            if self.waited >= self.spec.patience:
                self.scale *= self.spec.factor
                self.cooling, self.waited = self.spec.cooldown, 0
        return self.scale
