"""Optimizers that adapt the rate of each parameter, or of each tensor; see :mod:`nnspec.reference.optimizers`."""

from __future__ import annotations

import math

import numpy as np

from nnspec import adaptive as specs
from nnspec.reference.base import Array
from nnspec.reference.optimizers import Arrays, Stepped, advance, average, norm, ratio


@advance.register(specs.Adamax)
def _adamax(spec: specs.Adamax, w: Array, g: Array, decay: Array, slots: Arrays, t: int, eta: float) -> Stepped:
    m = average(spec.b1, slots["m"], g)
    v = np.maximum(spec.b2 * slots["v"], np.abs(g) + (spec.epsilon if spec.epsilon_in_maximum else 0))
    divisor = v if spec.epsilon_in_maximum else v + spec.epsilon
    return w - eta * (m / (1 - spec.b1**t) / divisor + decay), {"m": m, "v": v}


def _momenta(spec: specs.NAdam, t: int) -> Array:
    """μ(1) … μ(t)."""
    if spec.momentum_decay is None:
        return np.full(t, spec.b1)
    return spec.b1 * (1 - 0.5 * 0.96 ** (spec.momentum_decay * np.arange(1, t + 1)))


@advance.register(specs.NAdam)
def _nadam(spec: specs.NAdam, w: Array, g: Array, decay: Array, slots: Arrays, t: int, eta: float) -> Stepped:
    m, v = average(spec.b1, slots["m"], g), average(spec.b2, slots["v"], np.square(g))
    mu = _momenta(spec, t + 1)
    here, ahead = (1 - mu[t - 1]) / (1 - mu[:t].prod()), mu[t] / (1 - mu.prod())
    u = (float(ahead) * m + float(here) * g) / (np.sqrt(v / (1 - spec.b2**t)) + spec.epsilon)
    return w - eta * (u + decay), {"m": m, "v": v}


@advance.register(specs.RAdam)
def _radam(spec: specs.RAdam, w: Array, g: Array, decay: Array, slots: Arrays, t: int, eta: float) -> Stepped:
    m, v = average(spec.b1, slots["m"], g), average(spec.b2, slots["v"], np.square(g))
    c2, last = 1 - spec.b2**t, 2 / (1 - spec.b2) - 1
    rho = last - 2 * t * spec.b2**t / c2
    u = m / (1 - spec.b1**t)
    if rho > spec.threshold:
        r = math.sqrt((rho - 4) * (rho - 2) * last / ((last - 4) * (last - 2) * rho))
        if spec.epsilon_mode == "paper":
            u = r * u / (np.sqrt(v / c2) + spec.epsilon)
        else:
            u = r * math.sqrt(c2) * u / (np.sqrt(v) + spec.epsilon)
    return w - eta * (u + decay), {"m": m, "v": v}


@advance.register(specs.AdaBelief)
def _adabelief(spec: specs.AdaBelief, w: Array, g: Array, decay: Array, slots: Arrays, t: int, eta: float) -> Stepped:
    m = average(spec.b1, slots["m"], g)
    v = average(spec.b2, slots["v"], np.square(g - m)) + spec.epsilon_root
    u = m / (1 - spec.b1**t) / (np.sqrt(v / (1 - spec.b2**t)) + spec.epsilon)
    return w - eta * (u + decay), {"m": m, "v": v}


@advance.register(specs.Lion)
def _lion(spec: specs.Lion, w: Array, g: Array, decay: Array, slots: Arrays, t: int, eta: float) -> Stepped:
    u = np.sign(average(spec.b1, slots["m"], g))
    return w - eta * (u + decay), {"m": average(spec.b2, slots["m"], g)}


@advance.register(specs.AdaDelta)
def _adadelta(spec: specs.AdaDelta, w: Array, g: Array, decay: Array, slots: Arrays, t: int, eta: float) -> Stepped:
    e = average(spec.rho, slots["gradient_square"], np.square(g))
    u = np.sqrt(slots["update_square"] + spec.epsilon) / np.sqrt(e + spec.epsilon) * g
    d = average(spec.rho, slots["update_square"], np.square(u))
    return w - eta * (u + decay), {"gradient_square": e, "update_square": d}


@advance.register(specs.LAMB)
def _lamb(spec: specs.LAMB, w: Array, g: Array, decay: Array, slots: Arrays, t: int, eta: float) -> Stepped:
    m, v = average(spec.b1, slots["m"], g), average(spec.b2, slots["v"], np.square(g))
    d = m / (1 - spec.b1**t) / (np.sqrt(v / (1 - spec.b2**t)) + spec.epsilon)
    if spec.decay_in_ratio:
        d = d + decay
    else:
        w = w - eta * decay
    return w - eta * (ratio(norm(w), norm(d)) * d), {"m": m, "v": v}


@advance.register(specs.LARS)
def _lars(spec: specs.LARS, w: Array, g: Array, decay: Array, slots: Arrays, t: int, eta: float) -> Stepped:
    d = g + decay
    other = norm(d) if spec.joint_norm else norm(g) + norm(decay)
    r = ratio(norm(w), other + spec.epsilon if other else other, spec.trust_coefficient)
    v = spec.momentum * slots["velocity"] + eta * r * d
    return w - v, {"velocity": v}


@advance.register(specs.Yogi)
def _yogi(spec: specs.Yogi, w: Array, g: Array, decay: Array, slots: Arrays, t: int, eta: float) -> Stepped:
    m, square = average(spec.b1, slots["m"], g), np.square(g)
    v = slots["v"] - (1 - spec.b2) * np.sign(slots["v"] - square) * square
    u = m / (1 - spec.b1**t) / (np.sqrt(v / (1 - spec.b2**t)) + spec.epsilon)
    return w - eta * (u + decay), {"m": m, "v": v}


@advance.register(specs.NovoGrad)
def _novograd(spec: specs.NovoGrad, w: Array, g: Array, decay: Array, slots: Arrays, t: int, eta: float) -> Stepped:
    square = np.square(g).sum()
    v = square if t == 1 else average(spec.b2, slots["v"], square)
    m = spec.b1 * slots["m"] + g / (np.sqrt(v) + spec.epsilon) + decay
    return w - eta * m, {"m": m, "v": v}


@advance.register(specs.Adan)
def _adan(spec: specs.Adan, w: Array, g: Array, decay: Array, slots: Arrays, t: int, eta: float) -> Stepped:
    change = g - slots["gradient"] if t > 1 else np.zeros_like(g)
    m = average(spec.b1, slots["m"], g)
    d = average(spec.b2, slots["difference"], change)
    v = average(spec.b3, slots["v"], np.square(g + spec.weight * change))
    ahead = m / (1 - spec.b1**t) + spec.weight * d / (1 - spec.b2**t)
    u = ahead / (np.sqrt(v / (1 - spec.b3**t) + spec.epsilon_root) + spec.epsilon)
    return w - eta * (u + decay), {"m": m, "difference": d, "v": v, "gradient": g}


@advance.register(specs.OptimisticAdam)
def _optimistic_adam(
    spec: specs.OptimisticAdam, w: Array, g: Array, decay: Array, slots: Arrays, t: int, eta: float
) -> Stepped:
    m, v = average(spec.b1, slots["m"], g), average(spec.b2, slots["v"], np.square(g))
    if spec.nesterov:
        m_hat = spec.b1 * m / (1 - spec.b1 ** (t + 1)) + (1 - spec.b1) * g / (1 - spec.b1**t)
    else:
        m_hat = m / (1 - spec.b1**t)
    d = m_hat / (np.sqrt(v / (1 - spec.b2**t)) + spec.epsilon)
    before = d if t == 1 else slots["direction"]
    u = (spec.alpha + spec.beta) * d - spec.beta * before
    return w - eta * (u + decay), {"m": m, "v": v, "direction": d}


@advance.register(specs.ScheduleFreeAdamW)
def _schedule_free(
    spec: specs.ScheduleFreeAdamW, w: Array, g: Array, decay: Array, slots: Arrays, t: int, eta: float
) -> Stepped:
    v = average(spec.b2, slots["v"], np.square(g))
    x = (w - (1 - spec.b1) * slots["z"]) / spec.b1
    z = slots["z"] - eta * (g / (np.sqrt(v / (1 - spec.b2**t)) + spec.epsilon) + decay)
    x = (1 - 1 / t) * x + 1 / t * z
    return (1 - spec.b1) * z + spec.b1 * x, {"z": z, "v": v}
