"""Metrics: the value at every position."""

from __future__ import annotations

import torch
from torch import Tensor

import nnspec
from nnspec_torch.losses import like
from nnspec_torch.realize import apply


def _labels(x: Tensor, targets: Tensor) -> Tensor:
    """Class ids, given as such or as distributions."""
    return like(x, targets).argmax(-1) if targets.is_floating_point() else targets.long()


@apply.register(nnspec.TopKAccuracy)
def _top_k_accuracy(spec: nnspec.TopKAccuracy, x: Tensor, targets: Tensor) -> Tensor:
    label = _labels(x, targets)[..., None]
    own = x.gather(-1, label)
    ahead = (x > own) | ((x == own) & (torch.arange(x.shape[-1], device=x.device) < label))
    return ahead.sum(-1) < spec.k


apply.register(nnspec.Accuracy, lambda spec, x, targets: x.argmax(-1) == _labels(x, targets))
apply.register(nnspec.MSE, lambda spec, x, targets: (x - like(x, targets)).square())
apply.register(nnspec.RMSE, lambda spec, x, targets: (x - like(x, targets)).square())
apply.register(nnspec.MAE, lambda spec, x, targets: (x - like(x, targets)).abs())
