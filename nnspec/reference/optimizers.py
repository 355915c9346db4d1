"""Optimizers: one update of all parameters, and the clipping of gradients before it.

Each is computed in its parameter's dtype (float32 for smaller ones, rounded at the end); what depends on the step alone
is computed in float64 and then takes that dtype.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from nnspec import optimizers as specs
from nnspec.reference import schedules
from nnspec.reference.base import Array, floats, missing, rounded

Arrays = Mapping[str, Array]
Slots = dict[str, dict[str, Array]]
# A parameter and its slots after an update.
Stepped = tuple[Array, dict[str, Array]]


def init(spec: specs.OptimizerBase, parameters: Arrays) -> Slots:
    """The slots of every parameter before the first update, in its dtype; under ``""`` those that all share, if any."""
    slots = {
        name: {slot: _start(held, np.asarray(w)) for slot, held in spec.slots_of(name, np.shape(w)).items()}
        for name, w in parameters.items()
    }
    common = spec.shared_slots()
    if common:
        dtype = np.result_type(np.float32, *(floats(w) for w in parameters.values()))
        slots[""] = {slot: np.full((), start, dtype) for slot, start in common.items()}
    return slots


def _start(slot: specs.Slot, w: Array) -> Array:
    return w.copy() if slot.start is None else np.full(slot.shape, slot.start, w.dtype)


def update(
    spec: specs.OptimizerBase,
    parameters: Arrays,
    gradients: Arrays,
    slots: Mapping[str, Arrays],
    step: int,
    *,
    decayed: frozenset[str] | None = None,
    scale: float = 1.0,
    value: float | None = None,
    made: bool | None = None,
) -> tuple[dict[str, Array], Slots]:
    """Parameters and slots after one update; nothing given is changed.

    One that is left out (see :func:`makes`) changes the slots that all parameters share, and does not count as a step.

    Args:
        gradients: by parameter name, clipped already.
        step: the number of updates made before, so that t = step + 1.
        decayed: the names that weight decay applies to when ``spec.decay`` is "kernels".
        scale: what plateaus have multiplied the learning rate by.
        value: the reduced loss of the batch, for those that ask for it.
        made: what :func:`makes` says of the gradients before clipping; without, what it says of these.

    Raises:
        SpecError: ``decayed`` or ``value`` is needed and not given.
        BackendError: the class is not registered.
    """
    specs.demand_kernels(spec, parameters, decayed)
    specs.demand_value(spec, value)
    made = makes(spec, gradients) if made is None else made
    common: Slots = {"": shared(spec, slots[""], made)} if "" in slots else {}
    if not made:
        return dict(parameters), {**{name: dict(held) for name, held in slots.items()}, **common}
    gradients = together(spec, gradients, value)
    new_parameters: dict[str, Array] = {}
    new_slots: Slots = {}
    for name, w in parameters.items():
        own, wide = spec.of(name), floats(w)
        eta = float(schedules.value(own.learning_rate, own.counted(step), scale))
        decays = own.weight_decay and (own.decay == "all" or (decayed is not None and name in decayed))
        decay = own.weight_decay * wide if decays else np.zeros_like(wide)
        old = {slot: floats(s) for slot, s in slots[name].items()}
        gradient = received(own, name, floats(gradients[name]).astype(wide.dtype, copy=False), step + 1)
        stepped, new = advance(own, wide, gradient, decay, old, step + 1, eta)
        new_parameters[name] = rounded(stepped, np.asarray(w).dtype)
        new_slots[name] = {slot: rounded(s, np.asarray(slots[name][slot]).dtype) for slot, s in new.items()}
    return new_parameters, {**new_slots, **common}


def makes(spec: specs.OptimizerBase, gradients: Arrays) -> bool:
    """Whether an optimizer makes an update of these gradients, as they are before clipping."""
    return not spec.leaves_out or all(bool(np.isfinite(floats(g)).all()) for g in gradients.values())


@functools.singledispatch
def shared(spec: Any, slots: Arrays, made: bool) -> dict[str, Array]:
    """The slots that all parameters share after an update that was made or left out."""
    return dict(slots)


@functools.singledispatch
def together(spec: Any, gradients: Arrays, value: float | None) -> Arrays:
    """What an optimizer makes of all gradients together, and of the loss's value: mostly nothing."""
    return gradients


@functools.singledispatch
def received(spec: Any, name: str, g: Array, t: int) -> Array:
    """What an optimizer takes for the gradient of the parameter of that name at update number ``t``: mostly itself."""
    return g


@functools.singledispatch
def advance(spec: Any, w: Array, g: Array, decay: Array, slots: Arrays, t: int, eta: float) -> Stepped:
    """One parameter and its slots after update number ``t``; the classes of optimizers are registered here.

    Args:
        decay: weight_decay · w where decay applies to this parameter, else 0.
        eta: the learning rate.

    Raises:
        BackendError: the class is not registered.
    """
    raise missing(spec)


def average(decay: float, old: Array, new: Array) -> Array:
    return decay * old + (1 - decay) * new


def norm(x: Array) -> Any:
    return np.sqrt(np.square(x).sum())


def ratio(size: Any, other: Any, coefficient: float = 1.0) -> Any:
    """coefficient · size/other, and 1 where one of them is 0."""
    return coefficient * size / other if size and other else size.dtype.type(1)


@advance.register(specs.SGD)
def _sgd(spec: specs.SGD, w: Array, g: Array, decay: Array, slots: Arrays, t: int, eta: float) -> Stepped:
    return w - eta * (g + decay), {}


@advance.register(specs.Momentum)
def _momentum(spec: specs.Momentum, w: Array, g: Array, decay: Array, slots: Arrays, t: int, eta: float) -> Stepped:
    if spec.learning_rate_in_velocity:
        v = spec.momentum * slots["velocity"] - eta * g
        return w + v - eta * decay, {"velocity": v}
    v = spec.momentum * slots["velocity"] + g
    return w - eta * (v + decay), {"velocity": v}


@advance.register(specs.Nesterov)
def _nesterov(spec: specs.Nesterov, w: Array, g: Array, decay: Array, slots: Arrays, t: int, eta: float) -> Stepped:
    if spec.learning_rate_in_velocity:
        v = spec.momentum * slots["velocity"] - eta * g
        return w + spec.momentum * v - eta * g - eta * decay, {"velocity": v}
    v = spec.momentum * slots["velocity"] + g
    return w - eta * (spec.momentum * v + g + decay), {"velocity": v}


@advance.register(specs.Adam)
def _adam(spec: specs.Adam, w: Array, g: Array, decay: Array, slots: Arrays, t: int, eta: float) -> Stepped:
    m = spec.b1 * slots["m"] + (1 - spec.b1) * g
    v = spec.b2 * slots["v"] + (1 - spec.b2) * np.square(g)
    c1, c2 = 1 - spec.b1**t, 1 - spec.b2**t
    new, power = {"m": m, "v": v}, v
    if spec.amsgrad is not None:
        power = new["v_max"] = np.maximum(slots["v_max"], v if spec.amsgrad == "raw" else v / c2)
    if spec.epsilon_mode == "paper":
        u = (m / c1) / (np.sqrt(power if spec.amsgrad == "corrected" else power / c2) + spec.epsilon)
    else:
        u = (c2**0.5 / c1) * m / (np.sqrt(power) + spec.epsilon)
    return w - eta * (u + decay), new


@advance.register(specs.AdaGrad)
def _adagrad(spec: specs.AdaGrad, w: Array, g: Array, decay: Array, slots: Arrays, t: int, eta: float) -> Stepped:
    a = slots["accumulator"] + np.square(g)
    return w - eta * (g / np.sqrt(a + spec.epsilon) + decay), {"accumulator": a}


@advance.register(specs.RMSProp)
def _rmsprop(spec: specs.RMSProp, w: Array, g: Array, decay: Array, slots: Arrays, t: int, eta: float) -> Stepped:
    new = {"v": spec.rho * slots["v"] + (1 - spec.rho) * np.square(g)}
    power = new["v"]
    if spec.centered:
        new["mean"] = spec.rho * slots["mean"] + (1 - spec.rho) * g
        power = np.maximum(power - np.square(new["mean"]), 0)
    d = g / (np.sqrt(power + spec.epsilon) if spec.epsilon_in_root else np.sqrt(power) + spec.epsilon)
    if not spec.momentum:
        return w - eta * (d + decay), new
    if spec.learning_rate_in_velocity:
        new["velocity"] = spec.momentum * slots["velocity"] + eta * d
        return w - new["velocity"] - eta * decay, new
    new["velocity"] = spec.momentum * slots["velocity"] + d
    return w - eta * (new["velocity"] + decay), new


def global_norm(gradients: Arrays) -> np.floating[Any]:
    """√ΣΣg², the Euclidean norm of all gradients together, in their dtype (in float32 at least)."""
    with np.errstate(over="ignore"):
        squares = [np.square(floats(g)).sum() for g in gradients.values()]
        result: np.floating[Any] = np.sqrt(functools.reduce(np.add, squares, np.float32(0)))
    return result


def clip(spec: specs.Clip, gradients: Arrays) -> dict[str, Array]:
    """The gradients after clipping, in their dtypes."""
    if spec.value is not None:
        bound = spec.value
        return {name: _as_given(np.clip(floats(g), -bound, bound), g) for name, g in gradients.items()}
    if spec.norm is not None:
        return {name: _shortened(g, global_norm({name: g}), spec.norm) for name, g in gradients.items()}
    assert spec.global_norm is not None
    norm = global_norm(gradients)
    return {name: _shortened(g, norm, spec.global_norm) for name, g in gradients.items()}


def _shortened(gradient: Array, norm: np.floating[Any], bound: float) -> Array:
    """g / n · c where n is above c, else g bit for bit.

    NaN spreads to all elements; an infinite norm leaves finite elements 0.
    """
    if norm <= bound:
        return np.asarray(gradient)
    g = floats(gradient)
    with np.errstate(invalid="ignore"):
        return _as_given(g / norm.astype(g.dtype) * bound, gradient)


def _as_given(value: Array, gradient: Array) -> Array:
    return rounded(value, np.asarray(gradient).dtype)


from nnspec.reference import adaptive, factored, steps, wrappers  # noqa: E402, F401  (they register their classes)
