"""Normalization. ``torch.nn.BatchNorm1d`` keeps an unbiased running variance and turns the momentum around."""

from __future__ import annotations

import torch
from torch import Tensor

from nnspec.layers.normalization import BatchNorm, LayerNorm
from nnspec_torch.realize import Scope, apply


def _scaled(spec: BatchNorm | LayerNorm, scope: Scope, centered: Tensor, var: Tensor) -> Tensor:
    y = centered / torch.sqrt(var + spec.epsilon)
    y = y * scope["scale"] if spec.use_scale else y
    return y + scope["bias"] if spec.use_bias else y


@apply.register(BatchNorm)
def batch_norm(spec: BatchNorm, scope: Scope, x: Tensor) -> Tensor:
    if not scope.run.training:
        return _scaled(spec, scope, x - scope["mean"], scope["var"])
    axes = tuple(range(x.ndim - 1))
    mean = x.mean(axes)
    centered = x - mean
    var = centered.square().mean(axes)
    scope.update("mean", spec.momentum * scope["mean"] + (1 - spec.momentum) * mean)
    scope.update("var", spec.momentum * scope["var"] + (1 - spec.momentum) * var)
    return _scaled(spec, scope, centered, var)


@apply.register(LayerNorm)
def layer_norm(spec: LayerNorm, scope: Scope, x: Tensor) -> Tensor:
    centered = x - x.mean(-1, keepdim=True)
    return _scaled(spec, scope, centered, centered.square().mean(-1, keepdim=True))
