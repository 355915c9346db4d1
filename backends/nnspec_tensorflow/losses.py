"""Losses: the spec's formulas, differentiated by TensorFlow, in a Keras loss that reduces as the spec does.

TensorFlow's fused cross-entropy kernels are not used: their gradient p − y is wrong where Σy ≠ 1.
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any

from nnspec import losses as specs
from nnspec.errors import ShapeError
from nnspec.layers.base import show
from nnspec.spec import dump, parse
from nnspec_tensorflow.activation import clamp, constant
from nnspec_tensorflow.realize import missing, serializable, working
from nnspec_tensorflow.startup import keras, tf

Tensor = Any


@serializable
class SpecLoss(keras.losses.Loss):
    """A loss of the spec as a Keras loss, for ``compile(loss=...)`` or to be called.

    ``call`` gives one value per position; calling the object reduces them by the spec's rule, with sample weights that
    broadcast from the front.
    """

    def __init__(self, spec: Any, dtype: str = "float32", name: str | None = None) -> None:
        super().__init__(name=name, dtype=working(dtype))
        self.spec: specs.Loss = parse("loss", spec)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return loss(self.spec, tf.cast(y_pred, self.dtype), tf.convert_to_tensor(y_true))

    def __call__(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        return reduced(self.spec, *self.sums(y_true, y_pred, sample_weight))

    def sums(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(Σ w·l, count) of a batch: Σ w for "weighted_mean", the number of positions else."""
        values = self.call(y_true, y_pred)
        total, weight = weighted(values, sample_weight)
        return total, weight if self.spec.reduction == "weighted_mean" else tf.cast(tf.size(values), values.dtype)

    def get_config(self) -> dict[str, Any]:
        return {"spec": dump(self.spec), "dtype": self.dtype, "name": self.name}


def reduced(spec: specs.Loss, total: Tensor, count: Tensor) -> Tensor:
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
    w = tf.cast(tf.convert_to_tensor(weights), values.dtype)
    if not w.shape.is_compatible_with(values.shape[: w.shape.rank]):
        raise ShapeError(f"weights of shape {_shown(w)} are not for positions of shape {_shown(values)}")
    w = tf.reshape(w, tf.concat([tf.shape(w), tf.ones(values.shape.rank - w.shape.rank, tf.int32)], 0))
    w = tf.broadcast_to(w, tf.shape(values))
    return tf.reduce_sum(w * values), tf.reduce_sum(w)


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


def _shown(tensor: Tensor) -> str:
    return show(tuple(tensor.shape))


@singledispatch
def loss(spec: Any, x: Tensor, targets: Tensor) -> Tensor:
    """The loss at every position, in the outputs' dtype.

    Raises:
        BackendError: there is no realization of this class.
        ShapeError: outputs and targets do not fit together.
    """
    raise missing(spec)


def _dot(y: Tensor, logs: Tensor) -> Tensor:
    """Σ y · ln q along the last axis, where 0 · ln q is 0 for any q."""
    zero = tf.zeros_like(y)
    return tf.reduce_sum(tf.where(y == 0, zero, y * tf.where(y == 0, zero, logs)), axis=-1)


@loss.register
def _softmax_cross_entropy(spec: specs.SoftmaxCrossEntropy, x: Tensor, targets: Tensor) -> Tensor:
    ids = class_ids(x, targets)
    y = elementwise(x, targets) if ids is None else tf.one_hot(ids, x.shape[-1], dtype=x.dtype)
    y = y * constant(1 - spec.label_smoothing, x) + constant(spec.label_smoothing / x.shape[-1], x)
    if not spec.from_probabilities:
        return -_dot(y, _log_softmax(x))
    q = clamp(x / tf.reduce_sum(x, axis=-1, keepdims=True), spec.epsilon, 1 - spec.epsilon)
    return -_dot(y, tf.math.log(q))


@loss.register
def _binary_cross_entropy(spec: specs.BinaryCrossEntropy, x: Tensor, targets: Tensor) -> Tensor:
    y = elementwise(x, targets) * constant(1 - spec.label_smoothing, x) + constant(spec.label_smoothing / 2, x)
    if not spec.from_probabilities:
        # max(x, 0) + ln(1 + e^(−|x|)) is softplus, whose derivative σ(x) has no kink to get wrong.
        return tf.math.softplus(x) - x * y
    q = clamp(x, spec.epsilon, 1 - spec.epsilon)
    return -y * tf.math.log(q) - (1 - y) * tf.math.log(1 - q)


@loss.register
def _mean_squared_error(spec: specs.MeanSquaredError, x: Tensor, targets: Tensor) -> Tensor:
    return tf.square(x - elementwise(x, targets))


@loss.register
def _mean_absolute_error(spec: specs.MeanAbsoluteError, x: Tensor, targets: Tensor) -> Tensor:
    return tf.abs(x - elementwise(x, targets))


@loss.register
def _huber(spec: specs.Huber, x: Tensor, targets: Tensor) -> Tensor:
    e, delta = x - elementwise(x, targets), constant(spec.delta, x)
    inside = tf.abs(e) <= delta
    quadratic = tf.square(tf.where(inside, e, delta)) / 2
    return tf.where(inside, quadratic, delta * (tf.abs(e) - delta / 2))


@loss.register
def _kl_divergence(spec: specs.KLDivergence, x: Tensor, targets: Tensor) -> Tensor:
    y = elementwise(x, targets)
    logs = tf.math.log(clamp(x, spec.epsilon, 1.0)) if spec.from_probabilities else _log_softmax(x)
    return _dot(y, tf.math.log(tf.where(y == 0, tf.ones_like(y), y)) - logs)


def _log_softmax(x: Tensor) -> Tensor:
    return tf.nn.log_softmax(x, axis=-1)
