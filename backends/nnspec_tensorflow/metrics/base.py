"""What all metrics share: the Keras metric around them, and what outputs are decided to be."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

from nnspec.metrics import Metric, Sums, added
from nnspec.spec import dump, parse
from nnspec.vocabulary import tag_of
from nnspec_tensorflow.losses import class_ids, elementwise, weighted
from nnspec_tensorflow.losses.base import spread_over
from nnspec_tensorflow.realize import missing, serializable, working
from nnspec_tensorflow.startup import keras, tf

Tensor = Any


@serializable
class SpecMetric(keras.metrics.Metric):
    """A metric of the spec as a Keras metric: its sums are exact over batches of any size."""

    def __init__(self, spec: Any, dtype: str = "float32", name: str | None = None) -> None:
        self.spec: Metric = parse("metric", spec)
        super().__init__(name=name or tag_of(type(self.spec)), dtype=working(dtype))
        if type(self.spec).shapes is Metric.shapes:  # the same for all outputs
            self._hold(())

    def _hold(self, outputs: Any) -> None:
        for of, shape in zip(self.spec.accumulators, self.spec.shapes(tuple(outputs)), strict=True):
            setattr(self, of, self.add_variable(shape=shape, initializer="zeros", dtype=self.dtype, name=of))

    @property
    def _held(self) -> list[Any]:
        return [getattr(self, of) for of in self.spec.accumulators]

    def sums(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> Sums:
        """What a batch adds to each accumulator, (Σ w·v, Σ w) for means."""
        return sums(self.spec, tf.cast(y_pred, self.dtype), tf.convert_to_tensor(y_true), sample_weight)

    def update_state(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> None:
        if not hasattr(self, self.spec.accumulators[0]):
            self._hold(y_pred.shape)
        batch = tuple(tf.cast(x, self.dtype) for x in self.sums(y_true, y_pred, sample_weight))
        running = tuple(tf.convert_to_tensor(variable) for variable in self._held)
        for variable, value in zip(self._held, added(self.spec, running, batch), strict=True):
            variable.assign(value)

    def result(self) -> Tensor:
        """The metric of all that was counted; NaN when nothing was."""
        return self.spec.finalize(*(tf.convert_to_tensor(variable) for variable in self._held), xp=keras.ops)

    def get_config(self) -> dict[str, Any]:
        return {"spec": dump(self.spec), "dtype": self.dtype, "name": self.name}


@singledispatch
def sums(spec: Any, x: Tensor, targets: Tensor, weights: Tensor | None) -> Sums:
    """What a batch adds to each accumulator. Metrics that are no means are registered here.

    Raises:
        ShapeError: outputs, targets and weights do not fit together.
    """
    return weighted(tf.cast(metric(spec, x, targets), x.dtype), weights)


@singledispatch
def metric(spec: Any, x: Tensor, targets: Tensor) -> Tensor:
    """The value of a mean at every position: a number, or whether it is right.

    Raises:
        BackendError: there is no realization of this class.
        ShapeError: outputs and targets do not fit together.
    """
    raise missing(spec)


def labels(x: Tensor, targets: Tensor) -> Tensor:
    """The target's class at every position: the id, or the first of the largest in a distribution."""
    ids = class_ids(x, targets)
    return first_largest(elementwise(x, targets)) if ids is None else ids


def first_largest(x: Tensor) -> Tensor:
    """The place of the largest along the last axis, of equals the first; none, the number of places, for NaN."""
    largest = x == tf.reduce_max(x, axis=-1, keepdims=True)
    return tf.reduce_min(tf.where(largest, tf.range(tf.shape(x)[-1]), tf.shape(x)[-1]), axis=-1)


def probabilities(spec: Any, x: Tensor) -> Tensor:
    """What a threshold is compared with."""
    return x if spec.from_probabilities else tf.sigmoid(x)


def weights_of(weights: Tensor | None, positions: Tensor) -> Tensor:
    """A weight for each position, 1 without weights, in float64, as sums are made."""
    if weights is None:
        return tf.ones(tf.shape(positions), tf.float64)
    return spread_over(tf.cast(tf.convert_to_tensor(weights), tf.float64), positions)
