"""Contrastive losses."""

from __future__ import annotations

import numpy as np

from nnspec.errors import ShapeError
from nnspec.layers.base import show
from nnspec.losses import contrastive as specs
from nnspec.losses.base import Loss
from nnspec.reference.activation import log_softmax, softplus
from nnspec.reference.base import Array
from nnspec.reference.losses.base import elementwise, loss
from nnspec.reference.losses.regression import unit


@loss.register(specs.InfoNCE)
def _info_nce(spec: specs.InfoNCE, x: Array, targets: Array) -> Array:
    spec.positions(x.shape)
    scores = unit(x, spec.epsilon) @ unit(elementwise(x, targets), spec.epsilon).T / spec.temperature
    found = -np.diagonal(log_softmax(scores))
    return np.asarray((found - np.diagonal(log_softmax(scores.T))) / 2 if spec.symmetric else found)


def _of_positions(spec: Loss, x: Array, targets: Array) -> Array:
    """Targets of one number for each position, as they are."""
    if targets.shape != spec.positions(x.shape):
        given, wanted = show(targets.shape), show(spec.positions(x.shape))
        raise ShapeError(f"targets of shape {given}, outputs of shape {show(x.shape)} need {wanted}")
    return targets


def _pairs(spec: specs.NTXent | specs.Circle, x: Array, targets: Array) -> tuple[Array, Array, Array]:
    """The cosines of all pairs of examples, and which pairs are of one group and which of two."""
    same, vectors = _alike(spec, x, targets), unit(x, spec.epsilon)
    return vectors @ vectors.T, same, ~same


def _alike(spec: Loss, x: Array, targets: Array) -> Array:
    """Which pairs of examples are of one group."""
    groups = _of_positions(spec, x, targets)
    return np.asarray(groups[:, None] == groups)


def _log_sum(scores: Array, among: Array) -> Array:
    """ln Σ e^s of each row over those that are among its terms; −∞ where none are."""
    with np.errstate(all="ignore"):
        kept = np.where(among, scores, -np.inf)
        largest = np.where(among.any(-1, keepdims=True), kept.max(-1, keepdims=True), 0)
        return np.asarray((largest + np.log(np.exp(kept - largest).sum(-1, keepdims=True)))[:, 0])


@loss.register(specs.NTXent)
def _ntxent(spec: specs.NTXent, x: Array, targets: Array) -> Array:
    cosines, same, other = _pairs(spec, x, targets)
    scores, same = cosines / spec.temperature, same & ~np.eye(len(x), dtype=bool)
    rivals = _log_sum(scores, other)[:, None]
    return np.asarray(np.where(same, softplus(rivals - scores), 0).sum(-1) * (len(x) / max(same.sum(), 1)), x.dtype)


@loss.register(specs.Circle)
def _circle(spec: specs.Circle, x: Array, targets: Array) -> Array:
    cosines, same, other = _pairs(spec, x, targets)
    gamma, margin = spec.gamma, spec.margin
    same = same & ~np.eye(len(x), dtype=bool) if spec.remove_diagonal else same
    near = _log_sum(gamma * (1 + margin - cosines) * (1 - margin - cosines), same)
    far = _log_sum(gamma * np.maximum(cosines + margin, 0) * (cosines - margin), other)
    values = softplus(near + far)
    if spec.mean_of_positive and spec.reduction == "mean":
        values = values * (len(x) / max((values > 0).sum(), 1))
    return np.asarray(values, x.dtype)


def _distances(
    spec: specs.TripletMargin | specs.BatchHardTriplet | specs.BatchSemiHardTriplet, one: Array, other: Array
) -> Array:
    squares = ((one - other) ** 2).sum(-1)
    return np.asarray(squares if spec.squared else np.sqrt(squares + spec.epsilon))


@loss.register(specs.BatchHardTriplet)
def _batch_hard_triplet(spec: specs.BatchHardTriplet, x: Array, targets: Array) -> Array:
    same = _alike(spec, x, targets)
    distances, others = _distances(spec, x[:, None], x[None]), same & ~np.eye(len(x), dtype=bool)
    farthest = np.where(others, distances, -np.inf).max(-1)
    nearest = np.where(same, np.inf, distances).min(-1)
    return np.asarray(np.maximum(spec.margin + farthest - nearest, 0), x.dtype)


@loss.register(specs.BatchSemiHardTriplet)
def _batch_semi_hard_triplet(spec: specs.BatchSemiHardTriplet, x: Array, targets: Array) -> Array:
    same = _alike(spec, x, targets)
    distances, pairs = _distances(spec, x[:, None], x[None]), same & ~np.eye(len(x), dtype=bool)
    values = np.zeros(len(x), x.dtype)
    for i, j in zip(*np.nonzero(pairs), strict=True):
        others = distances[i][~same[i]]
        if others.size:
            beyond = others[others > distances[i, j]]
            rival = beyond.min() if beyond.size else others.max()
            values[i] += max(spec.margin + distances[i, j] - rival, 0)
    return np.asarray(values * (len(x) / max(pairs.sum(), 1)), x.dtype)


@loss.register(specs.TripletMargin)
def _triplet_margin(spec: specs.TripletMargin, x: Array, targets: Array) -> Array:
    y = _of_positions(spec, x, targets).astype(x.dtype)
    distances = _distances(spec, x[..., :1, :], x[..., 1:, :])
    return np.asarray(np.maximum(spec.margin + y * (distances[..., 0] - distances[..., 1]), 0))


@loss.register(specs.ContrastiveMargin)
def _contrastive_margin(spec: specs.ContrastiveMargin, x: Array, targets: Array) -> Array:
    y = _of_positions(spec, x, targets).astype(x.dtype)
    squares = ((x[..., 0, :] - x[..., 1, :]) ** 2).sum(-1)
    return np.asarray(y * squares + (1 - y) * np.maximum(spec.margin - np.sqrt(squares), 0) ** 2)
