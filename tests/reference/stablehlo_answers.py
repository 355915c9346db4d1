"""What StableHLO's own interpreter gives: numbers from its published tests and from the examples of its specification.

Source: github.com/openxla/stablehlo, stablehlo/tests/interpret*, stablehlo/testdata and docs/spec.md (Apache 2.0); the
place of each is named. Values that are text are bits in hexadecimal digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.reference.stablehlo_programs import body, one

INF, NAN = float("inf"), float("nan")
Value = tuple[str, Any]


@dataclass(frozen=True)
class Answer:
    """One operation on given numbers, and what it gives; ``near`` where floats are printed with few digits."""

    source: str
    name: str
    given: tuple[Value, ...]
    expected: tuple[Value, ...]
    attributes: str = ""
    regions: tuple[str, ...] = ()
    near: float = 0.0

    @property
    def text(self) -> str:
        """The program of this operation."""
        return one(
            self.name, [of for of, _ in self.given], [of for of, _ in self.expected], self.attributes, self.regions
        )


def comparison(direction: str, kind: str) -> str:
    return (
        f"compare_type = #stablehlo<comparison_type {kind}>, "
        f"comparison_direction = #stablehlo<comparison_direction {direction}>"
    )


def elementwise(source: str, name: str, of: str, *values: Any, near: float = 1e-15, result: str = "") -> Answer:
    """Operands of one type, then what is given."""
    *given, expected = values
    return Answer(source, name, tuple((of, x) for x in given), ((result or of, expected),), near=near)


# −NaN, −∞, −2, ±0, 1, 2, ∞ and NaN against each other, as compare.mlir has them.
_LEFT = ("fff0000000000001 fff0000000000001 fff0000000000000 fff0000000000000 c000000000000000 c000000000000000 "
         "8000000000000000 8000000000000000 0000000000000000 3ff0000000000000 4000000000000000 7ff0000000000000 "
         "7ff0000000000001 7ff0000000000001")  # fmt: skip
_RIGHT = ("fff0000000000001 7ff0000000000001 fff0000000000000 7ff0000000000000 c000000000000000 bff0000000000000 "
          "8000000000000000 0000000000000000 0000000000000000 4000000000000000 4000000000000000 7ff0000000000000 "
          "7ff0000000000001 7fffffffffffffff")  # fmt: skip
_COMPARED = {
    ("EQ", "FLOAT"): (0, 0, 1, 0, 1, 0, 1, 1, 1, 0, 1, 1, 0, 0),
    ("NE", "FLOAT"): (1, 1, 0, 1, 0, 1, 0, 0, 0, 1, 0, 0, 1, 1),
    ("GE", "FLOAT"): (0, 0, 1, 0, 1, 0, 1, 1, 1, 0, 1, 1, 0, 0),
    ("GT", "FLOAT"): (0,) * 14,
    ("LE", "FLOAT"): (0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0),
    ("LT", "FLOAT"): (0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0),
    ("EQ", "TOTALORDER"): (1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0),
}
_TABLE = [
    [[1, 2], [3, 4], [5, 6], [7, 8]],
    [[9, 10], [11, 12], [13, 14], [15, 16]],
    [[17, 18], [19, 20], [21, 22], [23, 24]],
]
_PICTURE = [[[[1], [2], [5], [6]], [[3], [4], [7], [8]], [[10], [11], [14], [15]], [[12], [13], [16], [17]]]]
_SMALL = (0.0, -0.0, 1.0, 0.125, 0.1, 3.1415926535897931, INF, -INF, NAN)
_CUBE = [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]
_EYES = [[[1, 0], [0, 1]], [[1, 0], [0, 1]]]
_TRIANGLE, _COMPLEX_TRIANGLE = (
    [[1, 0, 0], [2, 3, 0], [4, 5, 6]],
    [[1 + 1j, 0, 0], [2 - 2j, 3 + 4j, 0], [4 - 3j, 5 + 5j, 6 - 8j]],
)


def _dot(left: tuple[str, Any], right: tuple[str, Any], result: tuple[str, Any], axes: str) -> Answer:
    return Answer("interpret_dot_general", "dot_general", (left, right), (result,),
                  f"dot_dimension_numbers = #stablehlo.dot<{axes}>")  # fmt: skip


def _convolution(result: tuple[str, Any], numbers: str, given: str, shape: str, kernel: tuple[str, Any]) -> Answer:
    attributes = f"dimension_numbers = #stablehlo.conv<{numbers}>, window_strides = array<i64: 4, 4>, lhs_dilation = "
    attributes += f"array<i64: 2, 2>{given}"
    for name in ("batch_group_count", "feature_group_count"):
        attributes += "" if name in given else f", {name} = 1 : i64"
    return Answer("interpret/convolution", "convolution", ((shape, _PICTURE), kernel), (result,), attributes)


def _fft(kind: str, length: str, given: tuple[str, Any], result: tuple[str, Any]) -> Answer:
    attributes = f"fft_type = #stablehlo<fft_type {kind}>, fft_length = array<i64: {length}>"
    return Answer("interpret/fft", "fft", (given,), (result,), attributes, near=1e-12)


def _solve(
    a: Any, b: Any, x: Any, left: bool, lower: bool, turned: str, unit: bool = False, kind: str = "f64"
) -> Answer:
    attributes = f"left_side = {str(left).lower()}, lower = {str(lower).lower()}, unit_diagonal = {str(unit).lower()}, "
    attributes += f"transpose_a = #stablehlo<transpose {turned}>"
    shape = f"3x1x{kind}" if left else f"1x3x{kind}"
    return Answer("interpret/triangular_solve", "triangular_solve", ((f"3x3x{kind}", a), (shape, b)), ((shape, x),),
                  attributes, near=1e-6)  # fmt: skip


def _pad(low: str, high: str, between: str, given: tuple[str, Any], result: tuple[str, Any]) -> Answer:
    attributes = f"edge_padding_low = array<i64: {low}>, edge_padding_high = array<i64: {high}>, "
    attributes += f"interior_padding = array<i64: {between}>"
    return Answer("interpret_pad", "pad", (given, ("i64", 0)), (result,), attributes)


ANSWERS = [
    elementwise("interpret_abs", "abs", "3xi32", [-2, 0, 2], [2, 0, 2]),
    elementwise("interpret_abs", "abs", "complex<f32>", 3 + 4j, 5.0, result="f32"),
    elementwise("interpret_atan2", "atan2", "3xf64", [0, 1, -1], [0, 0, 0], [0, 1.5707963267948966,
        -1.5707963267948966]),
    elementwise("interpret_atan2", "atan2", "2xcomplex<f64>", [1, -1], [0, 0], [1.5707963267948966,
        -1.5707963267948966]),
    *(Answer("interpret_compare", "compare", (("14xf64", _LEFT), ("14xf64", _RIGHT)), (("14xi1", found),),
             comparison(*kind)) for kind, found in _COMPARED.items()),
    Answer("interpret_compare", "compare", (("5xi64", [-2, -1, 0, 2, 2]), ("5xi64", [-2, -2, 0, 1, 2])),
           (("5xi1", [0, 1, 0, 1, 0]),), comparison("GT", "SIGNED")),
    Answer("interpret_compare", "compare", (("4xi1", [1, 1, 0, 0]), ("4xi1", [1, 0, 1, 0])), (("4xi1", [1, 0, 1, 1]),),
           comparison("LE", "UNSIGNED")),
    *(Answer("interpret_convert", "convert", (given,), (result,)) for given, result in (
        (("3xi64", [-1, 0, 1]), ("3xi1", [1, 0, 1])), (("2xi1", [1, 0]), ("2xcomplex<f64>", [1, 0])),
        (("3xcomplex<f64>", [-1, 1j, 1]), ("3xi1", [1, 0, 1])), (("3xcomplex<f64>", [-1, 1j, 1]), ("3xi64", [-1, 0,
        1])),
        (("3xcomplex<f64>", [-1, 1j, 1]), ("3xf64", [-1, 0, 1])), (("3xf64", [-1, 0, 1]), ("3xcomplex<f64>", [-1, 0,
        1])))),
    *(Answer("interpret_bitcast_convert", "bitcast_convert", (given,), (result,)) for given, result in (
        (("i64", "0123456789ABCDEF"), ("4xf16", "CDEF 89AB 4567 0123")), (("4xf16", "CDEF 89AB 4567 0123"),
         ("i64", "0123456789ABCDEF")), (("f64", "0123456789ABCDEF"), ("i64", "0123456789ABCDEF")),
        (("i64", 0x0123456789ABCDEF), ("64xi1", [(0x0123456789ABCDEF >> k) & 1 for k in range(64)])),
        (("64xi1", [(0x0123456789ABCDEF >> k) & 1 for k in range(64)]), ("f64", "0123456789ABCDEF")))),
    Answer("interpret_clamp", "clamp", (("3xi64", [1, 5, -5]), ("3xi64", [2, 3, -1]), ("3xi64", [3, 7, -3])),
           (("3xi64", [2, 5, -3]),)),
    Answer("interpret_clamp", "clamp", (("i64", 0), ("3xi64", [2, 3, -1]), ("i64", 1)), (("3xi64", [1, 1, 0]),)),
    elementwise("interpret/divide", "divide", "4xi64", [17, -17, 17, -17], [3, 3, -3, -3], [5, -5, -5, 5]),
    elementwise("interpret/divide", "divide", "4xui64", [17, 18, 19, 20], [3, 4, 5, 7], [5, 4, 3, 2]),
    elementwise("interpret/divide", "divide", "2xcomplex<f64>", [1.5 + 2.5j, 7.5 + 5.5j], [2.5 + 1.5j, 5.5 + 7.5j],
                [0.88235294117647056 + 0.4705882352941177j, 0.95375722543352603 - 0.30057803468208094j]),
    elementwise("interpret/remainder", "remainder", "4xi64", [17, -17, 17, -17], [3, 3, -3, -3], [2, -2, 2, -2]),
    elementwise("interpret/remainder", "remainder", "4xf64", [17.1, -17.1, 17.1, -17.1], [3, 3, -3, -3],
                [2.1000000000000014, -2.1000000000000014, 2.1000000000000014, -2.1000000000000014], near=0),
    elementwise("interpret_power", "power", "5xi64", [-1, -1, -3, -3, 0], [1, 0, -3, 3, 2], [-1, 1, 0, -27, 0]),
    elementwise("interpret_power", "power", "5xui64", [0, 0, 1, 1, 5], [0, 1, 0, 2, 5], [1, 0, 1, 1, 3125]),
    elementwise("interpret_power", "power", "6xf64", [-2, -0.0, -36, 5, 3, 1e4], [2, 2, 1.1, 2, -1, 10],
                [4, 0, NAN, 25, 0.33333333333333331, 1e40]),
    elementwise("interpret_power", "power", "2xcomplex<f64>", [1.5 + 2.5j, 7.5 + 5.5j], [2.5 + 1.5j, 5.5 + 7.5j],
                [-1.5679313814305016 - 2.6674775446623613j, 392.89270835580857 + 1801.8249193362644j], near=1e-14),
    elementwise("interpret_shift_right_arithmetic", "shift_right_arithmetic", "3xi64", [-1, 0, 1], [1, 2, 3], [-1, 0,
        0]),
    elementwise("interpret_sign", "sign", "8xf64", [-0.0, 0.0, -3.14, 3.14, NAN, NAN, -INF, INF],
                [-0.0, 0.0, -1, 1, NAN, NAN, -1, 1]),
    elementwise("interpret_sign", "sign", "3xi64", [-9223372036854775807, 0, 9223372036854775807], [-1, 0, 1]),
    elementwise("interpret_sign", "sign", "2xcomplex<f64>", [-1, 1j], [-1, 1j]),
    elementwise("interpret/tan", "tan", "9xf64", _SMALL, [0.0, -0.0, 1.5574077246549023, 0.12565513657513097,
                0.10033467208545055, -1.2246467991473532e-16, NAN, NAN, NAN]),
    elementwise("interpret/tan", "tan", "2xcomplex<f64>", [1.5 + 2.5j, 3.5 + 4.5j],
                [0.0019273435237456358 + 1.0134287782038933j, 1.6212700415590609e-4 + 0.99981392630805066j]),
    elementwise("interpret_tanh", "tanh", "9xf64", _SMALL, [0.0, -0.0, 0.76159415595576485, 0.12435300177159619,
                0.099667994624955819, 0.99627207622074998, 1, -1, NAN]),
    elementwise("interpret_tanh", "tanh", "2xcomplex<f64>", [1.5 + 2.5j, 3.5 + 4.5j],
                [0.96778680215277412 - 0.092637836268419898j, 1.0016627850956348 + 7.5285721538218659e-4j]),
    elementwise("interpret_exponential_minus_one", "exponential_minus_one", "3xcomplex<f64>", [1 + 2j, 2 + 1j, 0],
                [-2.13120438375681363 + 2.47172667200481892j, 2.99232404844127142 + 6.21767631236796820j, 0]),
    elementwise("interpret_log_plus_one", "log_plus_one", "6xf64", [-2, 0, -0.999, 7, 6.38905621, 15],
                [NAN, 0, -6.90776825, 2.07944155, 2, 2.77258873], near=1e-5),
    elementwise("interpret_log_plus_one", "log_plus_one", "3xcomplex<f64>", [1 + 2j, 2 + 1j, 0],
                [1.03972077083991 + 0.78539816339744j, 1.15129254649702 + 0.32175055439664j, 0], near=1e-13),
    elementwise("interpret_logistic", "logistic", "2x2xf64", [[1, 2], [3, 4]],
                [[0.73105857863000488, 0.88079707797788244], [0.95257412682243322, 0.98201379003790844]]),
    elementwise("interpret_logistic", "logistic", "complex<f64>", 1 + 2j, 1.02141536417218054 + 0.40343870608154248j),
    elementwise("interpret_rsqrt", "rsqrt", "2x2xf64", [[1, 4], [9, 25]], [[1, 0.5], [0.33333333333333331, 0.2]]),
    elementwise("interpret_rsqrt", "rsqrt", "2xcomplex<f64>", [-1, 3 + 4j], [-1j, 0.4 - 0.2j], near=1e-15),
    elementwise("docs/spec.md", "count_leading_zeros", "2x2xi64", [[0, 1], [128, -1]], [[64, 63], [56, 0]]),
    elementwise("docs/spec.md", "ceil", "5xf64", [-0.8166, -0.2530, 0.2530, 0.8166, 2], [-0.0, -0.0, 1, 1, 2]),
    elementwise("docs/spec.md", "floor", "5xf64", [-0.8166, -0.2530, 0.2530, 0.8166, 2], [-1, -1, 0, 0, 2]),
    elementwise("docs/spec.md", "is_finite", "7xf64", [-INF, INF, NAN, -10, -0.0, 0, 10], [0, 0, 0, 1, 1, 1, 1],
                result="7xi1"),
    elementwise("docs/spec.md", "log", "2x2xf64", [[1, 2], [3, 4]],
                [[0, 0.69314718055994529], [1.0986122886681098, 1.3862943611198906]]),
    Answer("docs/spec.md", "complex", (("2xf64", [1, 3]), ("2xf64", [2, 4])), (("2xcomplex<f64>", [1 + 2j, 3 + 4j]),)),
    Answer("testdata/reduce_precision_in_float32___out_float16", "reduce_precision", (("f32", 2.76674843),),
           (("f32", 2.76757813),), "exponent_bits = 5 : i32, mantissa_bits = 10 : i32", near=1e-8),
    _pad("0, 1", "2, 1", "1, 2", ("2x3xi64", [[1, 2, 3], [4, 5, 6]]), ("5x9xi64", [
        [0, 1, 0, 0, 2, 0, 0, 3, 0], [0] * 9, [0, 4, 0, 0, 5, 0, 0, 6, 0], [0] * 9, [0] * 9])),
    _pad("0, -1", "-2, -1", "1, 0", ("3x5xi64", [[0, 1, 2, 3, 0], [0, 4, 5, 6, 0], [0] * 5]),
         ("3x3xi64", [[1, 2, 3], [0, 0, 0], [4, 5, 6]])),
    _pad("0, -1", "-2, -1", "0, 1", ("4x5xi64", [[0, 1, 2, 3, 0], [0, 4, 5, 6, 0], [0] * 5, [0] * 5]),
         ("2x7xi64", [[0, 1, 0, 2, 0, 3, 0], [0, 4, 0, 5, 0, 6, 0]])),
    Answer("docs/spec.md", "concatenate", (("3x2xi64", [[1, 2], [3, 4], [5, 6]]), ("1x2xi64", [[7, 8]])),
           (("4x2xi64", [[1, 2], [3, 4], [5, 6], [7, 8]]),), "dimension = 0 : i64"),
    Answer("docs/spec.md", "iota", (), (("2x3xi32", [[0, 1, 2], [0, 1, 2]]),), "iota_dimension = 1 : i64"),
    Answer("docs/spec.md", "dynamic_slice", (("4x4xi32", [[0, 0, 1, 1], [0, 0, 1, 1], [0] * 4, [0] * 4]), ("i64", -1),
           ("i64", 3)), (("2x2xi32", 1),), "slice_sizes = array<i64: 2, 2>"),
    Answer("docs/spec.md", "dynamic_update_slice", (("4x4xi32", [[1, 1, 0, 0], [1, 1, 0, 0], [1] * 4, [1] * 4]),
           ("2x2xi32", 1), ("i64", -1), ("i64", 3)), (("4x4xi32", 1),)),
    Answer("interpret_gather", "gather", (("3x4x2xi64", _TABLE), ("2x3x2xi64", [[[0, 0], [1, 0], [2, 1]],
           [[0, 1], [1, 1], [0, 2]]])), (("2x3x2x2xi64", [[[[1, 2], [3, 4]], [[3, 4], [5, 6]], [[13, 14], [15, 16]]],
           [[[9, 10], [11, 12]], [[11, 12], [13, 14]], [[17, 18], [19, 20]]]]),),
           "dimension_numbers = #stablehlo.gather<"
           "offset_dims = [2, 3], collapsed_slice_dims = [0], start_index_map = [1, 0], index_vector_dim = 2>, "
           "slice_sizes = array<i64: 1, 2, 2>"),
    Answer("interpret_gather", "gather", (("2x3xi64", [[1, 2, 3], [4, 5, 6]]), ("2xi64", [0, 10])),
           (("2x2xi64", [[1, 2], [4, 5]]),), "dimension_numbers = #stablehlo.gather<offset_dims = [1], "
           "collapsed_slice_dims = [0], start_index_map = [0], index_vector_dim = 1>, slice_sizes = array<i64: 1, 2>"),
    Answer("interpret/scatter", "scatter", (("3x4x2xi64", _TABLE), ("2x3x2xi64", [[[0, 2], [1, 0], [2, 1]],
           [[0, 1], [1, 0], [0, 9]]]), ("2x3x2x2xi64", 1)), (("3x4x2xi64", [[[1, 2], [5, 6], [7, 8], [7, 8]],
           [[10, 11], [12, 13], [14, 15], [16, 17]], [[18, 19], [20, 21], [21, 22], [23, 24]]]),),
           "scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [2, 3], inserted_window_dims = [0], "
           "scatter_dims_to_operand_dims = [1, 0], index_vector_dim = 2>", (body("add", "i64"),)),
    Answer("interpret/scatter", "scatter", (("2x3x4x2xi64", [_TABLE, [[[n + 24 for n in pair] for pair in row]
           for row in _TABLE]]), ("2x2x3x2xi64", [[[[0, 0], [1, 0], [2, 1]], [[0, 1], [1, 1], [0, 9]]],
           [[[0, 0], [2, 1], [2, 2]], [[1, 2], [0, 1], [1, 0]]]]), ("2x2x3x2x2xi64", 1)), (("2x3x4x2xi64", [
           [[[3, 4], [6, 7], [6, 7], [7, 8]], [[9, 10], [11, 12], [15, 16], [17, 18]],
            [[17, 18], [19, 20], [22, 23], [24, 25]]], [[[25, 26], [28, 29], [30, 31], [31, 32]],
            [[35, 36], [38, 39], [38, 39], [39, 40]], [[41, 42], [44, 45], [46, 47], [47, 48]]]]),),
           "scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [3, 4], inserted_window_dims = [1], "
           "input_batching_dims = [0], scatter_indices_batching_dims = [1], scatter_dims_to_operand_dims = [2, 1], "
           "index_vector_dim = 3>", (body("add", "i64"),)),
    _dot(("2x2x2xi8", _CUBE), ("2x2x2xi8", _EYES), ("2x2x2xi8", _CUBE), "lhs_batching_dimensions = [0], "
         "rhs_batching_dimensions = [0], lhs_contracting_dimensions = [2], rhs_contracting_dimensions = [1]"),
    _dot(("2x2x2xi64", _CUBE), ("2x2x2xi64", _EYES), ("i64", 18), "lhs_contracting_dimensions = [0, 1, 2], "
         "rhs_contracting_dimensions = [2, 0, 1]"),
    _dot(("2x2x2xi64", _CUBE), ("2x2x2xi64", _EYES), ("2x2x2xi64", [[[1, 0], [3, 0]], [[0, 6], [0, 8]]]),
         "lhs_batching_dimensions = [0, 1, 2], rhs_batching_dimensions = [2, 0, 1]"),
    _dot(("2x2x2xi64", _CUBE), ("2x2x2xi64", _EYES), ("2x2xi64", [[4, 0], [0, 14]]),
        "lhs_batching_dimensions = [0, 2], "
         "rhs_batching_dimensions = [2, 1], lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0]"),
    _convolution(("1x2x2x1xi64", [[[[10], [26]], [[46], [62]]]]), "[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]", "",
                 "1x4x4x1xi64", ("3x3x1x1xi64", 1)),
    _convolution(("1x2x2x1xi32", [[[[100], [260]], [[460], [620]]]]), "[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]", "",
                 "1x4x4x1xi8", ("3x3x1x1xi8", 10)),
    _convolution(("1x2x2x1xi64", [[[[1], [5]], [[10], [14]]]]), "[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]",
                 ", padding = dense<1> : tensor<2x2xi64>", "1x4x4x1xi64", ("3x3x1x1xi64", 1)),
    _convolution(("1x1x2x4xi64", [[[[1, 3, 10, 12], [5, 7, 14, 16]]]]), "[0, b, 1, f]x[0, 1, i, o]->[b, 0, 1, f]",
                 ", batch_group_count = 4 : i64", "1x4x4x1xi64", ("1x2x1x4xi64", 1)),
    _convolution(("1x2x1x4xi64", [[[[3, 3, 11, 11]], [[21, 21, 29, 29]]]]), "[b, 0, f, 1]x[0, i, 1, o]->[b, 0, 1, f]",
                 ", feature_group_count = 2 : i64", "1x4x4x1xi64", ("1x2x1x4xi64", 1)),
    _fft("FFT", "2, 2", ("2x2xcomplex<f64>", [[1 + 2j, 3 - 4j], [-5 + 6j, -7 - 8j]]),
         ("2x2xcomplex<f64>", [[-8 - 4j, 20j], [16, -4 - 8j]])),
    _fft("IFFT", "2", ("2xcomplex<f64>", [4 - 2j, -2 + 6j]), ("2xcomplex<f64>", [1 + 2j, 3 - 4j])),
    _fft("RFFT", "2, 2, 4", ("2x2x4xf64", [[[1, 2, 3, 4], [5, 6, 7, 8]], [[9, 10, 11, 12], [13, 14, 15, 16]]]),
         ("2x2x3xcomplex<f64>", [[[136, -8 + 8j, -8], [-32, 0, 0]], [[-64, 0, 0], [0, 0, 0]]])),
    _fft("IRFFT", "4", ("3xcomplex<f64>", [10, -2 + 2j, -2]), ("4xf64", [1, 2, 3, 4])),
    Answer("docs/spec.md", "cholesky", (("3x3xf64", [[1, 2, 3], [2, 20, 26], [3, 26, 70]]),),
           (("3x3xf64", [[1, 0, 0], [2, 4, 0], [3, 5, 6]]),), "lower = true", near=1e-14),
    _solve(_TRIANGLE, [[7], [8], [9]], [[7], [-2], [-1.5]], True, True, "NO_TRANSPOSE"),
    _solve(_TRIANGLE, [[7], [8], [9]], [[0.666667], [0.166667], [1.5]], True, True, "TRANSPOSE"),
    _solve(_TRIANGLE, [[7, 8, 9]], [[0.666667, 0.166667, 1.5]], False, True, "NO_TRANSPOSE"),
    _solve(_TRIANGLE, [[7, 8, 9]], [[7, -2, -1.5]], False, True, "TRANSPOSE"),
    _solve([[2, 0, 0], [0, 4, 0], [0, 0, 5]], [[7], [8], [9]], [[7], [8], [9]], True, False, "NO_TRANSPOSE", True),
    _solve(_COMPLEX_TRIANGLE, [[7 - 2j], [8 + 4j], [9 - 5j]], [[2.5 - 4.5j], [4.32 + 0.24j], [-0.29 - 0.77j]], True,
        True,
           "NO_TRANSPOSE", kind="complex<f64>"),
    _solve(_COMPLEX_TRIANGLE, [[7 - 2j], [8 + 4j], [9 - 5j]], [[7.18 + 2.68j], [-0.08 + 3.16j], [0.14 - 1.02j]], True,
        True,
           "ADJOINT", kind="complex<f64>"),
    Answer("testdata/reduce_window_add_dtypes_shape_uint32_4_6__initvalue_1", "reduce_window", (("4x6xui32", [
           [1, 1, 0, 2, 0, 4], [3, 0, 1, 2, 6, 2], [5, 1, 3, 3, 1, 0], [7, 1, 1, 0, 1, 2]]), ("ui32", 1)),
           (("3x5xui32", [
           [6, 3, 6, 11, 13], [10, 6, 10, 13, 10], [15, 7, 8, 6, 5]]),), "window_dimensions = array<i64: 2, 2>",
           (body("add", "ui32"),)),
    Answer("testdata/reduce_window_mul_dtypes_shape_uint32_4_6__initvalue_2", "reduce_window", (("4x6xui32", [
           [2, 0, 0, 5, 1, 4], [0, 0, 2, 2, 3, 5], [1, 0, 5, 0, 3, 4], [4, 2, 6, 4, 4, 2]]), ("ui32", 2)),
           (("3x5xui32", [
           [0, 0, 0, 60, 120], [0, 0, 0, 0, 360], [0, 0, 0, 0, 192]]),), "window_dimensions = array<i64: 2, 2>",
           (body("multiply", "ui32"),)),
    Answer("docs/spec.md", "reduce_window", (("3x2xi32", [[1, 2], [3, 4], [5, 6]]), ("i32", 0)),
           (("2x2xi32", [[0, 0], [3, 4]]),), "window_dimensions = array<i64: 2, 1>, window_strides = array<i64: 4, 1>, "
           "base_dilations = array<i64: 2, 1>, window_dilations = array<i64: 3, 1>, "
           "padding = dense<[[2, 1], [0, 0]]> : tensor<2x2xi64>", (body("add", "i32"),)),
    Answer("interpret/sort", "sort", (("5x7xi64", [[0, 1, 1, -3, -3, -2, 0], [4, -1, 3, 0, 4, 0, -3], [1, 0, 0, 0, 0,
        2, 3],
           [-3, -4, -4, -2, 0, 3, 3], [0, 5, 2, -2, 0, -2, 0]]),), (("5x7xi64", [[-3, -4, -4, -3, -3, -2, -3],
           [0, -1, 0, -2, 0, -2, 0], [0, 0, 1, -2, 0, 0, 0], [1, 1, 2, 0, 0, 2, 3], [4, 5, 3, 0, 4, 3, 3]]),),
           "dimension = 0 : i64", (body("compare", "i64", comparison("LT", "SIGNED"), "i1"),)),
]  # fmt: skip
