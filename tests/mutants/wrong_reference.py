"""Mistakes as people make them, planted in the reference: each is the class's formula with one thing wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnspec import losses, metrics, ops, optimizers, schedules
from nnspec.layers import activation, dropout, linear, normalization, shape
from nnspec.reference import (
    activation as reference_activation,
    losses as reference_losses,
    metrics as reference_metrics,
    optimizers as reference_optimizers,
    schedules as reference_schedules,
)
from nnspec.reference.base import apply

Array = Any


@dataclass(frozen=True)
class Mutant:
    """A wrong realization of a class, and where it is registered."""

    name: str
    guilty: type[Any]
    registry: Any
    wrong: Callable[..., Any]

    @contextmanager
    def planted(self) -> Iterator[None]:
        """The mistake within the block; the right realization again afterwards."""
        right = self.registry.dispatch(self.guilty)
        self.registry.register(self.guilty, self.wrong)
        try:
            yield
        finally:
            self.registry.register(self.guilty, right)


MUTANTS: list[Mutant] = []


def mutant(name: str, guilty: type[Any], registry: Any = apply) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def add(wrong: Callable[..., Any]) -> Callable[..., Any]:
        MUTANTS.append(Mutant(name, guilty, registry, wrong))
        return wrong

    return add


def _affine(spec: Any, scope: Any, y: Array) -> Array:
    return y * scope.get("scale", 1.0) + scope.get("bias", 0.0)


@mutant("epsilon outside the root", normalization.LayerNorm)
def _(spec: Any, scope: Any, x: Array) -> Array:
    return _affine(spec, scope, (x - x.mean(-1, keepdims=True)) / (x.std(-1, keepdims=True) + spec.epsilon))


@mutant("unbiased variance", normalization.LayerNorm)
def _(spec: Any, scope: Any, x: Array) -> Array:
    var = x.var(-1, keepdims=True, ddof=1)
    return _affine(spec, scope, (x - x.mean(-1, keepdims=True)) / np.sqrt(var + spec.epsilon))


@mutant("variance as E[x²] - E[x]²", normalization.LayerNorm)
def _(spec: Any, scope: Any, x: Array) -> Array:
    mean = x.mean(-1, keepdims=True)
    return _affine(spec, scope, (x - mean) / np.sqrt((x**2).mean(-1, keepdims=True) - mean**2 + spec.epsilon))


@mutant("mean over all axes but the first", normalization.LayerNorm)
def _(spec: Any, scope: Any, x: Array) -> Array:
    axes = tuple(range(1, x.ndim))
    mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    return _affine(spec, scope, (x - mean) / np.sqrt(var + spec.epsilon))


def _batch_norm(spec: Any, scope: Any, x: Array, *, ddof: int = 0, swapped: bool = False, early: bool = False) -> Array:
    if not scope.training:
        return _affine(spec, scope, (x - scope["mean"]) / np.sqrt(scope["var"] + spec.epsilon))
    axes = tuple(range(x.ndim - 1))
    mean, var = x.mean(axes), x.var(axes)
    held = 1 - spec.momentum if swapped else spec.momentum
    unbiased = x.var(axes, ddof=ddof) if len(x) > 1 else var
    used = (scope["mean"], scope["var"]) if early else (mean, var)
    scope.update("mean", held * scope["mean"] + (1 - held) * mean)
    scope.update("var", held * scope["var"] + (1 - held) * unbiased)
    return _affine(spec, scope, (x - used[0]) / np.sqrt(used[1] + spec.epsilon))


@mutant("unbiased running variance", normalization.BatchNorm)
def _(spec: Any, scope: Any, x: Array) -> Array:
    return _batch_norm(spec, scope, x, ddof=1)


@mutant("momentum inverted", normalization.BatchNorm)
def _(spec: Any, scope: Any, x: Array) -> Array:
    return _batch_norm(spec, scope, x, swapped=True)


@mutant("running statistics in training", normalization.BatchNorm)
def _(spec: Any, scope: Any, x: Array) -> Array:
    return _batch_norm(spec, scope, x, early=True)


@mutant("tanh for erf", activation.GELU)
def _(spec: Any, scope: Any, x: Array) -> Array:
    return x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


@mutant("softmax over the first axis after the batch", activation.Softmax)
def _(spec: Any, scope: Any, x: Array) -> Array:
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


@mutant("slope in float32", activation.LeakyReLU)
def _(spec: Any, scope: Any, x: Array) -> Array:
    return np.where(x > 0, x, float(np.float32(spec.negative_slope)) * x)


@mutant("slope .2", activation.LeakyReLU)
def _(spec: Any, scope: Any, x: Array) -> Array:
    return np.where(x > 0, x, 0.2 * x)


@mutant("Keras 3's hard sigmoid for Keras 2's", activation.HardSigmoid)
def _(spec: Any, scope: Any, x: Array) -> Array:
    return np.clip(x + 3, 0, 6) / 6


@mutant("scale rounded to six digits", activation.SELU)
def _(spec: Any, scope: Any, x: Array) -> Array:
    return 1.050701 * np.where(x > 0, x, 1.673263 * np.expm1(np.minimum(x, 0)))


@mutant("halves swapped", activation.GLU)
def _(spec: Any, scope: Any, x: Array) -> Array:
    b, a = np.split(x, 2, spec.axis)
    return a * reference_activation.sigmoid(b)


@mutant("one slope for all channels", activation.PReLU)
def _(spec: Any, scope: Any, x: Array) -> Array:
    return np.where(x > 0, x, scope["slope"].mean() * x)


@mutant("not scaled", dropout.Dropout)
def _(spec: Any, scope: Any, x: Array) -> Array:
    return np.where(scope.keep_mask(spec.rate, x.shape), x, 0) if scope.training and spec.rate else x


@mutant("kept where it should be dropped", dropout.Dropout)
def _(spec: Any, scope: Any, x: Array) -> Array:
    if not scope.training or not spec.rate:
        return x
    return np.where(scope.keep_mask(spec.rate, x.shape), 0, x / (1 - spec.rate))


@mutant("drops in inference", dropout.Dropout)
def _(spec: Any, scope: Any, x: Array) -> Array:
    return np.where(scope.keep_mask(spec.rate, x.shape), x / (1 - spec.rate), 0) if spec.rate else x


@mutant("column-major", shape.Flatten)
def _(spec: Any, scope: Any, x: Array) -> Array:
    return x.transpose(0, *range(x.ndim - 1, 0, -1)).reshape(len(x), -1)


@mutant("bias before the kernel", linear.Dense)
def _(spec: Any, scope: Any, x: Array) -> Array:
    y = x @ scope["kernel"] - scope.get("bias", 0.0)
    return y if spec.activation is None else apply(spec.activation, scope, y)


@mutant("difference turned around", ops.Subtract)
def _(spec: Any, scope: Any, x1: Array, x2: Array) -> Array:
    return x2 - x1


@mutant("smoothing over K - 1", losses.SoftmaxCrossEntropy, reference_losses.loss)
def _(spec: Any, x: Array, targets: Array) -> Array:
    y = np.eye(x.shape[-1])[targets] if targets.dtype.kind in "iu" else targets
    alpha, classes = spec.label_smoothing, x.shape[-1]
    y = y * (1 - alpha) + (1 - y) * alpha / (classes - 1)
    if spec.from_probabilities:
        logs = np.log(np.clip(x / x.sum(-1, keepdims=True), spec.epsilon, 1 - spec.epsilon))
    else:
        logs = reference_activation.log_softmax(x)
    return -(y * logs).sum(-1)


@mutant("probabilities not normalized", losses.SoftmaxCrossEntropy, reference_losses.loss)
def _(spec: Any, x: Array, targets: Array) -> Array:
    y = np.eye(x.shape[-1])[targets] if targets.dtype.kind in "iu" else targets
    y = y * (1 - spec.label_smoothing) + spec.label_smoothing / x.shape[-1]
    if spec.from_probabilities:
        return -(y * np.log(np.clip(x, spec.epsilon, 1 - spec.epsilon))).sum(-1)
    return -(y * reference_activation.log_softmax(x)).sum(-1)


@mutant("not halved", losses.Huber, reference_losses.loss)
def _(spec: Any, x: Array, targets: Array) -> Array:
    e = np.abs(x - targets)
    return np.where(e <= spec.delta, e**2, 2 * spec.delta * (e - spec.delta / 2))


@mutant("targets' entropy left out", losses.KLDivergence, reference_losses.loss)
def _(spec: Any, x: Array, targets: Array) -> Array:
    logs = np.log(np.clip(x, spec.epsilon, 1)) if spec.from_probabilities else reference_activation.log_softmax(x)
    return -(targets * logs).sum(-1)


@mutant("the last of equal outputs", metrics.Accuracy, reference_metrics.metric)
def _(spec: Any, x: Array, targets: Array) -> Array:
    label = targets if targets.dtype.kind in "iu" else targets.argmax(-1)
    return np.asarray(x.shape[-1] - 1 - x[..., ::-1].argmax(-1) == label)


@mutant("ties count for all", metrics.TopKAccuracy, reference_metrics.metric)
def _(spec: Any, x: Array, targets: Array) -> Array:
    label = (targets if targets.dtype.kind in "iu" else targets.argmax(-1))[..., None]
    return np.asarray((x > np.take_along_axis(x, label, -1)).sum(-1) < spec.k)


def _adam(spec: Any, w: Array, g: Array, decay: Array, slots: Any, eta: float, c1: float, c2: float) -> Any:
    m = spec.b1 * slots["m"] + (1 - spec.b1) * g
    v = spec.b2 * slots["v"] + (1 - spec.b2) * g**2
    if spec.epsilon_mode == "paper":
        u = (m / c1) / (np.sqrt(v / c2) + spec.epsilon)
    else:
        u = (c2**0.5 / c1) * m / (np.sqrt(v) + spec.epsilon)
    return w - eta * (u + decay), {"m": m, "v": v}


_ADVANCE = reference_optimizers.advance


@mutant("t off by one", optimizers.Adam, _ADVANCE)
def _(spec: Any, w: Array, g: Array, decay: Array, slots: Any, t: int, eta: float) -> Any:
    return _adam(spec, w, g, decay, slots, eta, 1 - spec.b1 ** (t + 1), 1 - spec.b2 ** (t + 1))


@mutant("no bias correction", optimizers.Adam, _ADVANCE)
def _(spec: Any, w: Array, g: Array, decay: Array, slots: Any, t: int, eta: float) -> Any:
    return _adam(spec, w, g, decay, slots, eta, 1.0, 1.0)


@mutant("powers of the betas in float32", optimizers.Adam, _ADVANCE)
def _(spec: Any, w: Array, g: Array, decay: Array, slots: Any, t: int, eta: float) -> Any:
    b1, b2 = np.float32(spec.b1), np.float32(spec.b2)
    return _adam(spec, w, g, decay, slots, eta, float(1 - b1 ** np.float32(t)), float(1 - b2 ** np.float32(t)))


@mutant("the other epsilon", optimizers.Adam, _ADVANCE)
def _(spec: Any, w: Array, g: Array, decay: Array, slots: Any, t: int, eta: float) -> Any:
    m = spec.b1 * slots["m"] + (1 - spec.b1) * g
    v = spec.b2 * slots["v"] + (1 - spec.b2) * g**2
    c1, c2 = 1 - spec.b1**t, 1 - spec.b2**t
    hat, paper = (c2**0.5 / c1) * m / (np.sqrt(v) + spec.epsilon), (m / c1) / (np.sqrt(v / c2) + spec.epsilon)
    return w - eta * ((hat if spec.epsilon_mode == "paper" else paper) + decay), {"m": m, "v": v}


@mutant("decay coupled with the gradient", optimizers.AdamW, _ADVANCE)
def _(spec: Any, w: Array, g: Array, decay: Array, slots: Any, t: int, eta: float) -> Any:
    return _adam(spec, w, g + decay, np.zeros_like(w), slots, eta, 1 - spec.b1**t, 1 - spec.b2**t)


@mutant("learning rate in the velocity", optimizers.Momentum, _ADVANCE)
def _(spec: Any, w: Array, g: Array, decay: Array, slots: Any, t: int, eta: float) -> Any:
    v = spec.momentum * slots["velocity"] - eta * g
    return w + v - eta * decay, {"velocity": v}


@mutant("plain momentum", optimizers.Nesterov, _ADVANCE)
def _(spec: Any, w: Array, g: Array, decay: Array, slots: Any, t: int, eta: float) -> Any:
    v = spec.momentum * slots["velocity"] + g
    return w - eta * (v + decay), {"velocity": v}


@mutant("epsilon outside the root", optimizers.AdaGrad, _ADVANCE)
def _(spec: Any, w: Array, g: Array, decay: Array, slots: Any, t: int, eta: float) -> Any:
    a = slots["accumulator"] + g**2
    return w - eta * (g / (np.sqrt(a) + spec.epsilon) + decay), {"accumulator": a}


_RATE = reference_schedules.rate


@mutant("one step late", schedules.CosineDecay, _RATE)
def _(spec: Any, s: Array) -> Array:
    share = np.minimum(s + 1, spec.decay_steps) / spec.decay_steps
    return spec.end + (spec.initial - spec.end) * (1 + np.cos(np.pi * share)) / 2


@mutant("old value at the boundary", schedules.Piecewise, _RATE)
def _(spec: Any, s: Array) -> Array:
    return np.asarray(spec.values)[np.searchsorted(np.asarray(spec.boundaries, np.int64), s, side="left")]


@mutant("decay_steps without the warm-up", schedules.WarmupCosine, _RATE)
def _(spec: Any, s: Array) -> Array:
    share = np.clip(s - spec.warmup_steps, 0, spec.decay_steps) / spec.decay_steps
    falling = spec.end + (spec.peak - spec.end) * (1 + np.cos(np.pi * share)) / 2
    rising = spec.start + (spec.peak - spec.start) * (s / max(spec.warmup_steps, 1))
    return np.where(s < spec.warmup_steps, rising, falling)


@mutant("end not reached", schedules.ExponentialDecay, _RATE)
def _(spec: Any, s: Array) -> Array:
    exponent = s // spec.decay_steps if spec.staircase else s / spec.decay_steps
    return spec.initial * spec.decay_rate**exponent
