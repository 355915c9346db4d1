"""Multi-head attention against PyTorch, against the formula written out with loops, and at its edges."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.errors import ShapeError
from nnspec.layers.attention import MultiHeadAttention
from nnspec.random import keep_mask, stream_of
from nnspec.reference.initializers import fans
from nnspec.reference.model import initial_variables
from tests.reference.single import single, value

RNG = np.random.default_rng(31)
BATCH, QUERIES, KEYS, IN, MEMORY, HEADS = 3, 4, 5, 6, 7, 2


def variables(layer: Any, *shapes: tuple[int, ...]) -> dict[str, Any]:
    return {name: RNG.normal(size=p.shape) * 0.6 for name, p in layer.params(*shapes).items()}


def by_loops(layer: Any, given: dict[str, Any], x: Any, m: Any, visible: Any) -> Any:
    """One number after the other; ``visible`` is (batch, heads, queries, keys)."""
    heads, d = given["query/kernel"].shape[1:]
    bias = layer.use_bias
    out = np.zeros((len(x), x.shape[1], given["out/kernel"].shape[-1]))

    def projected(name: str, row: Any, head: int) -> list[float]:
        kernel = given[f"{name}/kernel"]
        return [
            math.fsum(row[i] * kernel[i, head, j] for i in range(len(row)))
            + (given[f"{name}/bias"][head, j] if bias else 0.0)
            for j in range(d)
        ]

    for b, t in itertools.product(range(len(x)), range(x.shape[1])):
        if bias:
            out[b, t] = given["out/bias"]
        for head in range(heads):
            q = projected("query", x[b, t], head)
            seen = [s for s in range(m.shape[1]) if visible[b, head, t, s]]
            keys = [projected("key", m[b, s], head) for s in seen]
            weights = [math.exp(math.fsum(a * c for a, c in zip(q, k, strict=True)) / math.sqrt(d)) for k in keys]
            for s, weight in zip(seen, weights, strict=True):
                v = projected("value", m[b, s], head)
                out[b, t] += weight / math.fsum(weights) * (np.array(v) @ given["out/kernel"][head])
    return out


def torch_of(given: dict[str, Any], x: Any, m: Any, hidden: Any) -> Any:
    """``torch.nn.MultiheadAttention`` with these variables; ``hidden`` is true where nothing is attended to."""
    torch = pytest.importorskip("torch")
    inputs, heads, d = given["query/kernel"].shape
    made = torch.nn.MultiheadAttention(inputs, heads, batch_first=True, kdim=MEMORY, vdim=MEMORY, dtype=torch.float64)
    flat = {name: given[f"{name}/kernel"].reshape(-1, heads * d).T for name in ("query", "key", "value")}
    weights = {
        "q_proj_weight": flat["query"],
        "k_proj_weight": flat["key"],
        "v_proj_weight": flat["value"],
        "in_proj_bias": np.concatenate([given[f"{name}/bias"].ravel() for name in flat]),
        "out_proj.weight": given["out/kernel"].reshape(heads * d, -1).T,
        "out_proj.bias": given["out/bias"],
    }
    made.load_state_dict({name: torch.from_numpy(np.ascontiguousarray(w)) for name, w in weights.items()})
    x, m, hidden = (torch.from_numpy(np.ascontiguousarray(array)) for array in (x, m, hidden))
    with torch.no_grad():
        return made(x, m, m, attn_mask=hidden, need_weights=False)[0].numpy()


@pytest.mark.parametrize("causal", [False, True])
def test_against_torch(causal: bool) -> None:
    x, m = RNG.normal(size=(BATCH, QUERIES, IN)), RNG.normal(size=(BATCH, KEYS, MEMORY))
    layer = MultiHeadAttention(HEADS, causal=causal)
    given = variables(layer, x.shape, m.shape)
    hidden = np.triu(np.ones((QUERIES, KEYS), bool), 1) if causal else np.zeros((QUERIES, KEYS), bool)
    expected = torch_of(given, x, m, hidden)
    np.testing.assert_allclose(value(layer, x, m, variables=given), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("axes", [2, 3, 4])
def test_masks_by_loops(axes: int, use_bias: bool) -> None:
    """Other sizes of heads and outputs than PyTorch has, and masks of each rank; all keys of one query are masked."""
    x, m = RNG.normal(size=(BATCH, QUERIES, IN)), RNG.normal(size=(BATCH, KEYS, MEMORY))
    layer = MultiHeadAttention(3, head_features=4, out_features=2, use_bias=use_bias, mask=True)
    full = (BATCH, 3, QUERIES, KEYS)
    mask = RNG.random({2: (BATCH, KEYS), 3: (BATCH, QUERIES, KEYS), 4: full}[axes]) < 0.6
    mask[1] = False
    mask[0, ..., 0] = True
    wide = {2: mask[:, None, None], 3: mask[:, None] if axes == 3 else mask, 4: mask}[axes]
    given = variables(layer, x.shape, m.shape, mask.shape)
    found = value(layer, x, m, mask, variables=given)
    np.testing.assert_allclose(found, by_loops(layer, given, x, m, np.broadcast_to(wide, full)), rtol=1e-12, atol=1e-14)
    nothing = given["out/bias"] if use_bias else np.zeros(2)
    np.testing.assert_array_equal(found[1], np.broadcast_to(nothing, (QUERIES, 2)))


def test_axes_of_one_in_a_mask() -> None:
    x = RNG.normal(size=(BATCH, QUERIES, IN))
    layer = MultiHeadAttention(HEADS, mask=True)
    mask = RNG.random((BATCH, 1, QUERIES)) < 0.5
    given = variables(layer, x.shape, mask.shape)
    repeated = np.broadcast_to(mask, (BATCH, QUERIES, QUERIES))
    answers = [value(layer, x, each, variables=given) for each in (mask, mask[:, None], mask[:, 0], repeated)]
    for answer in answers[1:]:
        np.testing.assert_array_equal(answer, answers[0])


def test_self_attention_is_cross_attention_to_itself_and_causal_is_a_mask() -> None:
    x = RNG.normal(size=(BATCH, QUERIES, IN))
    given = variables(MultiHeadAttention(HEADS), x.shape)
    np.testing.assert_array_equal(
        value(MultiHeadAttention(HEADS), x, variables=given), value(MultiHeadAttention(HEADS), x, x, variables=given)
    )
    triangle = np.broadcast_to(np.tril(np.ones((QUERIES, QUERIES), bool)), (BATCH, QUERIES, QUERIES))
    causal = value(MultiHeadAttention(HEADS, causal=True), x, variables=given)
    masked = value(MultiHeadAttention(HEADS, mask=True), x, triangle, variables=given)
    np.testing.assert_array_equal(causal, masked)
    # The future has no influence at all.
    changed = np.concatenate([x[:, :2], RNG.normal(size=(BATCH, 2, IN))], 1)
    again = value(MultiHeadAttention(HEADS, causal=True), changed, variables=given)
    np.testing.assert_allclose(again[:, :2], causal[:, :2], rtol=1e-13)
    assert np.abs(again[:, 2:] - causal[:, 2:]).min() > 0


def test_large_scores_and_infinite_masked_ones() -> None:
    """exp of scores of thousands would overflow; what is masked is not even looked at."""
    eye = {f"{name}/kernel": np.ones((1, 1, 1)) for name in ("query", "key", "value", "out")}
    layer = MultiHeadAttention(1, use_bias=False)
    x = np.array([[[100.0], [90.0]]])
    np.testing.assert_allclose(value(layer, x, variables=eye), [[[100.0], [100.0]]], rtol=1e-15)
    masked = MultiHeadAttention(1, use_bias=False, mask=True)
    found = value(masked, np.array([[[1.0], [1e100]]]), np.array([[True, False]]), variables=eye)
    np.testing.assert_array_equal(found, np.ones((1, 2, 1)))


def test_weights_are_dropped_by_the_documented_mask() -> None:
    x = RNG.normal(size=(BATCH, QUERIES, IN))
    layer, rate = MultiHeadAttention(HEADS, use_bias=False, dropout_rate=0.4), 0.4
    given = variables(layer, x.shape)
    run = single(layer, x, variables=given, training=True, seed=9, step=3)
    keep = keep_mask(rate, (BATCH, HEADS, QUERIES, QUERIES), 9, stream_of("node", "dropout", 0), 3)
    np.testing.assert_array_equal(run.masks["node"], keep)
    q, k, v = (np.einsum("bti,ihd->bhtd", x, given[f"{name}/kernel"]) for name in ("query", "key", "value"))
    scores = np.exp(np.einsum("bhtd,bhsd->bhts", q, k) / math.sqrt(IN / HEADS))
    weights = keep * scores / scores.sum(-1, keepdims=True) / (1 - rate)
    expected = np.einsum("bhts,bhsd,hdo->bto", weights, v, given["out/kernel"])
    np.testing.assert_allclose(run.outputs["node"], expected, rtol=1e-12, atol=1e-14)
    quiet = value(layer, x, variables=given)
    np.testing.assert_array_equal(quiet, value(MultiHeadAttention(HEADS, use_bias=False), x, variables=given))


def test_kernels_are_drawn_with_the_fans_of_matrices() -> None:
    """Glorot's limits of (in, heads · d) and (heads · d, out): the window's axes of a convolution are none here."""
    layer = MultiHeadAttention(8, head_features=16, out_features=24)
    model = nn.Sequential([layer], input=[3, 32])
    found = initial_variables(model, 5, np.float64)
    for name, matrix in (("query", (32, 128)), ("key", (32, 128)), ("value", (32, 128)), ("out", (128, 24))):
        limit = math.sqrt(6 / sum(fans(matrix)))
        drawn = np.abs(found[f"multi_head_attention/{name}/kernel"])
        assert 0.98 * limit < drawn.max() <= limit
    orthogonal = nn.Sequential([MultiHeadAttention(2, kernel_init="orthogonal")], input=[3, 6])
    query = initial_variables(orthogonal, 5, np.float64)["multi_head_attention/query/kernel"].reshape(6, 6)
    np.testing.assert_allclose(query @ query.T, np.eye(6), atol=1e-14)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_other_types(dtype: str) -> None:
    """Small types are computed in float32 and rounded once."""
    x = RNG.normal(size=(BATCH, QUERIES, IN)).astype(dtype)
    layer = MultiHeadAttention(HEADS, causal=True)
    given = {name: v.astype(dtype) for name, v in variables(layer, x.shape).items()}
    found = value(layer, x, variables=given, dtype=dtype)
    assert found.dtype == dtype
    exact = value(layer, x.astype(np.float64), variables={n: v.astype(np.float64) for n, v in given.items()})
    unit = {"float32": 2.0**-23, "bfloat16": 2.0**-8, "float16": 2.0**-11}[dtype]
    assert np.abs(found.astype(np.float64) - exact).max() <= 4 * unit * np.abs(exact).max()


@pytest.mark.parametrize(
    ("layer", "shapes", "message"),
    [
        (MultiHeadAttention(4), [(None, 3, 6)], "cannot divide 6 features among 4 heads: set head_features"),
        (MultiHeadAttention(2), [(None, 6)], "needs inputs of 3 axes"),
        (MultiHeadAttention(2), [(None, 3, None)], "must have a known size"),
        (MultiHeadAttention(2), [(None, 3, 6)] * 4, "takes one to three sequences, got 4 inputs"),
        (MultiHeadAttention(2, mask=True), [(None, 3, 6)], "takes one to three sequences and a mask, got 1 input$"),
        (MultiHeadAttention(2, mask=True), [(None, 3, 6), (None, 4)], "cannot use a mask of shape"),
        (MultiHeadAttention(2, mask=True), [(None, 3, 6), (None, 2, 4, 3, 3)], "has the axes"),
    ],
)
def test_refused(layer: Any, shapes: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        layer.output_shape(*shapes)


def test_masks_are_boolean() -> None:
    with pytest.raises(ShapeError, match="is boolean, got float input"):
        MultiHeadAttention(2, mask=True).output_dtype("float", "float")
    assert MultiHeadAttention(2, mask=True).output_dtype("float", "bool") == "float"


def test_flops_by_hand() -> None:
    """Four projections, of which each output is a product of 4 and a bias; 2 heads of 2; 3 positions; a batch of 1."""
    projections = 3 * (3 * 4 * 8) + 3 * 4 * 8
    scores = 2 * 3 * 3 * (3 + 1 + 1)  # a product of 2, the scaling, the softmax
    values = 3 * 4 * 5
    assert MultiHeadAttention(2).flops((1, 3, 4)) == projections + scores + values
