"""What all losses share: the Keras loss that reduces as the spec does, and targets that are checked."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np

from nnspec.errors import ShapeError
from nnspec.layers.base import Shape, show
from nnspec.losses.base import Loss, ignored_label, of_classes
from nnspec.spec import dump, parse
from nnspec_tensorflow.realize import missing, serializable, working
from nnspec_tensorflow.startup import keras, tf

Tensor = Any


@serializable
class SpecLoss(keras.losses.Loss):
    """A loss of the spec as a Keras loss, for ``compile(loss=...)`` or to be called.

    ``call`` gives one value per position; calling the object reduces them by the spec's rule, with sample weights that
    broadcast from the front. A loss that sums examples up before is given their weights in ``call``, too.
    """

    def __init__(self, spec: Any, dtype: str = "float32", name: str | None = None) -> None:
        super().__init__(name=name, dtype=working(dtype))
        self.spec: Loss = parse("loss", spec)

    def call(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        targets = tf.convert_to_tensor(y_true)
        weights = (sample_weight,) if self.spec.pools() else ()
        values, counted = loss(self.spec, tf.cast(y_pred, self.dtype), targets, *weights), kept(self.spec, targets)
        return values if counted is None else tf.where(counted, values, tf.zeros_like(values))

    def __call__(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        return reduced(self.spec, *self.sums(y_true, y_pred, sample_weight))

    def sums(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(Σ w·l, count) of a batch: Σ w for "weighted_mean", the number of positions else."""
        x, targets = tf.cast(y_pred, self.dtype), tf.convert_to_tensor(y_true)
        values, counted = self.call(targets, x, sample_weight), kept(self.spec, targets)
        total, weight = weighted(values, sample_weight)
        positions = tf.cast(tf.size(values), values.dtype)
        if counted is not None or class_weights(self.spec, x) is not None:
            shares = tf.ones_like(values) if counted is None else tf.cast(counted, values.dtype)
            weight = weighted(shares * class_shares(self.spec, x, targets), sample_weight)[0]
            positions = weighted(shares, None)[0]
        return total, weight if self.spec.reduction == "weighted_mean" else positions

    def get_config(self) -> dict[str, Any]:
        return {"spec": dump(self.spec), "dtype": self.dtype, "name": self.name}


def reduced(spec: Loss, total: Tensor, count: Tensor) -> Tensor:
    """The reduced loss; NaN when nothing was counted."""
    return total if spec.reduction == "sum" else total / count


def weighted(values: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor]:
    """(Σ w·v, Σ w), with weights that broadcast from the front; without weights they are 1.

    Sums are made in float64: XLA on the CPU adds one by one, and loses two digits over 10⁴ positions in float32.

    Raises:
        ShapeError: the weights' axes are not the first axes of the values.
    """
    total, count = _sums(tf.cast(values, tf.float64), weights)
    return tf.cast(total, values.dtype), tf.cast(count, values.dtype)


def _sums(values: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor]:
    if weights is None:
        return tf.reduce_sum(values), tf.cast(tf.size(values), values.dtype)
    w = spread_over(tf.cast(tf.convert_to_tensor(weights), values.dtype), values)
    return tf.reduce_sum(w * values), tf.reduce_sum(w)


def factors(spec: Loss, weights: Tensor | None, x: Tensor) -> Tensor:
    """The weights of examples, or of their classes, as factors of terms of the outputs' shape; 1 without weights.

    Raises:
        ShapeError: the weights' axes are not the first axes of the loss's positions.
    """
    w = tf.ones((1,), x.dtype) if weights is None else tf.cast(tf.convert_to_tensor(weights), x.dtype)
    if weights is not None:
        _check_weights(w, spec.positions(tuple(x.shape)))
    inner = tf.ones(x.shape.rank - w.shape.rank, tf.int32)
    return tf.reshape(w, tf.concat([tf.shape(w)[:1], inner, tf.shape(w)[1:]], 0))


def _check_weights(w: Tensor, positions: Shape) -> None:
    if not w.shape.is_compatible_with(positions[: w.shape.rank]):
        raise ShapeError(f"weights of shape {_shown(w)} are not for positions of shape {show(positions)}")


def spread_over(w: Tensor, values: Tensor) -> Tensor:
    """Weights for all positions, repeated along the axes that they lack."""
    _check_weights(w, tuple(values.shape))
    w = tf.reshape(w, tf.concat([tf.shape(w), tf.ones(values.shape.rank - w.shape.rank, tf.int32)], 0))
    return tf.broadcast_to(w, tf.shape(values))


def elementwise(x: Tensor, targets: Tensor) -> Tensor:
    """Targets of the outputs' shape, in their dtype."""
    if not targets.shape.is_compatible_with(x.shape):
        raise ShapeError(f"targets of shape {_shown(targets)} are not of the outputs' shape {_shown(x)}")
    return tf.cast(targets, x.dtype)


def class_ids(x: Tensor, targets: Tensor) -> Tensor | None:
    """The targets as class ids if they are of an integer dtype, else None: they are a distribution then."""
    if not targets.dtype.is_integer:
        return None
    if not targets.shape.is_compatible_with(x.shape[:-1]):
        needed = show(tuple(x.shape[:-1]))
        hint = "; a distribution is of a float dtype" if targets.shape == x.shape else ""
        raise ShapeError(
            f"class ids of shape {_shown(targets)} do not fit outputs {_shown(x)}, which need {needed}{hint}"
        )
    return tf.cast(targets, tf.int32)


def kept(spec: Loss, targets: Tensor) -> Tensor | None:
    """Where the target is not the label that the loss ignores; None where all positions count."""
    label = ignored_label(spec, np.dtype(targets.dtype.as_numpy_dtype))
    return None if label is None else targets != tf.constant(label, targets.dtype)


def for_metrics(spec: Loss, targets: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Targets and weights as the metrics beside a loss take them: what it ignores weighs nothing and has the target 0.

    Raises:
        ShapeError: the weights' axes are not the first axes of the targets.
    """
    counted = kept(spec, targets)
    if counted is None:
        return targets, weights
    shares = counted if weights is None else tf.cast(counted, weights.dtype) * spread_over(weights, counted)
    return tf.where(counted, targets, tf.zeros_like(targets)), shares


def class_weights(spec: Loss, x: Tensor) -> Tensor | None:
    """A number for each class, in the dtype of the outputs; None without class weights."""
    numbers = getattr(spec, "class_weights", None)
    return None if numbers is None else tf.constant(of_classes("class_weights", numbers, x.shape[-1]), x.dtype)


def class_shares(spec: Loss, x: Tensor, targets: Tensor) -> Tensor:
    """Each position's weight by its class; 1 without class weights."""
    factors = class_weights(spec, x)
    return tf.ones((), x.dtype) if factors is None else tf.reduce_sum(distribution(x, targets) * factors, axis=-1)


def distribution(x: Tensor, targets: Tensor) -> Tensor:
    """The targets as a distribution over the classes: class ids as one-hot, nothing but zeros for ids of no class."""
    ids = class_ids(x, targets)
    return elementwise(x, targets) if ids is None else tf.one_hot(ids, x.shape[-1], dtype=x.dtype)


def _shown(tensor: Tensor) -> str:
    return show(tuple(tensor.shape))


@singledispatch
def loss(spec: Any, x: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """The loss at every position, in the outputs' dtype.

    Losses that sum examples up before, and no others, are given the weights of these.

    Raises:
        BackendError: there is no realization of this class.
        ShapeError: outputs and targets do not fit together.
    """
    raise missing(spec)
