"""Scores of attention as outputs, caps of them, and biases of some projections: against PyTorch, and by loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.errors import SpecError
from nnspec.graph import Node
from nnspec.model import Model
from nnspec.reference.model import initial_variables, run
from nnspec.spec import dump, parse
from tests.reference.single import value

RNG = np.random.default_rng(61)
BATCH, QUERIES, KEYS = 3, 4, 5


def variables(layer: Any, *arrays: Any) -> dict[str, Any]:
    return {name: RNG.normal(size=p.shape) * 0.6 for name, p in layer.params(*(a.shape for a in arrays)).items()}


@pytest.mark.parametrize("causal", [False, True])
def test_scores_are_those_of_torch(causal: bool) -> None:
    torch = pytest.importorskip("torch")
    x = RNG.normal(size=(BATCH, QUERIES, 6))
    layer = nn.MultiHeadAttention(2, causal=causal)
    given = variables(layer, x)
    theirs = torch.nn.MultiheadAttention(6, 2, batch_first=True, dtype=torch.float64)
    flat = [given[f"{name}/kernel"].reshape(6, 6).T for name in ("query", "key", "value")]
    state = {
        "in_proj_weight": np.concatenate(flat),
        "in_proj_bias": np.concatenate([given[f"{name}/bias"].ravel() for name in ("query", "key", "value")]),
        "out_proj.weight": given["out/kernel"].reshape(6, 6).T,
        "out_proj.bias": given["out/bias"],
    }
    theirs.load_state_dict({name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in state.items()})
    hidden = torch.from_numpy(np.triu(np.ones((QUERIES, QUERIES), bool), 1)) if causal else None
    t = torch.from_numpy(x)
    with torch.no_grad():
        y, scores = theirs(t, t, t, attn_mask=hidden, average_attn_weights=False)
    own = nn.MultiHeadAttention(2, causal=causal, returns="scores")
    np.testing.assert_allclose(value(own, x, variables=given), scores.numpy(), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(value(layer, x, variables=given), y.numpy(), rtol=1e-12, atol=1e-13)
    assert own.output_shape(x.shape) == scores.shape


@pytest.mark.parametrize("heads", [None, 2])
def test_scores_gather_the_output(heads: int | None) -> None:
    shape = (BATCH, KEYS, 3) if heads is None else (BATCH, KEYS, heads, 3)
    q, k, v = (RNG.normal(size=(BATCH, n, *shape[2:])) for n in (QUERIES, KEYS, KEYS))
    scores = value(nn.DotProductAttention(causal=True, returns="scores"), q, k, v)
    assert scores.shape == nn.DotProductAttention(returns="scores").output_shape(q.shape, k.shape, v.shape)
    gathered = np.einsum("bqk,bkd->bqd" if heads is None else "bhqk,bkhd->bqhd", scores, v)
    np.testing.assert_allclose(value(nn.DotProductAttention(causal=True), q, k, v), gathered, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(scores.sum(-1), 1, rtol=1e-14)


def test_caps_by_loops() -> None:
    q, k, v = (RNG.normal(size=(BATCH, n, 3)) * 2 for n in (QUERIES, KEYS, KEYS))
    bias = RNG.normal(size=(BATCH, QUERIES, KEYS))
    for layer, score in (
        (nn.DotProductAttention(0.5, soft_cap=1.5, attention_bias=True), lambda a, b: 0.5 * (a @ b)),
        (nn.AdditiveAttention(False, soft_cap=1.5, attention_bias=True), lambda a, b: np.tanh(a + b).sum()),
    ):
        expected = np.zeros((BATCH, QUERIES, 3))
        for b, i in np.ndindex(BATCH, QUERIES):
            capped = [1.5 * np.tanh(score(q[b, i], k[b, j]) / 1.5) + bias[b, i, j] for j in range(KEYS)]
            weights = np.exp(capped)
            expected[b, i] = weights @ v[b] / weights.sum()
        np.testing.assert_allclose(value(layer, q, k, v, bias), expected, rtol=1e-12)


def test_biases_of_some_projections() -> None:
    """Those that are left out are as zeros, and have no variable."""
    x = RNG.normal(size=(BATCH, QUERIES, 6))
    given = variables(nn.MultiHeadAttention(2), x)
    for named in ("query", "key", "value"), ("query", "value", "out"), ("out",):
        layer = nn.MultiHeadAttention(2, use_bias=named, out_bias_init={"constant": 0.25})
        held = {name: array for name, array in given.items() if name in layer.params(x.shape)}
        assert {name for name in held if name.endswith("bias")} == {f"{name}/bias" for name in named}
        zeros = {n: a if n in held else np.zeros_like(a) for n, a in given.items()}
        np.testing.assert_array_equal(
            value(layer, x, variables=held), value(nn.MultiHeadAttention(2), x, variables=zeros)
        )
        assert parse("layer", dump(layer)) == layer
    with pytest.raises(SpecError, match="use_bias"):
        nn.MultiHeadAttention(2, use_bias=("output",))


def test_initial_weights_of_the_output() -> None:
    layer = nn.MultiHeadAttention(2, out_kernel_init="zeros", out_bias_init={"constant": 0.25}, bias_init="ones")
    drawn = initial_variables(nn.Sequential([layer], input=[3, 6]), 0, np.float64)
    assert not drawn["multi_head_attention/out/kernel"].any() and drawn["multi_head_attention/query/kernel"].all()
    assert (drawn["multi_head_attention/out/bias"] == 0.25).all() and (
        drawn["multi_head_attention/key/bias"] == 1
    ).all()


def test_a_node_of_scores_shares_the_variables() -> None:
    """In Python and in a file; scores know nothing of dropout."""
    x = nn.symbol([QUERIES, 6], "x")
    attention = nn.MultiHeadAttention(2, dropout_rate=0.5, name="attention")
    model = nn.Model(inputs=x, outputs=[attention(x), attention.scores(x)])
    assert model.nodes[1].shares == "attention" and model.nodes[1].layer.returns == "scores"
    assert Model.from_file(model.to_file()) == model
    given = {f"attention/{n}": a for n, a in variables(attention, np.zeros((BATCH, QUERIES, 6))).items()}
    assert set(model.params()) == set(given)
    inputs = {"x": RNG.normal(size=(BATCH, QUERIES, 6))}
    train, infer = (run(model, given, inputs, training=training).outputs for training in (True, False))
    first, scores = model.outputs
    np.testing.assert_array_equal(train[scores], infer[scores])
    assert np.abs(train[first] - infer[first]).max() > 0


@pytest.mark.parametrize("other", [nn.MultiHeadAttention(4), nn.MultiHeadAttention(2, use_bias=False), nn.Dense(6)])
def test_who_may_not_share(other: Any) -> None:
    nodes = [Node("a", nn.MultiHeadAttention(2), ("x",)), Node("b", other, ("a",), "a")]
    with pytest.raises(SpecError, match="b: shares the layer of 'a', but has another one"):
        Model({"x": nn.Input((QUERIES, 8))}, nodes, "b")


def test_a_mask_of_queries() -> None:
    """An axis of size 1 stands for all keys: queries that are hidden from all gather nothing."""
    q, k = RNG.normal(size=(BATCH, QUERIES, 3)), RNG.normal(size=(BATCH, KEYS, 3))
    there = RNG.random((BATCH, QUERIES, 1)) < 0.5
    found = value(nn.DotProductAttention(mask=True), q, k, there)
    np.testing.assert_array_equal(found, np.where(there, value(nn.DotProductAttention(), q, k), 0))


def test_flops() -> None:
    """2 heads of 2; 3 positions of 4, and a cache of 7 positions: projections, rotations, products, sums."""
    projected, scores = 3 * 4 * (2 * 4), 3 * 2 * 7 * (2 * 2 + 1)
    keys_values = nn.MultiHeadAttention(2, causal=True, decode=True, returns="keys_values")
    assert keys_values.flops((1, 3, 4), (1,)) == 2 * projected
    whole = nn.MultiHeadAttention(2, causal=True, decode=True)
    gathered = 3 * 2 * 2 * (2 * 7 - 1)
    assert whole.flops((1, 3, 4), (1, 7, 2, 4), (1,)) == 2 * projected + scores + gathered
    quiet = nn.MultiHeadAttention(2, causal=True, returns="scores", soft_cap=1.0)
    assert quiet.flops((1, 3, 4)) == 2 * projected + 3 * 2 * 3 * (2 * 2 + 1 + 3)
