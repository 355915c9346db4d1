"""Numbers that inputs are compared with, in half precision."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

import nnspec as nn
from nnspec.backends import Backend, FloatType

KINDS = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16}


@pytest.mark.parametrize("dtype", KINDS)
def test_a_number_is_rounded_to_the_dtype_of_the_net(backend: Backend, dtype: FloatType) -> None:
    x: Any = nn.symbol([3], "x")
    compared = {cls: cls(0.1) for cls in (nn.Equal, nn.NotEqual, nn.Less, nn.LessEqual, nn.Greater, nn.GreaterEqual)}
    net = backend.build(nn.Model(inputs=x, outputs=[layer(x) for layer in compared.values()]), dtype=dtype)
    tenth = np.array(0.1, KINDS[dtype])
    given = np.array([[tenth, np.nextafter(tenth, tenth.dtype.type(0)), np.nextafter(tenth, tenth.dtype.type(1))]])
    found = list(net.forward({"x": given}).values())
    expected = [[1, 0, 0], [0, 1, 1], [0, 1, 0], [1, 1, 0], [0, 0, 1], [1, 0, 1]]
    assert [y[0].tolist() for y in found] == [[bool(truth) for truth in row] for row in expected]
