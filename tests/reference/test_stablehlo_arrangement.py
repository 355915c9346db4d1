"""StableHLO's operations that put elements at other places in the reference, against XLA."""

from __future__ import annotations

import re

import numpy as np
import pytest

from nnspec.errors import SpecError
from nnspec.reference.stablehlo import run
from nnspec.stablehlo.module import numpy_dtype
from nnspec.stablehlo.parser import parsed
from tests.reference.stablehlo_programs import agrees, body, one, several

pytest.importorskip("jax", reason="the jax backend is not installed")
pytestmark = pytest.mark.jax
RNG = np.random.default_rng(32)


def i64(name: str, *numbers: int) -> str:
    return f"{name} = array<i64{': ' if numbers else ''}{', '.join(map(str, numbers))}>"


def padding(low: tuple[int, ...], high: tuple[int, ...], between: tuple[int, ...]) -> str:
    return ", ".join(
        (i64("edge_padding_low", *low), i64("edge_padding_high", *high), i64("interior_padding", *between))
    )


def test_axes() -> None:
    """Broadcasting, transposition, reversal, reshaping and concatenation, of arrays without symmetry."""
    x, y = RNG.normal(size=(2, 1, 3)), RNG.normal(size=(2, 4, 3))
    lines = [
        ("broadcast_in_dim", (0,), "5x2x4x3xf64", i64("broadcast_dimensions", 1, 2, 3)),
        ("broadcast_in_dim", (0,), "3x4x2xf64", i64("broadcast_dimensions", 2, 1, 0)),
        ("broadcast_in_dim", (2,), "2x3xf64", i64("broadcast_dimensions")),
        ("transpose", (1,), "3x2x4xf64", i64("permutation", 2, 0, 1)),
        ("transpose", (2,), "f64", i64("permutation")),
        ("reverse", (1,), "2x4x3xf64", i64("dimensions", 0, 2)),
        ("reverse", (1,), "2x4x3xf64", i64("dimensions")),
        ("reshape", (1,), "4x6x1xf64", ""),
        ("reshape", (2,), "1x1xf64", ""),
        ("concatenate", (1, 0, 1), "2x9x3xf64", "dimension = 1 : i64"),
        ("concatenate", (0,), "2x1x3xf64", "dimension = 2 : i64"),
        *(("iota", (), f"3x2x4x{of}", f"iota_dimension = {d} : i64") for d in range(3) for of in ("f64", "ui8")),
        ("iota", (), "5xcomplex<f64>", "iota_dimension = 0 : i64"),
        ("iota", (), "300xi8", "iota_dimension = 0 : i64"),
    ]
    agrees(several(lines, ["2x1x3xf64", "2x4x3xf64", "f64"]), x, y, np.float64(1.5), names=[name for name, *_ in lines])


def test_slices() -> None:
    x = RNG.normal(size=(7, 5, 4))
    cases = [((1, 0, 2), (6, 5, 4), (2, 3, 1)), ((0, 4, 3), (7, 5, 3), (7, 1, 2)), ((6, 0, 0), (7, 1, 4), (3, 2, 3))]
    lines = []
    for start, limit, step in cases:
        sizes = [-(-(b - a) // s) for a, b, s in zip(start, limit, step, strict=True)]
        attributes = ", ".join((i64("start_indices", *start), i64("limit_indices", *limit), i64("strides", *step)))
        lines.append(("slice", (0,), "x".join(map(str, sizes)) + "xf64", attributes))
    agrees(several(lines, ["7x5x4xf64"]), x)


PADDINGS = [
    ((1, 0), (2, 3), (0, 0)),
    ((0, 2), (1, 0), (2, 1)),
    ((-1, -2), (-1, 0), (0, 0)),
    ((-2, 1), (3, -3), (1, 2)),
    ((-4, 0), (-1, 0), (2, 0)),
    ((5, -7), (-6, 9), (0, 3)),
    ((-3, 2), (-1, -6), (0, 0)),
]


def test_padding() -> None:
    x = RNG.normal(size=(4, 5))
    lines = []
    for low, high, between in PADDINGS:
        sizes = [n + (n - 1) * k + a + b for n, a, b, k in zip(x.shape, low, high, between, strict=True)]
        lines.append(("pad", (0, 1), "x".join(map(str, sizes)) + "xf64", padding(low, high, between)))
    agrees(several(lines, ["4x5xf64", "f64"]), x, np.float64(0.5), names=[str(case) for case in PADDINGS])


@pytest.mark.parametrize("kind", ["i32", "i64", "ui8"])
def test_windows_at_places_that_are_computed(kind: str) -> None:
    """Moved so far that they lie within."""
    x, update = RNG.normal(size=(2, 5, 4)), RNG.normal(size=(1, 3, 4))
    given = ["2x5x4xf64", "1x3x4xf64", kind, kind, kind]
    lines = [
        ("dynamic_slice", (0, 2, 3, 4), "1x3x4xf64", i64("slice_sizes", 1, 3, 4)),
        ("dynamic_update_slice", (0, 1, 2, 3, 4), "2x5x4xf64", ""),
    ]
    for starts in ((0, 1, 0), (1, 2, 0), (7, 100, 9), *(((-1, -7, 3),) if kind != "ui8" else ((255, 254, 1),))):
        agrees(several(lines, given), x, update, *(np.array(start, numpy_dtype(kind)) for start in starts))


# Shapes of the operand, the indices and the result; sizes of windows; dimension numbers.
GATHERS = {
    "rows": ("5x3xf64", "4x1xi32", "4x3xf64", (1, 3), "offset_dims = [1], collapsed_slice_dims = [0], "
             "start_index_map = [0], index_vector_dim = 1"),
    "no axis of coordinates": ("5x3xf64", "4xi64", "4x2xf64", (1, 2), "offset_dims = [1], collapsed_slice_dims = [0], "
                               "start_index_map = [0], index_vector_dim = 1"),
    "windows before places": ("5x6x2xf64", "2x3xi64", "3x2x3xf64", (3, 2, 1), "offset_dims = [0, 1], "
                              "collapsed_slice_dims = [2], start_index_map = [1, 0], index_vector_dim = 0"),
    "axes between": ("4x5x6xf64", "3x2x2xi32", "2x3x4x2xf64", (2, 1, 4), "offset_dims = [0, 2], "
                     "collapsed_slice_dims = [1], start_index_map = [2, 1], index_vector_dim = 1"),
    "batching": ("3x5x4xf64", "2x3x1xi64", "2x3x4xf64", (1, 1, 4), "offset_dims = [2], collapsed_slice_dims = [1], "
                 "operand_batching_dims = [0], start_indices_batching_dims = [1], start_index_map = [1], "
                 "index_vector_dim = 2"),
    "batching twice": ("3x5x2xf64", "2x1x3xi64", "2x2x3xf64", (1, 2, 1), "offset_dims = [0], collapsed_slice_dims = "
                       "[], operand_batching_dims = [0, 2], start_indices_batching_dims = [2, 0], start_index_map = "
                       "[1], index_vector_dim = 1"),
    "all of one place": ("3x4xf64", "2xi32", "2x2xf64", (2, 2), "offset_dims = [0, 1], start_index_map = [0, 1], "
                         "index_vector_dim = 0"),
}  # fmt: skip


@pytest.mark.parametrize("name", GATHERS)
def test_gather(name: str) -> None:
    operand, indices, result, sizes, numbers = GATHERS[name]
    attributes = f"dimension_numbers = #stablehlo.gather<{numbers}>, indices_are_sorted = false, "
    attributes += i64("slice_sizes", *sizes)
    x, where = (
        np.zeros(of.shape, numpy_dtype(of.dtype)) for of in parsed(one("or", [operand, indices], "i1")).main.types
    )
    for low, high in ((0, 3), (-5, 12)):
        agrees(
            one("gather", [operand, indices], result, attributes),
            RNG.normal(size=x.shape),
            RNG.integers(low, high, size=where.shape).astype(where.dtype),
        )


# Shapes of the operand, the indices and the updates; dimension numbers.
SCATTERS = {
    "rows": ("5x3xf64", "4x1xi32", "4x3xf64", "update_window_dims = [1], inserted_window_dims = [0], "
             "scatter_dims_to_operand_dims = [0], index_vector_dim = 1"),
    "windows before places": ("5x6x2xf64", "2x3xi64", "3x2x3xf64", "update_window_dims = [0, 1], inserted_window_dims "
                              "= [2], scatter_dims_to_operand_dims = [1, 0], index_vector_dim = 0"),
    "axes between": ("4x5x6xf64", "3x2x2xi32", "2x3x4x2xf64", "update_window_dims = [0, 2], inserted_window_dims = "
                     "[1], scatter_dims_to_operand_dims = [2, 1], index_vector_dim = 1"),
    "batching": ("3x5x4xf64", "2x3x1xi64", "2x3x4xf64", "update_window_dims = [2], inserted_window_dims = [1], "
                 "input_batching_dims = [0], scatter_indices_batching_dims = [1], scatter_dims_to_operand_dims = [1], "
                 "index_vector_dim = 2"),
    "numbers": ("5xf64", "7xi64", "7xf64", "inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], "
                "index_vector_dim = 1"),
}  # fmt: skip


@pytest.mark.parametrize("name", SCATTERS)
@pytest.mark.parametrize("operation", ["add", "multiply", "maximum"])
def test_scatter(name: str, operation: str) -> None:
    """Places that are met twice, and some outside."""
    operand, indices, updates, numbers = SCATTERS[name]
    attributes = f"scatter_dimension_numbers = #stablehlo.scatter<{numbers}>, indices_are_sorted = false, "
    text = one("scatter", [operand, indices, updates], operand, attributes + "unique_indices = false",
               [body(operation, "f64")])  # fmt: skip
    x, where, new = parsed(text).main.types
    low, high = (0, 3) if operation == "multiply" else (-3, 8)
    agrees(
        text,
        RNG.normal(size=x.shape),
        RNG.integers(low, high, size=where.shape).astype(numpy_dtype(where.dtype)),
        RNG.normal(size=new.shape),
    )


def test_scatter_that_replaces() -> None:
    operand, indices, updates, numbers = SCATTERS["rows"]
    region = '^bb0(%x: tensor<f64>, %y: tensor<f64>):\n"stablehlo.return"(%y) : (tensor<f64>) -> ()'
    attributes = f"scatter_dimension_numbers = #stablehlo.scatter<{numbers}>, unique_indices = true"
    text = one("scatter", [operand, indices, updates], operand, attributes, [region])
    x, new = RNG.normal(size=(5, 3)), RNG.normal(size=(4, 3))
    agrees(text, x, np.array([[3], [0], [9], [-1]], np.int32), new)
    before = x.copy()
    run(parsed(text), [x, np.array([[3], [0], [9], [-1]], np.int32), new])
    np.testing.assert_array_equal(x, before)


GATHER = GATHERS["rows"][4]
ILL = [
    ("broadcast_in_dim", ["3xf32"], "2x4xf32", i64("broadcast_dimensions", 1), "cannot be broadcast"),
    ("broadcast_in_dim", ["3xf32"], "2x3xf32", i64("broadcast_dimensions", 2), "each once"),
    ("broadcast_in_dim", ["3x3xf32"], "3x3xf32", i64("broadcast_dimensions", 1, 1), "each once"),
    ("broadcast_in_dim", ["3x3xf32"], "3x3xf32", i64("broadcast_dimensions", 1), "cannot be broadcast"),
    ("broadcast_in_dim", ["3xf32"], "2x3xf32", "", "is missing"),
    ("reshape", ["3xf32"], "2x2xf32", "", "cannot be computed"),
    ("transpose", ["2x3xf32"], "3x2xf32", i64("permutation", 1), "cannot be computed"),
    ("transpose", ["2x3xf32"], "3x2xf32", i64("permutation", -1, 0), "each once"),
    ("transpose", ["2x3xf32"], "2x3xf32", i64("permutation", 1, 0), "is declared"),
    ("reverse", ["2x3xf32"], "2x3xf32", i64("dimensions", 2), "each once"),
    ("reverse", ["2x3xf32"], "2x3xi32", i64("dimensions", 1), "is declared"),
    ("concatenate", ["2x3xf32", "2x4xf32"], "4x3xf32", "dimension = 0 : i64", "cannot be computed"),
    ("concatenate", ["2x3xf32", "2x3xf64"], "4x3xf32", "dimension = 0 : i64", "expected parts"),
    ("concatenate", ["2x3xf32", "2x3xf32"], "4x3xf32", "dimension = -2 : i64", "expected an axis"),
    ("concatenate", ["2x3xf32", "2x3xf32"], "4x3xf32", "dimension = [0]", "expected a whole number"),
    ("iota", [], "2x3xf32", "iota_dimension = 2 : i64", "expected an axis"),
    ("slice", ["4xf32"], "2xf32", ", ".join((i64("start_indices", 3), i64("limit_indices", 5))), "none along an axis"),
    ("slice", ["4xf32"], "2xf32", ", ".join((i64("start_indices", -2), i64("limit_indices", 4))), "none along an axis"),
    ("slice", ["4xf32"], "2xf32", ", ".join((i64("start_indices", 0, 0), i64("limit_indices", 4))), "expected 1"),
    ("pad", ["4xf32", "f32"], "4xf32", padding((1,), (0,), (0,)), "is not tensor<4xf32>"),
    ("pad", ["4xf32", "f32"], "3xf32", padding((-5,), (0,), (0,)), "cannot be padded"),
    ("pad", ["4xf32", "f32"], "1xf32", padding((0,), (0,), (-1,)), "cannot be padded"),
    ("pad", ["4xf32", "1xf32"], "5xf32", padding((1,), (0,), (0,)), "expected one number"),
    ("dynamic_slice", ["4xf32", "i32"], "5xf32", i64("slice_sizes", 5), "does not lie within"),
    ("dynamic_slice", ["4x4xf32", "i32"], "2x2xf32", i64("slice_sizes", 2, 2), "expected a size and a start"),
    ("dynamic_update_slice", ["4xf32", "2x2xf32", "i32"], "4xf32", "", "expected a size and a start"),
    ("dynamic_update_slice", ["4xf32", "2xi32", "i32"], "4xf32", "", "cannot be put into"),
    ("gather", ["5x3xf32", "4x2xi32"], "4x3xf32", f"dimension_numbers = #stablehlo.gather<{GATHER}>, "
     + i64("slice_sizes", 1, 3), "2 coordinates of indices for 1 axes"),
    ("gather", ["5x3xf32", "4x1xi32"], "4x3xf32", f"dimension_numbers = #stablehlo.gather<{GATHER}>, "
     + i64("slice_sizes", 2, 3), "none of a window"),
    ("gather", ["5x3xf32", "4x1xi32"], "4x2xf32", f"dimension_numbers = #stablehlo.gather<{GATHER}>, "
     + i64("slice_sizes", 1, 3), "not tensor<4x2xf32>"),
    ("gather", ["5x3xf32", "4x1xi32"], "4x3xf32", i64("slice_sizes", 1, 3), "dimension_numbers is missing"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "given", "result", "attributes", "why"), ILL)
def test_what_is_ill_typed_is_told(name: str, given: list[str], result: str, attributes: str, why: str) -> None:
    module = parsed(one(name, given, result, attributes))
    with pytest.raises(SpecError, match=f"{name}.*{re.escape(why)}"):
        run(module, [np.ones(of.shape, numpy_dtype(of.dtype)) for of in module.main.types])
