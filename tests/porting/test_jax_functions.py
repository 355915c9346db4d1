"""Functions of ``jax.nn``, and what models write themselves: the layer that they are, values and gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nnspec

jax = pytest.importorskip("jax", reason="the jax backend is not installed")
nnx, linen = pytest.importorskip("flax.nnx"), pytest.importorskip("flax.linen")
jnp, lax, nn = jax.numpy, jax.lax, jax.nn
functions = pytest.importorskip("tests.porting.jax_functions")
b, check, f, i, p, ported = (getattr(functions, name) for name in ("b", "check", "f", "i", "p", "ported"))

pytestmark = pytest.mark.jax
RNG = np.random.default_rng(3)
X = f(3, 6)
T, H, D = 5, 2, 4
QKV = (f(T, H, D), f(T, H, D), f(T, H, D))
ANGLES = np.arange(T)[:, None] / 10 ** (np.arange(D // 2) / 2)
MASK = np.tril(np.ones((T, T), bool))
SINES = np.concatenate([np.sin(ANGLES), np.cos(ANGLES)], -1)


def weight(*shape: int) -> Any:
    return RNG.normal(size=shape) * 0.5


# What a function is as layers; None where it stays the equations that it consists of.
NAMED: list[tuple[str, Callable[..., Any], list[str] | None]] = [
    ("relu", nn.relu, ["ReLU"]),
    ("relu6", nn.relu6, ["ReLU6"]),
    ("gelu", nn.gelu, ["GELU"]),
    ("exact gelu", lambda x: nn.gelu(x, approximate=False), ["GELU"]),
    ("silu", nn.silu, ["Silu"]),
    ("sigmoid", nn.sigmoid, ["Sigmoid"]),
    ("log_sigmoid", nn.log_sigmoid, ["LogSigmoid"]),
    ("softplus", nn.softplus, ["Softplus"]),
    ("soft_sign", nn.soft_sign, ["SoftSign"]),
    ("mish", nn.mish, ["Mish"]),
    ("elu", nn.elu, ["ELU"]),
    ("elu with alpha", lambda x: nn.elu(x, 0.3), ["ELU"]),
    ("selu", nn.selu, ["SELU"]),
    ("celu", lambda x: nn.celu(x, 1.7), ["CELU"]),
    ("leaky_relu", lambda x: nn.leaky_relu(x, 0.2), None),
    ("hard_tanh", nn.hard_tanh, None),
    ("hard_sigmoid", nn.hard_sigmoid, ["HardSigmoid"]),
    ("hard_silu", nn.hard_silu, ["HardSilu"]),
    ("squareplus", nn.squareplus, ["Squareplus"]),
    ("sparse_plus", nn.sparse_plus, ["SparsePlus"]),
    ("sparse_sigmoid", nn.sparse_sigmoid, None),
    ("glu", nn.glu, ["GLU"]),
    ("softmax", nn.softmax, ["Softmax"]),
    ("softmax of another axis", lambda x: nn.softmax(x, axis=1), ["Softmax"]),
    ("softmax of two axes", lambda x: nn.softmax(x, axis=(1, 2)), None),
    ("log_softmax", nn.log_softmax, ["LogSoftmax"]),
    ("logsumexp", lambda x: nn.logsumexp(x, axis=-1), ["LogSumExp"]),
    ("standardize", nn.standardize, ["Standardize"]),
    ("mean", lambda x: jnp.mean(x, -1), ["Mean"]),
    ("variance", lambda x: jnp.var(x, -1, keepdims=True), ["Var"]),
    ("deviation", lambda x: jnp.std(x, -1), ["Var", "Sqrt"]),
    ("softmax by hand", lambda x: (e := jnp.exp(x - x.max(-1, keepdims=True))) / e.sum(-1, keepdims=True), ["Softmax"]),
    ("swish by hand", lambda x: x * nn.sigmoid(x), ["Silu"]),
    ("gelu by hand", lambda x: 0.5 * x * (1 + jnp.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))), ["GELU"]),
    ("exact gelu by hand", lambda x: x * 0.5 * (1.0 + lax.erf(x / np.sqrt(2.0))), ["GELU"]),
    ("not quite gelu", lambda x: x * nn.sigmoid(1.702 * x), ["Rescaling", "Sigmoid", "Multiply"]),
]


@pytest.mark.parametrize(("function", "layers"), [row[1:] for row in NAMED], ids=[row[0] for row in NAMED])
def test_known_functions(function: Any, layers: list[str] | None) -> None:
    made = check(function, (X,))
    if layers is not None:
        assert made.layers == layers
    else:
        assert len(made.layers) > 1


@pytest.mark.parametrize("name", ["relu", "relu6", "elu", "selu", "celu", "leaky_relu", "hard_tanh", "hard_sigmoid"])
def test_derivatives_at_kinks(name: str) -> None:
    """At 0 and at the bounds, where the frameworks disagree."""
    function = getattr(nn, name)
    made = ported(function, (f(7),))
    points = np.array([[-3.0, -1.0, 0.0, 1.0, 3.0, 6.0, 0.5]])
    net = nnspec.backend("jax").build(made.assembled.model, made.assembled.variables, dtype="float64")
    (output,) = made.assembled.model.outputs
    found = net.gradients({"x0": points}, {output: np.ones_like(points)}, compiled=False).inputs["x0"]
    with jax.enable_x64(True):
        np.testing.assert_allclose(found, jax.grad(lambda x: function(x).sum())(points), rtol=1e-12)


@pytest.mark.parametrize("name", ["relu", "silu", "softplus"])
def test_a_function_of_the_same_name_is_not_taken_for_it(name: str) -> None:
    def other(x: Any) -> Any:
        return jnp.maximum(x, 0.25) * x

    other.__name__ = name
    check(jax.jit(other), (X,))


def rope(x: Any) -> Any:
    left, right = jnp.split(x, 2, -1)
    sine, cosine = np.sin(ANGLES)[:, None], np.cos(ANGLES)[:, None]
    return jnp.concatenate([left * cosine - right * sine, right * cosine + left * sine], -1)


def rope_of_neighbors(x: Any) -> Any:
    pairs = x.reshape(*x.shape[:-1], -1, 2)
    even, odd = pairs[..., 0], pairs[..., 1]
    sine, cosine = np.sin(ANGLES)[:, None], np.cos(ANGLES)[:, None]
    return jnp.stack([even * cosine - odd * sine, even * sine + odd * cosine], -1).reshape(x.shape)


def attention(q: Any, k: Any, v: Any) -> Any:
    scores = jnp.einsum("bqhd,bkhd->bhqk", q, k) / np.sqrt(D)
    scores = jnp.where(MASK, scores, jnp.finfo(scores.dtype).min)
    return jnp.einsum("bhqk,bkhd->bqhd", nn.softmax(scores, -1), v)


def attention_by_tril(q: Any, k: Any, v: Any) -> Any:
    q, k, v = (x.transpose(0, 2, 1, 3) for x in (q, k, v))
    weights = nn.softmax(jnp.where(jnp.tril(jnp.ones((T, T))) == 0, -jnp.inf, q @ k.swapaxes(-1, -2)))
    return (weights @ v).transpose(0, 2, 1, 3).reshape(q.shape[0], T, H * D)


def alibi(q: Any, k: Any, v: Any) -> Any:
    slopes = 2.0 ** -(8.0 * (jnp.arange(H) + 1) / H)
    distance = jnp.arange(T)[None, :] - jnp.arange(T)[:, None]
    scores = jnp.einsum("bqhd,bkhd->bhqk", q, k) + slopes[:, None, None] * jnp.minimum(distance, 0)
    return jnp.einsum("bhqk,bkhd->bqhd", nn.softmax(scores), v)


def grouped_query(q: Any, k: Any, v: Any) -> Any:
    k, v = (jnp.repeat(x[:, :, :1], H, axis=2) for x in (k, v))
    return attention(q, k, v)


def linear_attention(q: Any, k: Any, v: Any) -> Any:
    q, k = nn.elu(q) + 1, nn.elu(k) + 1
    context = jnp.einsum("bthd,bthe->bhde", k, v)
    return jnp.einsum("bthd,bhde->bthe", q, context) / jnp.einsum("bthd,bhd->bth", q, k.sum(1))[..., None]


def group_norm(x: Any) -> Any:
    grouped = x.reshape(*x.shape[:-1], 2, -1)
    mean = grouped.mean((1, 2, 4), keepdims=True)
    var = ((grouped - mean) ** 2).mean((1, 2, 4), keepdims=True)
    return ((grouped - mean) * lax.rsqrt(var + 1e-5)).reshape(x.shape)


def last_valid(x: Any, mask: Any) -> Any:
    last = jnp.maximum(mask.sum(-1) - 1, 0)
    return jnp.take_along_axis(x, last[:, None, None], axis=1)[:, 0]


def masked_mean(x: Any, mask: Any) -> Any:
    weights = mask.astype(x.dtype)[..., None]
    return (x * weights).sum(1) / jnp.maximum(weights.sum(1), 1.0)


def top_k_gates(x: Any) -> Any:
    values, ids = lax.top_k(x, 2)
    return jnp.einsum("btk,btke->bte", nn.softmax(values, -1), nn.one_hot(ids, 6, dtype=x.dtype))


def pixel_shuffle(x: Any) -> Any:
    n, h, w, c = x.shape
    return x.reshape(n, h, w, 2, 2, c // 4).transpose(0, 1, 3, 2, 4, 5).reshape(n, 2 * h, 2 * w, c // 4)


def patches(x: Any) -> Any:
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2, c).transpose(0, 1, 3, 2, 4, 5).reshape(n, -1, 4 * c)


def windows(x: Any) -> Any:
    """Windows as a batch of their own and back, as in Swin."""
    n, h, w, c = x.shape
    parts = x.reshape(n, h // 2, 2, w // 2, 2, c).transpose(0, 1, 3, 2, 4, 5).reshape(-1, 4, c)
    weights = nn.softmax(parts @ parts.swapaxes(1, 2))
    mixed = (weights @ parts).reshape(n, h // 2, w // 2, 2, 2, c)
    return mixed.transpose(0, 1, 3, 2, 4, 5).reshape(n, h, w, c)


def cosine(x: Any, y: Any) -> Any:
    x = x / jnp.maximum(jnp.linalg.norm(x, axis=-1, keepdims=True), 1e-6)
    y = y / jnp.sqrt(jnp.sum(y**2, -1, keepdims=True) + 1e-6)
    return jnp.sum(x * y, -1)


def relative_bias(q: Any, k: Any) -> Any:
    table = np.linspace(-1, 1, 2 * T - 1)
    distance = jnp.arange(T)[:, None] - jnp.arange(T)[None, :] + T - 1
    return jnp.einsum("btd,bsd->bts", q, k) + jnp.asarray(table)[distance]


def shifted(x: Any) -> Any:
    """The step before, mixed in: token shift."""
    before = jnp.pad(x, ((0, 0), (1, 0), (0, 0)))[:, :-1]
    return 0.3 * x + 0.7 * before


def moving_average(x: Any) -> Any:
    sums = jnp.cumsum(jnp.pad(x, ((0, 0), (1, 0), (0, 0))), 1)
    return (sums[:, 2:] - sums[:, :-2]) / 2


def scanned(x: Any) -> Any:
    def step(state: Any, now: Any) -> Any:
        state = 0.5 * state + jnp.tanh(now)
        return state, state

    return lax.scan(step, jnp.zeros_like(x[:, 0]), x.swapaxes(0, 1))[1].swapaxes(0, 1)


FORMS: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
    (rope, (f(T, H, D),)),
    (rope_of_neighbors, (f(T, H, D),)),
    (attention, QKV),
    (attention_by_tril, QKV),
    (alibi, QKV),
    (grouped_query, QKV),
    (linear_attention, QKV),
    (group_norm, (f(4, 4, 6),)),
    (last_valid, (X, b(3))),
    (masked_mean, (X, b(3))),
    (top_k_gates, (X,)),
    (pixel_shuffle, (f(3, 2, 8),)),
    (patches, (f(4, 6, 3),)),
    (windows, (f(4, 6, 3),)),
    (cosine, (X, X)),
    (relative_bias, (f(T, 4), f(T, 4))),
    (shifted, (X,)),
    (moving_average, (f(6, 2),)),
    (scanned, (f(4, 3),)),
]
SHORT: list[tuple[str, Callable[..., Any], tuple[Any, ...]]] = [
    ("positions by constants", lambda x: x + SINES[None], (f(T, D),)),
    ("rms norm", lambda x: x * lax.rsqrt(jnp.mean(x**2, -1, keepdims=True) + 1e-6), (X,)),
    ("l2 norm", lambda x: x / jnp.sqrt((x * x).sum(-1, keepdims=True) + 1e-12), (X,)),
    (
        "instance norm",
        lambda x: (x - x.mean((1, 2), keepdims=True)) / (x.std((1, 2), keepdims=True) + 1e-5),
        (f(3, 4, 2),),
    ),
    ("squeeze and excite", lambda x: x * nn.sigmoid(x.mean((1, 2), keepdims=True) * 2 - 1), (f(3, 4, 2),)),
    ("first token", lambda x: x[:, 0, :], (X,)),
    ("global max", lambda x: x.max(axis=(1, 2)), (f(3, 4, 2),)),
    ("mean and max", lambda x: jnp.concatenate([x.mean(1), x.max(1)], -1), (X,)),
    ("swiglu", lambda x, y: nn.silu(x) * y, (X, X)),
    ("geglu", lambda x: (h := jnp.split(x, 2, -1))[0] * nn.gelu(h[1]), (X,)),
    ("gate", lambda x, y: (g := nn.sigmoid(x)) * x + (1 - g) * y, (X, X)),
    ("soft cap", lambda x: 30.0 * jnp.tanh(x / 30.0), (X,)),
    ("temperature", lambda x: nn.softmax(x / 0.7, axis=-1), (X,)),
    ("log of probabilities", lambda x: jnp.log(nn.softmax(x) + 1e-9), (X,)),
    ("entropy", lambda x: -(nn.softmax(x) * nn.log_softmax(x)).sum(-1), (X,)),
    ("hard choice", lambda x: nn.one_hot(x.argmax(-1), 6), (X,)),
    ("padding mask", lambda ids: (ids != 0)[:, None, None, :], (i(4, 6),)),
    ("bias of a mask", lambda x, m: x + (1.0 - m[:, None].astype(x.dtype)) * -10000.0, (f(6, 6), b(6))),
    ("masked softmax", lambda x, m: nn.softmax(x, where=m, axis=-1), (f(2, 6), b(2, 6))),
    ("images from bytes", lambda x: (x / 127.5 - 1.0) - np.array([0.1, 0.2, 0.3]), (f(2, 2, 3),)),
    ("channels first", lambda x: jnp.transpose(x, (0, 3, 1, 2)).mean((2, 3)), (f(3, 4, 2),)),
    ("upsampling", lambda x: jnp.repeat(jnp.repeat(x, 2, 1), 2, 2), (f(2, 3, 2),)),
    ("differences", lambda x: jnp.diff(x, axis=1), (X,)),
    ("a state space", lambda x: lax.associative_scan(lambda p, q: p * 0.5 + q, x, axis=1), (X,)),
    ("interpolation", lambda x: jnp.interp(x, jnp.linspace(-1, 1, 4), jnp.arange(4.0)), (f(6),)),
    ("by vmap over time", lambda x: jax.vmap(lambda now: jnp.cumsum(now, -1), 1, 1)(x), (X,)),
    ("lengths", lambda x, n: jnp.where(jnp.arange(3)[None, :, None] < n[:, None, None], x, 0.0), (X, i(4))),
    ("two heads", lambda x: {"value": jnp.tanh(x[..., 0]), "policy": nn.log_softmax(x[..., 1:])}, (X,)),
    ("gaussian", lambda x: -0.5 * (x**2 + jnp.log(2 * jnp.pi)).sum(-1), (X,)),
    ("radial", lambda x: jnp.exp(-((x[..., None] - np.linspace(-1, 1, 4)) ** 2) / 0.5), (f(3),)),
    ("distances", lambda x: ((x[:, :, None] - x[:, None]) ** 2).sum(-1), (X,)),
    ("crop to fit", lambda x, y: jnp.concatenate([x[:, 1:-1], y], -1), (f(5, 2), f(3, 4))),
    ("fourier features", lambda x: jnp.concatenate([jnp.sin(x @ SINES[:3]), jnp.cos(x @ SINES[:3])], -1), (f(3),)),
]


@pytest.mark.parametrize(("function", "given"), FORMS, ids=[row[0].__name__ for row in FORMS])
def test_what_models_write(function: Any, given: tuple[Any, ...]) -> None:
    check(function, given, tolerance=1e-11)


@pytest.mark.parametrize(("function", "given"), [row[1:] for row in SHORT], ids=[row[0] for row in SHORT])
def test_what_models_write_in_a_line(function: Any, given: tuple[Any, ...]) -> None:
    check(function, given, tolerance=1e-11)


@pytest.mark.parametrize(
    ("function", "given"),
    [
        (nn.dot_product_attention, QKV),
        (lambda q, k, v: nn.dot_product_attention(q, k, v, is_causal=True), QKV),
        (lambda q, k, m: nn.dot_product_attention(q, k, k, mask=m[:, None, None] | MASK), (QKV[0], f(T, 1, D), b(T))),
        (lambda x: jax.image.resize(x, (len(x), 8, 5, 2), "bilinear"), (f(4, 3, 2),)),
        (lambda x: jax.image.resize(x, (len(x), 7, 6, 2), "nearest"), (f(4, 3, 2),)),
    ],
)
def test_what_jax_computes_in_float32(function: Any, given: tuple[Any, ...]) -> None:
    """Here it is computed in the net's own dtype."""
    check(function, given, tolerance=1e-6)


W = weight(6, 5)
OWN: list[tuple[str, Callable[..., Any], tuple[Any, ...], tuple[Any, ...], list[str] | None]] = [
    ("a dense layer", lambda w, c, x: x @ w + c, (W, weight(5)), (X,), ["Dense", "Parameter", "Add"]),
    ("a transposed kernel", lambda w, x: x @ w.T, (weight(5, 6),), (X,), ["Unembedding"]),
    (
        "rms norm's scale",
        lambda w, x: x * lax.rsqrt((x**2).mean(-1, keepdims=True)) * (1 + w),
        (weight(6),),
        (X,),
        None,
    ),
    (
        "a class token",
        lambda w, x: jnp.concatenate([jnp.tile(w, (len(x), 1, 1)), x], 1),
        (weight(1, 1, 6),),
        (X,),
        None,
    ),
    (
        "a class token broadcast",
        lambda w, x: jnp.concatenate([jnp.broadcast_to(w, (len(x), 2, 6)), x], 1),
        (weight(2, 6),),
        (X,),
        None,
    ),
    ("positions", lambda w, x: x + w[None, : x.shape[1]], (weight(8, 6),), (X,), None),
    ("an embedding", lambda w, x: w[x], (weight(7, 4),), (i(7, 3),), ["Embedding"]),
    ("jnp.take of a table", lambda w, x: jnp.take(w, x, axis=0), (weight(7, 4),), (i(7, 3, 2),), ["Embedding"]),
    ("a layer scale", lambda w, x: w * x, (weight(6),), (X,), None),
    ("a number", lambda w, x: jnp.exp(w) * x, (weight(),), (X,), None),
    ("heads of a kernel", lambda w, x: jnp.einsum("btd,dhk->bthk", x, w), (weight(6, 2, 3),), (X,), ["EinsumDense"]),
    ("heads back", lambda w, x: jnp.einsum("bthk,hkd->btd", x, w), (weight(2, 3, 4),), (f(5, 2, 3),), ["EinsumDense"]),
    ("a kernel for each position", lambda w, x: jnp.einsum("btd,tde->bte", x, w), (weight(3, 6, 2),), (X,), None),
    ("queries of its own", lambda w, x: nn.softmax(jnp.einsum("qd,btd->bqt", w, x)) @ x, (weight(2, 6),), (X,), None),
    ("a form of two", lambda w, x, y: jnp.einsum("bi,ijo,bj->bo", x, w, y), (weight(3, 4, 2),), (f(3), f(4)), None),
    ("a normalized kernel", lambda w, x: x @ (w / jnp.linalg.norm(w, axis=0)), (W,), (X,), None),
    (
        "a convolution",
        lambda w, x: lax.conv_general_dilated(x, w, (2, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")),
        (weight(3, 2, 4, 5),),
        (f(7, 6, 4),),
        ["Conv"],
    ),
    (
        "a convolution, channels first",
        lambda w, x: lax.conv(x, w, (1, 2), "VALID"),
        (weight(5, 4, 3, 2),),
        (f(4, 7, 6),),
        None,
    ),
    (
        "a depthwise convolution, causal and dilated",
        lambda w, x: lax.conv_general_dilated(
            x, w, (1,), [(4, 0)], rhs_dilation=(2,), dimension_numbers=("NWC", "WIO", "NWC"), feature_group_count=4
        ),
        (weight(3, 1, 8),),
        (f(7, 4),),
        ["Conv"],
    ),
    (
        "standardized kernels",
        lambda w, x: lax.conv_general_dilated(
            x, (w - w.mean((0, 1, 2))) / w.std((0, 1, 2)), (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        ),
        (weight(3, 3, 2, 4),),
        (f(6, 5, 2),),
        None,
    ),
    (
        "a transposed convolution",
        lambda w, x: lax.conv_transpose(x, w, (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")),
        (weight(3, 3, 2, 4),),
        (f(3, 4, 2),),
        None,
    ),
]


@pytest.mark.parametrize(
    ("function", "parameters", "given", "layers"), [row[1:] for row in OWN], ids=[row[0] for row in OWN]
)
def test_parameters_of_a_models_own(function: Any, parameters: Any, given: Any, layers: list[str] | None) -> None:
    made = check(function, given, parameters, tolerance=1e-11)
    if layers is not None:
        assert sorted(made.layers) == sorted(layers)


POOLED: list[tuple[str, Callable[..., Any], list[str]]] = [
    ("max", lambda x: nnx.max_pool(x, (2, 2), (2, 2)), ["MaxPool"]),
    ("max, same", lambda x: nnx.max_pool(x, (3, 2), (2, 1), "SAME"), ["MaxPool"]),
    ("mean", lambda x: nnx.avg_pool(x, (2, 2), (2, 2)), ["AvgPool"]),
    ("mean, same", lambda x: linen.avg_pool(x, (3, 3), (2, 2), "SAME"), ["AvgPool"]),
    (
        "mean of what is there",
        lambda x: linen.avg_pool(x, (3, 3), (2, 2), "SAME", count_include_pad=False),
        ["AvgPool"],
    ),
    ("min", lambda x: nnx.min_pool(x, (2, 2), (2, 2)), ["Negative", "MaxPool", "Negative"]),
]


@pytest.mark.parametrize(("function", "layers"), [row[1:] for row in POOLED], ids=[row[0] for row in POOLED])
def test_pooling(function: Any, layers: list[str]) -> None:
    made = check(function, (f(7, 6, 3),))
    assert made.layers == layers


EVERY = [
    *((name, function, (), (X,)) for name, function, _ in NAMED),
    *((function.__name__, function, (), given) for function, given in FORMS),
    *((name, function, parameters, given) for name, function, parameters, given, _ in OWN),
    *((name, function, (), (f(7, 6, 3),)) for name, function, _ in POOLED),
]
QUICK = {"a dense layer", "an embedding", "logsumexp", "variance", "masked_mean", "windows"}


@pytest.mark.parametrize(
    ("function", "parameters", "given"),
    [pytest.param(*row[1:], id=row[0], marks=() if row[0] in QUICK else pytest.mark.slow) for row in EVERY],
)
def test_gradients(function: Any, parameters: Any, given: Any) -> None:
    check(function, given, parameters, gradients=True, tolerance=1e-11)
