"""Is the reduced loss the spec's, and its gradient with respect to the outputs?"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np

from nnspec.reference import losses as reference
from nnspec_conformance import tolerances
from nnspec_conformance.case import STEP
from nnspec_conformance.checks.extremes import finite, values
from nnspec_conformance.checks.forward import draws
from nnspec_conformance.checks.gradients import against
from nnspec_conformance.draws import Array, at_least_float32, generator, rounded
from nnspec_conformance.losses import LossCase, LossExample
from nnspec_conformance.result import Figure, compare, difference, elementwise, ulp_of
from nnspec_conformance.subject import Subject
from nnspec_conformance.truth import ELEMENTS, Derivative, derivatives, epsilon, wide

Batch = tuple[Array, Array, Array | None]


def loss(subject: Subject, case: LossCase) -> list[Figure]:
    """Value and gradient on random outputs, targets and weights."""
    figures = []
    for draw in draws(subject.dtype):
        value, gradient = computed(subject, case, draw)
        batch = case.draw(subject.dtype, draw)
        want = _value(case, batch)
        dtype = at_least_float32(subject.dtype)
        order = tolerances.summation(batch[1].size) * ulp_of(abs(want), dtype)
        rounding = max(_rounding(case, subject.dtype), order)
        bound = tolerances.LOSS.bound(dtype)
        figures.append(compare("loss", value, np.array(want), dtype=dtype, bound=bound, rounding=rounding))
        noise = {"outputs": _gradient_rounding(case, subject.dtype)}
        figures += against({"outputs": gradient}, _gradient(case, subject.dtype, draw), subject.dtype, noise)
    return figures


def extremes(subject: Subject, case: LossCase) -> list[Figure]:
    """Very large, very small and zero outputs, or probabilities of 0 and 1: all stays finite."""
    batch = _at_extremes(case, subject.dtype, 0)
    value, gradient = subject.backend.loss(case.spec, *batch, dtype=subject.dtype)
    dtype = at_least_float32(subject.dtype)
    bound, want, rounding = tolerances.LOSS.bound(dtype), np.array(_value(case, batch)), 0.0
    for draw in range(0 if dtype == "float64" else tolerances.ESTIMATES):
        rounding = max(rounding, _own_error(case, _at_extremes(case, subject.dtype, draw), subject.dtype))
    return [
        compare("loss at extremes", value, want, dtype=dtype, bound=bound, rounding=rounding),
        finite("d/d outputs at extremes", gradient),
    ]


def _at_extremes(case: LossCase, dtype: str, draw: int) -> Batch:
    """The case with extremes as outputs, in another order in each draw."""
    outputs, targets, weights = case.draw(dtype)
    given = np.array([0.0, 1.0, *np.abs(values(dtype)[2:6:2])]) if case.probabilities else values(dtype)
    rng = generator(case.name, "extremes", *([draw] if draw else []))
    filled = rng.permutation(np.resize(given, outputs.size)).reshape(outputs.shape)
    if case.probabilities and outputs.ndim > 1:
        filled[..., 0] = 1.0  # a distribution is not zero everywhere
    return rounded(filled, dtype), targets, weights


def example(subject: Subject, case: LossExample) -> list[Figure]:
    """The value of an example worked out by hand, and its gradient to the last place."""
    outputs, targets = (rounded(np.array(v), subject.dtype) for v in (case.outputs, case.targets))
    value, gradient = subject.backend.loss(case.spec, outputs, targets, dtype=subject.dtype)
    want = np.array(case.value)
    # 1 − (1 − ε) is off by a rounding of 1: the reference's own error counts in float64 too.
    own = abs(case.spec.result(*reference.value(case.spec, outputs, targets)) - case.value)
    dtype = at_least_float32(subject.dtype)
    limit = tolerances.LOSS.factor * own if dtype == "float64" else 0.0
    found = compare("loss", value, want, dtype=dtype, bound=tolerances.LOSS.bound(dtype), rounding=own)
    if found.limit < limit:
        found = Figure(found.what, found.error, limit, found.ulp, found.relative, found.equal, found.where)
    return [found, elementwise("d/d outputs", gradient, np.array(case.gradient), subject.dtype)]


def agreement(one: Subject, other: Subject, case: LossCase) -> list[Figure]:
    """Whether two backends agree more closely than either can be judged alone."""
    (mine, left), (theirs, right) = computed(one, case, 0), computed(other, case, 0)
    bound = tolerances.AGREEMENT.float64
    return [
        compare("loss", mine, theirs, dtype="float64", bound=bound),
        compare("d/d outputs", left, right, dtype="float64", bound=bound),
    ]


def computed(subject: Subject, case: LossCase, draw: int) -> tuple[Array, Array]:
    """What the backend gives on a draw."""

    def make() -> tuple[Array, Array]:
        return subject.backend.loss(case.spec, *case.draw(subject.dtype, draw), dtype=subject.dtype)

    return subject.once((case, draw), make)  # type: ignore[no-any-return]


def _value(case: LossCase, batch: Batch, dtype: str = "float64") -> float:
    outputs, targets, weights = batch
    with np.errstate(all="ignore"):
        if dtype != "float64":
            return case.spec.result(*reference.value(case.spec, outputs, targets, weights))
        given = wide({"outputs": outputs, "targets": targets} | ({} if weights is None else {"weights": weights}))
        return case.spec.result(*reference.value(case.spec, given["outputs"], given["targets"], given.get("weights")))


@cache
def _rounding(case: LossCase, dtype: str) -> float:
    """The reference's own error in ``dtype``, the largest over the draws."""
    if dtype == "float64":
        return 0.0
    return max(_own_error(case, case.draw(dtype, draw), dtype) for draw in range(tolerances.ESTIMATES))


def _own_error(case: LossCase, batch: Batch, dtype: str) -> float:
    return float(difference(np.array(_value(case, batch, dtype)), np.array(_value(case, batch))))


@cache
def _gradient(case: LossCase, dtype: str, draw: int) -> dict[str, Derivative]:
    return _slopes(case, case.draw(dtype, draw))


def _slopes(case: LossCase, batch: Batch) -> dict[str, Derivative]:
    outputs, targets, weights = batch
    at = wide({"outputs": outputs})

    def value(at: Mapping[str, Array]) -> float:
        return _value(case, (at["outputs"], targets, weights))

    return derivatives(value, at, ["outputs"], STEP, case.name, ELEMENTS)


@cache
def _gradient_rounding(case: LossCase, dtype: str) -> float:
    """How far the gradient moves with the rounding of outputs, targets and weights, the largest over the draws."""
    if dtype == "float64":
        return 0.0
    found = 0.0
    for draw in range(tolerances.DRAWS):
        rng = generator(case.name, "perturbation", draw)
        outputs, targets, weights = case.draw(dtype, draw)
        moved = [
            v
            if v is None or v.dtype.kind in "iu"
            else v.astype(np.float64) * (1 + epsilon(dtype) / 2 * rng.uniform(-1, 1, v.shape))
            for v in (outputs, targets, weights)
        ]
        here, there = _gradient(case, dtype, draw), _slopes(case, (moved[0], moved[1], moved[2]))  # type: ignore[arg-type]
        found = max(found, float(difference(here["outputs"].values, there["outputs"].values).max()))
    return found


def forget() -> None:
    """Forget all results, after the reference has been changed under the suite (by the tests of the suite)."""
    for cached in (_rounding, _gradient, _gradient_rounding):
        cached.cache_clear()
