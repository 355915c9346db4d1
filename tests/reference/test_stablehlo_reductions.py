"""StableHLO's reductions, sorting and control flow in the reference, against XLA; whole programs of JAX, too."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nnspec.errors import SpecError
from nnspec.reference.stablehlo import run
from nnspec.stablehlo.module import numpy_dtype
from nnspec.stablehlo.operations import CALLS
from nnspec.stablehlo.parser import parsed
from tests.reference.stablehlo_programs import agrees, array, body, main, one, traced

jax = pytest.importorskip("jax", reason="the jax backend is not installed")
jnp = pytest.importorskip("jax.numpy")
lax = pytest.importorskip("jax.lax")
pytestmark = pytest.mark.jax
RNG = np.random.default_rng(34)

# The larger of two numbers and its place: of equal ones the first.
LARGEST = """^bb0(%x: tensor<f64>, %i: tensor<i32>, %y: tensor<f64>, %j: tensor<i32>):
%gt = "stablehlo.compare"(%x, %y) <{comparison_direction = #stablehlo<comparison_direction GT>}> : (tensor<f64>, \
tensor<f64>) -> tensor<i1>
%eq = "stablehlo.compare"(%x, %y) <{comparison_direction = #stablehlo<comparison_direction EQ>}> : (tensor<f64>, \
tensor<f64>) -> tensor<i1>
%lt = "stablehlo.compare"(%i, %j) <{comparison_direction = #stablehlo<comparison_direction LT>}> : (tensor<i32>, \
tensor<i32>) -> tensor<i1>
%first = "stablehlo.and"(%eq, %lt) : (tensor<i1>, tensor<i1>) -> tensor<i1>
%left = "stablehlo.or"(%gt, %first) : (tensor<i1>, tensor<i1>) -> tensor<i1>
%u = "stablehlo.select"(%left, %x, %y) : (tensor<i1>, tensor<f64>, tensor<f64>) -> tensor<f64>
%k = "stablehlo.select"(%left, %i, %j) : (tensor<i1>, tensor<i32>, tensor<i32>) -> tensor<i32>
"stablehlo.return"(%u, %k) : (tensor<f64>, tensor<i32>) -> ()"""
# A sum of squares, with what is no elementwise operation between.
SQUARES = """^bb0(%x: tensor<f64>, %y: tensor<f64>):
%v = "stablehlo.reshape"(%y) : (tensor<f64>) -> tensor<1xf64>
%w = "stablehlo.dot_general"(%v, %v) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [0], \
rhs_contracting_dimensions = [0]>}> : (tensor<1xf64>, tensor<1xf64>) -> tensor<f64>
%z = "stablehlo.add"(%x, %w) : (tensor<f64>, tensor<f64>) -> tensor<f64>
"stablehlo.return"(%z) : (tensor<f64>) -> ()"""
RIGHT = '^bb0(%x: tensor<f64>, %y: tensor<f64>):\n"stablehlo.return"(%y) : (tensor<f64>) -> ()'


@pytest.mark.parametrize("axes", [(0,), (1, 2), (2, 0), (0, 1, 2)])
@pytest.mark.parametrize(("operation", "first"), [("add", 0.5), ("maximum", -1.0), ("multiply", 2.0)])
def test_reduce(axes: tuple[int, ...], operation: str, first: float) -> None:
    kept = "".join(f"{n}x" for d, n in enumerate((3, 4, 5)) if d not in axes)
    attributes = f"dimensions = array<i64: {', '.join(map(str, axes))}>"
    text = one("reduce", ["3x4x5xf64", "f64"], f"{kept}f64", attributes, [body(operation, "f64")])
    agrees(text, RNG.normal(size=(3, 4, 5)), np.float64(first))


def test_reductions_of_other_types() -> None:
    for of, operation in (("i8", "add"), ("ui16", "multiply"), ("i1", "or"), ("i1", "and"), ("i64", "minimum")):
        text = one("reduce", [f"9x3x{of}", of], f"3x{of}", "dimensions = array<i64: 0>", [body(operation, of)])
        x = RNG.integers(0, 2 if of == "i1" else 100, size=(9, 3)).astype(numpy_dtype(of))
        agrees(text, x, array(of, operation != "or"))


def test_reduce_of_several_arrays() -> None:
    text = one("reduce", ["4x5xf64", "4x5xi32", "f64", "i32"], ["4xf64", "4xi32"], "dimensions = array<i64: 1>",
               [LARGEST])  # fmt: skip
    x = RNG.integers(0, 3, size=(4, 5)).astype(float)
    agrees(text, x, np.broadcast_to(np.arange(5, dtype=np.int32), (4, 5)).copy(), np.float64(-1), np.int32(9))


def test_body_that_is_not_elementwise() -> None:
    text = one("reduce", ["4x5xf64", "f64"], "4xf64", "dimensions = array<i64: 1>", [SQUARES])
    x = RNG.normal(size=(4, 5))
    (found,) = run(parsed(text), [x, np.float64(2)])
    np.testing.assert_allclose(found, 2 + (x**2).sum(1), 1e-13)


def test_reduce_in_row_major_order() -> None:
    """The last element is left where the body gives the second argument; what it begins with where there is none."""
    text = one("reduce", ["2x3x4xf64", "f64"], "3xf64", "dimensions = array<i64: 2, 0>", [RIGHT])
    x = RNG.normal(size=(2, 3, 4))
    (found,) = run(parsed(text), [x, np.float64(2)])
    np.testing.assert_array_equal(found, x[1, :, 3])
    for region in (RIGHT, body("add", "f64")):
        text = one("reduce", ["3x0xf64", "f64"], "3xf64", "dimensions = array<i64: 1>", [region])
        np.testing.assert_array_equal(run(parsed(text), [np.ones((3, 0)), np.float64(2)])[0], [2, 2, 2])


# Shapes, and what windows there are.
WINDOWS = {
    "plain": ("5x6xf64", "4x4xf64", {"window_dimensions": (2, 3)}, None),
    "strides": ("7x6xf64", "3x2xf64", {"window_dimensions": (2, 3), "window_strides": (2, 3)}, None),
    "padding": ("5x6xf64", "6x8xf64", {"window_dimensions": (2, 3)}, ((1, 1), (0, 4))),
    "padding that cuts": ("5x6xf64", "3x4xf64", {"window_dimensions": (2, 3)}, ((-1, 0), (2, -2))),
    "dilated windows": ("7x6xf64", "3x4xf64", {"window_dimensions": (3, 2), "window_dilations": (2, 2)}, None),
    "dilated arrays": ("3x4xf64", "5x8xf64", {"window_dimensions": (2, 3), "base_dilations": (2, 3)}, ((1, 0), (0, 0))),
    "everything": ("4x5xf64", "4x5xf64", {"window_dimensions": (2, 3), "window_strides": (3, 2), "base_dilations":
                   (3, 2), "window_dilations": (2, 2)}, ((1, 2), (2, 3))),
    "no windows": ("2x6xf64", "0x4xf64", {"window_dimensions": (3, 3)}, None),
}  # fmt: skip


def windows(given: dict[str, tuple[int, ...]], pad: Any) -> str:
    parts = [f"{name} = array<i64: {', '.join(map(str, numbers))}>" for name, numbers in given.items()]
    return ", ".join(
        [*parts, *([f"padding = dense<{[list(p) for p in pad]}> : tensor<{len(pad)}x2xi64>"] if pad else [])]
    )


@pytest.mark.parametrize("name", WINDOWS)
def test_reduce_window(name: str) -> None:
    """What a window begins with counts once, however much is padded."""
    given, result, numbers, pad = WINDOWS[name]
    x = RNG.normal(size=[int(n) for n in given.split("x")[:-1]])
    for operation, first in (("add", 0.5), ("maximum", -9.0)):
        agrees(one("reduce_window", [given, "f64"], result, windows(numbers, pad), [body(operation, "f64")]), x, first)


def test_reduce_window_of_several_arrays() -> None:
    attributes = windows({"window_dimensions": (3,), "window_strides": (2,)}, ((1, 1),))
    text = one("reduce_window", ["7xf64", "7xi32", "f64", "i32"], ["4xf64", "4xi32"], attributes, [LARGEST])
    x = RNG.integers(0, 3, size=7).astype(float)
    agrees(text, x, np.arange(7, dtype=np.int32), np.float64(-1), np.int32(9))


@pytest.mark.parametrize(("axis", "attributes"), [(0, "dimension = 0 : i64"), (1, ""), (1, "dimension = 1 : i64")])
def test_sort(axis: int, attributes: str) -> None:
    """Stable, by any comparator: keys descend, and what goes along follows."""
    order = '^bb0(%x: tensor<i32>, %y: tensor<i32>, %u: tensor<f64>, %v: tensor<f64>):\n' + body(
        "compare", "i32", "comparison_direction = #stablehlo<comparison_direction GT>", "i1"
    ).split("\n", 1)[1]  # fmt: skip
    text = one("sort", ["4x6xi32", "4x6xf64"], ["4x6xi32", "4x6xf64"],
               ", ".join(filter(None, [attributes, "is_stable = true"])), [order])  # fmt: skip
    keys = RNG.integers(0, 3, size=(4, 6)).astype(np.int32)
    agrees(text, keys, RNG.normal(size=(4, 6)))
    found = run(parsed(text), [keys, RNG.normal(size=(4, 6))])[0]
    np.testing.assert_array_equal(found, -np.sort(-keys, axis))


@pytest.mark.parametrize("n", [0, 1, 2, 3, 17, 64, 1000])
def test_sort_of_any_length(n: int) -> None:
    order = body("compare", "i32", "comparison_direction = #stablehlo<comparison_direction LT>", "i1")
    both = order.replace("^bb0(", "^bb0(%p: tensor<i32>, %q: tensor<i32>, ")
    text = one("sort", [f"2x{n}xi32"] * 2, [f"2x{n}xi32"] * 2, "dimension = 1 : i64", [both])
    keys, places = RNG.integers(0, 9, size=(2, n)).astype(np.int32), np.arange(2 * n, dtype=np.int32).reshape(2, n)
    found = run(parsed(text), [places, keys])
    np.testing.assert_array_equal(found[1], np.sort(keys))
    np.testing.assert_array_equal(found[0], np.take_along_axis(places, np.argsort(keys, kind="stable"), 1))


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


ADD = body("add", "f32")
ALWAYS = """^bb0(%x: tensor<i32>):
%c = "stablehlo.constant"() <{value = dense<true> : tensor<i1>}> : () -> tensor<i1>
"stablehlo.return"(%c) : (tensor<i1>) -> ()"""
ILL = [
    ("reduce", ["3x4xf32", "f32"], ["3xf32"], "dimensions = array<i64: 0>", [ADD], "is declared"),
    ("reduce", ["3x4xf32", "f32"], ["3xf32"], "dimensions = array<i64: 2>", [ADD], "each once"),
    ("reduce", ["3x4xf32", "4xf32"], ["3xf32"], "dimensions = array<i64: 1>", [ADD], "a number for each"),
    ("reduce", ["3x4xf32"], ["3xf32"], "dimensions = array<i64: 1>", [ADD], "a number for each"),
    ("reduce", ["3x4xf32", "f32"], ["3xf32"], "dimensions = array<i64: 1>", [LARGEST], "expected a body of 2"),
    ("reduce", ["3x4xf32", "f32"], ["3xf32"], "dimensions = array<i64: 1>", [body("add", "2xf32")], "of scalars"),
    ("reduce", ["3x4xf32", "f32"], ["3xf32"], "dimensions = array<i64: 1>", [], "cannot be computed"),
    ("reduce_window", ["5xf32", "f32"], ["5xf32"], "window_dimensions = array<i64: 2>", [ADD], "are (4,), not"),
    ("reduce_window", ["5xf32", "f32"], ["5xf32"], "window_dimensions = array<i64: 0>", [ADD], "from 1 up"),
    ("sort", ["5xf32"], ["5xf32"], "dimension = 1 : i64", [ADD], "has the axis 1"),
    ("sort", ["5xf32", "5xf32"], ["5xf32", "5xf32"], "", [ADD], "a comparator of 4 arguments"),
    ("sort", ["5xf32"], ["5xf32"], "", [ADD], "that gives a boolean"),
    ("while", ["f32"], ["f32"], "", [ADD, ADD], "is given 1"),
    ("while", ["f32"], ["f32"], "", [ALWAYS, ALWAYS], "numbers of the type float64"),
    ("if", ["f32"], ["f32"], "", [ADD, ADD], "one boolean"),
    ("func.call", ["f32"], ["f32"], "callee = @other", [], "no function other"),
    ("custom_call", ["f32"], ["f32"], 'call_target_name = "mhlo.other"', [], "does not have the function"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "given", "results", "attributes", "regions", "why"), ILL)
def test_what_is_ill_typed_is_told(
    name: str, given: list[str], results: list[str], attributes: str, regions: list[str], why: str
) -> None:
    module = parsed(one(name, given, results, attributes, regions))
    with pytest.raises(SpecError, match=f"{name}.*{re.escape(why)}"):
        run(module, [np.ones(of.shape, numpy_dtype(of.dtype)) for of in module.main.types])
