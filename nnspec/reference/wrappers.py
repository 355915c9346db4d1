"""Optimizers made of others; see :mod:`nnspec.reference.optimizers`."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnspec import wrappers as specs
from nnspec.errors import SpecError
from nnspec.reference.base import Array, floats, rounded
from nnspec.reference.optimizers import Arrays, Stepped, advance, average, global_norm, received, shared


@received.register(specs._Wrapper)
def _received(spec: Any, name: str, g: Array, t: int) -> Array:
    return received(spec.inner, name, g, t)


@received.register(specs.GradientCentralization)
def _centralized(spec: specs.GradientCentralization, name: str, g: Array, t: int) -> Array:
    axes = spec.axes(g.ndim)
    return received(spec.inner, name, g - g.mean(axes, keepdims=True) if axes else g, t)


@received.register(specs.GradientAccumulation)
def _each(spec: specs.GradientAccumulation, name: str, g: Array, t: int) -> Array:
    return g  # what stands within gets the mean


@shared.register(specs.LossScale)
def _rescaled(spec: specs.LossScale, slots: Arrays, made: bool) -> dict[str, Array]:
    scale, count = slots["loss_scale"], slots["finite_updates"] + 1
    grows = count >= spec.growth_interval
    factor = (spec.growth_factor if grows else 1.0) if made else spec.backoff_factor
    low, high = spec.bounds
    with np.errstate(over="ignore"):
        scaled = scale * factor
    return {
        "loss_scale": np.clip(scaled, low, high).astype(scale.dtype),
        "finite_updates": np.where(made and not grows, count, 0).astype(scale.dtype),
    }


@advance.register(specs.GradientCentralization)
@advance.register(specs.LossScale)
@advance.register(specs.SAM)
def _of_the_inner(spec: Any, w: Array, g: Array, decay: Array, slots: Arrays, t: int, eta: float) -> Stepped:
    return advance(spec.inner, w, g, decay, slots, t, eta)


def perturbed(spec: specs.SAM, parameters: Arrays, gradients: Arrays) -> dict[str, Array]:
    """w + ε, where SAM takes the second gradient, in the dtypes of the parameters."""
    sizes = {name: np.abs(floats(w)) + spec.eta if spec.adaptive else 1 for name, w in parameters.items()}
    g = {name: sizes[name] * floats(x) for name, x in gradients.items()}
    norm = global_norm(g)
    factor = spec.rho / norm if norm else norm
    made = {name: floats(w) + factor * (sizes[name] * g[name]) for name, w in parameters.items()}
    return {name: rounded(value, np.asarray(parameters[name]).dtype) for name, value in made.items()}


@advance.register(specs.Lookahead)
def _lookahead(spec: specs.Lookahead, w: Array, g: Array, decay: Array, slots: Arrays, t: int, eta: float) -> Stepped:
    fast, new = advance(spec.inner, w, g, decay, slots, t, eta)
    if t % spec.period:
        return fast, {**new, "slow": slots["slow"]}
    slow = slots["slow"] + spec.alpha * (fast - slots["slow"])
    return slow, {**new, "slow": slow}


@advance.register(specs.GradientAccumulation)
def _accumulation(
    spec: specs.GradientAccumulation, w: Array, g: Array, decay: Array, slots: Arrays, t: int, eta: float
) -> Stepped:
    total = slots["gradient_sum"] + g
    if t % spec.every:
        return w, {**slots, "gradient_sum": total}
    mean = received(spec.inner, "", total / spec.every, t // spec.every)  # none within asks for the name
    stepped, new = advance(spec.inner, w, mean, decay, slots, t // spec.every, eta)
    return stepped, {**new, "gradient_sum": np.zeros_like(total)}


@advance.register(specs.MultiOptimizer)
def _multi(spec: Any, w: Array, g: Array, decay: Array, slots: Arrays, t: int, eta: float) -> Stepped:
    raise SpecError("a MultiOptimizer has an optimizer for each parameter: of(name)")


@advance.register(specs.EMA)
def _ema(spec: specs.EMA, w: Array, g: Array, decay: Array, slots: Arrays, t: int, eta: float) -> Stepped:
    stepped, new = advance(spec.inner, w, g, decay, slots, t, eta)
    return stepped, {**new, "average": average(spec.momentum, slots["average"], stepped)}
