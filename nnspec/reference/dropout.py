"""Layers that drop elements or add noise at random in training."""

from __future__ import annotations

import numpy as np

from nnspec.layers.dropout import (
    SELU_LIMIT,
    AlphaDropout,
    Dropout,
    GaussianDropout,
    GaussianNoise,
    GaussianSample,
    SpatialDropout,
    StochasticDepth,
)
from nnspec.reference.base import Array, Scope, apply


@apply.register(Dropout)
@apply.register(SpatialDropout)
@apply.register(StochasticDepth)
def dropout(spec: Dropout | SpatialDropout | StochasticDepth, scope: Scope, x: Array) -> Array:
    if not scope.training or spec.rate == 0:
        return x
    return np.where(scope.keep_mask(spec.rate, spec.mask_shape(x.shape)), x / (1 - spec.rate), 0)


@apply.register(AlphaDropout)
def alpha_dropout(spec: AlphaDropout, scope: Scope, x: Array) -> Array:
    if spec.rate == 0 or not scope.training:
        return x
    (a, b), mask = spec.affine, scope.keep_mask(spec.rate, spec.mask_shape(x.shape))
    y: Array = a * np.where(mask, x, x.dtype.type(SELU_LIMIT)) + b
    return y


@apply.register(GaussianNoise)
def gaussian_noise(spec: GaussianNoise, scope: Scope, x: Array) -> Array:
    return x + spec.stddev * scope.normals(x.shape).astype(x.dtype) if scope.training and spec.stddev else x


@apply.register(GaussianDropout)
def gaussian_dropout(spec: GaussianDropout, scope: Scope, x: Array) -> Array:
    return x * (1 + spec.stddev * scope.normals(x.shape).astype(x.dtype)) if scope.training and spec.rate else x


@apply.register(GaussianSample)
def gaussian_sample(spec: GaussianSample, scope: Scope, x: Array) -> Array:
    mean, log_variance = np.split(x, 2, axis=-1)
    return mean + np.exp(log_variance / 2) * scope.normals(mean.shape).astype(x.dtype) if scope.training else mean
