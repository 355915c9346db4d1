"""What a check finds: figures for each tensor that was compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnspec.rounding import difference as difference, ulp_of as ulp_of
from nnspec_conformance.draws import Array, rounded

# A constant of the spec times a cotangent: a rounding each.
CONSTANT_ULPS = 2.0


@dataclass(frozen=True)
class Figure:
    """One comparison.

    Attributes:
        what: the tensor, or the question asked of it.
        error: the largest absolute difference (inf where one side is NaN or infinite and the other is not).
        limit: the largest that passes.
        ulp: the error in units in the last place of the tensor's scale (its largest magnitude).
        relative: the error over that scale.
        equal: the share of elements that are equal bit for bit to the truth, rounded once (-0 and 0 count as equal).
        where: the worst element and its two values, for the message.
    """

    what: str
    error: float
    limit: float
    ulp: float = 0.0
    relative: float = 0.0
    equal: float = 1.0
    where: str = ""

    @property
    def passed(self) -> bool:
        return self.error <= self.limit

    @property
    def share(self) -> float:
        """The share of its limit that the error takes."""
        if self.limit > 0:
            return self.error / self.limit
        return float("inf") if self.error > 0 else 0.0

    def __str__(self) -> str:
        sign = "<=" if self.passed else ">"
        shown = (
            f"{self.what}: error {self.error:.3g} {sign} {self.limit:.3g} ({self.ulp:.3g} ULP, {self.equal:.0%} equal)"
        )
        return shown if self.passed or not self.where else f"{shown}; {self.where}"


@dataclass(frozen=True)
class Result:
    """The figures of one check of one case on one backend."""

    backend: str
    dtype: str
    check: str
    case: str
    figures: tuple[Figure, ...]

    @property
    def passed(self) -> bool:
        return all(figure.passed for figure in self.figures)

    @property
    def nearness(self) -> float:
        """The largest share of its limit that an error takes (of the figures whose limit is not zero)."""
        return max((f.error / f.limit for f in self.figures if f.limit > 0), default=0.0)

    def message(self) -> str:
        """The failing figures, the worst first."""
        failing = sorted((f for f in self.figures if not f.passed), key=lambda f: f.limit - f.error)
        lines = [f"{self.case} on {self.backend} in {self.dtype} fails the check {self.check!r}:"]
        return "\n".join([*lines, *(f"  {figure}" for figure in failing[:8])])


def compare(
    what: str, got: Array, want: Array, *, dtype: str, bound: float, rounding: float = 0.0, scale: float | None = None
) -> Figure:
    """Whether a tensor is right: within ``bound`` relative in float64; else within ``bound`` × max(rounding, 1 ULP).

    Booleans and int32, as values of nodes, are right if they are equal and of the dtype that is wanted.

    Args:
        want: the truth, in float64.
        rounding: the error that ``dtype`` makes unavoidable, where it is known.
        scale: what errors are relative to; the largest finite magnitude of ``want`` unless given.
    """
    if np.shape(got) != np.shape(want):
        return Figure(what, np.inf, 0.0, where=f"shape {np.shape(got)} instead of {np.shape(want)}")
    if np.asarray(want).dtype in (np.bool_, np.int32):
        return exact(what, got, want)
    truth = np.asarray(want, np.float64)
    if scale is None:
        scale = float(np.max(np.abs(truth), initial=0.0, where=np.isfinite(truth)))
    ulp = ulp_of(scale, dtype)
    limit = bound * scale if dtype == "float64" else bound * max(rounding, ulp)
    return figure(what, got, truth, limit, scale=scale, ulp=ulp)


def figure(what: str, got: Array, want: Array, limit: float, *, scale: float, ulp: float) -> Figure:
    """The figure of a comparison whose limit is known."""
    errors = difference(got, want)
    if not errors.size:
        return Figure(what, 0.0, limit)
    error = float(errors.max())
    worst = np.unravel_index(int(errors.argmax()), errors.shape)
    at = f"element {[int(i) for i in worst]}: {np.asarray(got)[worst]} instead of {np.asarray(want)[worst]}"
    relative = error / scale if scale else 0.0
    return Figure(what, error, limit, error / ulp, relative, _equal(np.asarray(got), np.asarray(want)), at)


def _equal(got: Array, want: Array) -> float:
    """The share of elements that are the truth, rounded once to the dtype of what was found."""
    exact = want if got.dtype.kind in "biu" else rounded(np.asarray(want, np.float64), str(got.dtype))
    return float(np.mean(difference(got, exact) == 0))


def exact(what: str, got: Array, want: Array) -> Figure:
    """Whether two arrays are equal bit for bit, dtype and shape included."""
    if np.asarray(got).dtype != np.asarray(want).dtype or np.shape(got) != np.shape(want):
        found, wanted = np.asarray(got), np.asarray(want)
        return Figure(what, np.inf, 0.0, where=f"{found.dtype} {found.shape} instead of {wanted.dtype} {wanted.shape}")
    scale = float(np.max(np.abs(np.asarray(want, np.float64)), initial=0.0))
    kind = str(np.asarray(want).dtype)
    ulp = ulp_of(scale, kind) if kind in ("float64", "float32", "float16", "bfloat16") else 1.0
    return figure(what, got, want, 0.0, scale=scale, ulp=ulp)


def elementwise(what: str, got: Array, want: Array, dtype: str, ulps: float = CONSTANT_ULPS) -> Figure:
    """Whether every element is within a few ULP of its own expected value, so that zeros are zeros."""
    wanted = np.asarray(want, np.float64)
    if np.shape(got) != wanted.shape:
        return Figure(what, np.inf, 0.0, where=f"shape {np.shape(got)} instead of {wanted.shape}")
    numbers = np.where(np.isnan(wanted), 0.0, wanted)
    units = np.vectorize(lambda v: ulp_of(abs(v), dtype) if v else 1.0, otypes=[float])(numbers)
    errors = difference(got, wanted)
    # In units of each element; an expected zero allows nothing.
    share = np.where(wanted == 0, np.where(errors == 0, 0.0, np.inf), errors / units)
    worst = np.unravel_index(int(share.argmax()), share.shape)
    at = f"element {[int(i) for i in worst]}: {np.asarray(got)[worst]} instead of {wanted[worst]}"
    ulp = float(share.max(initial=0.0))
    return Figure(what, ulp, ulps, ulp, float(errors.max(initial=0.0)), float(np.mean(errors == 0)), at)
