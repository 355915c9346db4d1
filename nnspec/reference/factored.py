"""Optimizers that treat a tensor's axes apart; see :mod:`nnspec.reference.optimizers`."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from nnspec import factored as specs
from nnspec.reference.base import Array
from nnspec.reference.optimizers import Arrays, Stepped, advance, average, norm


@advance.register(specs.SM3)
def _sm3(spec: specs.SM3, w: Array, g: Array, decay: Array, slots: Arrays, t: int, eta: float) -> Stepped:
    axes = range(max(g.ndim, 1))
    sums = [np.reshape(slots[f"accumulator_{i}"], [-1 if a == i else 1 for a in range(g.ndim)]) for i in axes]
    s = reduce(np.minimum, sums) + np.square(g)
    d = np.where(s == 0, 0, g / np.sqrt(np.where(s == 0, 1, s + spec.epsilon))).astype(w.dtype)
    m = average(spec.momentum, slots["m"], d)
    largest = {f"accumulator_{i}": s.max(tuple(a for a in axes if a != i)) if g.ndim > 1 else s for i in axes}
    return w - eta * (m + decay), {"m": m, **largest}


def _rms(x: Array) -> Any:
    return np.sqrt(np.square(x).mean())


@advance.register(specs.Adafactor)
def _adafactor(spec: specs.Adafactor, w: Array, g: Array, decay: Array, slots: Arrays, t: int, eta: float) -> Stepped:
    beta = 1 - t**-spec.decay_rate
    square = np.square(g) + w.dtype.type(spec.epsilon)
    found = spec.factored(w.shape)
    if found is None:
        new = {"v": average(beta, slots["v"], square)}
        d = g / np.sqrt(new["v"])
    else:
        rows, columns = found
        new = {
            "row": average(beta, slots["row"], square.mean(columns)),
            "column": average(beta, slots["column"], square.mean(rows)),
        }
        row, column = np.expand_dims(new["row"], columns), np.expand_dims(new["column"], rows)
        mean = row.mean(rows, keepdims=True)
        infinite = np.isinf(mean) | np.isinf(column)
        with np.errstate(invalid="ignore", divide="ignore"):
            d = np.where(infinite, 0, g / np.sqrt(row / mean) / np.sqrt(column)).astype(w.dtype)
    if spec.clip_threshold is not None:
        d = d / max(1, _rms(d) / spec.clip_threshold)
    rho = min(eta, t**-0.5) if spec.relative_step else eta
    if spec.scale_parameter:
        d = d * max(_rms(w), w.dtype.type(spec.epsilon_scale))
    return w - rho * d - eta * decay, new


@advance.register(specs.Muon)
def _muon(spec: specs.Muon, w: Array, g: Array, decay: Array, slots: Arrays, t: int, eta: float) -> Stepped:
    if "v" in slots:
        m, v = average(spec.b1, slots["m"], g), average(spec.b2, slots["v"], np.square(g))
        c1, c2 = 1 - spec.b1**t, 1 - spec.b2**t
        if spec.epsilon_mode == "paper":
            u = m / c1 / (np.sqrt(v / c2) + spec.adam_epsilon)
        else:
            u = (c2**0.5 / c1) * m / (np.sqrt(v) + spec.adam_epsilon)
        return w - eta * (spec.adam_ratio * u + decay), {"m": m, "v": v}
    m = spec.momentum * slots["m"] + g
    x = spec.momentum * m + g if spec.nesterov else m
    x = x.T if w.shape[0] > w.shape[1] else x
    x = x / (norm(x) + spec.epsilon)
    a, b, c = spec.coefficients
    for _ in range(spec.iterations):
        square = x @ x.T
        x = a * x + (b * square + c * (square @ square)) @ x
    x = x.T if w.shape[0] > w.shape[1] else x
    return w - eta * (spec.scale(*w.shape) * x + decay), {"m": m}
