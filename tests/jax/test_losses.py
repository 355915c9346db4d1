"""Losses as functions of arrays: targets of any dtype."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.reference import losses as reference

jax = pytest.importorskip("jax", reason="the jax backend is not installed")

X = np.random.default_rng(3).normal(size=(6, 256)).astype(np.float32)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int32"])
@pytest.mark.parametrize("label", [-1, 2, 255, 70000])
def test_labels_of_any_dtype(dtype: Any, label: int) -> None:
    last = np.iinfo(dtype).max
    ids = np.array([0, min(last, 255), min(last, 70000 % 256), 1, 2, 0], dtype)  # what −1 and 70000 are in 8 bits
    spec = nn.SoftmaxCrossEntropy(ignore_label=label)
    found = jax.jit(nn.backend("jax").realize(spec))(X, ids)
    assert float(found) == pytest.approx(spec.result(*reference.value(spec, X, ids)), rel=1e-6)
