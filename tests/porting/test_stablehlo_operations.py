"""StableHLO operations as JAX computes them, beside StableHLO's own interpreter, and beside float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnspec.errors import PortError

jax = pytest.importorskip("jax", reason="the jax backend is not installed")
ir = pytest.importorskip("jaxlib.mlir.ir")
stablehlo = pytest.importorskip("jaxlib.mlir.dialects.stablehlo")
mlir = pytest.importorskip("jax.interpreters.mlir")
evaluate = pytest.importorskip("nnspec_jax.porting.hlo.evaluate")
pytest.importorskip("nnspec_jax.porting.hlo.rules")
reader = pytest.importorskip("nnspec_jax.porting.hlo.module")

pytestmark = pytest.mark.jax
RNG = np.random.default_rng(17)

_UNARY = (
    *("abs", "cbrt", "ceil", "cosine", "exponential", "exponential_minus_one", "floor", "log_plus_one", "logistic"),
    *("negate", "round_nearest_afz", "round_nearest_even", "rsqrt", "sign", "sine", "sqrt", "tan", "tanh"),
)
_BINARY = ("add", "atan2", "divide", "maximum", "minimum", "multiply", "power", "remainder", "subtract")
POSITIVE = {"rsqrt", "sqrt", "power", "log_plus_one", "cbrt"}
# Name -> the types of arguments and the body; "=>" stands before what is returned.
BODIES: dict[str, tuple[str, str]] = {
    **{name: ("3x4xf32", f"%r = stablehlo.{name} %a0 : tensor<3x4xf32>") for name in _UNARY},
    **{name: ("3x4xf32, 3x4xf32", f"%r = stablehlo.{name} %a0, %a1 : tensor<3x4xf32>") for name in _BINARY},
    "clamp": (
        "3x4xf32",
        """%l = stablehlo.constant dense<-0.5> : tensor<f32>
        %h = stablehlo.constant dense<0.7> : tensor<f32>
        %r = stablehlo.clamp %l, %a0, %h : (tensor<f32>, tensor<3x4xf32>, tensor<f32>) -> tensor<3x4xf32>""",
    ),
    "compare and select": (
        "3x4xf32, 3x4xf32",
        """%c = stablehlo.compare GT, %a0, %a1 : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x4xi1>
        %n = stablehlo.not %c : tensor<3x4xi1>
        %r = stablehlo.select %n, %a0, %a1 : tensor<3x4xi1>, tensor<3x4xf32>""",
    ),
    "broadcast of an axis": (
        "3x1xf32, 4x3xf32",
        """%b = stablehlo.broadcast_in_dim %a0, dims = [1, 0] : (tensor<3x1xf32>) -> tensor<4x3xf32>
        %m = stablehlo.multiply %b, %b : tensor<4x3xf32>
        %r = stablehlo.add %m, %a1 : tensor<4x3xf32>""",
    ),
    "a constant for each channel": (
        "2x3xf32",
        """%c = stablehlo.constant dense<[1.5, -2.0, 0.25]> : tensor<3xf32>
        %b = stablehlo.broadcast_in_dim %c, dims = [1] : (tensor<3xf32>) -> tensor<2x3xf32>
        %r = stablehlo.multiply %b, %a0 : tensor<2x3xf32>""",
    ),
    "iota and concatenate": (
        "2x3xf32",
        """%i = stablehlo.iota dim = 1 : tensor<2x3xf32>
        %r = stablehlo.concatenate %i, %a0, %i, dim = 0
            : (tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<6x3xf32>""",
    ),
    "transpose, reshape, reverse": (
        "2x3x4xf32",
        """%t = stablehlo.transpose %a0, dims = [2, 0, 1] : (tensor<2x3x4xf32>) -> tensor<4x2x3xf32>
        %s = stablehlo.reshape %t : (tensor<4x2x3xf32>) -> tensor<4x1x6xf32>
        %r = stablehlo.reverse %s, dims = [0, 2] : tensor<4x1x6xf32>""",
    ),
    "slice and pad": (
        "5x6xf32",
        """%s = stablehlo.slice %a0 [1:5:2, 0:6:1] : (tensor<5x6xf32>) -> tensor<2x6xf32>
        %z = stablehlo.constant dense<0.5> : tensor<f32>
        %r = stablehlo.pad %s, %z, low = [1, -1], high = [0, 2], interior = [1, 0]
            : (tensor<2x6xf32>, tensor<f32>) -> tensor<4x7xf32>""",
    ),
    "dot_general": (
        "5x2x3xf32, 5x4x3xf32",
        """%r = stablehlo.dot_general %a0, %a1, batching_dims = [0] x [0], contracting_dims = [2] x [2]
            : (tensor<5x2x3xf32>, tensor<5x4x3xf32>) -> tensor<5x2x4xf32>""",
    ),
    "convolution": (
        "2x7x6x4xf32, 3x2x2x6xf32",
        """%r = stablehlo.convolution(%a0, %a1) dim_numbers = [b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f],
            window = {stride = [2, 1], pad = [[1, 2], [0, 1]], rhs_dilate = [1, 2]}
            {batch_group_count = 1 : i64, feature_group_count = 2 : i64}
            : (tensor<2x7x6x4xf32>, tensor<3x2x2x6xf32>) -> tensor<2x4x5x6xf32>""",
    ),
    **{
        f"reduce by {name}": (
            "2x3x4xf32",
            f"""%z = stablehlo.constant dense<{start}> : tensor<f32>
            %r = stablehlo.reduce(%a0 init: %z) applies stablehlo.{name} across dimensions = [0, 2]
                : (tensor<2x3x4xf32>, tensor<f32>) -> tensor<3xf32>""",
        )
        for name, start in (
            ("add", "0.0"),
            ("maximum", "0xFF800000"),
            ("minimum", "0x7F800000"),
            ("add", "1.5"),
            ("multiply", "1.0"),
        )
    },
    **{
        f"windows of {name}": (
            "2x6x5xf32",
            f"""%z = stablehlo.constant dense<{start}> : tensor<f32>
            %r = "stablehlo.reduce_window"(%a0, %z) ({{
            ^bb0(%x: tensor<f32>, %y: tensor<f32>):
              %m = stablehlo.{name} %x, %y : tensor<f32>
              stablehlo.return %m : tensor<f32>
            }}) {{window_dimensions = array<i64: 1, {window}, 1>, window_strides = array<i64: 1, 1, 1>,
                 padding = dense<[[0, 0], [{low}, 1], [0, 0]]> : tensor<3x2xi64>}}
                : (tensor<2x6x5xf32>, tensor<f32>) -> tensor<2x{6 + low + 1 - window + 1}x5xf32>""",
        )
        for name, start, window, low in (("add", "0.0", 3, 1), ("maximum", "0xFF800000", 2, 0))
    },
    "a running sum": (
        "2x6x5xf32",
        """%z = stablehlo.constant dense<0.0> : tensor<f32>
        %r = "stablehlo.reduce_window"(%a0, %z) ({
        ^bb0(%x: tensor<f32>, %y: tensor<f32>):
          %m = stablehlo.add %x, %y : tensor<f32>
          stablehlo.return %m : tensor<f32>
        }) {window_dimensions = array<i64: 1, 6, 1>, padding = dense<[[0, 0], [0, 5], [0, 0]]> : tensor<3x2xi64>}
            : (tensor<2x6x5xf32>, tensor<f32>) -> tensor<2x6x5xf32>""",
    ),
    "gather": (
        "7x3xf32",
        """%i = stablehlo.constant dense<[[6], [0], [3], [3]]> : tensor<4x1xi32>
        %r = "stablehlo.gather"(%a0, %i) {dimension_numbers = #stablehlo.gather<offset_dims = [1],
            collapsed_slice_dims = [0], start_index_map = [0], index_vector_dim = 1>,
            slice_sizes = array<i64: 1, 3>, indices_are_sorted = false}
            : (tensor<7x3xf32>, tensor<4x1xi32>) -> tensor<4x3xf32>""",
    ),
    "rows in a loop": (
        "4x3xf32",
        """%z = stablehlo.constant dense<0> : tensor<i32>
        %e = stablehlo.constant dense<0.0> : tensor<4x3xf32>
        %w:2 = stablehlo.while(%i = %z, %acc = %e) : tensor<i32>, tensor<4x3xf32>
        cond {
          %n = stablehlo.constant dense<4> : tensor<i32>
          %go = stablehlo.compare LT, %i, %n : (tensor<i32>, tensor<i32>) -> tensor<i1>
          stablehlo.return %go : tensor<i1>
        } do {
          %k = stablehlo.constant dense<0> : tensor<i32>
          %row = stablehlo.dynamic_slice %a0, %i, %k, sizes = [1, 3]
              : (tensor<4x3xf32>, tensor<i32>, tensor<i32>) -> tensor<1x3xf32>
          %double = stablehlo.add %row, %row : tensor<1x3xf32>
          %next = stablehlo.dynamic_update_slice %acc, %double, %i, %k
              : (tensor<4x3xf32>, tensor<1x3xf32>, tensor<i32>, tensor<i32>) -> tensor<4x3xf32>
          %one = stablehlo.constant dense<1> : tensor<i32>
          %j = stablehlo.add %i, %one : tensor<i32>
          stablehlo.return %j, %next : tensor<i32>, tensor<4x3xf32>
        }
        %r = stablehlo.negate %w#1 : tensor<4x3xf32>""",
    ),
    "sort": (
        "3x5xf32",
        """%r = "stablehlo.sort"(%a0) <{dimension = 1 : i64, is_stable = true}> ({
        ^bb0(%x: tensor<f32>, %y: tensor<f32>):
          %c = stablehlo.compare GT, %x, %y : (tensor<f32>, tensor<f32>) -> tensor<i1>
          stablehlo.return %c : tensor<i1>
        }) : (tensor<3x5xf32>) -> tensor<3x5xf32>""",
    ),
}


def module_of(name: str) -> tuple[str, list[Any]]:
    """A module's text, and random arguments."""
    types, body = BODIES[name]
    shapes = [tuple(int(n) for n in one.split("x")[:-1]) for one in types.split(", ")]
    given = [RNG.normal(size=shape).astype(np.float32) for shape in shapes]
    if name in POSITIVE:
        given = [np.abs(x) + 0.1 for x in given]
    arguments = ", ".join(f"%a{i}: tensor<{one}>" for i, one in enumerate(types.split(", ")))
    with mlir.make_ir_context() as context:
        # What the last line gives is what is returned.
        kind = body.rstrip().rpartition("->")[2] if "->" in body.rpartition("%r")[2] else body.rpartition(" : ")[2]
        kind = kind.strip().rpartition(", ")[2] if name == "compare and select" else kind.strip()
        text = f"func.func @main({arguments}) -> {kind} {{\n{body}\nreturn %r : {kind}\n}}"
        return str(ir.Module.parse(text, context)), given


def interpreted(text: str, given: list[Any]) -> Any:
    """What StableHLO's own interpreter gives."""
    with mlir.make_ir_context() as context:
        module = ir.Module.parse(text, context)
        arguments = [ir.DenseElementsAttr.get(x) for x in given]
        (result,) = stablehlo.eval_module(module, arguments)
        return np.array(result)


@pytest.mark.parametrize("name", BODIES)
def test_operations_are_those_of_the_interpreter(name: str) -> None:
    text, given = module_of(name)
    (found,) = evaluate.Run(reader.parsed(text)).main(*map(jax.numpy.asarray, given))
    wanted = interpreted(text, given)
    assert found.shape == wanted.shape
    assert np.abs(np.asarray(found) - wanted).max() < 4e-6 * max(1.0, np.abs(wanted).max())
    traced = jax.make_jaxpr(lambda *x: evaluate.Run(reader.parsed(text)).main(*x))(*given)
    (again,) = jax.core.eval_jaxpr(traced.jaxpr, traced.consts, *given)
    assert np.abs(np.asarray(again) - wanted).max() < 4e-6 * max(1.0, np.abs(wanted).max())


def test_float32_becomes_float64_where_that_is_enabled() -> None:
    text, given = module_of("convolution")
    with jax.enable_x64(True):
        wide = [jax.numpy.asarray(x, np.float64) for x in given]
        (found,) = evaluate.Run(reader.parsed(text)).main(*wide)
    assert found.dtype == np.float64
    single = interpreted(text, given)
    assert 0 < np.abs(np.asarray(found) - single).max() < 1e-5


def refused(body: str, kind: str = "tensor<3xf32>") -> str:
    return f"func.func @main(%a0: tensor<3xf32>) -> {kind} {{\n{body}\nreturn %r : {kind}\n}}"


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("module {", "no StableHLO that jaxlib reads"),
        ("module {}", "without a function main"),
        ("func.func @main(%a0: tensor<?xf32>) -> tensor<?xf32> { return %a0 : tensor<?xf32> }", "open shape"),
        (refused("%r = stablehlo.custom_call @blas(%a0) : (tensor<3xf32>) -> tensor<3xf32>"), "blas is a function of"),
        (
            refused(
                "%r = stablehlo.cholesky %m, lower = true : tensor<1x1xf32>".replace("%m", "%b"), "tensor<1x1xf32>"
            ).replace("{\n", "{\n%b = stablehlo.constant dense<2.0> : tensor<1x1xf32>\n", 1),
            "cholesky has no counterpart",
        ),
        (
            refused(
                '%r = "stablehlo.all_reduce"(%a0) ({\n^bb0(%x: tensor<f32>, %y: tensor<f32>):\n'
                "stablehlo.return %x : tensor<f32>\n}) {replica_groups = dense<0> : tensor<1x1xi64>} "
                ": (tensor<3xf32>) -> tensor<3xf32>"
            ),
            "all_reduce has no counterpart",
        ),
    ],
    ids=["damaged", "empty", "open", "custom", "cholesky", "all_reduce"],
)
def test_what_is_not_read_is_named(text: str, match: str) -> None:
    with pytest.raises(PortError, match=match):
        evaluate.Run(reader.parsed(text)).main(np.ones(3, np.float32))
