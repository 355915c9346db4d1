"""Layers that drop elements or add noise at random in training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

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
from nnspec_jax.realize import Context, at_least_float32, build, rounded_once

# (rate, shape) -> the boolean mask of one call, made by the model around: see nnspec_jax.model.Pass.
KeepMask = Callable[[float, tuple[int, ...]], jax.Array]
# (shape, dtype) -> the standard normal numbers of one call, made likewise.
Normals = Callable[[tuple[int, ...], Any], jax.Array]


class PhiloxDropout(nnx.Module):
    """Dropout whose mask comes from the model's seed and step (``nnx.Dropout`` draws from JAX's own generator).

    ``train()`` and ``eval()`` switch it as they switch ``nnx.Dropout``.
    """

    def __init__(self, spec: Dropout | SpatialDropout | StochasticDepth | AlphaDropout) -> None:
        self.spec = spec
        self.rate = spec.rate
        self.deterministic = False

    def __call__(self, x: jax.Array, keep_mask: KeepMask) -> jax.Array:
        if self.deterministic or self.rate == 0.0:
            return x
        mask = keep_mask(self.rate, self.spec.mask_shape(x.shape))
        return rounded_once(lambda x: self.dropped(x, mask))(x)

    def dropped(self, x: jax.Array, mask: jax.Array) -> jax.Array:
        """What a mask leaves of an input."""
        return jnp.where(mask, x / (1.0 - self.rate), 0.0)


class PhiloxAlphaDropout(PhiloxDropout):
    """Dropout to what SELU tends to, with mean and variance kept."""

    def dropped(self, x: jax.Array, mask: jax.Array) -> jax.Array:
        assert isinstance(self.spec, AlphaDropout)
        a, b = self.spec.affine
        return a * jnp.where(mask, x, SELU_LIMIT) + b


class PhiloxNoise(nnx.Module):
    """Normal noise from the model's seed and step, added to the input or multiplied with it."""

    def __init__(self, spec: GaussianNoise | GaussianDropout) -> None:
        self.stddev = spec.stddev
        self.multiplies = isinstance(spec, GaussianDropout)
        self.deterministic = False

    def __call__(self, x: jax.Array, normals: Normals) -> jax.Array:
        if self.deterministic or self.stddev == 0.0:
            return x
        noise = self.stddev * normals(x.shape, at_least_float32(x.dtype))
        return rounded_once(lambda x: x * (1.0 + noise) if self.multiplies else x + noise)(x)


class PhiloxSample(nnx.Module):
    """Samples of normal distributions from the model's seed and step; their means where it is deterministic."""

    def __init__(self) -> None:
        self.deterministic = False

    def __call__(self, x: jax.Array, normals: Normals) -> jax.Array:
        mean, _ = jnp.split(x, 2, axis=-1)
        if self.deterministic:
            return mean
        noise = normals(mean.shape, at_least_float32(x.dtype))
        return rounded_once(lambda x: _sampled(x, noise))(x)


def _sampled(x: jax.Array, noise: jax.Array) -> jax.Array:
    mean, log_variance = jnp.split(x, 2, axis=-1)
    return mean + jnp.exp(log_variance / 2.0) * noise


@build.register(Dropout)
@build.register(SpatialDropout)
@build.register(StochasticDepth)
def dropout(spec: Dropout | SpatialDropout | StochasticDepth, context: Context) -> PhiloxDropout:
    return PhiloxDropout(spec)


@build.register
def alpha_dropout(spec: AlphaDropout, context: Context) -> PhiloxAlphaDropout:
    return PhiloxAlphaDropout(spec)


@build.register(GaussianNoise)
@build.register(GaussianDropout)
def noise(spec: GaussianNoise | GaussianDropout, context: Context) -> PhiloxNoise:
    return PhiloxNoise(spec)


@build.register
def sample(spec: GaussianSample, context: Context) -> PhiloxSample:
    return PhiloxSample()
