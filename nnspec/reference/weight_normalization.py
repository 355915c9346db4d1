"""Layers whose kernel is normalized before it is used."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nnspec.layers.weight_normalization import SpectralNorm, WeightNorm
from nnspec.reference.base import Array, Scope, apply


def _with_kernel(scope: Scope, kernel: Array) -> Scope:
    """What the layer within is given: its own variables, with another kernel."""
    owner = f"{scope.owner}/layer"
    variables = {**scope.state.variables, f"{owner}/kernel": kernel}
    return replace(scope, owner=owner, state=replace(scope.state, variables=variables))


def _unit(x: Array, epsilon: float) -> Array:
    return np.asarray(x / np.maximum(np.sqrt((x * x).sum()), x.dtype.type(epsilon)))


@apply.register(SpectralNorm)
def spectral_norm(spec: SpectralNorm, scope: Scope, *inputs: Array) -> Array:
    kernel = scope["layer/kernel"]
    matrix = kernel.reshape(-1, kernel.shape[-1])
    u = scope["u"]
    if scope.training:
        for _ in range(spec.n_steps):
            v = _unit(matrix @ u, spec.epsilon)
            u = _unit(v @ matrix, spec.epsilon)
        scope.update("u", u)
    else:
        u = _unit(u, spec.epsilon)
        v = _unit(matrix @ u, spec.epsilon)
    sigma = v @ matrix @ u
    if spec.stored_sigma:
        if scope.training:
            scope.update("sigma", np.asarray(sigma))
        else:
            sigma = scope["sigma"]
    return apply(spec.layer, _with_kernel(scope, kernel / sigma if sigma else kernel), *inputs)


@apply.register(WeightNorm)
def weight_norm(spec: WeightNorm, scope: Scope, *inputs: Array) -> Array:
    v = scope["layer/kernel"]
    summed = spec.summed(v.ndim)
    kernel = v / np.sqrt((v * v).sum(summed, keepdims=True) + v.dtype.type(spec.epsilon))
    if spec.use_scale:
        kernel = kernel * np.expand_dims(scope["scale"], summed)
    return apply(spec.layer, _with_kernel(scope, kernel), *inputs)
