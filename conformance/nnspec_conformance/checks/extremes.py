"""Do very large, very small and zero inputs give a finite output and gradient wherever the spec's are finite?"""

from __future__ import annotations

import numpy as np

from nnspec.reference import derivative
from nnspec_conformance import tolerances, truth
from nnspec_conformance.case import Case, Point
from nnspec_conformance.draws import Array, limits, rounded
from nnspec_conformance.result import Figure, difference, ulp_of
from nnspec_conformance.subject import Subject

# h of the differences around an extreme: absolute up to 100, where exponentials still vary on the scale of 1.
REACH = 1e-2


def values(dtype: str, ceiling: float = np.inf) -> Array:
    """Zeros of both signs, denormals, the smallest normal, and large numbers.

    Squares of the largest are still finite; in float16, whose squares are taken in float32, sums of a few of them are.
    """
    info = limits(dtype)
    positive = [0.0, float(info.smallest_subnormal), float(info.smallest_normal), 1e-8, 30.0, 100.0]
    positive += [1e3, float(info.max) / 16] if dtype == "float16" else [1e4, float(np.sqrt(float(info.max))) / 16]
    return np.array([v for p in positive for v in (min(p, ceiling), -p)])


def mixed(case: Case, dtype: str) -> Point:
    """All extremes side by side in each example."""
    return _filled(case, dtype, constant=False)


def constant(case: Case, dtype: str) -> Point:
    """One extreme per example, in all its elements: variances are zero then, and softmax inputs tie."""
    return _filled(case, dtype, constant=True)


def _filled(case: Case, dtype: str, *, constant: bool) -> Point:
    point = case.point(dtype)
    if not case.extremes:
        return point
    given = values(dtype, case.ceiling)
    inputs = {}
    for name, value in point.inputs.items():
        rows = np.resize(given[::3] if constant else given, (value.shape[0], 1) if constant else value.shape)
        if constant:
            rows = np.broadcast_to(rows.reshape(-1, *[1] * (value.ndim - 1)), value.shape)
        inputs[name] = rounded(np.array(rows), dtype)
    return Point(inputs, point.variables, point.cotangents, point.seed, point.step)


def extremes(subject: Subject, case: Case) -> list[Figure]:
    """Outputs and gradients at extreme inputs: finite, and for elementwise layers also right."""
    figures = []
    for place in (mixed, constant):
        point = place(case, subject.dtype)
        for training in case.modes:
            outputs = subject.forward(case, place, training=training).outputs
            gradients = subject.gradients(case, place, training=training)
            for name in case.model.outputs:
                figures.append(finite(f"{name}, {place.__name__} extremes", outputs[name]))
            for name, value in gradients.items():
                figures.append(finite(f"d/d {name}, {place.__name__} extremes", value))
        if case.elementwise and place is mixed:
            figures += _elementwise(case, point, outputs, gradients, subject.dtype)
    return figures


def finite(what: str, value: Array) -> Figure:
    """Whether a tensor holds neither NaN nor infinity."""
    wrong = ~np.isfinite(np.asarray(value, np.float64))
    at = f"{np.asarray(value)[wrong].ravel()[:4]} at {np.argwhere(wrong)[:4].tolist()}" if wrong.any() else ""
    return Figure(f"{what} are finite", float(wrong.sum()), 0.0, where=at)


def _elementwise(
    case: Case, point: Point, outputs: dict[str, Array], gradients: dict[str, Array], dtype: str
) -> list[Figure]:
    """Each element against its own truth, as exact as an input that is off by a rounding allows."""
    ((name, given),) = point.inputs.items()
    (output,) = case.model.outputs
    x = given.astype(np.float64)

    def f(at: Array) -> Array:
        here = Point({name: at}, point.variables, point.cotangents, point.seed, point.step)
        return np.asarray(truth.evaluate(case, here, training=False).outputs[output])

    # XLA takes subnormal inputs for zero, which matters where a function jumps there.
    normal = np.where(np.abs(x) < float(limits(dtype).smallest_normal), 0.0, x)
    exact, of_zero = f(x), f(normal)
    want = np.where(difference(outputs[output], of_zero) < difference(outputs[output], exact), of_zero, exact)
    unit = np.vectorize(lambda v: ulp_of(v, dtype), otypes=[float])
    # Nor does it keep results below the smallest normal number.
    flushed = np.maximum(difference(outputs[output], want) - float(limits(dtype).smallest_normal), 0)
    errors = flushed / unit(np.maximum(np.abs(want), np.abs(x)))
    bound = tolerances.ELEMENT_ULPS
    figures = [_worst(f"{output} at extremes, in ULP", errors, outputs[output], want, x, bound)]
    # Six points around each input, as far apart as the function there is smooth; not across a kink.
    reach = np.where(np.abs(x) <= 100, REACH, REACH * np.abs(x))
    kinks = np.array([k for k, _ in case.slopes] + list(case.kinks))
    clear = np.all(np.abs(x[..., None] - kinks) > 4 * reach[..., None], axis=-1)
    slope = derivative.directional(f, x, reach, 1.0) / reach * point.cotangents[output].astype(np.float64)
    bound = tolerances.GRADIENT.bound(dtype)
    limit = bound if dtype == "float64" else bound * ulp_of(1.0, dtype)
    errors = np.where(clear, difference(gradients[name], slope) / np.maximum(np.abs(slope), 1), 0.0)
    figures.append(_worst(f"d/d {name} at extremes, relative", errors, gradients[name], slope, x, limit))
    return figures


def _worst(what: str, errors: Array, got: Array, want: Array, x: Array, limit: float) -> Figure:
    at = np.unravel_index(int(np.argmax(errors)), errors.shape)
    return Figure(what, float(errors[at]), limit, where=f"at {x[at]!r}: {got[at]!r} instead of {want[at]!r}")
