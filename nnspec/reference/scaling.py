"""Layers that scale and shift by fixed numbers, or by learned factors."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnspec.layers.scaling import LayerScale, Normalization, Rescaling
from nnspec.reference.base import Array, Scope, apply


def _like(number: Any, x: Array) -> Array:
    """Numbers of the spec in the dtype of x."""
    return np.asarray(number, x.dtype)


@apply.register(Rescaling)
def rescaling(spec: Rescaling, scope: Scope, x: Array) -> Array:
    return x * _like(spec.scale, x) + _like(spec.offset, x)


@apply.register(Normalization)
def normalization(spec: Normalization, scope: Scope, x: Array) -> Array:
    mean, var = (
        scope[name] if given is None else _like(given, x) for name, given in (("mean", spec.mean), ("var", spec.var))
    )
    deviation = np.maximum(np.sqrt(var), _like(spec.epsilon, x))
    return x * deviation + mean if spec.invert else (x - mean) / deviation


@apply.register(LayerScale)
def layer_scale(spec: LayerScale, scope: Scope, x: Array) -> Array:
    return x * scope["scale"]
