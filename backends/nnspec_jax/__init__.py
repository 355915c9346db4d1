"""The JAX backend: specs realized by Flax NNX modules and Optax transformations, compiled by XLA."""

from __future__ import annotations

REQUIRES = ("jax", "flax", "optax")
