"""Optimizers whose steps follow signs, norms, noise, or sums of gradients; see :mod:`nnspec.reference.optimizers`."""

from __future__ import annotations

import numpy as np

from nnspec import random, steps as specs
from nnspec.reference.base import Array, floats
from nnspec.reference.optimizers import Arrays, Stepped, advance, global_norm, norm, ratio, received, together


@advance.register(specs.Rprop)
def _rprop(spec: specs.Rprop, w: Array, g: Array, decay: Array, slots: Arrays, t: int, eta: float) -> Stepped:
    sign = np.sign(g) * slots["sign"]
    grown = np.where(sign > 0, slots["step"] * spec.increase, slots["step"] * spec.decrease)
    step = np.where(sign == 0, slots["step"], np.clip(grown, spec.min_step, spec.max_step)).astype(w.dtype)
    kept = np.where(sign < 0, 0, np.sign(g)).astype(w.dtype)
    return w - eta * (step * kept + decay), {"step": step, "sign": kept}


@advance.register(specs.Fromage)
def _fromage(spec: specs.Fromage, w: Array, g: Array, decay: Array, slots: Arrays, t: int, eta: float) -> Stepped:
    least = w.dtype.type(spec.min_norm)
    r = ratio(max(norm(w), least), max(norm(g), least))
    return (w - eta * (r * g + decay)) / (1 + eta**2) ** 0.5, {}


@received.register(specs.NoisySGD)
def _with_noise(spec: specs.NoisySGD, name: str, g: Array, t: int) -> Array:
    from scipy.special import ndtri

    z: Array = ndtri(random.coarse_uniforms(spec.seed, random.stream_of(name, "noise"), t - 1, g.size)).reshape(g.shape)
    noisy: Array = g + (spec.variance / t**spec.decay_rate) ** 0.5 * z.astype(g.dtype)
    return noisy


@advance.register(specs.NoisySGD)
def _noisy_sgd(spec: specs.NoisySGD, w: Array, g: Array, decay: Array, slots: Arrays, t: int, eta: float) -> Stepped:
    return w - eta * (g + decay), {}


@advance.register(specs.OptimisticGradientDescent)
def _optimistic(
    spec: specs.OptimisticGradientDescent, w: Array, g: Array, decay: Array, slots: Arrays, t: int, eta: float
) -> Stepped:
    before = g if t == 1 else slots["gradient"]
    return w - eta * ((spec.alpha + spec.beta) * g - spec.beta * before + decay), {"gradient": g}


@advance.register(specs.FTRL)
def _ftrl(spec: specs.FTRL, w: Array, g: Array, decay: Array, slots: Arrays, t: int, eta: float) -> Stepped:
    if eta == 0:
        return w, dict(slots)
    w, before = w - eta * decay, slots["accumulator"]
    a = before + np.square(g)
    grown, old = (np.sqrt(x) if spec.power == 0.5 else x**spec.power for x in (a, before))
    linear = slots["linear"] + g + 2 * spec.l2_shrinkage * w - (grown - old) / eta * w
    quadratic = grown / eta + 2 * spec.l2 + spec.beta / eta
    above = np.clip(linear, -spec.l1, spec.l1) - linear
    value = np.where(above == 0, 0, above / np.where(above == 0, 1, quadratic)).astype(w.dtype)
    return value, {"accumulator": a, "linear": linear}


@advance.register(specs.Frozen)
def _frozen(spec: specs.Frozen, w: Array, g: Array, decay: Array, slots: Arrays, t: int, eta: float) -> Stepped:
    return w, {}


@together.register(specs.PolyakSGD)
def _scaled(spec: specs.PolyakSGD, gradients: Arrays, value: float | None) -> Arrays:
    assert value is not None
    size = global_norm(gradients)
    gap, square = size.dtype.type(value - spec.minimum), size * size + size.dtype.type(spec.epsilon)
    gap = max(gap, size.dtype.type(0)) if spec.positive else gap
    rate = min(gap / square, size.dtype.type(spec.max_rate)) if square else size.dtype.type(0)
    return {name: rate * floats(g) for name, g in gradients.items()}


@advance.register(specs.PolyakSGD)
def _polyak_sgd(spec: specs.PolyakSGD, w: Array, g: Array, decay: Array, slots: Arrays, t: int, eta: float) -> Stepped:
    return w - eta * (g + decay), {}
