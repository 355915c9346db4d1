"""What the reference says about a case: the truth in float64, and the rounding that a dtype makes unavoidable."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from nnspec.model import Model
from nnspec.reference import derivative, model as reference
from nnspec_conformance.case import BATCHES, STEP, Case, Point
from nnspec_conformance.draws import Array, float_type, generator, limits, rounded
from nnspec_conformance.result import difference
from nnspec_conformance.tolerances import DRAWS, ESTIMATES

# Tensors up to this size are differentiated element by element, larger ones along random directions. In models it is
# less: each of their layers is asked for every element by itself, and a pass through a model takes long.
ELEMENTS = 64
ELEMENTS_OF_MODELS = 8
DIRECTIONS = 6


@dataclass(frozen=True, eq=False)
class Derivative:
    """Derivatives of a scalar with respect to one tensor: along each of ``directions``, or by element without them."""

    values: Array
    directions: Array | None = None

    def of(self, gradient: Array) -> Array:
        """What a gradient gives for the same question."""
        if self.directions is None:
            return gradient
        return np.tensordot(self.directions, np.asarray(gradient, np.float64), self.directions.ndim - 1)


def wide(arrays: dict[str, Array]) -> dict[str, Array]:
    """Floats in float64, integers as they are."""
    return {name: _wide(value) for name, value in arrays.items()}


def _wide(value: Array) -> Array:
    return value if np.issubdtype(value.dtype, np.integer) or value.dtype == bool else value.astype(np.float64)


def evaluate(
    case: Case,
    point: Point,
    *,
    training: bool,
    dtype: str = "float64",
    constants: dict[str, Any] | None = None,
    disturbed: _Roundings | None = None,
) -> Any:
    """The reference's result on a point, computed in ``dtype``."""
    kind = float_type(dtype).type
    given = wide if dtype == "float64" else (lambda arrays: {n: rounded(v, dtype) for n, v in arrays.items()})
    with np.errstate(all="ignore"):
        return reference.run(
            case.model,
            given(point.variables),
            given(point.inputs),
            training=training,
            seed=point.seed,
            step=point.step,
            dtype=kind,
            constants=constants,
            disturbed=disturbed,
        )


@cache
def forward(case: Case, dtype: str, draw: int, batch: int, training: bool) -> Any:
    """The reference's result in float64 on a draw of that dtype."""
    return evaluate(case, case.point(dtype, draw, batch), training=training)


@cache
def forward_rounding(case: Case, dtype: str, training: bool) -> dict[str, float]:
    """The reference's own error in ``dtype`` by output and by updated statistic: the largest over the draws."""
    if dtype == "float64":
        return {}
    found: dict[str, float] = {}
    for draw in range(ESTIMATES):
        exact = forward(case, dtype, draw, BATCHES[0], training)
        own = evaluate(case, case.point(dtype, draw), training=training, dtype=dtype)
        for name in (*exact.outputs, *exact.updates):
            pair = [result.outputs.get(name, result.updates.get(name)) for result in (own, exact)]
            found[name] = max(found.get(name, 0.0), float(difference(*pair).max(initial=0.0)))
    return found


def derivatives(
    f: Callable[[Mapping[str, Array]], float],
    at: Mapping[str, Array],
    names: list[str],
    step: float,
    key: str,
    elements: int,
) -> dict[str, Derivative]:
    """Central differences of f with respect to the named tensors, by element up to so many ``elements``."""
    found: dict[str, Derivative] = {}
    for name in names:
        value = at[name]
        small = value.size <= elements
        if small:
            directions: Array = np.eye(value.size).reshape(value.size, *value.shape)
        else:
            # ±1 in every element, so that an error in any one shows in full.
            directions = generator(key, "directions", name).choice([-1.0, 1.0], (DIRECTIONS, *value.shape))
        h = step if small else step * np.sqrt(elements / value.size)
        slopes = np.array([derivative.directional(f, at, {name: d}, h) for d in directions])
        found[name] = Derivative(slopes.reshape(value.shape)) if small else Derivative(slopes, directions)
    return found


def slopes(case: Case, point: Point, training: bool, disturbed: _Roundings | None = None) -> dict[str, Derivative]:
    """Derivatives of Σ outputs · cotangents at a point by input and parameter, by central differences in float64."""
    cotangents = wide(point.cotangents)
    inputs, variables = wide(point.inputs), wide(point.variables)
    constants: dict[str, Any] = {}

    def total(at: Mapping[str, Array]) -> float:
        here = Point({n: at[n] for n in inputs}, {n: at[n] for n in variables}, cotangents, point.seed, point.step)
        outputs = evaluate(case, here, training=training, constants=constants, disturbed=disturbed).outputs
        return float(sum(_total(outputs[name] * cotangents[name], case) for name in cotangents))

    at = {**inputs, **variables}
    if training:
        total(at)  # for what gradients take for constants
    floats = [name for name, x in inputs.items() if x.dtype == np.float64]
    elements = ELEMENTS_OF_MODELS if isinstance(case.spec, Model) else ELEMENTS
    return {
        **derivatives(total, at, floats, case.step, case.name, elements),
        **derivatives(total, at, case.parameters, STEP, case.name, elements),
    }


def _total(terms: Array, case: Case) -> Any:
    """The sum, without what is NaN by intention: ids that a table does not have, where the case draws such."""
    return np.sum(terms) if case.integers is None else np.nansum(terms)


@cache
def gradients(case: Case, dtype: str, draw: int, batch: int, training: bool) -> dict[str, Derivative]:
    """Derivatives of Σ outputs · cotangents by input and parameter, by central differences in float64."""
    return slopes(case, case.point(dtype, draw, batch), training)


@cache
def gradient_rounding(case: Case, dtype: str, training: bool) -> dict[str, float]:
    """How far gradients move when everything they are computed from moves by a random share of its rounding error.

    The reference computes no gradients of its own, so its error in ``dtype`` cannot be measured; what inputs rounded to
    ``dtype`` leave open can, and in a model what each layer's output does: where a layer makes little of its inputs'
    rounding, as tanh far from 0, the next one may still make much of its own. The largest over the draws.
    """
    if dtype == "float64":
        return {}
    found: dict[str, float] = {}
    unit = epsilon(dtype) / 2
    for draw in range(DRAWS):
        point = case.point(dtype, draw)
        rng = generator(case.name, "perturbation", draw)

        def moved(arrays: dict[str, Array]) -> dict[str, Array]:
            return {n: _moved(_wide(v), unit * rng.uniform(-1, 1, v.shape)) for n, v in arrays.items()}  # noqa: B023

        inputs, variables, cotangents = moved(point.inputs), moved(point.variables), moved(point.cotangents)
        near = Point(inputs, variables, cotangents, point.seed, point.step)
        here = gradients(case, dtype, draw, BATCHES[0], training)
        layers = _Roundings(case.name, draw, unit) if isinstance(case.spec, Model) else None
        there = slopes(case, near, training, layers)
        for name, value in here.items():
            error = float(difference(there[name].values, value.values).max(initial=0.0))
            found[name] = max(found.get(name, 0.0), error)
    return found


class _Roundings:
    """Moves each node's value by a random share of its rounding error, by the same one in every run."""

    def __init__(self, name: str, draw: int, unit: float) -> None:
        self._key = (name, "perturbation", draw)
        self._unit = unit
        self._shares: dict[str, Array] = {}

    def __call__(self, path: str, value: Array) -> Array:
        if path not in self._shares:
            self._shares[path] = self._unit * generator(*self._key, path).uniform(-1, 1, value.shape)
        return _moved(value, self._shares[path])


def _moved(value: Array, shares: Array) -> Array:
    """Floats moved by a share of themselves; integers and booleans stay."""
    return value * (1 + shares) if value.dtype == np.float64 else value


def epsilon(dtype: str) -> float:
    """The distance from 1 to the next number of ``dtype``."""
    return float(limits(dtype).eps)


def forget() -> None:
    """Forget all results, after the reference has been changed under the suite (by the tests of the suite)."""
    for cached in (forward, forward_rounding, gradients, gradient_rounding):
        cached.cache_clear()
