"""Schedules: the learning rates at update steps (float64), in float64."""

from __future__ import annotations

import math

import torch
from torch import Tensor

import nnspec
from nnspec_torch.realize import apply


def _cosine(start: Tensor | float, end: float, share: Tensor) -> Tensor:
    return end + (start - end) * (1 + torch.cos(math.pi * share)) / 2


apply.register(float, lambda spec, s: torch.full_like(s, spec))
apply.register(nnspec.ConstantSchedule, lambda spec, s: torch.full_like(s, spec.value))


@apply.register(nnspec.CosineRestarts)
def _cosine_restarts(spec: nnspec.CosineRestarts, s: Tensor) -> Tensor:
    length, cycle = torch.full_like(s, spec.first_steps), torch.zeros_like(s)
    while (later := s >= length).any():  # in whole numbers: a logarithm would misplace the boundaries
        s, cycle = torch.where(later, s - length, s), cycle + later
        length = torch.where(later, length * spec.t_mul, length)
    return _cosine(spec.initial * torch.pow(spec.m_mul, cycle), spec.end, s / length)


@apply.register(nnspec.Warmup)
def _warmup(spec: nnspec.Warmup, s: Tensor) -> Tensor:
    rising = spec.start + (apply(spec.after, torch.zeros_like(s)) - spec.start) * (s / spec.warmup_steps)
    return torch.where(s < spec.warmup_steps, rising, apply(spec.after, (s - spec.warmup_steps).clamp(min=0)))


@apply.register(nnspec.WarmupCosine)
def _warmup_cosine(spec: nnspec.WarmupCosine, s: Tensor) -> Tensor:
    w, n = spec.warmup_steps, spec.decay_steps - spec.warmup_steps
    rising = spec.start + (spec.peak - spec.start) * (s / max(w, 1))
    left = 1 - (s - w).clamp(0, n) / n  # (1 + cos πp)/2 = sin²(π(1 − p)/2)
    falling = spec.end + (spec.peak - spec.end) * torch.sin(math.pi / 2 * left) ** (2 * spec.exponent)
    return torch.where(s < w, rising, falling)


@apply.register(nnspec.ReduceOnPlateau)
def _reduce_on_plateau(spec: nnspec.ReduceOnPlateau, s: Tensor, scale: Tensor | float = 1.0) -> Tensor:
    return torch.clamp(apply(spec.learning_rate, s) * scale, min=spec.minimum)
