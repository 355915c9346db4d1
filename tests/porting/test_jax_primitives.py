"""Each primitive of JAX by a small function: its graph computes in float64 what the function does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nnspec.errors import PortError

jax = pytest.importorskip("jax", reason="the jax backend is not installed")
jnp, lax = jax.numpy, jax.lax
functions = pytest.importorskip("tests.porting.jax_functions")
b, check, f, i, p, ported = (getattr(functions, name) for name in ("b", "check", "f", "i", "p", "ported"))

pytestmark = pytest.mark.jax
_RNG = np.random.default_rng(0)
ROW = _RNG.normal(size=4)
GRID = _RNG.normal(size=(3, 4))
KERNEL = _RNG.normal(size=(4, 5))
X = f(3, 4)
Y = f(3, 4)
IMAGE = f(6, 5, 3)
# Whole numbers beyond what a field holds make a variable of a constant.
WIDE = _RNG.normal(size=20)

Row = tuple[str, Callable[..., Any], tuple[Any, ...]]

UNARY: list[Row] = [
    (name, getattr(jnp, name), (X,))
    for name in (
        *("abs", "exp", "exp2", "expm1", "floor", "ceil", "rint", "negative", "sign", "sin", "cos", "tan", "sinh"),
        *("cosh", "tanh", "arctan", "arcsinh", "square", "cbrt", "trunc", "isfinite", "isnan", "isinf", "deg2rad"),
    )
]
UNARY += [
    (name, getattr(jnp, name), (p(3, 4),))
    for name in ("log", "log1p", "log2", "log10", "sqrt", "reciprocal", "arccosh")
]
UNARY += [
    ("rsqrt", lax.rsqrt, (p(3, 4),)),
    ("arcsin", lambda x: jnp.arcsin(jnp.tanh(x)), (X,)),
    ("arccos", lambda x: jnp.arccos(jnp.tanh(x)), (X,)),
    ("arctanh", lambda x: jnp.arctanh(x / 9), (X,)),
    ("arccosh of more than 1", lambda x: jnp.arccosh(1 + x * x), (X,)),
    ("logistic", lax.logistic, (X,)),
    ("erf", lax.erf, (X,)),
    ("erfc", lax.erfc, (X,)),
    ("round to even", lambda x: lax.round(2 * x, lax.RoundingMethod.TO_NEAREST_EVEN), (X,)),
    ("round away from 0", lambda x: lax.round(jnp.floor(4 * x) / 2), (X,)),
    ("integer_pow", lambda x: lax.integer_pow(x, 5), (X,)),
    ("integer_pow of -2", lambda x: lax.integer_pow(x, -2), (X,)),
    ("pow of 3", lambda x: x**3, (X,)),
    ("pow of 0.3", lambda x: x**0.3, (p(3, 4),)),
    ("pow of 0.5", lambda x: jnp.power(x, 0.5), (p(3, 4),)),
    ("pow of a number", lambda x: 2.5**x, (X,)),
    ("clamp", lambda x: lax.clamp(-0.5, x, 0.7), (X,)),
    ("clip", lambda x: jnp.clip(x, -0.5, 0.7), (X,)),
    ("clip from below", lambda x: jnp.clip(x, 0.1), (X,)),
    ("stop_gradient of ids", lambda x: lax.stop_gradient(jnp.argmax(x, -1)), (X,)),
    ("astype", lambda x: (10 * x).astype(jnp.int32), (X,)),
    ("astype of booleans", lambda x: (x > 0).astype(jnp.float32) * x, (X,)),
    ("floor_divide", lambda x: x // 0.3, (X,)),
    ("mod", lambda x: x % 0.3, (X,)),
    ("rem", lambda x: lax.rem(x, jnp.full_like(x, 0.3)), (X,)),
    ("nan_to_num", jnp.nan_to_num, (X,)),
]
BINARY: list[Row] = [
    (name, getattr(jnp, name), (X, Y))
    for name in ("add", "subtract", "multiply", "divide", "maximum", "minimum", "arctan2", "logaddexp", "hypot")
]
BINARY += [
    ("power", jnp.power, (p(3, 4), Y)),
    ("mod of two", jnp.mod, (X, Y)),
    ("floor_divide of two", jnp.floor_divide, (X, Y)),
    ("fmod", jnp.fmod, (X, Y)),
    ("comparisons", lambda x, y: (x < y, x <= y, x > y, x >= y, x == y, x != y), (i(3, 5), i(3, 5))),
    ("comparisons with numbers", lambda x: (x < 1, x >= 1, x == 2, x != 2, x < 2), (i(4, 5),)),
    ("logic", lambda x, y: (x & y, x | y, x ^ y, ~x), (b(5), b(5))),
    ("where", lambda c, x, y: jnp.where(c, x, y), (b(3, 4), X, Y)),
    ("where a number", lambda c, x: jnp.where(c, x, -1e9), (b(3, 4), X)),
    ("where infinite", lambda c, x: jnp.where(c, x, -jnp.inf), (b(3, 4), X)),
    ("where, a row of conditions", lambda c, x: jnp.where(c[..., None], x, 0.0), (b(3), X)),
    ("select by whole numbers", lambda c, x, y: jnp.where(c, x, y), (i(2, 3, 4), X, Y)),
    ("select", lambda x: jnp.select([x < -1, x < 0, x < 1], [x * 0, x * x, x], 2.0), (X,)),
    ("argmax of booleans", lambda x: jnp.argmax(x, -1), (b(6),)),
    ("a row", lambda x: x + ROW, (X,)),
    ("a row, from it", lambda x: ROW - x, (X,)),
    ("a wide row", lambda x: x * WIDE, (f(3, 20),)),
    ("a column", lambda x: x * GRID[:, :1], (X,)),
    ("a grid", lambda x: x / GRID, (X,)),
    ("a grid, by it", lambda x: GRID / (2 + x * x), (X,)),
    ("numbers", lambda x: (2 * x + 1, 1 - x, x / 4, 3 / (x * x + 1), -x - 2), (X,)),
    ("max with a number", lambda x: (jnp.maximum(x, 0.0), jnp.minimum(0.3, x)), (X,)),
    ("different ranks", lambda x, y: x + y[:, None], (f(5, 3, 4), X)),
    ("broadcast axes", lambda x, y: x[:, :, None] * y[:, None, :], (f(3), f(4))),
    ("whole numbers", lambda x, y: (x + y, x * 3 - y, jnp.maximum(x, y), x // 2, x % 2, -x), (i(9, 4), i(9, 4))),
    ("powers of whole numbers", lambda x: (x**3, 1 - x**2), (i(5, 4),)),
    ("booleans as numbers", lambda x: x.astype(jnp.int32).sum(-1), (b(7),)),
    ("max of booleans", lambda x, y: jnp.maximum(x, y), (b(5), b(5))),
]
REDUCTIONS: list[Row] = [
    (f"{name} {axis}", lambda x, name=name, axis=axis: getattr(jnp, name)(x, axis), (f(3, 4, 2),))
    for name in ("sum", "max", "prod")
    for axis in (1, -1, (1, 3))
]
REDUCTIONS += [
    (name, lambda x, name=name: getattr(jnp, name)(x, -1), (X,))
    for name in ("min", "mean", "var", "std", "argmax", "argmin", "cumsum", "cumprod", "median", "ptp")
]
REDUCTIONS += [
    ("mean with kept axes", lambda x: x - x.mean((1, 2), keepdims=True), (X,)),
    ("var with a correction", lambda x: jnp.var(x, -1, ddof=1), (X,)),
    ("norm", lambda x: jnp.linalg.norm(x, axis=-1), (X,)),
    ("norm of magnitudes", lambda x: jnp.linalg.norm(x, ord=1, axis=-1, keepdims=True), (X,)),
    ("any and all", lambda x: (x.any(-1), x.all(1)), (b(3, 4),)),
    ("count", lambda x: jnp.count_nonzero(x, -1), (i(2, 3, 4),)),
    ("mean of some", lambda x, c: jnp.mean(x, -1, where=c | (jnp.arange(4) == 0)), (X, b(3, 4))),
    ("logsumexp", lambda x: jax.nn.logsumexp(x, -1), (X,)),
    ("logsumexp with kept axes", lambda x: jax.scipy.special.logsumexp(x, (1, 2), keepdims=True), (X,)),
    ("cumsum from behind", lambda x: lax.cumsum(x, 1, reverse=True), (X,)),
    ("cummax", lambda x: lax.cummax(x, 2), (X,)),
    ("cummin", lambda x: lax.cummin(x, 1, reverse=True), (X,)),
    ("cumlogsumexp", lambda x: lax.cumlogsumexp(x, 1), (f(5, 2),)),
    ("cumlogsumexp from behind", lambda x: lax.cumlogsumexp(x, 2, reverse=True), (X,)),
    ("cumsum of whole numbers", lambda x: jnp.cumsum(x, -1), (i(5, 6),)),
]
ORDER: list[Row] = [
    ("sort", lambda x: jnp.sort(x, 1), (X,)),
    ("sort, the largest first", lambda x: -jnp.sort(-x, -1), (X,)),
    ("argsort", lambda x: jnp.argsort(x, -1), (X,)),
    ("sort of pairs", lambda x, y: lax.sort((x, y), num_keys=1), (X, Y)),
    ("top_k", lambda x: lax.top_k(x, 2), (f(3, 6),)),
    ("sort of whole numbers", lambda x: jnp.sort(x, -1), (i(9, 6),)),
]
PRODUCTS: list[Row] = [
    ("matmul", lambda x, y: x @ y, (f(3, 4), f(4, 5))),
    ("matmul of four axes", lambda x, y: x @ y, (f(2, 3, 4), f(2, 4, 5))),
    ("matmul with a constant", lambda x: x @ KERNEL, (X,)),
    ("a constant's matmul", lambda x: KERNEL.T @ x.swapaxes(1, 2), (X,)),
    ("products of rows", lambda x, y: jnp.einsum("btd,bsd->bts", x, y), (X, f(6, 4))),
    ("products of each", lambda x, y: jnp.einsum("btd,bsd->btsd", x, y), (X, f(6, 4))),
    ("a product turned", lambda x, y: jnp.einsum("btd,bsd->dbts", x, y), (X, f(6, 4))),
    ("heads", lambda x, y: jnp.einsum("bqhd,bkhd->bhqk", x, y), (f(3, 2, 4), f(5, 2, 4))),
    ("three operands", lambda x, y: jnp.einsum("bi,ij,bj->b", x, KERNEL, y), (f(4), f(5))),
    ("tensordot", lambda x: jnp.tensordot(x, GRID, ((1, 2), (0, 1))), (X,)),
    ("inner", lambda x: jnp.inner(x, ROW), (X,)),
    ("vdot of each", lambda x, y: jax.vmap(jnp.vdot)(x, y), (X, Y)),
    ("outer of each", lambda x, y: jax.vmap(jnp.outer)(x, y), (f(3), f(4))),
    ("batch_matmul", lax.batch_matmul, (f(3, 4), f(4, 2))),
]
ARRANGEMENT: list[Row] = [
    ("transpose", lambda x: x.transpose(0, 3, 1, 2), (IMAGE,)),
    ("time first and back", lambda x: (x.swapaxes(0, 1) * 2).swapaxes(0, 1), (X,)),
    ("time first", lambda x: jnp.cumsum(x.swapaxes(0, 1), 0), (X,)),
    ("flatten", lambda x: x.reshape(x.shape[0], -1), (IMAGE,)),
    ("rows and back", lambda x: jnp.tanh(x.reshape(-1, 4)).reshape(x.shape), (X,)),
    ("rows by a matrix", lambda x: (x.reshape(-1, 4) @ KERNEL).reshape(-1, 3, 5), (X,)),
    ("rows behind", lambda x: jnp.sin(x.swapaxes(0, 1).reshape(-1, 4)).reshape(3, -1, 4), (X,)),
    ("reshape of six", lambda x: x.reshape(-1, 2, 3, 5, 3), (IMAGE,)),
    ("expand_dims", lambda x: jnp.expand_dims(x, (1, 3)), (X,)),
    ("squeeze", lambda x: x[:, :1].squeeze(1), (X,)),
    ("squeeze of two", lambda x: x[:, :1, 2:3].squeeze((1, 2)), (X,)),
    ("broadcast_to", lambda x: jnp.broadcast_to(x[:, None], (x.shape[0], 2, 3, 4)), (X,)),
    ("a constant for each", lambda x: jnp.concatenate([jnp.broadcast_to(ROW, (len(x), 1, 4)), x], 1), (X,)),
    ("concatenate", lambda x, y: jnp.concatenate([x, y, x], -1), (X, Y)),
    ("stack", lambda x, y: jnp.stack([x, y], 1), (X, Y)),
    ("stack in front", lambda x, y: jnp.stack([x, y]).sum(0), (X, Y)),
    ("split", lambda x: jnp.split(x, 2, -1), (X,)),
    ("split at places", lambda x: jnp.split(x, [1, 3], -1), (X,)),
    ("unstack", lambda x: jnp.unstack(x, axis=1), (X,)),
    ("flip", lambda x: jnp.flip(x, (1, 2)), (X,)),
    ("roll", lambda x: jnp.roll(x, 1, -1), (X,)),
    ("tile", lambda x: jnp.tile(x, (1, 2, 1)), (X,)),
    ("repeat", lambda x: jnp.repeat(x, 2, axis=1), (X,)),
    ("pad", lambda x: jnp.pad(x, ((0, 0), (1, 2), (0, 3))), (X,)),
    ("pad by a number", lambda x: jnp.pad(x, ((0, 0), (1, 0), (0, 0)), constant_values=-1.5), (X,)),
    ("pad and crop", lambda x: lax.pad(x, 0.5, ((0, 0, 0), (-1, 2, 0), (1, -1, 0))), (X,)),
    ("pad within", lambda x: lax.pad(x, 0.5, ((0, 0, 0), (1, 2, 2), (0, 0, 1))), (X,)),
    ("pad by infinity", lambda x: lax.pad(x, -np.inf, ((0, 0, 0), (1, 1, 0), (0, 2, 0))), (X,)),
    ("pad by reflection", lambda x: jnp.pad(x, ((0, 0), (2, 1), (0, 0)), mode="reflect"), (X,)),
    ("pad of whole numbers", lambda x: jnp.pad(x, ((0, 0), (1, 0))), (i(7, 4),)),
    ("tril and triu", lambda x: (jnp.tril(x), jnp.triu(x, 1)), (f(4, 4),)),
    ("diagonal", lambda x: jnp.diagonal(x, axis1=1, axis2=2), (f(4, 4),)),
    ("moveaxis", lambda x: jnp.moveaxis(x, -1, 1), (IMAGE,)),
]
INDEXING: list[Row] = [
    ("an element", lambda x: x[:, 0], (X,)),
    ("the last", lambda x: x[:, -1], (X,)),
    ("an element of two axes", lambda x: x[:, 1, 2], (X,)),
    ("a slice", lambda x: x[:, 1:, ::2], (X,)),
    ("a slice backwards", lambda x: x[:, ::-1], (X,)),
    ("a new axis", lambda x: x[:, None, :, 0], (X,)),
    ("constant ids", lambda x: x[:, np.array([2, 0, 1, 2])], (X,)),
    ("constant ids of the last axis", lambda x: x[..., jnp.array([3, 0])], (X,)),
    ("a table of constant ids", lambda x: x[:, np.array([[0, 1], [2, 2]])], (X,)),
    ("constant ids of two axes", lambda x: x[:, np.array([0, 2]), np.array([3, 1])], (X,)),
    ("triu_indices", lambda x: x[(slice(None), *jnp.triu_indices(4))], (f(4, 4),)),
    ("take", lambda x: jnp.take(x, jnp.array([1, -1]), axis=1), (X,)),
    ("take of ids", lambda x: jnp.take(jnp.asarray(KERNEL), x, axis=0), (i(4, 6),)),
    ("a table's rows", lambda x: jnp.asarray(KERNEL)[x], (i(4, 6, 2),)),
    ("a table's columns", lambda x: jnp.asarray(KERNEL)[:, x], (i(5, 3),)),
    ("take_along_axis", lambda x, ids: jnp.take_along_axis(x, ids, 1), (X, i(3, 2, 4))),
    ("take_along_axis, one for all", lambda x, ids: jnp.take_along_axis(x, ids[:, None, None], 1), (X, i(3))),
    ("take_along_axis of an argmax", lambda x: jnp.take_along_axis(x, x.argmax(-1)[..., None], -1), (X,)),
    ("each example's own", lambda x, ids: x[jnp.arange(len(x)), ids], (X, i(3))),
    ("each example's own few", lambda x, ids: x[jnp.arange(len(x))[:, None], ids], (X, i(3, 2))),
    ("by vmap", lambda x, ids: jax.vmap(lambda one, at: one[at])(x, ids), (X, i(3, 5))),
    ("each example's own of two axes", lambda x, j, k: x[jnp.arange(len(x)), j, k], (X, i(3), i(4))),
    ("the same of each", lambda x: x[jnp.arange(len(x)), 2], (X,)),
    ("searchsorted", lambda x: jnp.searchsorted(jnp.linspace(-1, 1, 5), x), (f(6),)),
    ("segments", lambda x, ids: jax.vmap(lambda one, of: jax.ops.segment_sum(one, of, 4))(x, ids), (X, i(4, 3))),
    ("dynamic_slice", lambda x: lax.dynamic_slice_in_dim(x, 1, 2, 1), (X,)),
    ("dynamic_update_slice", lambda x, y: lax.dynamic_update_slice(x, y, (0, 1, 0)), (X, f(2, 4))),
    ("an update within", lambda x, y: lax.dynamic_update_slice(x, y, (0, 1, 1)), (f(4, 4), f(2, 2))),
    ("at set", lambda x, y: x.at[:, 1].set(y), (X, f(4))),
    ("at set, each example's own", lambda x, at, y: x.at[jnp.arange(len(x)), at].set(y), (X, i(3), f(4))),
    ("at add, each example's own", lambda x, at: x.at[jnp.arange(len(x)), at].add(0.5), (X, i(3))),
    ("at add to whole numbers", lambda x: x.at[:, np.array([2, 0])].add(3), (i(5, 4),)),
    ("at set a number", lambda x: x.at[:, 0, 1:].set(0.5), (X,)),
    ("at add", lambda x, y: x.at[:, 2].add(y), (X, f(4))),
    ("at mul", lambda x: x.at[:, :, 1].multiply(3.0), (X,)),
    ("at set several", lambda x, y: x.at[:, np.array([2, 0])].set(y), (X, f(2, 4))),
    ("at add several", lambda x, y: x.at[..., ::2].add(y), (X, f(3, 2))),
    ("one_hot", lambda x: jax.nn.one_hot(x, 5), (i(6, 3),)),
    ("one_hot of another axis", lambda x: jax.nn.one_hot(x, 5, axis=1, dtype=jnp.int32), (i(6, 3),)),
    ("one_hot by hand", lambda x: (x[..., None] == jnp.arange(5)).astype(jnp.float32), (i(5, 3),)),
]
WINDOWS: list[Row] = [
    (
        f"reduce_window {kind} {padding} {strides}",
        lambda x, init=init, kind=kind, padding=padding, strides=strides: lax.reduce_window(
            x, init, getattr(lax, kind), (1, 3, 2, 1), (1, *strides, 1), padding
        ),
        (IMAGE,),
    )
    for kind, init in (("max", -np.inf), ("min", np.inf), ("add", 0.0))
    for padding, strides in (("VALID", (2, 1)), ("SAME", (2, 2)), (((0, 0), (1, 1), (0, 1), (0, 0)), (1, 2)))
]
WINDOWS += [
    (
        "windows, channels first",
        lambda x: lax.reduce_window(x, -np.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID"),
        (f(3, 6, 4),),
    ),
    ("windows of a sequence", lambda x: lax.reduce_window(x, 0.0, lax.add, (1, 3), (1, 1), "VALID") / 3, (f(8),)),
    ("conv with a constant", lambda x: lax.conv(x, np.ones((2, 3, 2, 2)), (1, 1), "SAME"), (f(3, 6, 5),)),
]
ALL = [*UNARY, *BINARY, *REDUCTIONS, *ORDER, *PRODUCTS, *ARRANGEMENT, *INDEXING, *WINDOWS]


@pytest.mark.parametrize(("function", "given"), [row[1:] for row in ALL], ids=[row[0] for row in ALL])
def test_primitives(function: Callable[..., Any], given: tuple[Any, ...]) -> None:
    check(function, given)


def test_many_expressions() -> None:
    assert len(ALL) >= 120


@pytest.mark.parametrize(
    ("function", "given", "words"),
    [
        (lambda x: x - x.mean(0), (X,), "batch axis"),
        (lambda x: x[1:], (X,), "batch axis"),
        (lambda x: x @ x.T, (f(4),), "examples"),
        (lambda x: jnp.flip(x), (X,), "batch axis"),
        (lambda x: jnp.sort(x, 0), (X,), "batch axis"),
        (lambda x: jnp.fft.fft(x), (X,), "fft|complex"),
        (lambda x: lax.erf_inv(x), (X,), "erf_inv"),
        (lambda x: x + lax.stop_gradient(jnp.round(x) - x), (X,), "stop_gradient"),
        (lambda x: x << 1, (i(5, 3),), "bits"),
        (lambda x, y: x & y, (i(5, 3), i(5, 3)), "bits"),
        (lambda x: x * 1j, (X,), "complex"),
        (lambda x: jnp.linalg.cholesky(x), (f(3, 3),), "cholesky"),
        (lambda x, n: lax.dynamic_slice_in_dim(x, n[0], 1, 1), (X, i(2)), "batch axis"),
        (lambda x: x + jnp.arange(len(x))[:, None, None], (X,), "example"),
    ],
)
def test_what_has_no_counterpart_is_named(function: Any, given: tuple[Any, ...], words: str) -> None:
    with pytest.raises(PortError, match=words):
        ported(function, given)
