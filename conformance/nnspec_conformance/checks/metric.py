"""Are a metric's sums the spec's, with weights and ties?"""

from __future__ import annotations

from functools import cache

import numpy as np

from nnspec.metrics import Sums
from nnspec.reference import metrics as reference
from nnspec_conformance import tolerances
from nnspec_conformance.checks.forward import draws
from nnspec_conformance.draws import Array, at_least_float32
from nnspec_conformance.metrics import MetricCase
from nnspec_conformance.result import Figure, compare, difference, ulp_of
from nnspec_conformance.subject import Subject
from nnspec_conformance.truth import wide


def metric(subject: Subject, case: MetricCase) -> list[Figure]:
    """What is accumulated of random outputs, targets and weights: total and count of a mean."""
    figures = []
    for draw in draws(subject.dtype):
        outputs, targets, weights = case.draw(subject.dtype, draw)
        got = subject.backend.metric(case.spec, outputs, targets, weights, dtype=subject.dtype)
        want = _sums(case, _wide(outputs, targets, weights))
        dtype = at_least_float32(subject.dtype)
        bound = tolerances.METRIC.bound(dtype)
        if len(got) != len(want):
            return [Figure("accumulators", np.inf, 0.0, where=f"{len(got)} instead of {len(want)}")]
        names = case.spec.accumulators
        for what, mine, truth, own in zip(names, got, want, _rounding(case, subject.dtype), strict=True):
            scale = float(np.abs(truth).max(initial=0.0))
            order = tolerances.summation(targets.size) * ulp_of(scale, dtype)
            rounding = max(own, order)
            figures.append(compare(what, np.array(mine), np.array(truth), dtype=dtype, bound=bound, rounding=rounding))
    return figures


@cache
def _rounding(case: MetricCase, dtype: str) -> tuple[float, ...]:
    """The reference's own error in ``dtype`` of each accumulator, the largest over the draws."""
    found = (0.0,) * len(case.spec.accumulators)
    for draw in range(0 if dtype == "float64" else tolerances.ESTIMATES):
        outputs, targets, weights = case.draw(dtype, draw)
        want = _sums(case, _wide(outputs, targets, weights))
        own = reference.value(case.spec, outputs, targets, weights)
        errors = (float(difference(a, b).max(initial=0.0)) for a, b in zip(own, want, strict=True))
        found = tuple(map(max, found, errors))
    return found


def _wide(outputs: Array, targets: Array, weights: Array | None) -> dict[str, Array]:
    return wide({"outputs": outputs, "targets": targets} | ({} if weights is None else {"weights": weights}))


def _sums(case: MetricCase, given: dict[str, Array]) -> Sums:
    return reference.value(case.spec, given["outputs"], given["targets"], given.get("weights"))


def forget() -> None:
    """Forget all results, after the reference has been changed under the suite (by the tests of the suite)."""
    _rounding.cache_clear()
