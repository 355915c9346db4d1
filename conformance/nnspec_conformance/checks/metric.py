"""Are a metric's sums the spec's, with weights and ties?"""

from __future__ import annotations

import numpy as np

from nnspec.reference import metrics as reference
from nnspec_conformance import tolerances
from nnspec_conformance.checks.forward import draws
from nnspec_conformance.draws import Array
from nnspec_conformance.metrics import MetricCase
from nnspec_conformance.result import Figure, compare
from nnspec_conformance.subject import Subject
from nnspec_conformance.truth import wide


def metric(subject: Subject, case: MetricCase) -> list[Figure]:
    """Total and count on random outputs, targets and weights."""
    figures = []
    for draw in draws(subject.dtype):
        outputs, targets, weights = case.draw(subject.dtype, draw)
        got = subject.backend.metric(case.spec, outputs, targets, weights, dtype=subject.dtype)
        given = wide({"outputs": outputs, "targets": targets} | ({} if weights is None else {"weights": weights}))
        want = _sums(case, given)
        own = reference.value(case.spec, outputs, targets, weights)
        bound = tolerances.METRIC.bound(subject.dtype)
        for what, mine, truth, rounded in zip(("total", "count"), got, want, own, strict=True):
            figures.append(
                compare(
                    what,
                    np.array(mine),
                    np.array(truth),
                    dtype=subject.dtype,
                    bound=bound,
                    rounding=abs(rounded - truth),
                )
            )
    return figures


def _sums(case: MetricCase, given: dict[str, Array]) -> tuple[float, float]:
    return reference.value(case.spec, given["outputs"], given["targets"], given.get("weights"))
