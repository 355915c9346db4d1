"""Penalties and constraints of parameters: functions of one tensor, and what makes them of all that they are for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nnspec.model import Model
from nnspec.penalties import Constraint, Penalty
from nnspec_tensorflow.activation import constant
from nnspec_tensorflow.losses.regression import unit
from nnspec_tensorflow.realize import working
from nnspec_tensorflow.startup import tf

Tensor = Any


def penalty(spec: Penalty, x: Tensor) -> Tensor:
    """P of one parameter, or of a node's values, in float64, in which the sums of losses are made, too.

    What has the factor 0 is not computed.
    """
    x = tf.cast(x, working(x.dtype.name))
    total = tf.zeros((), tf.float64)
    if spec.l1:
        total += _sum(spec.l1, tf.abs(x))
    if spec.l2:
        total += _sum(spec.l2, tf.square(x))
    if spec.orthogonal:
        total += _sum(spec.orthogonal, _cosines(x if spec.vectors == "rows" else tf.transpose(x)))
    if spec.kl:
        total += _sum(spec.kl / 2, _divergences(x))
    return total if spec.node is None else total / tf.cast(tf.shape(x)[0], total.dtype)


def _sum(factor: float, x: Tensor) -> Tensor:
    wide = tf.cast(x, tf.float64)
    return constant(factor, wide) * tf.reduce_sum(wide)


def _cosines(vectors: Tensor) -> Tensor:
    """|cosine| of each pair of vectors, divided by the number of pairs; zeros elsewhere."""
    count = vectors.shape[0]
    directions = unit(vectors, 1e-7)
    cosines = tf.abs(tf.matmul(directions, directions, transpose_b=True))
    above = tf.linalg.set_diag(tf.linalg.band_part(cosines, 0, -1), tf.zeros_like(cosines[0]))
    return above / max(count * (count - 1) // 2, 1)


def _divergences(x: Tensor) -> Tensor:
    """Twice the KL of each normal distribution, of which x has means and log variances, from the standard one."""
    mean, log_variance = tf.split(x, 2, axis=-1)
    return tf.square(mean) + tf.math.expm1(log_variance) - log_variance


def constrained(spec: Constraint, given: Tensor) -> Tensor:
    """A parameter brought back to what it is held to, computed in float32 at least and rounded once."""
    w = tf.cast(given, working(given.dtype.name))
    w = tf.maximum(w, 0) if spec.non_negative else w
    return tf.cast(_bounded(spec, w) if spec.bounds_norms else w, given.dtype)


def _bounded(spec: Constraint, w: Tensor) -> Tensor:
    norm = tf.sqrt(tf.reduce_sum(tf.square(w), axis=spec.norm_axes(w.shape.rank), keepdims=True))
    wanted = norm if spec.min_norm is None else tf.maximum(norm, constant(spec.min_norm, w))
    wanted = wanted if spec.max_norm is None else tf.minimum(wanted, constant(spec.max_norm, w))
    if spec.rate < 1:
        wanted = constant(spec.rate, w) * wanted + constant(1 - spec.rate, w) * norm
    one, zero = tf.ones_like(norm), norm == 0
    return w * tf.where(zero, one, wanted / tf.where(zero, one, norm + constant(spec.epsilon, w)))


class Penalties:
    """Σ P of parameters by canonical name and nodes' values by path.

    Attributes:
        of_nodes: whether there are any of nodes' values.
    """

    def __init__(self, specs: Sequence[Penalty], model: Model) -> None:
        self.named = [(spec, spec.names(model)) for spec in specs]
        self.of_nodes = any(spec.node is not None for spec in specs)

    def __call__(self, parameters: Mapping[str, Tensor], nodes: Mapping[str, Tensor]) -> Tensor:
        found = [penalty(spec, tf.convert_to_tensor(parameters[name])) for spec, names in self.named for name in names]
        found += [penalty(spec, nodes[spec.node]) for spec, _ in self.named if spec.node is not None]
        return tf.add_n(found)


class Constraints:
    """Variables by canonical name, which are assigned what the constraints make of them, one after the other."""

    def __init__(self, specs: Sequence[Constraint], model: Model) -> None:
        self.named = [(spec, spec.names(model)) for spec in specs]

    def assign(self, variables: Mapping[str, Any], made: Tensor | None = None) -> None:
        """``made``: 0 where the update was left out, and the variables stay as they are; None where none can be."""
        for spec, names in self.named:
            for name in names:
                now = tf.convert_to_tensor(variables[name])
                held = constrained(spec, now)
                variables[name].assign(held if made is None else tf.where(made == 0, now, held))
