"""Masks of positions, made of what stands there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.errors import ShapeError, SpecError
from nnspec.model import Input, Model, Node
from nnspec.reference.model import run


def mask(layer: nn.PaddingMask, x: Any, dtype: Any = np.float64) -> Any:
    declared = Input(x.shape[1:], "int32" if np.issubdtype(x.dtype, np.integer) else "float")
    return run(Model({"x": declared}, (Node("y", layer, ("x",)),), ("y",)), {}, {"x": x}, dtype=dtype).outputs["y"]


def test_ids_and_vectors() -> None:
    ids = np.array([[3, 0, 5], [2**24, 2**24 + 1, 0]], np.int32)
    np.testing.assert_array_equal(mask(nn.PaddingMask(), ids), [[True, False, True], [True, True, False]])
    np.testing.assert_array_equal(mask(nn.PaddingMask(2.0**24), ids), [[True, True, True], [False, True, True]])
    assert mask(nn.PaddingMask(0.5), ids).all() and mask(nn.PaddingMask(2.0**31), ids).all()
    x = np.array([[[0.0, 0.0], [0.0, 1.0], [np.nan, 0.0]]])
    np.testing.assert_array_equal(mask(nn.PaddingMask(axis=-1), x), [[False, True, True]])
    np.testing.assert_array_equal(mask(nn.PaddingMask(1.0), x), [[[True, True], [True, False], [True, True]]])


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
def test_the_value_is_rounded_as_the_input_is(dtype: str) -> None:
    x = np.array([[0.1, 0.1003]]).astype(dtype)
    assert mask(nn.PaddingMask(0.1), x, dtype)[0, 0] == np.False_


def test_what_is_refused() -> None:
    with pytest.raises(ShapeError, match="PaddingMask finds padding among numbers, got bool input"):
        nn.PaddingMask().output_dtype("bool")
    with pytest.raises(ShapeError, match="axis 0 is the batch axis"):
        nn.PaddingMask(axis=0).output_shape((None, 3))
    with pytest.raises(SpecError, match="MGU takes 2 inputs, got 1"):
        nn.Sequential([nn.MGU(2, mask=True)], input=[3, 2])
