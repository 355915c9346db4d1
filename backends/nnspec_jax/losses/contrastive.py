"""Contrastive losses."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from nnspec.losses import contrastive as specs
from nnspec_jax.losses.base import PerPosition, elementwise, realizing
from nnspec_jax.losses.regression import unit
from nnspec_jax.realize import HIGHEST


@realizing(specs.InfoNCE)
def _info_nce(spec: specs.InfoNCE) -> PerPosition:
    def per_position(x: jax.Array, targets: jax.Array) -> jax.Array:
        spec.positions(x.shape)
        keys = unit(elementwise(x, targets), spec.epsilon)
        scores = jnp.matmul(unit(x, spec.epsilon), keys.T, precision=HIGHEST) / spec.temperature
        found = -jnp.diagonal(jax.nn.log_softmax(scores, axis=1))
        return (found - jnp.diagonal(jax.nn.log_softmax(scores, axis=0))) / 2.0 if spec.symmetric else found

    return per_position
