"""What all metrics share: their sums over a batch, and what outputs are decided to be."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from nnspec.metrics.base import Metric, Sums
from nnspec.reference.activation import sigmoid
from nnspec.reference.base import Array, floats, missing
from nnspec.reference.losses import class_ids, elementwise, weighted
from nnspec.reference.losses.base import spread_over


def value(spec: Metric, outputs: Any, targets: Any, weights: Any = None) -> Sums:
    """A batch's sums, (Σ w·v, Σ w) for means, with weights that broadcast from the front.

    ``spec.result`` makes the metric of them, and ``nnspec.metrics.added`` adds those of another batch.

    Raises:
        ShapeError: outputs, targets and weights do not fit together.
        DataError: a class id that is no class.
    """
    x = floats(outputs)
    spec.shapes(x.shape)
    return sums(spec, x, np.asarray(targets), weights)


@functools.singledispatch
def sums(spec: Any, x: Array, targets: Array, weights: Any) -> Sums:
    """What a batch adds to each accumulator. Metrics that are no means are registered here."""
    return weighted(metric(spec, x, targets).astype(x.dtype), weights)


@functools.singledispatch
def metric(spec: Any, x: Array, targets: Array) -> Array:
    """The value of each class of means at every position; they are registered here.

    Raises:
        BackendError: the class is not registered.
    """
    raise missing(spec)


def labels(x: Array, targets: Array) -> Array:
    """The target's class at every position: the id, or the first of the largest in a distribution."""
    ids = class_ids(x, targets)
    return elementwise(x, targets).argmax(-1) if ids is None else ids


def probabilities(spec: Any, x: Array) -> Array:
    """What a threshold is compared with."""
    return x if spec.from_probabilities else sigmoid(x)


def weights_of(weights: Any, positions: tuple[int, ...], dtype: Any) -> Array:
    """A weight for each position, 1 without weights."""
    return np.ones(positions, dtype) if weights is None else spread_over(np.asarray(weights).astype(dtype), positions)
