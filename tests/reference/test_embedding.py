"""Embedding against NumPy's indexing and PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.errors import ShapeError
from nnspec.model import Input, Model, Node
from nnspec.reference.model import run

RNG = np.random.default_rng(6)
TABLE = RNG.normal(size=(5, 3))


def looked_up(ids: Any, table: Any = TABLE, dtype: str = "float64") -> Any:
    ids = np.asarray(ids, np.int32)
    layer = nn.Embedding(*table.shape)
    model = Model({"x": Input(ids.shape[1:], "int32")}, (Node("node", layer, ("x",)),), ("node",))
    return run(model, {"node/embedding": table}, {"x": ids}, dtype=dtype).outputs["node"]


@pytest.mark.parametrize("shape", [(4,), (4, 6), (2, 3, 4)])
def test_against_torch(shape: tuple[int, ...]) -> None:
    torch = pytest.importorskip("torch")
    ids = RNG.integers(0, 5, shape)
    expected = torch.nn.functional.embedding(torch.from_numpy(ids), torch.from_numpy(TABLE)).numpy()
    np.testing.assert_array_equal(looked_up(ids), expected)


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
def test_ids_that_are_not_in_the_table(dtype: str) -> None:
    table = TABLE.astype(dtype)
    found = looked_up([[0, 5, 4], [-1, 2, 2**31 - 1]], table, dtype)
    assert found.dtype == table.dtype
    wrong = [[False, True, False], [True, False, True]]
    np.testing.assert_array_equal(np.isnan(found.astype(float)), np.repeat(np.array(wrong)[..., None], 3, axis=-1))
    np.testing.assert_array_equal(found[0, [0, 2]], table[[0, 4]])


def test_shapes_and_variables() -> None:
    layer = nn.Embedding(5, 3)
    assert layer.output_shape((None,)) == (None, 3)
    assert layer.output_shape((None, None, 2)) == (None, None, 2, 3)
    (param,) = layer.params((None, 7)).values()
    assert param.shape == (5, 3) and not param.decay
    assert layer.flops((1, 7)) == 0


@pytest.mark.parametrize("dtype", ["float", "bool"])
def test_ids_are_whole_numbers(dtype: Any) -> None:
    with pytest.raises(ShapeError, match=f"Embedding looks up int32 ids, got {dtype} input"):
        Model({"x": Input((4,), dtype)}, (Node("node", nn.Embedding(5, 3), ("x",)),), ("node",)).infer()
