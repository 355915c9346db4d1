"""Losses: the value at every position, and the weighted sums of it."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import torch
from torch import Tensor

from nnspec import losses as specs
from nnspec.errors import ShapeError
from nnspec_torch.activation import softplus
from nnspec_torch.realize import clipped, missing


@singledispatch
def loss(spec: Any, x: Tensor, targets: Tensor) -> Tensor:
    """The loss of each class of losses at every position."""
    raise missing(spec)


def sums(spec: specs.Loss, x: Tensor, targets: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor]:
    """(Σ w·l, count): the count is Σ w for "weighted_mean" and the number of positions else."""
    values = loss(spec, x, targets)
    total, weight = weighted(values, weights)
    return total, weight if spec.reduction == "weighted_mean" else torch.full_like(weight, values.numel())


def reduced(spec: specs.Loss, total: Tensor, count: Tensor) -> Tensor:
    return total if spec.reduction == "sum" else total / count


def weighted(values: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor]:
    """(Σ w·v, Σ w), with weights that broadcast from the front; without weights they are 1."""
    w = torch.ones_like(values) if weights is None else weights
    if w.shape != values.shape[: w.ndim]:
        raise ShapeError(f"weights of shape {list(w.shape)} are not for positions of shape {list(values.shape)}")
    w = w.to(values.dtype).reshape(w.shape + (1,) * (values.ndim - w.ndim)).expand_as(values)
    return (w * values).sum(), w.sum()


def like(x: Tensor, targets: Tensor) -> Tensor:
    """Targets of the outputs' shape, in their dtype."""
    if targets.shape != x.shape:
        raise ShapeError(f"targets of shape {list(targets.shape)} for outputs of shape {list(x.shape)}")
    return targets.to(x.dtype)


def is_ids(targets: Tensor) -> bool:
    """Whether targets are class ids; else they are a distribution."""
    return not targets.is_floating_point()


@loss.register(specs.SoftmaxCrossEntropy)
def _softmax_cross_entropy(spec: specs.SoftmaxCrossEntropy, x: Tensor, targets: Tensor) -> Tensor:
    classes = x.shape[-1]
    y = targets[..., None] == torch.arange(classes, device=x.device) if is_ids(targets) else targets
    y = like(x, y) * (1 - spec.label_smoothing) + spec.label_smoothing / classes
    if spec.from_probabilities:
        logs = torch.log(clipped(x / x.sum(-1, keepdim=True), spec.epsilon, 1 - spec.epsilon))
    else:
        logs = torch.log_softmax(x, -1)
    return -torch.where(y == 0, 0, y * logs).sum(-1)


@loss.register(specs.BinaryCrossEntropy)
def _binary_cross_entropy(spec: specs.BinaryCrossEntropy, x: Tensor, targets: Tensor) -> Tensor:
    y = like(x, targets) * (1 - spec.label_smoothing) + spec.label_smoothing / 2
    if not spec.from_probabilities:
        return softplus(x) - x * y
    q = clipped(x, spec.epsilon, 1 - spec.epsilon)
    return -y * torch.log(q) - (1 - y) * torch.log1p(-q)


@loss.register(specs.Huber)
def _huber(spec: specs.Huber, x: Tensor, targets: Tensor) -> Tensor:
    e = (x - like(x, targets)).abs()
    near = torch.where(e <= spec.delta, e, 0)  # the square of a huge error is never taken
    return torch.where(e <= spec.delta, near.square() / 2, spec.delta * (e - spec.delta / 2))


loss.register(specs.MeanSquaredError, lambda spec, x, targets: (x - like(x, targets)).square())
loss.register(specs.MeanAbsoluteError, lambda spec, x, targets: (x - like(x, targets)).abs())
