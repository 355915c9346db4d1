"""Schedules: the learning rates at update steps (int64), in float64."""

from __future__ import annotations

import math
from functools import singledispatch
from typing import Any

import torch
from torch import Tensor

from nnspec import schedules as specs
from nnspec_torch.realize import missing


@singledispatch
def rate(spec: Any, s: Tensor, scale: float = 1.0) -> Tensor:
    """The learning rates; ``scale`` is what plateaus have multiplied them by."""
    raise missing(spec)


def _cosine(start: float, end: float, share: Tensor) -> Tensor:
    return end + (start - end) * (1 + torch.cos(math.pi * share.double())) / 2


def _constant(value: float, s: Tensor) -> Tensor:
    return torch.full_like(s, value, dtype=torch.float64)


def _power(base: float, exponent: Tensor) -> Tensor:
    return torch.pow(torch.tensor(base, dtype=torch.float64, device=exponent.device), exponent)


rate.register(float, lambda spec, s, scale=1.0: _constant(spec, s))
rate.register(int, lambda spec, s, scale=1.0: _constant(spec, s))
rate.register(specs.ConstantSchedule, lambda spec, s, scale=1.0: _constant(spec.value, s))
rate.register(specs.StepDecay, lambda spec, s, scale=1.0: spec.initial * _power(spec.factor, s // spec.every))


@rate.register(specs.ExponentialDecay)
def _exponential_decay(spec: specs.ExponentialDecay, s: Tensor, scale: float = 1.0) -> Tensor:
    exponent = s // spec.decay_steps if spec.staircase else s.double() / spec.decay_steps
    return (spec.initial * _power(spec.decay_rate, exponent)).clamp(min=spec.end)


@rate.register(specs.CosineDecay)
def _cosine_decay(spec: specs.CosineDecay, s: Tensor, scale: float = 1.0) -> Tensor:
    return _cosine(spec.initial, spec.end, s.clamp(max=spec.decay_steps).double() / spec.decay_steps)


@rate.register(specs.CosineRestarts)
def _cosine_restarts(spec: specs.CosineRestarts, s: Tensor, scale: float = 1.0) -> Tensor:
    length, cycle, position = torch.full_like(s, spec.first_steps), torch.zeros_like(s), s.clone()
    while (later := position >= length).any():  # in whole numbers: a logarithm would misplace the boundaries
        position, cycle = torch.where(later, position - length, position), cycle + later
        length = torch.where(later, length * spec.t_mul, length)
    return _cosine(spec.initial * _power(spec.m_mul, cycle), spec.end, position.double() / length)


@rate.register(specs.Warmup)
def _warmup(spec: specs.Warmup, s: Tensor, scale: float = 1.0) -> Tensor:
    end, w = rate(spec.after, torch.zeros_like(s)), spec.warmup_steps
    return torch.where(
        s < w, spec.start + (end - spec.start) * (s.double() / w), rate(spec.after, (s - w).clamp(min=0))
    )


@rate.register(specs.WarmupCosine)
def _warmup_cosine(spec: specs.WarmupCosine, s: Tensor, scale: float = 1.0) -> Tensor:
    w, n = spec.warmup_steps, spec.decay_steps - spec.warmup_steps
    rising = spec.start + (spec.peak - spec.start) * (s.double() / max(w, 1))
    return torch.where(s < w, rising, _cosine(spec.peak, spec.end, (s - w).clamp(0, n).double() / n))


@rate.register(specs.ReduceOnPlateau)
def _reduce_on_plateau(spec: specs.ReduceOnPlateau, s: Tensor, scale: float = 1.0) -> Tensor:
    return (rate(spec.learning_rate, s) * scale).clamp(min=spec.minimum)
