"""Contrastive losses."""

from __future__ import annotations

import math

from nnspec.errors import ShapeError
from nnspec.layers.base import show
from nnspec.losses import contrastive as specs
from nnspec.losses.base import Loss
from nnspec_tensorflow.activation import constant
from nnspec_tensorflow.losses.base import Tensor, elementwise, loss
from nnspec_tensorflow.losses.margin import largest, positive
from nnspec_tensorflow.losses.regression import unit
from nnspec_tensorflow.startup import tf


def _products(rows: Tensor, columns: Tensor) -> Tensor:
    """Products of all rows and columns, in float64: GPUs may take those of float32 in TF32, for the whole process."""
    wide = (tf.cast(vectors, tf.float64) for vectors in (rows, columns))
    return tf.cast(tf.matmul(*wide, transpose_b=True), rows.dtype)


@loss.register
def _info_nce(spec: specs.InfoNCE, x: Tensor, targets: Tensor) -> Tensor:
    spec.positions(tuple(x.shape))
    keys = unit(elementwise(x, targets), spec.epsilon)
    scores = _products(unit(x, spec.epsilon), keys) / constant(spec.temperature, x)
    found = -tf.linalg.diag_part(tf.nn.log_softmax(scores, axis=1))
    return (found - tf.linalg.diag_part(tf.nn.log_softmax(scores, axis=0))) / 2 if spec.symmetric else found


def _of_positions(spec: Loss, x: Tensor, targets: Tensor) -> Tensor:
    """Targets of one number for each position, as they are.

    Raises:
        ShapeError: they are of another shape.
    """
    positions = spec.positions(tuple(x.shape))
    if not targets.shape.is_compatible_with(positions):
        given, of = show(tuple(targets.shape)), show(tuple(x.shape))
        raise ShapeError(f"targets of shape {given}, outputs of shape {of} need {show(positions)}")
    return targets


def _pairs(spec: specs.NTXent | specs.Circle, x: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """The cosines of all pairs of examples, and which pairs are of one group."""
    vectors = unit(x, spec.epsilon)
    return _products(vectors, vectors), _alike(spec, x, targets)


def _alike(spec: Loss, x: Tensor, targets: Tensor) -> Tensor:
    """Which pairs of examples are of one group."""
    groups = _of_positions(spec, x, targets)
    return groups[:, None] == groups[None, :]


def _others(same: Tensor) -> Tensor:
    """Pairs of one group without those of an example with itself."""
    return tf.linalg.set_diag(same, tf.zeros_like(same[0]))


def _log_sum(scores: Tensor, among: Tensor) -> tuple[Tensor, Tensor]:
    """ln Σ e^s of each row over those that are among its terms, (rows, 1), any number where none are; and where some
    are."""
    some, zero = tf.reduce_any(among, axis=-1, keepdims=True), tf.zeros_like(scores)
    largest = tf.reduce_max(tf.where(among, scores, constant(-math.inf, scores)), axis=-1, keepdims=True)
    largest = tf.stop_gradient(tf.where(some, largest, tf.zeros_like(largest)))
    terms = tf.where(among, tf.exp(tf.where(among, scores - largest, zero)), zero)
    total = tf.reduce_sum(terms, axis=-1, keepdims=True)
    return largest + tf.math.log(tf.where(some, total, tf.ones_like(total))), some


def _mean_over(counted: Tensor, values: Tensor) -> Tensor:
    """The values times what makes their mean over all one over those that are counted."""
    all_of_them = tf.cast(tf.shape(values)[0], values.dtype)
    return values * (all_of_them / tf.maximum(tf.reduce_sum(tf.cast(counted, values.dtype)), 1))


@loss.register
def _ntxent(spec: specs.NTXent, x: Tensor, targets: Tensor) -> Tensor:
    cosines, same = _pairs(spec, x, targets)
    scores, found, zero = cosines / constant(spec.temperature, x), _others(same), tf.zeros_like(cosines)
    rivals, some = _log_sum(scores, ~same)
    terms = tf.where(found & some, tf.math.softplus(tf.where(found & some, rivals - scores, zero)), zero)
    return _mean_over(found, tf.reduce_sum(terms, axis=-1))


@loss.register
def _circle(spec: specs.Circle, x: Tensor, targets: Tensor) -> Tensor:
    cosines, same = _pairs(spec, x, targets)
    gamma, margin = constant(spec.gamma, x), constant(spec.margin, x)
    found = _others(same) if spec.remove_diagonal else same
    near, one = _log_sum(gamma * (1 + margin - cosines) * (1 - margin - cosines), found)
    far, other = _log_sum(gamma * positive(cosines + margin) * (cosines - margin), ~same)
    both, zero = one & other, tf.zeros_like(near)
    values = tf.where(both, tf.math.softplus(tf.where(both, near + far, zero)), zero)[:, 0]
    return _mean_over(values > 0, values) if spec.mean_of_positive and spec.reduction == "mean" else values


_Triplet = specs.TripletMargin | specs.BatchHardTriplet | specs.BatchSemiHardTriplet


def _distances(spec: _Triplet, one: Tensor, other: Tensor) -> Tensor:
    squares = tf.reduce_sum(tf.square(one - other), axis=-1)
    return squares if spec.squared else tf.sqrt(squares + constant(spec.epsilon, squares))


@loss.register
def _batch_hard_triplet(spec: specs.BatchHardTriplet, x: Tensor, targets: Tensor) -> Tensor:
    same, never = _alike(spec, x, targets), constant(-math.inf, x)
    distances = _distances(spec, x[:, None], x[None])
    farthest = largest(tf.where(_others(same), distances, never))
    nearest = -largest(tf.where(same, never, -distances))
    return positive(constant(spec.margin, x) + farthest - nearest)  # −∞ where there is no triplet


@loss.register
def _batch_semi_hard_triplet(spec: specs.BatchSemiHardTriplet, x: Tensor, targets: Tensor) -> Tensor:
    same, never = _alike(spec, x, targets), constant(-math.inf, x)
    distances, pairs = _distances(spec, x[:, None], x[None]), _others(same)
    near, far = distances[:, :, None], distances[:, None]  # of i and j, of i and k
    beyond = ~same[:, None] & (far > near)
    nearest = -largest(tf.where(beyond, -far, never))
    farthest = largest(tf.where(same, never, distances))[:, None]
    rivals = tf.where(tf.reduce_any(beyond, -1), nearest, farthest)
    counted = pairs & ~tf.reduce_all(same, -1, keepdims=True)
    missing = tf.where(counted, constant(spec.margin, x) + distances - rivals, tf.zeros_like(distances))
    return _mean_over(pairs, tf.reduce_sum(positive(missing), axis=-1))


@loss.register
def _triplet_margin(spec: specs.TripletMargin, x: Tensor, targets: Tensor) -> Tensor:
    y = tf.cast(_of_positions(spec, x, targets), x.dtype)
    distances = _distances(spec, x[..., :1, :], x[..., 1:, :])
    return positive(constant(spec.margin, x) + y * (distances[..., 0] - distances[..., 1]))


@loss.register
def _contrastive_margin(spec: specs.ContrastiveMargin, x: Tensor, targets: Tensor) -> Tensor:
    y = tf.cast(_of_positions(spec, x, targets), x.dtype)
    squares = tf.reduce_sum(tf.square(x[..., 0, :] - x[..., 1, :]), axis=-1)
    equal = squares == 0
    distance = tf.where(equal, tf.zeros_like(squares), tf.sqrt(tf.where(equal, tf.ones_like(squares), squares)))
    return y * squares + (1 - y) * tf.square(positive(constant(spec.margin, x) - distance))
