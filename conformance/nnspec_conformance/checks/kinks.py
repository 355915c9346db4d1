"""Is the derivative at a kink or a tie the one that the spec's docstring gives? As written there."""

from __future__ import annotations

import numpy as np

from nnspec.reference import derivative
from nnspec_conformance.case import Case, Point
from nnspec_conformance.draws import HALF, Array, rounded
from nnspec_conformance.example import Example
from nnspec_conformance.result import Figure, elementwise
from nnspec_conformance.subject import Subject, random_state
from nnspec_conformance.truth import evaluate


def at_kinks(case: Case, dtype: str) -> Point:
    """The case with its kinks as inputs, repeated over the usual shape; cases without any keep random inputs."""
    point = case.point(dtype)
    if not case.slopes:
        return point
    (name,) = point.inputs
    where = np.resize([x for x, _ in case.slopes], point.inputs[name].shape)
    return Point({name: rounded(where, dtype)}, point.variables, point.cotangents, point.seed, point.step)


def kinks(subject: Subject, case: Case) -> list[Figure]:
    """Gradients exactly at the points where two pieces meet."""
    (name,), (output,) = case.model.inputs, case.model.outputs
    cotangents = case.point(subject.dtype).cotangents[output].astype(np.float64)
    slopes = np.resize([_slope(case, subject.dtype, *kink) for kink in case.slopes], cotangents.shape)
    got = subject.gradients(case, at_kinks)[name]
    return [elementwise(f"d/d {name} at {[x for x, _ in case.slopes]}", got, slopes * cotangents, subject.dtype)]


def _slope(case: Case, dtype: str, at: float, declared: float) -> float:
    """The derivative at the number of ``dtype`` next to a kink: the declared one, unless the kink lies beside it.

    In float32 the kink itself is rounded as the input is. Half precision is computed in float32, where the kink at 0.2
    and the bfloat16 nearest to 0.2 are two numbers, and the derivative is that of the piece the latter lies on.
    """
    x = float(rounded(np.array(at), dtype))
    if dtype not in HALF or x == at:
        return declared
    ((name, declaration),) = case.model.inputs.items()

    def f(here: Array) -> Array:
        shape = tuple(size or 1 for size in declaration.shape or ())
        inputs = {name: np.full((1, *shape), here)}
        outputs = evaluate(case, Point(inputs, {}, {}, 0, 0), training=False).outputs
        return np.asarray(outputs[case.model.outputs[0]]).ravel()[:1]

    return float(derivative.directional(f, np.array(x), np.array(1.0), abs(x - at) / 8)[0])


def example(subject: Subject, example: Example) -> list[Figure]:
    """Outputs and gradients of an example that was worked out by hand."""
    case = example.case
    point = example.point(subject.dtype)

    def make() -> tuple[dict[str, Array], dict[str, Array]]:
        net = subject.fresh(case, {**point.variables, **random_state(point)})
        if not case.differentiable:
            return net.forward(point.inputs), {}
        found = net.gradients(point.inputs, point.cotangents)
        return net.forward(point.inputs), {**found.inputs, **found.parameters}

    outputs, gradients = subject.once(example, make)
    (output,) = case.model.outputs
    figures = (
        []
        if example.output is None
        else [elementwise(output, outputs[output], np.array(example.output), subject.dtype)]
    )
    for name, value in example.expected_gradients().items():
        figures.append(elementwise(f"d/d {name}", gradients[name], value, subject.dtype))
    return figures
