"""Contrastive losses."""

from __future__ import annotations

from nnspec.losses import contrastive as specs
from nnspec_tensorflow.activation import constant
from nnspec_tensorflow.losses.base import Tensor, elementwise, loss
from nnspec_tensorflow.losses.regression import unit
from nnspec_tensorflow.startup import tf


@loss.register
def _info_nce(spec: specs.InfoNCE, x: Tensor, targets: Tensor) -> Tensor:
    spec.positions(tuple(x.shape))
    keys = unit(elementwise(x, targets), spec.epsilon)
    scores = tf.matmul(unit(x, spec.epsilon), keys, transpose_b=True) / constant(spec.temperature, x)
    found = -tf.linalg.diag_part(tf.nn.log_softmax(scores, axis=1))
    return (found - tf.linalg.diag_part(tf.nn.log_softmax(scores, axis=0))) / 2 if spec.symmetric else found
