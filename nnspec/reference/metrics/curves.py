"""Areas under curves: weights of positive and negative elements between thresholds."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnspec.metrics import Sums, curves as specs
from nnspec.reference.base import Array
from nnspec.reference.losses import elementwise
from nnspec.reference.metrics.base import probabilities, sums, weights_of


@sums.register(specs.AUC)
def _auc(spec: specs.AUC, x: Array, targets: Array, weights: Any) -> Sums:
    positive = (elementwise(x, targets) > 0.5).ravel()
    place = np.ceil(probabilities(spec, x) * spec.buckets) - 1
    bucket = np.clip(place, 0, spec.buckets - 1).astype(np.int64).ravel()
    w = weights_of(weights, x.shape, x.dtype).ravel()
    found = np.zeros((2, spec.buckets), x.dtype)
    np.add.at(found, (np.where(positive, 0, 1), bucket), w)
    return found[0], found[1]
