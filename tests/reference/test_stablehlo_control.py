"""StableHLO's control flow and calls in the reference, and whole programs of JAX, against JAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nnspec.reference.stablehlo import run
from nnspec.stablehlo.module import numpy_dtype
from nnspec.stablehlo.operations import CALLS
from nnspec.stablehlo.parser import parsed
from tests.reference.stablehlo_programs import agrees, main, one, traced

jax = pytest.importorskip("jax", reason="the jax backend is not installed")
jnp = pytest.importorskip("jax.numpy")
lax = pytest.importorskip("jax.lax")
pytestmark = pytest.mark.jax
RNG = np.random.default_rng(36)

PROGRAMS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "loops": (
        lambda x, n: lax.while_loop(lambda s: s[0] < n, lambda s: (s[0] + 2, s[1] * 0.5 + x, x), (0, x * 2, x)),
        (RNG.normal(size=(2, 3)), 7),
    ),
    "branches": (
        lambda i, x: (lax.switch(i, [jnp.sin, jnp.sqrt, jnp.tan], x), lax.cond(i > 1, jnp.cos, jnp.exp, x)),
        (2, RNG.normal(size=(2, 3))),
    ),
    "scan": (
        lambda x, w: lax.scan(lambda h, v: (jnp.tanh(h @ w + v), h.sum()), jnp.zeros(3), x),
        (RNG.normal(size=(5, 3)), RNG.normal(size=(3, 3))),
    ),
    "sorting": (
        lambda x: (jnp.sort(x, 0), jnp.argsort(-x, 1), jnp.argmax(x, 1), jnp.median(x), jnp.cumsum(x, 1)),
        (np.array([[2.0, np.nan, -0.0, 1.0], [0.0, -np.inf, 7.0, -0.0]]),),
    ),
    "indexing": (
        lambda x, i: (x[:, i % 3], x.at[i].add(2.0), x.at[i, 1].set(9.0), jnp.take_along_axis(x, i[:, None] % 4, 1)),
        (RNG.normal(size=(5, 4)), np.array([3, 1, 1, 4, 0])),
    ),
    "attention": (
        lambda q, k: jax.nn.softmax(jnp.einsum("bqhd,bkhd->bhqk", q, k), -1) @ jnp.ones((2, 1, 6, 3)),
        (RNG.normal(size=(2, 4, 3, 5)), RNG.normal(size=(2, 6, 3, 5))),
    ),
    "algebra": (
        lambda x: (jnp.fft.rfft(x, axis=0), jnp.linalg.matrix_power(x, 3), jnp.trace(x), jnp.tril(x)),
        (RNG.normal(size=(4, 4)),),
    ),
    "pooling": (
        lambda x: (lax.cummax(x, 1), lax.reduce_window(x, -np.inf, lax.max, (2, 3), (1, 2), "SAME")),
        (RNG.normal(size=(4, 6)),),
    ),
    "bits": (lambda x: (jax.random.bits(jax.random.key(x)), jnp.nextafter(x * 1.5, 2.0)), (3,)),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_of_jax(name: str) -> None:
    function, given = PROGRAMS[name]
    with jax.enable_x64(True):
        expected = [np.asarray(y) for y in jax.tree.leaves(jax.jit(function)(*given))]
    module = parsed(traced(function, *given))
    found = run(
        module, [np.asarray(x).astype(numpy_dtype(of.dtype)) for x, of in zip(given, module.main.types, strict=True)]
    )
    for y, one_expected in zip(found, expected, strict=True):
        assert y.dtype == one_expected.dtype
        np.testing.assert_allclose(y, one_expected, 1e-11, 1e-11)


@pytest.mark.parametrize("index", [-1, 0, 1, 2, 7])
def test_branches_that_see_what_is_around(index: int) -> None:
    blocks = ['"stablehlo.return"(%a1) : (tensor<2xf64>) -> ()', '"stablehlo.return"(%a2) : (tensor<2xf64>) -> ()',
              '%n = "stablehlo.negate"(%a1) : (tensor<2xf64>) -> tensor<2xf64>\n'
              '"stablehlo.return"(%n) : (tensor<2xf64>) -> ()']  # fmt: skip
    within = "\n}, {\n".join(blocks)
    text = main(f'%r = "stablehlo.case"(%a0) ({{\n{within}\n}}) : (tensor<i32>) -> tensor<2xf64>\n'
                '%q:2 = "stablehlo.optimization_barrier"(%r, %a1) : (tensor<2xf64>, tensor<2xf64>) -> '
                '(tensor<2xf64>, tensor<2xf64>)\n"func.return"(%q#0) : (tensor<2xf64>) -> ()',
                ["i32", "2xf64", "2xf64"], ["2xf64"])  # fmt: skip
    x, y = RNG.normal(size=(2, 2))
    agrees(text, np.int32(index), x, y)
    np.testing.assert_array_equal(
        run(parsed(text), [np.int32(index), x, y])[0], [x, y, -x][index if index in (0, 1) else 2]
    )


FUNCTIONS = {
    **{f"mhlo.{name}": getattr(jnp, f"arc{name[1:]}") for name in ("acos", "acosh", "asin", "asinh", "atanh")},
    "mhlo.cosh": jnp.cosh, "mhlo.sinh": jnp.sinh, "mhlo.tan": jnp.tan, "mhlo.erf": lax.erf,
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(CALLS - {"mhlo.topk"}))
def test_calls_of_compilers_functions(name: str) -> None:
    """No compiler that is installed runs such calls from a text: JAX's functions of those names are what they are."""
    x = np.array([0.25, -0.5, 0.75, 0.0, -0.0, np.nan, np.inf, -np.inf, 1.5, -3.0])
    with jax.enable_x64(True):
        expected = np.asarray(FUNCTIONS[name](x))
    text = one("custom_call", ["10xf64"], "10xf64", f'call_target_name = "{name}"')
    (found,) = run(parsed(text), [x])
    np.testing.assert_allclose(found, expected, 1e-12)
    np.testing.assert_array_equal(np.signbit(found[found == 0]), np.signbit(expected[expected == 0]))


@pytest.mark.parametrize("largest", [True, False])
def test_largest(largest: bool) -> None:
    x = np.array([[2.0, np.nan, -0.0, 0.0, 2.0], [1.0, -np.inf, 1.0, 1.0, 3.0]])
    options = f"mhlo.attributes = {{k = 3 : i64, largest = {str(largest).lower()}}}, mhlo.version = 1 : i64"
    text = one("custom_call", ["2x5xf64"], ["2x3xf64", "2x3xi32"], f'call_target_name = "mhlo.topk", {options}')
    values, places = run(parsed(text), [x])
    expected = [[1, 0, 4], [4, 0, 2]] if largest else [[2, 3, 0], [1, 0, 2]]
    np.testing.assert_array_equal(places, expected)
    np.testing.assert_array_equal(values, np.take_along_axis(x, places.astype(int), 1))
    if largest:
        with jax.enable_x64(True):
            np.testing.assert_array_equal(lax.top_k(x, 3)[1], expected)
