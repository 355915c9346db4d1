"""Normalization: derivatives that are written out."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("jax", reason="the jax backend is not installed")

import jax
from jax.test_util import check_grads

from nnspec_jax.normalization import over_batch


@pytest.mark.parametrize(("axes", "shape"), [((0, 1), (1, 1, 4)), ((0, 2), (1, 5, 1))])
def test_derivatives_of_both_modes_and_orders(axes: tuple[int, ...], shape: tuple[int, ...]) -> None:
    """Against finite differences, by JAX's own means: statistics are those of the batch and have derivatives, too."""
    rng = np.random.default_rng(4)
    with jax.enable_x64(True):
        given = tuple(jax.numpy.asarray(rng.normal(size=size)) for size in ((3, 5, 4), shape, shape))

        def summed(x: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
            return jax.numpy.sin(over_batch(x, scale, bias, axes, 0.1)).sum()

        check_grads(jax.jit(summed), given, order=2, modes=("fwd", "rev"), rtol=1e-5)
