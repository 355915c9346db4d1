"""Whether a case that was drawn at random asks a question that has an answer.

A listed case was chosen by someone who looked at it. A drawn one may divide two numbers that are zero but for rounding,
or stand on a kink, and then no two right implementations agree. The reference alone decides, before any backend is
asked, in three steps:

* **finite**: the reference's values are finite;
* **conditioned**: it loses at most 3 of its 7 digits in float32, hence in float64 a fifth of what the bound of 1e-12
  allows (rounding errors scale with the float type's epsilon);
* **smooth**: differences with a step and with half of it agree to a tenth of the bound for gradients. A kink within
  reach of one of them shows as a difference of the size of its jump.

A case that is not sound is drawn again from another name. What is finite and conditioned with some name, but smooth
with none, is not asked for its gradients; the rest is set aside and counted.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Callable, Mapping
from functools import singledispatch
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from nnspec.errors import BackendError
from nnspec.model import Model
from nnspec.ops import Divide
from nnspec.optimizers import OptimizerBase, RMSProp
from nnspec.reference import (
    derivative,
    losses,
    metrics,
    model as reference,
    objective as objectives,
    penalties,
    schedules,
)
from nnspec.spec import Spec
from nnspec_conformance import casefile, tolerances, truth
from nnspec_conformance.case import BATCHES, STEP, Case
from nnspec_conformance.draws import Array, float_type, generator, rounded
from nnspec_conformance.losses import LossCase
from nnspec_conformance.metrics import MetricCase
from nnspec_conformance.optimizers import OptimizerCase
from nnspec_conformance.result import difference
from nnspec_conformance.schedules import ScheduleCase
from nnspec_conformance.training import TrainingCase
from nnspec_conformance.truth import wide

# The share of its scale that a value may lose in float32: 1e-12 · 2²⁹ / 5.
CONDITION = 1e-4
# A tenth of the bound on gradients in float64.
SMOOTH = tolerances.GRADIENT.float64 / 10
# The smallest divisor, as a share of the largest number in a division.
DIVISOR = 0.1
# The smallest rho of a centered RMSProp.
LEAST_RHO = 0.01
EPSILON = float(np.finfo(np.float64).eps)
DIRECTIONS = 2
SALTS = 4


def named(case: Any, salt: int = 0) -> Any:
    """The case with an id made from all that it is; its inputs are drawn from its name. ``salt`` draws others."""
    data = {key: value for key, value in casefile.dump(case).items() if key not in ("id", "name")}
    digest = hashlib.blake2s(json.dumps(data, sort_keys=True).encode(), digest_size=4).hexdigest()
    label = f"fuzz {digest}" + (f".{salt}" if salt else "")
    field = "name" if "name" in {field.name for field in dataclasses.fields(case)} else "id"
    return dataclasses.replace(case, **{field: label})


def prepared(case: Any) -> Any | None:
    """The case with the first name of which it is sound and smooth, else only sound, or None if it is with none."""
    second: Any | None = None
    for salt in range(SALTS):
        salted = named(case, salt)
        with np.errstate(all="ignore"):
            try:
                judged = sound(salted)
            except BackendError:  # the reference has no such class
                return None
            if judged and smooth(salted):
                return salted
            second = second or (salted if judged else None)
    return second


@singledispatch
def sound(case: Any) -> bool:
    """Whether a case is finite and conditioned; words and initializers always are."""
    return True


@singledispatch
def smooth(case: Any) -> bool:
    """Whether differences of the reference are gradients, where a case has any."""
    return True


@sound.register
def _(case: Case) -> bool:
    places = [(0, batch) for batch in BATCHES] + [(1, BATCHES[0])]
    return all(_conditioned(case, *place, training) for training in case.modes for place in places)


@smooth.register
def _(case: Case) -> bool:
    if case not in _SMOOTH:
        places = ((0, BATCHES[0]), (1, BATCHES[0]), (0, BATCHES[-1]))
        with np.errstate(all="ignore"):
            _SMOOTH[case] = not case.differentiable or all(
                _differentiable(case, *p, mode) for mode in case.modes for p in places
            )
    return _SMOOTH[case]


_SMOOTH: WeakKeyDictionary[Case, bool] = WeakKeyDictionary()


def _conditioned(case: Case, draw: int, batch: int, training: bool) -> bool:
    point = case.point("float32", draw, batch)
    exact = truth.evaluate(case, point, training=training)
    own = truth.evaluate(case, point, training=training, dtype="float32")
    for name in ("nodes", "outputs", "updates"):
        wanted, got = getattr(exact, name), getattr(own, name)
        if not all(_close(got[key], value) for key, value in wanted.items()):
            return False
    return True


def _close(own: Any, exact: Any) -> bool:
    """Whether a value is finite, and nearly the same in float32."""
    value = np.asarray(exact, np.float64)
    if not np.isfinite(value).all():
        return False
    scale = float(np.abs(value).max(initial=0.0))
    return float(difference(np.asarray(own), value).max(initial=0.0)) <= CONDITION * scale


def _differentiable(case: Case, draw: int, batch: int, training: bool) -> bool:
    point = case.point("float64", draw, batch)
    nodes = truth.evaluate(case, point, training=training).nodes
    if not _divides_well(case.model, {**point.inputs, **nodes}):
        return False

    def total(at: Mapping[str, Array]) -> float:
        inputs = {name: at[name] for name in point.inputs}
        variables = {name: at[name] for name in point.variables}
        here = dataclasses.replace(point, inputs=inputs, variables=variables)
        outputs = truth.evaluate(case, here, training=training).outputs
        return float(sum(np.sum(outputs[name] * value) for name, value in point.cotangents.items()))

    steps = {**dict.fromkeys(case.floats, case.step), **dict.fromkeys(case.parameters, STEP)}
    return _smooth(total, {**point.inputs, **point.variables}, steps, case.name)


def _divides_well(model: Model, values: Mapping[str, Array]) -> bool:
    """Whether all divisors are far from zero, as in the listed cases: in x/x two terms of 1/x cancel in the derivative,
    whose rounding no estimate made from values can foresee.

    Args:
        values: of all inputs and nodes, by path.
    """
    for path, node in model.walk():
        if isinstance(node.layer, Divide):
            prefix = path.rpartition("/")[0]
            above, below = (values.get(f"{prefix}/{name}" if prefix else name) for name in node.inputs)
            if above is None or below is None:  # an input of a model within
                return False
            if np.abs(below).min() < DIVISOR * max(np.abs(above).max(), np.abs(below).max()):
                return False
    return True


def _smooth(
    f: Callable[[Mapping[str, Array]], float], at: Mapping[str, Array], steps: Mapping[str, float], key: str
) -> bool:
    """Whether differences with a step and with half of it agree, along random directions of ±1 of each tensor, and
    along each element of small ones: where two of them cross kinks, their sum may not.

    They are judged on the scale that the check of gradients uses: a tensor's gradient, or a share of the largest. Where
    even the largest drowns in the rounding of ``f``, as at saturated inputs, differences say nothing.
    """
    slopes: dict[str, list[tuple[float, float]]] = {}
    for name, step in steps.items():
        rng = generator(key, "smooth", name)
        size = at[name].size
        directions = list(rng.choice([-1.0, 1.0], (DIRECTIONS, *at[name].shape)))
        if size <= truth.ELEMENTS_OF_MODELS:
            directions += list(np.eye(size).reshape(size, *at[name].shape))
        for direction in directions:
            pair = [float(derivative.directional(f, at, {name: direction}, h)) for h in (step, step / 2)]
            slopes.setdefault(name, []).append((pair[0], pair[1]))
    # A gradient's largest element is at least the slope along ±1 over the root of their number, on average.
    sizes = {n: max(map(abs, np.ravel(found))) / math.sqrt(max(at[n].size, 1)) for n, found in slopes.items()}
    largest = max(sizes.values(), default=0.0)
    if EPSILON * abs(f(at)) / min(steps.values(), default=1.0) > SMOOTH * largest:
        return False
    floor = tolerances.GRADIENT_FLOOR * largest
    return all(
        abs(one - other) <= SMOOTH * max(sizes[name], floor) for name, found in slopes.items() for one, other in found
    )


@sound.register
def _(case: LossCase) -> bool:
    for draw in range(tolerances.DRAWS):
        batch = case.draw("float32", draw)
        own = case.spec.result(*losses.value(case.spec, *batch))
        if not _close(own, _loss(case, batch)):
            return False
    return True


@smooth.register
def _(case: LossCase) -> bool:
    for draw in range(tolerances.DRAWS):
        outputs, targets, weights = case.draw("float64", draw)

        def total(at: Mapping[str, Array]) -> float:
            return _loss(case, (at["outputs"], targets, weights))  # noqa: B023

        if not _smooth(total, {"outputs": outputs}, {"outputs": STEP}, case.name):
            return False
    return True


def _loss(case: LossCase, batch: tuple[Array, Array, Array | None]) -> float:
    given = [value if value is None or value.dtype.kind in "iu" else value.astype(np.float64) for value in batch]
    return case.spec.result(*losses.value(case.spec, *given))


@sound.register
def _(case: MetricCase) -> bool:
    for draw in range(tolerances.DRAWS):
        batch = case.draw("float32", draw)
        given = [value if value is None or value.dtype.kind in "iu" else value.astype(np.float64) for value in batch]
        pairs = zip(metrics.value(case.spec, *batch), metrics.value(case.spec, *given), strict=True)
        if not all(_close(own, exact) for own, exact in pairs):
            return False
    return True


@sound.register
def _(case: ScheduleCase) -> bool:
    """Rates move with their parameters' last bits by less than the bound in float32, 4 ULP, can see."""
    rates = schedules.value(case.spec, case.steps)
    moved = schedules.value(_moved(case.spec, 2.0**-25), case.steps)
    scale = float(np.abs(rates).max(initial=0.0))
    return bool(np.isfinite(rates).all() and np.abs(moved - rates).max(initial=0.0) <= 2.0**-23 * scale)


def _moved(spec: Any, share: float) -> Any:
    """A spec whose numbers are all a little larger."""
    changed = {}
    for field in dataclasses.fields(spec):
        value = getattr(spec, field.name)
        if isinstance(value, Spec):
            changed[field.name] = _moved(value, share)
        elif isinstance(value, float) and value < 1:  # 1 may be a bound
            changed[field.name] = value * (1 + share)
    return dataclasses.replace(spec, **changed)


@sound.register
def _(case: OptimizerCase) -> bool:
    from nnspec_conformance.checks.optimizer import trajectory

    if not _spreads(case.spec):
        return False
    own, exact = (trajectory(case, "float32", dtype) for dtype in ("float32", "float64"))
    return all(_close(own[name], value) for name, value in exact.items())


def _spreads(optimizer: OptimizerBase) -> bool:
    """Whether a variance is more than rounding: with a rho near 0 the mean of squares and the square of the mean are of
    the same one gradient, and what is left of their difference depends on whether a product is rounded before it is
    subtracted."""
    return not (isinstance(optimizer, RMSProp) and optimizer.centered and optimizer.rho < LEAST_RHO)


@sound.register
def _(case: TrainingCase) -> bool:
    """The first update's loss; what follows is compared update by update, from the same gradients."""
    variables, model = case.variables("float64"), case.case.model
    everything = wide(case.data("train", "float64"))
    inputs = {name: everything[name] for name in model.inputs}
    values = {**inputs, **reference.run(model, variables, inputs).nodes}
    if not _spreads(case.optimizer) or not _divides_well(model, values):
        return False
    held_out = wide(case.data("validation", "float64"))
    quiet = reference.run(case.case.model, variables, {name: held_out[name] for name in case.case.model.inputs})
    finite = all(np.isfinite(value).all() for value in quiet.outputs.values())
    return finite and _close(_first_loss(case, variables, "float32"), _first_loss(case, variables))


@smooth.register
def _(case: TrainingCase) -> bool:
    steps = dict.fromkeys(case.case.parameters, STEP)
    return _smooth(lambda at: _first_loss(case, at), case.variables("float64"), steps, case.name)


def _first_loss(case: TrainingCase, variables: Mapping[str, Array], dtype: str = "float64") -> float:
    rows = case.order()[0]
    given = {name: rounded(value[rows], dtype) for name, value in case.data("train", "float64").items()}
    inputs = {name: given[name] for name in case.case.model.inputs}
    held = {name: rounded(np.asarray(value), dtype) for name, value in variables.items()}
    kind = float_type(dtype).type
    passed = reference.run(case.case.model, held, inputs, training=True, seed=2**40 + 11, step=5, dtype=kind)
    loss = objectives.value(case.objective, objectives.sums(case.objective, passed.outputs, given))
    return loss + penalties.value(case.penalties, case.case.model, held, passed.nodes)
