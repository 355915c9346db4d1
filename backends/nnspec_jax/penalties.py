"""Penalties and constraints of parameters: functions of one tensor, and what makes them of all that they are for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp

from nnspec.model import Model
from nnspec.penalties import Constraint, Penalty
from nnspec_jax.activation import magnitude
from nnspec_jax.losses.regression import unit
from nnspec_jax.realize import HIGHEST, build, widened

Arrays = Mapping[str, jax.Array]
Function = Callable[[jax.Array], jax.Array]


@build.register
def penalty(spec: Penalty) -> Function:
    """P of one parameter, or of a node's values, in float32 at least; what has the factor 0 is not computed."""

    def size(x: jax.Array) -> jax.Array:
        x = widened(x)
        total = jnp.zeros((), x.dtype)
        if spec.l1:
            total = total + spec.l1 * jnp.sum(magnitude(x))
        if spec.l2:
            total = total + spec.l2 * jnp.sum(jnp.square(x))
        if spec.orthogonal:
            total = total + spec.orthogonal * _cosines(x if spec.vectors == "rows" else x.T)
        if spec.kl:
            total = total + spec.kl * _divergence(x)
        return total if spec.node is None else total / x.shape[0]

    return size


def _cosines(vectors: jax.Array) -> jax.Array:
    """The mean |cosine| of all pairs of vectors; 0 of a single one."""
    count = vectors.shape[0]
    directions = unit(vectors, 1e-7)
    cosines = magnitude(jnp.matmul(directions, directions.T, precision=HIGHEST))
    return jnp.sum(jnp.triu(cosines, 1)) / max(count * (count - 1) // 2, 1)


def _divergence(x: jax.Array) -> jax.Array:
    """KL of normal distributions, whose means and log variances stand side by side, from the standard one."""
    mean, log_variance = jnp.split(x, 2, axis=-1)
    return jnp.sum(jnp.square(mean) + jnp.expm1(log_variance) - log_variance) / 2.0


@build.register
def constraint(spec: Constraint) -> Function:
    """A parameter brought back to what it is held to, computed in float32 at least and rounded once."""

    def held(given: jax.Array) -> jax.Array:
        w = widened(given)
        w = jnp.maximum(w, 0.0) if spec.non_negative else w
        return (_bounded(spec, w) if spec.bounds_norms else w).astype(given.dtype)

    return held


def _bounded(spec: Constraint, w: jax.Array) -> jax.Array:
    norm = jnp.sqrt(jnp.sum(jnp.square(w), axis=spec.norm_axes(w.ndim), keepdims=True))
    wanted = norm if spec.min_norm is None else jnp.maximum(norm, spec.min_norm)
    wanted = wanted if spec.max_norm is None else jnp.minimum(wanted, spec.max_norm)
    wanted = spec.rate * wanted + (1.0 - spec.rate) * norm if spec.rate < 1 else wanted
    return w * jnp.where(norm == 0, 1.0, wanted / jnp.where(norm == 0, 1.0, norm + spec.epsilon))


class Penalties:
    """Σ P of parameters by canonical name and nodes' values by path."""

    def __init__(self, specs: Sequence[Penalty], model: Model) -> None:
        self.named = [(spec, build(spec), spec.names(model)) for spec in specs]

    def __call__(self, parameters: Arrays, nodes: Arrays) -> jax.Array:
        found = [size(parameters[name]) for _, size, names in self.named for name in names]
        found += [size(nodes[spec.node]) for spec, size, _ in self.named if spec.node is not None]
        return jnp.sum(jnp.stack(found))


class Constraints:
    """The parameters after the constraints, one after the other."""

    def __init__(self, specs: Sequence[Constraint], model: Model) -> None:
        self.named = [(build(spec), spec.names(model)) for spec in specs]

    def __call__(self, parameters: Arrays) -> dict[str, jax.Array]:
        found = dict(parameters)
        for held, names in self.named:
            found |= {name: held(found[name]) for name in names}
        return found
