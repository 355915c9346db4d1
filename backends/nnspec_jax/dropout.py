"""Layers that drop at random in training."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import nnx

from nnspec.layers.dropout import Dropout
from nnspec_jax.realize import Context, build, rounded_once

# (rate, shape) -> the boolean mask of one call, made by the model around: see nnspec_jax.model.Pass.
KeepMask = Callable[[float, tuple[int, ...]], jax.Array]


class PhiloxDropout(nnx.Module):
    """Dropout whose mask comes from the model's seed and step (``nnx.Dropout`` draws from JAX's own generator).

    ``train()`` and ``eval()`` switch it as they switch ``nnx.Dropout``.
    """

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.deterministic = False

    def __call__(self, x: jax.Array, keep_mask: KeepMask) -> jax.Array:
        if self.deterministic or self.rate == 0.0:
            return x
        mask = keep_mask(self.rate, x.shape)
        return rounded_once(lambda x: jnp.where(mask, x / (1.0 - self.rate), 0.0))(x)


@build.register
def dropout(spec: Dropout, context: Context) -> PhiloxDropout:
    return PhiloxDropout(spec.rate)
