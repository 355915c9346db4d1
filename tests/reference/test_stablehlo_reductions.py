"""StableHLO's reductions and sorting in the reference, against XLA; arrays without elements."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from nnspec.errors import SpecError
from nnspec.reference.stablehlo import run
from nnspec.stablehlo.module import numpy_dtype
from nnspec.stablehlo.parser import parsed
from tests.reference.stablehlo_programs import agrees, array, body, one

pytest.importorskip("jax", reason="the jax backend is not installed")
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
        text = one("reduce", ["3x0xf64", "f64"], "0xf64", "dimensions = array<i64: 0>", [region])
        assert run(parsed(text), [np.ones((3, 0)), np.float64(2)])[0].shape == (0,)


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


ADD = body("add", "f32")
LESS = body("compare", "f64", "comparison_direction = #stablehlo<comparison_direction LT>", "i1")
SUM, ROWS = body("add", "f64"), "inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], index_vector_dim = 1"
COUNTS = "feature_group_count = 1 : i64, batch_group_count = 1 : i64"
EMPTY = [
    ("reduce", ["0x3xf64", "f64"], "3xf64", "dimensions = array<i64: 0>", [SUM]),
    ("reduce", ["0x3xf64", "f64"], "0xf64", "dimensions = array<i64: 1>", [SUM]),
    ("reduce_window", ["0x3xf64", "f64"], "0x2xf64", "window_dimensions = array<i64: 1, 2>", [SUM]),
    ("sort", ["0x3xf64"], "0x3xf64", "dimension = 0 : i64", [LESS]),
    ("sort", ["0x3xf64"], "0x3xf64", "dimension = 1 : i64", [LESS]),
    ("convolution", ["0x5x3xf64", "2x3x4xf64"], "0x4x4xf64",
     f"dimension_numbers = #stablehlo.conv<[b, 0, f]x[0, i, o]->[b, 0, f]>, {COUNTS}", []),
    ("convolution", ["2x5x0xf64", "2x0x4xf64"], "2x4x4xf64",
     f"dimension_numbers = #stablehlo.conv<[b, 0, f]x[0, i, o]->[b, 0, f]>, {COUNTS}", []),
    ("gather", ["5x3xf64", "0x1xi32"], "0x3xf64", "dimension_numbers = #stablehlo.gather<offset_dims = [1], "
     "collapsed_slice_dims = [0], start_index_map = [0], index_vector_dim = 1>, slice_sizes = array<i64: 1, 3>", []),
    ("scatter", ["5x3xf64", "0x1xi32", "0x3xf64"], "5x3xf64",
     f"scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [1], {ROWS}>", [SUM]),
    ("pad", ["0x3xf64", "f64"], "2x3xf64", "edge_padding_low = array<i64: 1, 0>, edge_padding_high = array<i64: 1, 0>, "
     "interior_padding = array<i64: 2, 0>", []),
    ("concatenate", ["0x3xf64", "2x3xf64"], "2x3xf64", "dimension = 0 : i64", []),
    ("transpose", ["0x3xf64"], "3x0xf64", "permutation = array<i64: 1, 0>", []),
    ("reshape", ["0x3xf64"], "2x0xf64", "", []),
    ("broadcast_in_dim", ["0xf64"], "2x0xf64", "broadcast_dimensions = array<i64: 1>", []),
    ("cholesky", ["0x3x3xf64"], "0x3x3xf64", "lower = true", []),
    ("bitcast_convert", ["0x2xf32"], "0xf64", "", []),
    ("bitcast_convert", ["0x2xf64"], "0x2x2xf32", "", []),
    ("dynamic_slice", ["3x2xf64", "i32", "i32"], "0x2xf64", "slice_sizes = array<i64: 0, 2>", []),
    ("iota", [], "0x3xf64", "iota_dimension = 0 : i64", []),
]  # fmt: skip


@pytest.mark.parametrize(("name", "given", "result", "attributes", "regions"), EMPTY)
def test_arrays_without_elements(name: str, given: list[str], result: str, attributes: str, regions: list[str]) -> None:
    text = one(name, given, result, attributes, regions)
    agrees(text, *(np.ones(of.shape, numpy_dtype(of.dtype)) for of in parsed(text).main.types))


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
