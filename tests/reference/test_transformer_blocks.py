"""Blocks of transformers, built from the vocabulary, against PyTorch's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.model import Model, Tensor
from nnspec.reference.model import run

RNG = np.random.default_rng(53)
WIDTH, HEADS, HIDDEN = 6, 2, 10
X, MEMORY = RNG.normal(size=(3, 4, WIDTH)), RNG.normal(size=(3, 5, WIDTH))
_ATTENTION = {"self_attn": "own", "multihead_attn": "cross"}
_OTHERS = {"linear1": "up", "linear2": "down", **{f"norm{i}": f"norm{i}" for i in (1, 2, 3)}}


def block(first: bool, activation: Any, causal: bool, *memory: Tensor) -> Model:
    """Attention to itself, to a memory if there is one, and a perceptron, each with a norm before or behind it."""
    x = y = nn.symbol([4, WIDTH], "x")
    parts: list[Any] = [nn.MultiHeadAttention(HEADS, causal=causal, name="own")]
    if memory:
        cross = nn.MultiHeadAttention(HEADS, name="cross")
        parts.append(lambda z: cross(z, *memory))
    up, down = nn.Dense(HIDDEN, activation, name="up"), nn.Dense(WIDTH, name="down")
    parts.append(lambda z: down(up(z)))
    for i, part in enumerate(parts, 1):
        norm = nn.LayerNorm(epsilon=1e-5, name=f"norm{i}")
        y = y + part(norm(y)) if first else norm(y + part(y))
    return Model(inputs=[x, *memory], outputs=y)


def ours(layer: Any) -> dict[str, Any]:
    """A PyTorch layer's weights under our names."""
    found: dict[str, Any] = {}
    for name, weight in layer.state_dict().items():
        where, _, kind = name.partition(".")
        w = weight.numpy()
        if where in _OTHERS:
            variable = "bias" if kind == "bias" else "scale" if where.startswith("norm") else "kernel"
            found[f"{_OTHERS[where]}/{variable}"] = w.T if variable == "kernel" else w
            continue
        node = _ATTENTION[where]
        if kind.startswith("in_proj"):
            for part, piece in zip(("query", "key", "value"), np.split(w, 3), strict=True):
                heads = piece.reshape(HEADS, -1, WIDTH).transpose(2, 0, 1) if w.ndim == 2 else piece.reshape(HEADS, -1)
                found[f"{node}/{part}/{'kernel' if w.ndim == 2 else 'bias'}"] = heads
        elif kind == "out_proj.weight":
            found[f"{node}/out/kernel"] = w.T.reshape(HEADS, -1, WIDTH)
        else:
            found[f"{node}/out/bias"] = w
    return found


def made(kind: str, first: bool, activation: str) -> Any:
    """PyTorch's layer with random numbers everywhere, norms and biases included."""
    torch = pytest.importorskip("torch")
    options = {"batch_first": True, "norm_first": first, "activation": activation, "dtype": torch.float64}
    layer = getattr(torch.nn, f"Transformer{kind}Layer")(WIDTH, HEADS, HIDDEN, 0.0, **options)
    layer.load_state_dict({name: torch.from_numpy(RNG.normal(size=w.shape)) for name, w in layer.state_dict().items()})
    return layer.train()  # in inference mode the encoder takes another way, which drops the graph of gradients


@pytest.mark.parametrize("first", [False, True], ids=["post-norm", "pre-norm"])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_encoder(first: bool, activation: str) -> None:
    torch = pytest.importorskip("torch")
    layer = made("Encoder", first, activation)
    expected = layer(torch.from_numpy(X)).detach().numpy()
    model = block(first, activation, False)
    found = run(model, ours(layer), {"x": X}).outputs[model.outputs[0]]
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("first", [False, True], ids=["post-norm", "pre-norm"])
def test_decoder(first: bool) -> None:
    torch = pytest.importorskip("torch")
    layer = made("Decoder", first, "relu")
    hidden = torch.ones(4, 4, dtype=torch.bool).triu(1)
    expected = layer(*map(torch.from_numpy, (X, MEMORY)), tgt_mask=hidden).detach().numpy()
    model = block(first, "relu", True, nn.symbol([5, WIDTH], "memory"))
    found = run(model, ours(layer), {"x": X, "memory": MEMORY}).outputs[model.outputs[0]]
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("gate", ["silu", "gelu", "relu", "sigmoid"])
def test_gated_linear_units(gate: str) -> None:
    """SwiGLU, GEGLU, ReGLU and GLU of Shazeer 2020, arXiv:2002.05202: (gate(x · W) ⊙ (x · V)) · W₂."""
    torch = pytest.importorskip("torch")
    x = nn.symbol([4, WIDTH], "x")
    w, v = nn.Dense(HIDDEN, gate, use_bias=False, name="w"), nn.Dense(HIDDEN, use_bias=False, name="v")
    down = nn.Dense(WIDTH, use_bias=False, name="down")
    model = Model(inputs=x, outputs=down(w(x) * v(x)))
    given = {name: RNG.normal(size=p.shape) for name, p in model.params().items()}
    wide, linear, narrow = (torch.from_numpy(given[f"{name}/kernel"]) for name in ("w", "v", "down"))
    t, f = torch.from_numpy(X), getattr(torch.nn.functional, gate)
    expected = (f(t @ wide) * (t @ linear)) @ narrow
    np.testing.assert_allclose(run(model, given, {"x": X}).outputs["down"], expected.numpy(), rtol=1e-12, atol=1e-12)


def test_a_decoder_of_today() -> None:
    """As in Llama: RMSNorm, rotated queries and keys, heads that share keys, SwiGLU; tied weights at both ends."""
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    ids = nn.symbol([4], "ids", "int32")
    table = nn.Embedding(7, WIDTH, name="table")
    rotary = nn.RotaryPositions(500.0, "halves")
    own = nn.MultiHeadAttention(3, num_kv_heads=1, rotary=rotary, causal=True, use_bias=False, name="own")
    y = table(ids)
    y = y + own(nn.RMSNorm(name="norm1")(y))
    z = nn.RMSNorm(name="norm2")(y)
    gate, up = (nn.Dense(HIDDEN, act, use_bias=False, name=name) for name, act in (("gate", "silu"), ("up", None)))
    y = y + nn.Dense(WIDTH, use_bias=False, name="down")(gate(z) * up(z))
    model = Model(inputs=ids, outputs=table.attend(y))
    given = {name: RNG.normal(size=p.shape) for name, p in model.params().items()}
    w = {name: torch.from_numpy(value) for name, value in given.items()}
    words = RNG.integers(0, 7, (3, 4)).astype(np.int32)

    def rotated(heads: Any) -> Any:
        """Of 2 features each: one pair."""
        angle = torch.arange(4, dtype=torch.float64)[:, None]
        a, b = heads[..., 0], heads[..., 1]
        return torch.stack([a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()], -1)

    h = w["table/embedding"][torch.from_numpy(words).long()]
    n = functional.rms_norm(h, (WIDTH,), w["norm1/scale"], 1e-6)
    q, k, v = (torch.einsum("bti,ihd->bthd", n, w[f"own/{part}/kernel"]) for part in ("query", "key", "value"))
    q, k, v = (part.transpose(1, 2) for part in (rotated(q), rotated(k), v))
    heads = functional.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
    h = h + torch.einsum("bhtd,hdo->bto", heads, w["own/out/kernel"])
    n = functional.rms_norm(h, (WIDTH,), w["norm2/scale"], 1e-6)
    h = h + (functional.silu(n @ w["gate/kernel"]) * (n @ w["up/kernel"])) @ w["down/kernel"]
    expected = (h @ w["table/embedding"].T).numpy()
    found = run(model, given, {"ids": words}).outputs[model.outputs[0]]
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)
