"""Contrastive losses."""

from __future__ import annotations

import numpy as np

from nnspec.losses import contrastive as specs
from nnspec.reference.activation import log_softmax
from nnspec.reference.base import Array
from nnspec.reference.losses.base import elementwise, loss
from nnspec.reference.losses.regression import unit


@loss.register(specs.InfoNCE)
def _info_nce(spec: specs.InfoNCE, x: Array, targets: Array) -> Array:
    spec.positions(x.shape)
    scores = unit(x, spec.epsilon) @ unit(elementwise(x, targets), spec.epsilon).T / spec.temperature
    found = -np.diagonal(log_softmax(scores))
    return np.asarray((found - np.diagonal(log_softmax(scores.T))) / 2 if spec.symmetric else found)
