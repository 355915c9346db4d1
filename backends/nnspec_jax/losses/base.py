"""Losses: functions to (total, count), and the quotient of the two."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from nnspec.errors import DataError, ShapeError
from nnspec.layers.base import Shape, show
from nnspec.losses.base import Loss, ignored_label, of_classes
from nnspec_jax.realize import build, widened

# (outputs, targets) -> the loss at every position; outputs are float32 at least. A loss that sums examples up before is
# given their weights, too.
PerPosition = Callable[..., jax.Array]


@dataclass(frozen=True)
class LossFunction:
    """A loss as functions of arrays, in the outputs' dtype (in float32 at least).

    Attributes:
        spec: what it realizes.
        per_position: the loss at every position, before weights and reduction, as Optax's losses give it.
    """

    spec: Loss
    per_position: PerPosition

    def totals(
        self, outputs: jax.Array, targets: jax.Array, weights: jax.Array | None = None
    ) -> tuple[jax.Array, jax.Array]:
        """(Σ w·l, count): the count is Σ w for "weighted_mean" and the number of positions else.

        Raises:
            ShapeError: outputs, targets and weights do not fit together.
        """
        x = widened(outputs)
        values = self.per_position(x, targets, *((weights,) if self.spec.pools() else ()))
        counted = kept(self.spec, targets)
        values = values if counted is None else jnp.where(counted, values, 0.0)
        total, weight = weighted(values, weights)
        positions = jnp.full((), values.size, values.dtype)
        if counted is not None or class_weights(self.spec, x) is not None:
            shares = jnp.ones_like(values) if counted is None else counted.astype(values.dtype)
            weight = weighted(shares * class_shares(self.spec, x, targets), weights)[0]
            positions = shares.sum()
        return total, weight if self.spec.reduction == "weighted_mean" else positions

    def reduced(self, total: jax.Array, count: jax.Array) -> jax.Array:
        """The loss from its sums, as ``spec.result``."""
        return total if self.spec.reduction == "sum" else total / count

    def __call__(self, outputs: jax.Array, targets: jax.Array, weights: jax.Array | None = None) -> jax.Array:
        """The reduced loss: what a hand-written step differentiates."""
        return self.reduced(*self.totals(outputs, targets, weights))


def weighted(values: jax.Array, weights: jax.Array | None) -> tuple[jax.Array, jax.Array]:
    """(Σ w·v, Σ w) with weights that broadcast from the front; without weights they are 1.

    Raises:
        ShapeError: the weights' axes are not the first axes of the values.
    """
    if weights is None:
        return values.sum(), jnp.full((), values.size, values.dtype)
    spread = spread_over(weights.astype(values.dtype), values.shape)
    return (spread * values).sum(), jnp.broadcast_to(spread, values.shape).sum()


def factors(spec: Loss, weights: jax.Array | None, x: jax.Array) -> jax.Array | float:
    """The weights of examples, or of their classes, as factors of terms of the outputs' shape; 1 without weights.

    Raises:
        ShapeError: the weights' axes are not the first axes of the loss's positions.
    """
    w = None if weights is None else spread_over(weights.astype(x.dtype), spec.positions(x.shape))
    return 1.0 if w is None else w.reshape(w.shape[:1] + (1,) * (x.ndim - w.ndim) + w.shape[1:])


def spread_over(weights: jax.Array, positions: Shape) -> jax.Array:
    """Weights with an axis for each of the positions' axes, of size 1 where they lack it."""
    if weights.shape != positions[: weights.ndim]:
        given, wanted = show(weights.shape), show(positions)
        raise ShapeError(f"weights of shape {given} are not for positions of shape {wanted}")
    return weights.reshape(weights.shape + (1,) * (len(positions) - weights.ndim))


def elementwise(outputs: jax.Array, targets: jax.Array) -> jax.Array:
    """Targets of the outputs' shape, in their dtype.

    Raises:
        ShapeError: they are of another shape.
    """
    if targets.shape != outputs.shape:
        given, wanted = show(targets.shape), show(outputs.shape)
        raise ShapeError(f"targets of shape {given} are not of the outputs' shape {wanted}")
    return targets.astype(outputs.dtype)


def is_class_ids(outputs: jax.Array, targets: jax.Array) -> bool:
    """Whether targets are class ids: of an integer dtype; else they are a distribution.

    Raises:
        ShapeError: class ids of another shape than one for each position.
    """
    if not jnp.issubdtype(targets.dtype, jnp.integer):
        return False
    if targets.shape != outputs.shape[:-1]:
        given, wanted = show(targets.shape), show(outputs.shape[:-1])
        hint = "; a distribution is of a float dtype" if targets.shape == outputs.shape else ""
        raise ShapeError(f"class ids have shape {given}, outputs of shape {show(outputs.shape)} need {wanted}{hint}")
    return True


def one_hot(outputs: jax.Array, ids: jax.Array) -> jax.Array:
    """True at the class of each position; outputs of the shape (..., classes)."""
    return ids[..., None] == jnp.arange(outputs.shape[-1], dtype=ids.dtype)


def kept(spec: Loss, targets: jax.Array) -> jax.Array | None:
    """Where the target is not the label that the loss ignores; None where all positions count."""
    label = ignored_label(spec, targets.dtype)
    return None if label is None else targets != label


def for_metrics(spec: Loss, targets: jax.Array, weights: jax.Array | None) -> tuple[jax.Array, jax.Array | None]:
    """Targets and weights as the metrics beside a loss take them: what it ignores weighs nothing and has the target 0.

    Raises:
        ShapeError: the weights' axes are not the first axes of the targets.
    """
    counted = kept(spec, targets)
    if counted is None:
        return targets, weights
    shares = counted if weights is None else jnp.where(counted, spread_over(weights, counted.shape), 0)
    return jnp.where(counted, targets, jnp.zeros_like(targets)), shares


def class_weights(spec: Loss, outputs: jax.Array) -> jax.Array | None:
    """A number for each class, in the dtype of the outputs; None without class weights."""
    numbers = getattr(spec, "class_weights", None)
    if numbers is None:
        return None
    return jnp.asarray(of_classes("class_weights", numbers, outputs.shape[-1]), outputs.dtype)


def class_shares(spec: Loss, outputs: jax.Array, targets: jax.Array) -> jax.Array | float:
    """Each position's weight by its class; 1 without class weights."""
    factors = class_weights(spec, outputs)
    return 1.0 if factors is None else jnp.sum(distribution(outputs, targets) * factors, axis=-1)


def distribution(outputs: jax.Array, targets: jax.Array) -> jax.Array:
    """The targets as a distribution over the classes: class ids as one-hot, nothing but zeros for ids of no class."""
    if is_class_ids(outputs, targets):
        return one_hot(outputs, targets).astype(outputs.dtype)
    return elementwise(outputs, targets)


def realizing(loss: Any) -> Callable[[Callable[[Any], PerPosition]], Callable[[Any], LossFunction]]:
    """Register the per-position function of a class of losses."""

    def register(make: Callable[[Any], PerPosition]) -> Callable[[Any], LossFunction]:
        return build.register(loss, lambda spec, *args: LossFunction(spec, make(spec)))

    return register


def check_class_ids(spec: Loss, targets: Any, classes: int | None) -> None:
    """Refuse class ids that are no class; a compiled step could not.

    Raises:
        DataError: naming the first of them.
    """
    ids = spec.class_ids(targets) if targets.dtype.kind in "iu" else None
    if ids is not None and classes is not None:
        out = (ids < 0) | (ids >= classes)
        label = getattr(spec, "ignore_label", None)
        wrong = ids[out if label is None else out & (ids != label)]
        if wrong.size:
            raise DataError(f"class id {wrong.flat[0]} is not one of {classes} classes (0 to {classes - 1})")
