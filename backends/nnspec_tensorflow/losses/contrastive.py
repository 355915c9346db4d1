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
    # In float64, because GPUs may take products of float32 in TF32, for the whole process.
    rows, columns = (tf.cast(vectors, tf.float64) for vectors in (unit(x, spec.epsilon), keys))
    scores = tf.cast(tf.matmul(rows, columns, transpose_b=True), x.dtype) / constant(spec.temperature, x)
    found = -tf.linalg.diag_part(tf.nn.log_softmax(scores, axis=1))
    return (found - tf.linalg.diag_part(tf.nn.log_softmax(scores, axis=0))) / 2 if spec.symmetric else found
