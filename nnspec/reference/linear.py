"""Linear layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnspec.layers.linear import Bilinear, Dense, DenseGeneral, EinsumDense
from nnspec.reference.base import Array, Scope, apply


@apply.register(Dense)
def dense(spec: Dense, scope: Scope, x: Array) -> Array:
    y = x @ scope["kernel"]
    if spec.use_bias:
        y = y + scope["bias"]
    return y if spec.activation is None else apply(spec.activation, scope, y)


@apply.register(DenseGeneral)
@apply.register(EinsumDense)
def contraction(spec: Any, scope: Scope, x: Array) -> Array:
    y = np.einsum(str(spec.spelled(x.shape)), x, scope["kernel"])
    bias = spec.biases(x.shape)
    if bias is not None:
        y = y + scope["bias"].reshape(bias)
    return y if spec.activation is None else apply(spec.activation, scope, y)


@apply.register(Bilinear)
def bilinear(spec: Bilinear, scope: Scope, x1: Array, x2: Array) -> Array:
    y: Array = np.einsum("...i,...j,ijf->...f", x1, x2, scope["kernel"])
    return y + scope["bias"] if spec.use_bias else y
