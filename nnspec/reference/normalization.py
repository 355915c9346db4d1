"""Normalization layers. Variances are two-pass: E[x²] − E[x]² cancels where the mean is large."""

from __future__ import annotations

import numpy as np

from nnspec.layers.normalization import BatchNorm, LayerNorm
from nnspec.reference.base import Array, Scope, apply


def _normalized(spec: BatchNorm | LayerNorm, scope: Scope, x: Array, mean: Array, var: Array) -> Array:
    y: Array = (x - mean) / np.sqrt(var + spec.epsilon)
    if spec.use_scale:
        y = y * scope["scale"]
    return y + scope["bias"] if spec.use_bias else y


@apply.register(BatchNorm)
def batch_norm(spec: BatchNorm, scope: Scope, x: Array) -> Array:
    if not scope.training:
        return _normalized(spec, scope, x, scope["mean"], scope["var"])
    axes = tuple(range(x.ndim - 1))
    mean, var = x.mean(axes), x.var(axes)
    scope.update("mean", spec.momentum * scope["mean"] + (1 - spec.momentum) * mean)
    scope.update("var", spec.momentum * scope["var"] + (1 - spec.momentum) * var)
    return _normalized(spec, scope, x, mean, var)


@apply.register(LayerNorm)
def layer_norm(spec: LayerNorm, scope: Scope, x: Array) -> Array:
    return _normalized(spec, scope, x, x.mean(-1, keepdims=True), x.var(-1, keepdims=True))
