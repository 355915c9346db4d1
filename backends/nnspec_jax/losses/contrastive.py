"""Contrastive losses."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from nnspec.errors import ShapeError
from nnspec.layers.base import show
from nnspec.losses import contrastive as specs
from nnspec.losses.base import Loss
from nnspec_jax.activation import softplus
from nnspec_jax.losses.base import PerPosition, elementwise, realizing
from nnspec_jax.losses.margin import largest
from nnspec_jax.losses.regression import unit
from nnspec_jax.realize import HIGHEST


def _products(rows: jax.Array, columns: jax.Array) -> jax.Array:
    return jnp.matmul(rows, columns.T, precision=HIGHEST)


@realizing(specs.InfoNCE)
def _info_nce(spec: specs.InfoNCE) -> PerPosition:
    def per_position(x: jax.Array, targets: jax.Array) -> jax.Array:
        spec.positions(x.shape)
        scores = _products(unit(x, spec.epsilon), unit(elementwise(x, targets), spec.epsilon)) / spec.temperature
        found = -jnp.diagonal(jax.nn.log_softmax(scores, axis=1))
        return (found - jnp.diagonal(jax.nn.log_softmax(scores, axis=0))) / 2.0 if spec.symmetric else found

    return per_position


def _of_positions(spec: Loss, x: jax.Array, targets: jax.Array) -> jax.Array:
    """Targets of one number for each position, as they are.

    Raises:
        ShapeError: they are of another shape.
    """
    if targets.shape != spec.positions(x.shape):
        given, wanted = show(targets.shape), show(spec.positions(x.shape))
        raise ShapeError(f"targets of shape {given}, outputs of shape {show(x.shape)} need {wanted}")
    return targets


def _pairs(spec: specs.NTXent | specs.Circle, x: jax.Array, targets: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The cosines of all pairs of examples, and which pairs are of one group."""
    vectors = unit(x, spec.epsilon)
    return _products(vectors, vectors), _alike(spec, x, targets)


def _alike(spec: Loss, x: jax.Array, targets: jax.Array) -> jax.Array:
    """Which pairs of examples are of one group."""
    groups = _of_positions(spec, x, targets)
    return groups[:, None] == groups


def _others(same: jax.Array) -> jax.Array:
    """Pairs of one group without those of an example with itself."""
    return same & ~jnp.eye(same.shape[0], dtype=bool)


def _log_sum(scores: jax.Array, among: jax.Array) -> tuple[jax.Array, jax.Array]:
    """ln Σ e^s of each row over those that are among its terms, (rows, 1), any number where none are; and where some
    are."""
    some = among.any(axis=-1, keepdims=True)
    largest = jax.lax.stop_gradient(jnp.max(jnp.where(among, scores, -jnp.inf), axis=-1, keepdims=True))
    largest = jnp.where(some, largest, 0.0)
    terms = jnp.where(among, jnp.exp(jnp.where(among, scores - largest, 0.0)), 0.0)
    return largest + jnp.log(jnp.where(some, terms.sum(-1, keepdims=True), 1.0)), some


@realizing(specs.NTXent)
def _ntxent(spec: specs.NTXent) -> PerPosition:
    def per_position(x: jax.Array, targets: jax.Array) -> jax.Array:
        cosines, same = _pairs(spec, x, targets)
        scores, found = cosines / spec.temperature, _others(same)
        rivals, some = _log_sum(scores, ~same)
        values = jnp.where(found & some, softplus(jnp.where(found & some, rivals - scores, 0.0)), 0.0)
        return values.sum(-1) * (x.shape[0] / jnp.maximum(found.sum(), 1).astype(x.dtype))

    return per_position


@realizing(specs.Circle)
def _circle(spec: specs.Circle) -> PerPosition:
    gamma, margin = spec.gamma, spec.margin

    def per_position(x: jax.Array, targets: jax.Array) -> jax.Array:
        cosines, same = _pairs(spec, x, targets)
        near, one = _log_sum(
            gamma * (1.0 + margin - cosines) * (1.0 - margin - cosines), _others(same) if spec.remove_diagonal else same
        )
        weight = jnp.where(cosines + margin <= 0, 0.0, cosines + margin)
        far, other = _log_sum(gamma * weight * (cosines - margin), ~same)
        both = one & other
        values = jnp.where(both, softplus(jnp.where(both, near + far, 0.0)), 0.0)[:, 0]
        if spec.mean_of_positive and spec.reduction == "mean":
            values = values * (x.shape[0] / jnp.maximum(jnp.sum(values > 0), 1).astype(x.dtype))
        return values

    return per_position


_Triplet = specs.TripletMargin | specs.BatchHardTriplet | specs.BatchSemiHardTriplet


def _distances(spec: _Triplet, one: jax.Array, other: jax.Array) -> jax.Array:
    squares = jnp.sum(jnp.square(one - other), axis=-1)
    return squares if spec.squared else jnp.sqrt(squares + spec.epsilon)


@realizing(specs.BatchHardTriplet)
def _batch_hard_triplet(spec: specs.BatchHardTriplet) -> PerPosition:
    def per_position(x: jax.Array, targets: jax.Array) -> jax.Array:
        same = _alike(spec, x, targets)
        distances = _distances(spec, x[:, None], x[None])
        farthest = largest(jnp.where(_others(same), distances, -jnp.inf))
        nearest = -largest(jnp.where(same, -jnp.inf, -distances))
        missing = spec.margin + farthest - nearest  # −∞ where there is no triplet
        return jnp.where(missing <= 0, 0.0, missing)

    return per_position


@realizing(specs.BatchSemiHardTriplet)
def _batch_semi_hard_triplet(spec: specs.BatchSemiHardTriplet) -> PerPosition:
    def per_position(x: jax.Array, targets: jax.Array) -> jax.Array:
        same = _alike(spec, x, targets)
        distances, pairs = _distances(spec, x[:, None], x[None]), _others(same)
        near, far = distances[:, :, None], distances[:, None]  # of i and j, of i and k
        beyond = ~same[:, None] & (far > near)
        nearest = -largest(jnp.where(beyond, -far, -jnp.inf))
        farthest = largest(jnp.where(same, -jnp.inf, distances))[:, None]
        rivals = jnp.where(beyond.any(-1), nearest, farthest)
        missing = jnp.where(pairs & ~same.all(-1, keepdims=True), spec.margin + distances - rivals, 0.0)
        total = jnp.where(missing <= 0, 0.0, missing).sum(-1)
        return total * (x.shape[0] / jnp.maximum(pairs.sum(), 1).astype(x.dtype))

    return per_position


@realizing(specs.TripletMargin)
def _triplet_margin(spec: specs.TripletMargin) -> PerPosition:
    def per_position(x: jax.Array, targets: jax.Array) -> jax.Array:
        y = _of_positions(spec, x, targets).astype(x.dtype)
        distances = _distances(spec, x[..., :1, :], x[..., 1:, :])
        missing = spec.margin + y * (distances[..., 0] - distances[..., 1])
        return jnp.where(missing <= 0, 0.0, missing)

    return per_position


@realizing(specs.ContrastiveMargin)
def _contrastive_margin(spec: specs.ContrastiveMargin) -> PerPosition:
    def per_position(x: jax.Array, targets: jax.Array) -> jax.Array:
        y = _of_positions(spec, x, targets).astype(x.dtype)
        squares = jnp.sum(jnp.square(x[..., 0, :] - x[..., 1, :]), axis=-1)
        equal = squares == 0
        missing = spec.margin - jnp.where(equal, 0.0, jnp.sqrt(jnp.where(equal, 1.0, squares)))
        return y * squares + (1.0 - y) * jnp.square(jnp.where(missing <= 0, 0.0, missing))

    return per_position
