"""Losses as Keras objects: targets of any dtype, and products that no setting of the process rounds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.reference import losses as reference

startup = pytest.importorskip("nnspec_tensorflow.startup", reason="the tensorflow backend is not installed")
tf = startup.tf

X = np.random.default_rng(3).normal(size=(6, 256)).astype(np.float32)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int64"])
@pytest.mark.parametrize("label", [-1, 2, 255, 70000])
def test_labels_of_any_dtype(dtype: Any, label: int) -> None:
    last = np.iinfo(dtype).max
    ids = np.array([0, min(last, 255), min(last, 70000 % 256), 1, 2, 0], dtype)  # what −1 and 70000 are in 8 bits
    spec = nn.SoftmaxCrossEntropy(ignore_label=label)
    loss = nn.backend("tensorflow").realize(spec)
    expected = spec.result(*reference.value(spec, X, ids))
    assert float(loss(ids, X)) == pytest.approx(expected, rel=1e-6)
    assert float(tf.function(loss, jit_compile=True)(tf.constant(ids), X)) == pytest.approx(expected, rel=1e-6)


def test_similarities_are_products_of_float64() -> None:
    loss = nn.backend("tensorflow").realize(nn.InfoNCE())
    graph = tf.function(loss).get_concrete_function(tf.constant(X), tf.constant(X)).graph
    products = [operation for operation in graph.get_operations() if operation.type == "MatMul"]
    assert [operation.outputs[0].dtype for operation in products] == [tf.float64]
