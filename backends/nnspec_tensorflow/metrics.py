"""Metrics: the spec's values per position, in a Keras metric that sums them and their weights."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

from nnspec import metrics as specs
from nnspec.spec import dump, parse
from nnspec.vocabulary import tag_of
from nnspec_tensorflow.activation import constant
from nnspec_tensorflow.losses import class_ids, elementwise, weighted
from nnspec_tensorflow.realize import missing, serializable, working
from nnspec_tensorflow.startup import keras, tf

Tensor = Any


@serializable
class SpecMetric(keras.metrics.Metric):
    """A metric of the spec as a Keras metric: a total and a count, exact over batches of any size."""

    def __init__(self, spec: Any, dtype: str = "float32", name: str | None = None) -> None:
        self.spec: specs.Metric = parse("metric", spec)
        super().__init__(name=name or tag_of(type(self.spec)), dtype=working(dtype))
        self.total = self.add_variable(shape=(), initializer="zeros", dtype=self.dtype, name="total")
        self.count = self.add_variable(shape=(), initializer="zeros", dtype=self.dtype, name="count")

    def sums(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(Σ w·v, Σ w) of a batch."""
        x = tf.cast(y_pred, self.dtype)
        return weighted(tf.cast(metric(self.spec, x, tf.convert_to_tensor(y_true)), x.dtype), sample_weight)

    def update_state(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> None:
        total, count = self.sums(y_true, y_pred, sample_weight)
        self.total.assign(self.total + total)
        self.count.assign(self.count + count)

    def result(self) -> Tensor:
        """The metric of all that was counted; NaN when nothing was."""
        mean = tf.convert_to_tensor(self.total) / tf.convert_to_tensor(self.count)
        return tf.sqrt(mean) if isinstance(self.spec, specs.RMSE) else mean

    def get_config(self) -> dict[str, Any]:
        return {"spec": dump(self.spec), "dtype": self.dtype, "name": self.name}


@singledispatch
def metric(spec: Any, x: Tensor, targets: Tensor) -> Tensor:
    """The metric's value at every position: a number, or whether it is right.

    Raises:
        BackendError: there is no realization of this class.
        ShapeError: outputs and targets do not fit together.
    """
    raise missing(spec)


def _among_largest(x: Tensor, targets: Tensor, k: int) -> Tensor:
    """Whether fewer than k outputs stand before the target's; no output stands behind NaN."""
    ids = class_ids(x, targets)
    classes = tf.range(tf.shape(x)[-1])
    if ids is None:
        y = elementwise(x, targets)
        largest = y == tf.reduce_max(y, axis=-1, keepdims=True)
        ids = tf.reduce_min(tf.where(largest, classes, tf.shape(x)[-1]), axis=-1)  # the first of equals
    label = ids[..., None]
    own = tf.reduce_sum(tf.where(classes == label, x, tf.zeros_like(x)), axis=-1, keepdims=True)
    behind = (x < own) | ((x == own) & (classes >= label))
    return tf.reduce_sum(tf.cast(~behind, tf.int32), axis=-1) < k


@metric.register
def _accuracy(spec: specs.Accuracy, x: Tensor, targets: Tensor) -> Tensor:
    return _among_largest(x, targets, 1)


@metric.register
def _top_k_accuracy(spec: specs.TopKAccuracy, x: Tensor, targets: Tensor) -> Tensor:
    return _among_largest(x, targets, spec.k)


@metric.register
def _binary_accuracy(spec: specs.BinaryAccuracy, x: Tensor, targets: Tensor) -> Tensor:
    p = x if spec.from_probabilities else tf.sigmoid(x)
    return (p > constant(spec.threshold, x)) == (elementwise(x, targets) > 0.5)


@metric.register(specs.MSE)
@metric.register(specs.RMSE)
def _squared_error(spec: specs.MSE | specs.RMSE, x: Tensor, targets: Tensor) -> Tensor:
    return tf.square(x - elementwise(x, targets))


@metric.register
def _absolute_error(spec: specs.MAE, x: Tensor, targets: Tensor) -> Tensor:
    return tf.abs(x - elementwise(x, targets))
