"""Embeddings against NumPy's indexing and PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.errors import ShapeError, SpecError
from nnspec.model import Input, Model, Node
from nnspec.reference.derivative import gradient
from nnspec.reference.model import run
from tests.reference.single import value

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


def tied() -> Model:
    """Scores of all ids for what stands between two that are looked up."""
    ids = nn.symbol([4], "ids", "int32")
    table = nn.Embedding(5, 3)
    return Model(inputs=ids, outputs=table.attend(nn.Tanh()(table(ids))))


@pytest.mark.parametrize("shape", [(2, 3), (2, 4, 3)])
def test_products_with_a_table_against_torch(shape: tuple[int, ...]) -> None:
    torch = pytest.importorskip("torch")
    x = RNG.normal(size=shape)
    expected = torch.nn.functional.linear(*map(torch.from_numpy, (x, TABLE))).numpy()
    np.testing.assert_allclose(value(nn.Unembedding(5), x, variables={"embedding": TABLE}), expected, rtol=1e-13)
    assert nn.Unembedding(5).flops((1, 4, 3)) == 4 * 5 * 5
    with pytest.raises(ShapeError, match="needs inputs of at least 2 axes"):
        nn.Unembedding(5).output_shape((None,))


def test_one_table_for_both_ways() -> None:
    model = tied()
    assert [(node.name, node.shares) for node in model.nodes] == [
        ("embedding", None),
        ("tanh", None),
        ("unembedding", "embedding"),
    ]
    assert list(model.params()) == ["embedding/embedding"] and model.output_shape() == (None, 4, 5)
    ids = RNG.integers(0, 5, (2, 4)).astype(np.int32)
    found = run(model, {"embedding/embedding": TABLE}, {"ids": ids}).outputs["unembedding"]
    np.testing.assert_allclose(found, np.tanh(TABLE[ids]) @ TABLE.T, rtol=1e-13)


def test_the_gradient_of_a_table_is_the_sum_over_both_uses() -> None:
    torch = pytest.importorskip("torch")
    ids, towards = RNG.integers(0, 5, (2, 4)).astype(np.int32), RNG.normal(size=(2, 4, 5))
    table = torch.from_numpy(TABLE).requires_grad_()
    scores = torch.tanh(torch.nn.functional.embedding(torch.from_numpy(ids), table)) @ table.T
    (scores * torch.from_numpy(towards)).sum().backward()

    def total(values: Any) -> Any:
        outputs = run(tied(), {"embedding/embedding": values}, {"ids": ids}).outputs
        return (outputs["unembedding"] * towards).sum()

    np.testing.assert_allclose(gradient(total, TABLE, 1e-3), table.grad.numpy(), rtol=1e-9, atol=1e-9)


def test_tied_weights_in_a_file() -> None:
    written = tied().to_file()
    assert written["nodes"]["unembedding"] == {
        "layer": {"Unembedding": 5},
        "shares": "embedding",
        "inputs": "tanh",
    }
    assert Model.from_file(written) == tied()


def test_the_table_may_be_multiplied_first() -> None:
    x, ids = nn.symbol([3], "x"), nn.symbol([4], "ids", "int32")
    table = nn.Embedding(5, 3)
    model = Model(inputs=[x, ids], outputs=[table.attend(x), table(ids)])
    assert [(node.name, node.shares) for node in model.nodes] == [("unembedding", None), ("embedding", "unembedding")]
    wide = Model(inputs=[x, ids], outputs=[table.attend(nn.Dense(2)(x)), table(ids)])
    with pytest.raises(ShapeError, match=r"embedding: shares the layer of 'unembedding', but needs variables"):
        wide.infer()


@pytest.mark.parametrize("other", [nn.Unembedding(6), nn.Dense(5, use_bias=False)])
def test_layers_that_share_no_variables(other: Any) -> None:
    nodes = (Node("a", nn.Embedding(5, 3), ("ids",)), Node("b", other, ("a",), "a"))
    with pytest.raises(SpecError, match=r"nodes\.b: shares the layer of 'a', but has another one"):
        Model({"ids": Input((4,), "int32")}, nodes, ("b",))
