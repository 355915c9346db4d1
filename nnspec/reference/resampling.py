"""Layers that change how densely axes are sampled."""

from __future__ import annotations

import numpy as np

from nnspec.layers.resampling import Resize, Upsample
from nnspec.reference.base import Array, Scope, apply


@apply.register(Upsample)
def upsample(spec: Upsample, scope: Scope, x: Array) -> Array:
    for axis, factor in enumerate(spec.factors, 1):
        x = x.repeat(factor, axis)
    return x


@apply.register(Resize)
def resize(spec: Resize, scope: Scope, x: Array) -> Array:
    for axis, count in enumerate(spec.output_size, 1):
        size = x.shape[axis]
        if spec.method == "nearest":
            x = x.take(np.floor((np.arange(count) + 0.5) * size / count).astype(int), axis)
        else:
            weights = _weights(spec, size, count).astype(x.dtype)
            x = np.moveaxis(np.tensordot(weights, x, (1, axis)), 0, axis)
    return x


def _weights(spec: Resize, size: int, count: int) -> Array:
    """The matrix w of one axis, (count, size)."""
    p = np.arange(count)
    places = (p + 0.5) * size / count - 0.5
    if spec.coordinates == "align_corners":
        places = p * (size - 1) / max(count - 1, 1)
    stretch = max(size / count, 1.0) if spec.antialias else 1.0
    # Elements beyond the edges, as far as any kernel reaches: two of them, stretched.
    beyond = int(np.ceil(2 * stretch)) + 1 if spec.edges == "repeat" else 0
    q = np.arange(-beyond, size + beyond)
    t = np.abs(q - places[:, None]) / stretch
    if spec.method == "linear":
        k = np.maximum(1 - t, 0)
    else:
        a = spec.a
        near, far = (a + 2) * t**3 - (a + 3) * t**2 + 1, a * t**3 - 5 * a * t**2 + 8 * a * t - 4 * a
        k = np.where(t <= 1, near, np.where(t < 2, far, 0))
    inside = k[:, beyond : beyond + size]
    if beyond:
        inside[:, 0] += k[:, :beyond].sum(1)
        inside[:, -1] += k[:, beyond + size :].sum(1)
    weights: Array = inside / inside.sum(1, keepdims=True)
    return weights
