"""A subject's numbers beside the net's: which bound holds for each of them, and who keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from nnspec.backends import Array, FloatType
from nnspec.porting.verification import FACTOR, FORWARD, GRADIENT, GRADIENT_FACTOR, NOISE, Figure, Kind, Status
from nnspec.rounding import GRADIENT_FLOOR, ROUNDING_UNITS, difference, epsilon, scale_of, ulp_of


@dataclass
class Values:
    """What a model gives for some inputs: nodes by path, statistics by canonical name, gradients by what they are by.

    Gradients are named ``input x`` and by the parameter.
    """

    nodes: Mapping[str, Array] = field(default_factory=dict)
    statistics: Mapping[str, Array] = field(default_factory=dict)
    gradients: Mapping[str, Array] = field(default_factory=dict)

    def of(self, kind: Kind) -> Mapping[str, Array]:
        return {"node": self.nodes, "statistic": self.statistics, "gradient": self.gradients}[kind]


@dataclass
class Noise:
    """How far rounding alone moves each value: the largest error found so far, by kind and name."""

    errors: dict[tuple[Kind, str], float] = field(default_factory=dict)

    def learn(self, found: Values, truth: Values) -> None:
        """Values that differ from the truth by rounding alone."""
        kinds: tuple[Kind, ...] = ("node", "statistic", "gradient")
        for kind in kinds:
            want = truth.of(kind)
            for name, got in found.of(kind).items():
                if name in want and np.shape(got) == np.shape(want[name]):
                    error = float(difference(got, want[name]).max(initial=0.0))
                    self.errors[kind, name] = max(self.errors.get((kind, name), 0.0), error)

    def of(self, kind: Kind, name: str) -> float:
        return self.errors.get((kind, name), 0.0)


def judge(
    kind: Kind,
    name: str,
    got: Array,
    want: Array,
    noise: float,
    *,
    dtype: FloatType,
    order: float = 1.0,
    largest: float = 0.0,
) -> Figure:
    """The figure of one comparison.

    Args:
        got: the subject's.
        want: the truth, in float64.
        noise: how far rounding in ``dtype`` moves it.
        order: the error that another order of sums makes, in units in the last place of its scale.
        largest: of a gradient, the largest magnitude of all gradients.
    """
    shape = tuple(np.shape(want))
    if np.shape(got) != shape:
        where = f"shape {list(np.shape(got))} instead of {list(shape)}"
        return Figure(kind, name, shape=shape, status="failed", error=float("inf"), where=where)
    if np.asarray(want).dtype.kind in "biu":
        return _exact(kind, name, got, want, noise)
    errors = difference(got, want)
    error, scale = float(errors.max(initial=0.0)), scale_of(want)
    own = max(scale, scale_of(got))
    if kind == "gradient":
        alone = bool(error) and _is_rounding(own, noise, largest, dtype)
        scale = max(scale, largest * (GRADIENT_FLOOR if dtype == "float64" else 1.0))
    else:
        alone = error > FORWARD * own and noise >= NOISE * own
    limit = _limit(kind, dtype, scale, noise, order)
    passed = error <= limit and not alone
    status: Status = "passed" if passed else "rounding" if alone and np.isfinite(error) else "failed"
    ulp = error / ulp_of(scale, dtype)
    where = "" if status == "passed" else _where(errors, got, want)
    return Figure(kind, name, "", "", shape, status, error, limit, scale, ulp, where)


def _limit(kind: Kind, dtype: FloatType, scale: float, noise: float, order: float) -> float:
    """The largest error that passes; of a gradient the scale is one of all gradients."""
    gradient = kind == "gradient"
    factor = GRADIENT_FACTOR if gradient else FACTOR
    noise = noise if np.isfinite(noise) else 0.0
    if dtype == "float64":
        # Where a network amplifies rounding beyond the bound, a subject may do as badly as the net itself.
        return max((GRADIENT if gradient else FORWARD) * scale, factor * noise)
    # A gradient that is small because its terms cancel inherits their rounding.
    return factor * max(noise, order * ulp_of(scale, dtype))


def _is_rounding(own: float, noise: float, largest: float, dtype: FloatType) -> bool:
    """Whether a gradient is zero but for rounding, be it because all are, as behind a softmax that is saturated."""
    return noise >= NOISE * own or own <= ROUNDING_UNITS * epsilon(dtype) * largest


def _exact(kind: Kind, name: str, got: Array, want: Array, noise: float) -> Figure:
    """Whole numbers and booleans are equal, unless rounding alone decides what they are, as between equal scores."""
    errors = difference(np.asarray(got, np.float64), np.asarray(want, np.float64))
    error = float(errors.max(initial=0.0))
    status: Status = "passed" if not error else "rounding" if noise else "failed"
    where = "" if not error else _where(errors, got, want)
    return Figure(kind, name, "", "", tuple(np.shape(want)), status, error, 0.0, scale_of(want), error, where)


def _where(errors: Array, got: Array, want: Array) -> str:
    worst = np.unravel_index(int(errors.argmax()), errors.shape)
    place = [int(i) for i in worst]
    return f"element {place} is {np.asarray(got)[worst]:.9g} instead of {np.asarray(want)[worst]:.9g}"
