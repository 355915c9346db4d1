"""Is the derivative at a kink or a tie the one that the spec's docstring gives? As written there."""

from __future__ import annotations

import numpy as np

from nnspec_conformance.case import Case, Point
from nnspec_conformance.draws import Array, rounded
from nnspec_conformance.example import Example
from nnspec_conformance.result import Figure, elementwise
from nnspec_conformance.subject import Subject, random_state


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
    slopes = np.resize([slope for _, slope in case.slopes], cotangents.shape)
    got = subject.gradients(case, at_kinks)[name]
    return [elementwise(f"d/d {name} at {[x for x, _ in case.slopes]}", got, slopes * cotangents, subject.dtype)]


def example(subject: Subject, example: Example) -> list[Figure]:
    """Outputs and gradients of an example that was worked out by hand."""
    case = example.case
    point = example.point(subject.dtype)

    def make() -> tuple[dict[str, Array], dict[str, Array]]:
        net = subject.fresh(case, {**point.variables, **random_state(point)})
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
