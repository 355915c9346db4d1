"""Metrics: the value at every position."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import torch
from torch import Tensor

from nnspec import metrics as specs
from nnspec_torch.losses import is_ids, like
from nnspec_torch.realize import missing


@singledispatch
def metric(spec: Any, x: Tensor, targets: Tensor) -> Tensor:
    """The value of each class of metrics at every position."""
    raise missing(spec)


def _labels(x: Tensor, targets: Tensor) -> Tensor:
    return targets.long() if is_ids(targets) else like(x, targets).argmax(-1)


@metric.register(specs.TopKAccuracy)
def _top_k_accuracy(spec: specs.TopKAccuracy, x: Tensor, targets: Tensor) -> Tensor:
    label = _labels(x, targets)[..., None]
    own = x.gather(-1, label)
    ahead = (x > own) | ((x == own) & (torch.arange(x.shape[-1], device=x.device) < label))
    return ahead.sum(-1) < spec.k


@metric.register(specs.BinaryAccuracy)
def _binary_accuracy(spec: specs.BinaryAccuracy, x: Tensor, targets: Tensor) -> Tensor:
    p = x if spec.from_probabilities else torch.sigmoid(x)
    return (p > spec.threshold) == (like(x, targets) > 0.5)


metric.register(specs.Accuracy, lambda spec, x, targets: x.argmax(-1) == _labels(x, targets))
metric.register(specs.MSE, lambda spec, x, targets: (x - like(x, targets)).square())
metric.register(specs.RMSE, lambda spec, x, targets: (x - like(x, targets)).square())
metric.register(specs.MAE, lambda spec, x, targets: (x - like(x, targets)).abs())
