"""Losses: the value at every position, and the weighted sums of it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

import nnspec
from nnspec.errors import ShapeError
from nnspec_torch.realize import apply, clipped


def sums(spec: Any, x: Tensor, targets: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor]:
    """(Σ w·v, count) of a loss or a metric: the count is Σ w, or the number of positions where a mean is over them.

    Weights broadcast from the front; without weights they are 1.
    """
    values = apply(spec, x, targets).to(x.dtype)
    w = torch.ones_like(values) if weights is None else weights.to(x.dtype)
    if w.shape != values.shape[: w.ndim]:
        raise ShapeError(f"weights of shape {list(w.shape)} are not for positions of shape {list(values.shape)}")
    w = w.reshape(w.shape + (1,) * (values.ndim - w.ndim)).expand_as(values)
    by_position = getattr(spec, "reduction", "weighted_mean") != "weighted_mean"
    return (w * values).sum(), torch.full_like(w.sum(), values.numel()) if by_position else w.sum()


def like(x: Tensor, targets: Tensor) -> Tensor:
    """Targets of the outputs' shape, in their dtype."""
    if targets.shape != x.shape:
        raise ShapeError(f"targets of shape {list(targets.shape)} for outputs of shape {list(x.shape)}")
    return targets.to(x.dtype)


@apply.register(nnspec.SoftmaxCrossEntropy)
def _softmax_cross_entropy(spec: nnspec.SoftmaxCrossEntropy, x: Tensor, targets: Tensor) -> Tensor:
    if not targets.is_floating_point():  # class ids
        targets = targets[..., None] == torch.arange(x.shape[-1], device=x.device)
    y = like(x, targets) * (1 - spec.label_smoothing) + spec.label_smoothing / x.shape[-1]
    logs = torch.log_softmax(x, -1)
    if spec.from_probabilities:
        logs = torch.log(clipped(x / x.sum(-1, keepdim=True), spec.epsilon, 1 - spec.epsilon))
    return -torch.where(y == 0, 0, y * logs).sum(-1)


@apply.register(nnspec.Huber)
def _huber(spec: nnspec.Huber, x: Tensor, targets: Tensor) -> Tensor:
    e = (x - like(x, targets)).abs()
    near = torch.where(e <= spec.delta, e, 0)  # the square of a huge error is never taken
    return torch.where(e <= spec.delta, near.square() / 2, spec.delta * (e - spec.delta / 2))


apply.register(nnspec.MeanSquaredError, lambda spec, x, targets: (x - like(x, targets)).square())
apply.register(nnspec.MeanAbsoluteError, lambda spec, x, targets: (x - like(x, targets)).abs())
