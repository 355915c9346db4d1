"""Do infinite and undefined inputs mean what the spec says?"""

from __future__ import annotations

import numpy as np

from nnspec_conformance import tolerances, truth
from nnspec_conformance.case import Case, Point
from nnspec_conformance.checks.gradients import against
from nnspec_conformance.draws import Array, generator
from nnspec_conformance.result import Figure, compare
from nnspec_conformance.subject import Subject

# In float64 its exponential is 0, whatever it is compared with: what −∞ stands for, with finite differences.
FAR_BELOW = -1e4


def masked_out(case: Case, dtype: str) -> Point:
    """The case with −∞ at some of its inputs, one of each example and axis being left."""
    return _masked(case, dtype, -np.inf)


def _masked(case: Case, dtype: str, value: float) -> Point:
    point = case.point(dtype)
    if not case.masked:
        return point
    ((name, given),), ((output, cotangents),) = point.inputs.items(), point.cotangents.items()
    out = _mask(case, given)
    inputs = {name: np.where(out, value, given.astype(np.float64)).astype(given.dtype if value < -1e9 else np.float64)}
    # A masked output of log_softmax is −∞, and enters no sum.
    kept = {output: np.where(out, 0, cotangents).astype(cotangents.dtype)}
    return Point(inputs, point.variables, kept, point.seed, point.step)


def _mask(case: Case, given: Array) -> Array:
    axis = getattr(case.spec, "axis", -1)
    rng = generator(case.name, "mask")
    order = rng.permuted(np.broadcast_to(np.arange(given.shape[axis]), np.moveaxis(given, axis, -1).shape), axis=-1)
    return np.moveaxis(order % 3 == 1, -1, axis)


def masked(subject: Subject, case: Case) -> list[Figure]:
    """A masked element has probability 0 and gradient 0, the others are as if it were not there, and nothing is NaN."""
    dtype, there = subject.dtype, _masked(case, subject.dtype, FAR_BELOW)
    ((name, given),), (output,) = there.inputs.items(), case.model.outputs
    out = given == FAR_BELOW
    want = truth.evaluate(case, there, training=False).outputs[output]
    want = np.where(out, np.where(want < FAR_BELOW / 2, -np.inf, 0.0), want)
    got = subject.forward(case, masked_out).outputs[output]
    rounding = truth.forward_rounding(case, dtype, False)[output] if dtype != "float64" else 0.0
    bound = tolerances.FORWARD.bound(dtype)
    figures = [compare(f"{output}, masked", got, want, dtype=dtype, bound=bound, rounding=rounding)]
    slopes = subject.gradients(case, masked_out)
    figures += against(
        slopes, truth.slopes(case, there, False), dtype, truth.gradient_rounding(case, dtype, False), suffix=", masked"
    )
    zero = np.abs(np.asarray(slopes[name], np.float64)[out]).max()
    figures.append(Figure(f"d/d {name} at −∞", float(np.nan_to_num(zero, nan=np.inf)), 0.0, where="it is not zero"))
    return figures


def with_nan(case: Case, dtype: str) -> Point:
    """The case with one NaN, the first element of its first input of floats."""
    point = case.point(dtype)
    if not case.floats:
        return point
    name = case.floats[0]
    values = np.array(point.inputs[name])
    values[(0,) * values.ndim] = np.nan
    return Point({**point.inputs, name: values}, point.variables, point.cotangents, point.seed, point.step)


def undefined(subject: Subject, case: Case) -> list[Figure]:
    """NaN reaches every output that depends on it, and no other."""
    dtype, figures = subject.dtype, []
    for training in case.modes:
        got = subject.forward(case, with_nan, training=training).outputs
        want = truth.evaluate(case, with_nan(case, dtype), training=training).outputs
        rounding = truth.forward_rounding(case, dtype, training)
        bound = tolerances.FORWARD.bound(dtype)
        for name, value in want.items():
            what = f"{name}, one input being NaN{', in training' if training else ''}"
            noise = rounding.get(name, 0.0)
            figures.append(compare(what, got[name], value, dtype=dtype, bound=bound, rounding=noise))
    return figures
