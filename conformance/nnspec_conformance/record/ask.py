"""How a backend is asked: the same calls when answers are recorded and when others are checked against them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nnspec.backends import Backend, Engine, FloatType
from nnspec.metrics import Metric, Sums
from nnspec_conformance.case import Case
from nnspec_conformance.draws import Array
from nnspec_conformance.subject import Place, Subject

EVALUATION_BATCH = 7  # does not divide the held-out rows: a last partial batch


def model(subject: Subject, case: Case, place: Place, of: str, training: bool) -> Mapping[str, Array]:
    """Outputs, state after the pass, gradients, masks or nodes of a model at a place, by name."""
    match of:
        case "outputs":
            return subject.forward(case, place, training=training).outputs
        case "state":
            return subject.forward(case, place, training=training).after
        case "gradients":
            return subject.gradients(case, place, training=training)
        case "masks":
            return subject.masks(case, place)
        case "nodes":
            return subject.nodes(case, place, training=training)
    raise ValueError(of)


def loss(backend: Backend, spec: Any, given: Mapping[str, Array], dtype: FloatType) -> dict[str, Array]:
    """The reduced loss and its gradient by the outputs."""
    value, gradient = backend.loss(spec, given["outputs"], given["targets"], given.get("weights"), dtype=dtype)
    return {"loss": np.asarray(value), "outputs": np.asarray(gradient)}


def metric(backend: Backend, spec: Any, given: Mapping[str, Array], dtype: FloatType) -> dict[str, Array]:
    """A metric's sums."""
    sums = backend.metric(spec, given["outputs"], given["targets"], given.get("weights"), dtype=dtype)
    return {name: np.array(x, np.float64) for name, x in zip(spec.accumulators, sums, strict=True)}


def optimizer(
    backend: Backend,
    spec: Any,
    parameters: Mapping[str, Array],
    gradients: Mapping[str, Array],
    *,
    clip: Any,
    decayed: frozenset[str],
    dtype: FloatType,
) -> dict[str, Array]:
    """Parameters and slots after each update."""
    return backend.optimize(spec, parameters, gradients, clip=clip, decayed=decayed, dtype=dtype)


def training(
    engine: Engine,
    start: Mapping[str, Array],
    order: Array,
    updates: int,
    names: Sequence[str],
    metrics: Mapping[str, Metric],
) -> dict[str, dict[str, Array]]:
    """A run of updates, each by itself: variables and losses after each, sums over all, sums over held-out rows.

    Args:
        start: all variables of the engine.
        names: the variables that are followed.
        metrics: those of the engine, by name.
    """
    engine.assign(start)
    held_out = engine.evaluate("validation", EVALUATION_BATCH)
    engine.totals()  # resets them
    losses: list[float] = []
    states: dict[str, list[Array]] = {name: [] for name in names}
    for update in range(updates):
        losses.append(engine.loss_gradients("train", order[update])[0])
        engine.train(order, update, update + 1)
        now = engine.variables()
        for name in names:
            states[name].append(now[name])
    totals = _sums(engine.totals(), metrics)
    engine.train(order, updates, len(order))
    last = engine.variables()
    return {
        "trajectory": {name: np.stack(values) for name, values in states.items()},
        "losses": {"loss": np.array(losses, np.float64)},
        "totals": totals,
        "evaluation": _sums(held_out, metrics),
        "end": {name: last[name] for name in names},
    }


def _sums(found: Mapping[str, Sums], metrics: Mapping[str, Metric]) -> dict[str, Array]:
    """Totals and counts, and what else is accumulated, apart: they are of different sizes."""
    return {
        f"{name}/{part}": np.array(value, np.float64)
        for name, sums in found.items()
        for part, value in zip(metrics[name].accumulators if name in metrics else ("total", "count"), sums, strict=True)
    }
