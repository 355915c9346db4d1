"""Attention's further options and its layers without projections: against PyTorch, and by loops."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.errors import ShapeError, SpecError
from nnspec.random import keep_mask, stream_of
from nnspec.spec import dump, parse
from tests.reference.single import single, value

RNG = np.random.default_rng(37)
BATCH, QUERIES, KEYS = 3, 4, 5


def variables(layer: Any, *arrays: Any) -> dict[str, Any]:
    return {name: RNG.normal(size=p.shape) * 0.6 for name, p in layer.params(*(a.shape for a in arrays)).items()}


def sequences(*features: int) -> list[Any]:
    """Queries, keys and values of these sizes."""
    lengths = (QUERIES, KEYS, KEYS)
    return [RNG.normal(size=(BATCH, n, size)) for n, size in zip(lengths, features, strict=False)]


def torch_attention(q: Any, k: Any, v: Any, **options: Any) -> Any:
    """PyTorch's function of (batch, positions, heads, features)."""
    torch = pytest.importorskip("torch")
    q, k, v = (torch.from_numpy(np.ascontiguousarray(x.swapaxes(1, 2))) for x in (q, k, v))
    options = {name: torch.from_numpy(x) if isinstance(x, np.ndarray) else x for name, x in options.items()}
    y = torch.nn.functional.scaled_dot_product_attention(q, k, v, **options).numpy()
    return y.swapaxes(1, 2)


def projected(given: dict[str, Any], name: str, x: Any) -> Any:
    return np.einsum("bti,ihd->bthd", x, given[f"{name}/kernel"]) + given.get(f"{name}/bias", 0)


def by_torch(given: dict[str, Any], q: Any, k: Any, v: Any, **options: Any) -> Any:
    heads = torch_attention(q, k, v, enable_gqa=True, **options)
    return np.einsum("bthd,hdo->bto", heads, given["out/kernel"]) + given.get("out/bias", 0)


@pytest.mark.parametrize("num_kv_heads", [1, 2, 4])
@pytest.mark.parametrize(("value_features", "scale"), [(None, None), (5, 0.3)])
def test_groups_of_heads(num_kv_heads: int, value_features: int | None, scale: float | None) -> None:
    layer = nn.MultiHeadAttention(
        4, 3, num_kv_heads=num_kv_heads, value_features=value_features, scale=scale, out_features=7
    )
    x, m, n = sequences(6, 7, 2)
    given = variables(layer, x, m, n)
    q, k, v = (projected(given, name, s) for name, s in (("query", x), ("key", m), ("value", n)))
    assert k.shape[2] == v.shape[2] == num_kv_heads and v.shape[3] == (value_features or 3)
    expected = by_torch(given, q, k, v, scale=scale)
    np.testing.assert_allclose(value(layer, x, m, n, variables=given), expected, rtol=1e-12, atol=1e-13)


def test_keys_and_values_of_two_sequences() -> None:
    torch = pytest.importorskip("torch")
    x, m, n = sequences(6, 5, 3)
    layer = nn.MultiHeadAttention(2)
    given = variables(layer, x, m, n)
    theirs = torch.nn.MultiheadAttention(6, 2, kdim=5, vdim=3, batch_first=True, dtype=torch.float64)
    flat = {name: given[f"{name}/kernel"].reshape(-1, 6).T for name in ("query", "key", "value")}
    weights = {f"{name[0]}_proj_weight": kernel for name, kernel in flat.items()} | {
        "in_proj_bias": np.concatenate([given[f"{name}/bias"].ravel() for name in flat]),
        "out_proj.weight": given["out/kernel"].reshape(6, 6).T,
        "out_proj.bias": given["out/bias"],
    }
    theirs.load_state_dict({name: torch.from_numpy(np.ascontiguousarray(w)) for name, w in weights.items()})
    with torch.no_grad():
        expected = theirs(*map(torch.from_numpy, (x, m, n)), need_weights=False)[0].numpy()
    np.testing.assert_allclose(value(layer, x, m, n, variables=given), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("axes", [2, 3, 4])
def test_biases_of_scores(axes: int) -> None:
    layer = nn.MultiHeadAttention(2, attention_bias=True)
    x, m = sequences(6, 7)
    bias = RNG.normal(size={2: (BATCH, KEYS), 3: (BATCH, QUERIES, KEYS), 4: (BATCH, 2, QUERIES, KEYS)}[axes])
    given = variables(layer, x, m, bias)
    wide = {2: bias[:, None, None], 3: bias[:, None] if axes == 3 else bias, 4: bias}[axes]
    q, k, v = (projected(given, name, s) for name, s in (("query", x), ("key", m), ("value", m)))
    expected = by_torch(given, q, k, v, attn_mask=np.broadcast_to(wide, (BATCH, 2, QUERIES, KEYS)).copy())
    np.testing.assert_allclose(value(layer, x, m, bias, variables=given), expected, rtol=1e-12, atol=1e-13)


def test_a_bias_of_minus_infinity_hides_as_a_mask_does() -> None:
    x, m = sequences(6, 7)
    mask, bias = RNG.random((BATCH, QUERIES, KEYS)) < 0.6, RNG.normal(size=(BATCH, 1, QUERIES, KEYS))
    mask[1, 2] = False
    given = variables(nn.MultiHeadAttention(2), x, m)
    both = nn.MultiHeadAttention(2, attention_bias=True, mask=True)
    found = value(both, x, m, bias, mask, variables=given)
    hidden = np.where(mask[:, None], bias, -np.inf)
    again = value(nn.MultiHeadAttention(2, attention_bias=True), x, m, hidden, variables=given)
    np.testing.assert_array_equal(again, found)
    np.testing.assert_array_equal(found[1, 2], given["out/bias"])


@pytest.mark.parametrize("causal", [False, True])
def test_windows(causal: bool) -> None:
    (x,) = sequences(6)
    layer = nn.MultiHeadAttention(2, window=2, causal=causal)
    given = variables(layer, x)
    distance = np.arange(QUERIES)[:, None] - np.arange(QUERIES)
    seen = (np.abs(distance) <= 1) & ((distance >= 0) | (not causal))
    q, k, v = (projected(given, name, x) for name in ("query", "key", "value"))
    np.testing.assert_allclose(
        value(layer, x, variables=given), by_torch(given, q, k, v, attn_mask=seen), rtol=1e-12, atol=1e-13
    )


@pytest.mark.parametrize("pairs", ["interleaved", "halves"])
def test_rotated_queries_and_keys(pairs: Any) -> None:
    """The layer of that name, tested against complex numbers elsewhere, between projections and products."""
    rotary = nn.RotaryPositions(50.0, pairs, 0.5)
    layer = nn.MultiHeadAttention(2, 4, num_kv_heads=1, rotary=rotary)
    x, m = sequences(6, 7)
    given = variables(layer, x, m)
    q, k, v = (projected(given, name, s) for name, s in (("query", x), ("key", m), ("value", m)))
    expected = by_torch(given, value(rotary, q), value(rotary, k), v)
    np.testing.assert_allclose(value(layer, x, m, variables=given), expected, rtol=1e-12, atol=1e-13)
    assert parse("layer", dump(layer)) == layer


def test_one_mask_for_all_examples_and_heads() -> None:
    (x,) = sequences(6)
    layer = nn.DotProductAttention(dropout_rate=0.4, broadcast_dropout=True)
    run = single(layer, x, training=True, seed=9, step=3)
    keep = keep_mask(0.4, (1, 1, QUERIES, QUERIES), 9, stream_of("node", "dropout", 0), 3)
    np.testing.assert_array_equal(run.masks["node"], keep)
    scores = np.exp(x @ x.swapaxes(1, 2) / math.sqrt(6))
    expected = keep[0] * scores / scores.sum(-1, keepdims=True) / 0.6 @ x
    np.testing.assert_allclose(run.outputs["node"], expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("scale", [None, 0.7])
def test_products_without_projections(causal: bool, scale: float | None) -> None:
    q, k, v = sequences(6, 6, 2)
    layer = nn.DotProductAttention(scale, causal=causal)
    expected = torch_attention(*(x[:, :, None] for x in (q, k, v)), is_causal=causal, scale=scale)
    np.testing.assert_allclose(value(layer, q, k, v), expected[:, :, 0], rtol=1e-12, atol=1e-14)
    expected = torch_attention(*(x[:, :, None] for x in (q, k, k)), is_causal=causal, scale=scale)
    np.testing.assert_allclose(value(layer, q, k), expected[:, :, 0], rtol=1e-12, atol=1e-14)


def test_heads_without_projections() -> None:
    q = RNG.normal(size=(BATCH, QUERIES, 4, 6))
    k, v = RNG.normal(size=(BATCH, KEYS, 2, 6)), RNG.normal(size=(BATCH, KEYS, 2, 3))
    bias = RNG.normal(size=(BATCH, 4, QUERIES, KEYS))
    found = value(nn.DotProductAttention(attention_bias=True), q, k, v, bias)
    np.testing.assert_allclose(found, torch_attention(q, k, v, attn_mask=bias, enable_gqa=True), rtol=1e-12, atol=1e-14)


def by_loops(score: Any, q: Any, k: Any, v: Any) -> Any:
    """One query after the other."""
    y = np.zeros((len(q), q.shape[1], v.shape[-1]))
    for b, i in itertools.product(range(len(q)), range(q.shape[1])):
        weights = [math.exp(score(q[b, i], k[b, j])) for j in range(k.shape[1])]
        y[b, i] = sum(w * v[b, j] for j, w in enumerate(weights)) / math.fsum(weights)
    return y


def test_scores_of_sums() -> None:
    q, k, v = sequences(3, 3, 2)
    scale = RNG.normal(size=3)
    expected = by_loops(lambda a, b: math.fsum(scale * np.tanh(a + b)), q, k, v)
    np.testing.assert_allclose(value(nn.AdditiveAttention(), q, k, v, variables={"scale": scale}), expected, rtol=1e-13)
    plain = by_loops(lambda a, b: math.fsum(np.tanh(a + b)), q, k, v)
    np.testing.assert_allclose(value(nn.AdditiveAttention(use_scale=False), q, k, v), plain, rtol=1e-13)
    given = {"scale": np.array([0.6]), "weight": np.array([1.7])}
    layer = nn.DotProductAttention(0.9, "concat", use_scale=True)
    expected = by_loops(lambda a, b: 1.7 * math.fsum(np.tanh(0.54 * (a + b))), q, k, v)
    np.testing.assert_allclose(value(layer, q, k, v, variables=given), expected, rtol=1e-13)


def test_learned_scales_of_products() -> None:
    q, k, v = sequences(3, 3, 2)
    layer = nn.DotProductAttention(1.0, use_scale=True)
    expected = by_loops(lambda a, b: 0.6 * math.fsum(a * b), q, k, v)
    np.testing.assert_allclose(value(layer, q, k, v, variables={"scale": np.array([0.6])}), expected, rtol=1e-13)


@pytest.mark.parametrize(
    ("layer", "shapes", "message"),
    [
        (nn.MultiHeadAttention(2), [(None, 3, 6), (None, 4, 6), (None, 5, 6)], "needs a value for each key"),
        (nn.MultiHeadAttention(2, attention_bias=True), [(None, 3, 6), (None, 2)], "cannot use a bias of shape"),
        (
            nn.MultiHeadAttention(2, attention_bias=True, mask=True),
            [(None, 3, 6)],
            "takes one to three sequences and a bias and a mask, got 1 input$",
        ),
        (nn.MultiHeadAttention(2, rotary="RotaryPositions"), [(None, 3, 6)], "rotates pairs, which 3 of 3"),
        (nn.DotProductAttention(), [(None, 3, 6), (None, 4, 5)], "needs queries and keys of as many features"),
        (nn.DotProductAttention(), [(None, 3, 3, 6), (None, 4, 2, 6)], "cannot divide the heads"),
        (nn.DotProductAttention(), [(None, 3, 3, 6), (None, 4, 6)], "needs inputs of 3 or 4 axes"),
        (nn.AdditiveAttention(), [(None, 3, 3, 6)], "needs inputs of 3 axes"),
        (nn.AdditiveAttention(), [(None, 3, 6), (None, 4, 5)], "needs queries and keys of as many features"),
    ],
)
def test_refused(layer: Any, shapes: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        layer.output_shape(*shapes)


def test_options_that_are_none() -> None:
    with pytest.raises(SpecError, match="cannot divide 3 heads of queries among 2 of keys"):
        nn.MultiHeadAttention(3, num_kv_heads=2)
    with pytest.raises(SpecError, match="expected RotaryPositions, got ReLU"):
        nn.MultiHeadAttention(2, rotary="relu")


def test_flops_by_hand() -> None:
    """2 heads of 2 that share one key and one value of 3; 3 queries of 4 and 5 keys of 6; a batch of 1; no biases."""
    layer = nn.MultiHeadAttention(2, num_kv_heads=1, value_features=3, use_bias=False, attention_bias=True)
    projections = 3 * 4 * 7 + 5 * 2 * 11 + 5 * 3 * 11 + 3 * 4 * 11
    scores, values = 2 * 3 * 5 * (3 + 1 + 1 + 1), 3 * 2 * 3 * 9
    assert layer.flops((1, 3, 4), (1, 5, 6), (1, 3, 5)) == projections + scores + values
    assert nn.AdditiveAttention().flops((1, 2, 3)) == 2 * 2 * (3 * 4 - 1 + 1) + 2 * 3 * 3
    assert nn.DotProductAttention().flops((1, 2, 3)) == 2 * 2 * (5 + 1 + 1) + 2 * 3 * 3
