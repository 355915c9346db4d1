"""Operations, element by element in Python's floats."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnspec import ops
from nnspec.errors import ShapeError, SpecError
from tests.reference.single import value

RNG = np.random.default_rng(6)
A, B, C = RNG.normal(size=(2, 3)), RNG.normal(size=(2, 3)), RNG.normal(size=(2, 1))


@pytest.mark.parametrize(
    ("spec", "inputs", "formula"),
    [
        (ops.Add(), (A, B), lambda a, b: a + b),
        (ops.Add(), (A, B, C), lambda a, b, c: (a + b) + c),
        (ops.Subtract(), (A, B), lambda a, b: a - b),
        (ops.Multiply(), (A, B), lambda a, b: a * b),
        (ops.Multiply(), (A, B, C), lambda a, b, c: (a * b) * c),
        (ops.Divide(), (A, B), lambda a, b: a / b),
        (ops.Maximum(), (A, B), max),
        (ops.Minimum(), (A, B), min),
    ],
    ids=lambda v: type(v).__name__ if hasattr(v, "kind") else "",
)
def test_elementwise(spec: Any, inputs: tuple[Any, ...], formula: Any) -> None:
    found = value(spec, *inputs)
    for index in np.ndindex(2, 3):
        scalars = (float(np.broadcast_to(x, (2, 3))[index]) for x in inputs)
        assert found[index] == formula(*scalars)


def test_broadcasting() -> None:
    column, row = RNG.normal(size=(2, 3, 1)), RNG.normal(size=(2, 1, 4))
    found = value(ops.Multiply(), column, row)
    for b, i, j in np.ndindex(2, 3, 4):
        assert found[b, i, j] == column[b, i, 0] * row[b, 0, j]


@pytest.mark.parametrize("axis", [1, -1])
def test_concat(axis: int) -> None:
    shapes = [(2, 1, 3), (2, 4, 3)] if axis == 1 else [(2, 4, 1), (2, 4, 5)]
    x1, x2 = (RNG.normal(size=s) for s in shapes)
    found = value(ops.Concat(axis), x1, x2)
    first, second = np.split(found, [1], axis)
    np.testing.assert_array_equal(first, x1)
    np.testing.assert_array_equal(second, x2)


def test_nan_spreads_through_maximum_and_minimum() -> None:
    nan = np.array([[np.nan, 1.0]])
    for spec in (ops.Maximum(), ops.Minimum()):
        assert np.isnan(value(spec, nan, np.zeros((1, 2)))[0, 0])
        assert np.isnan(value(spec, np.zeros((1, 2)), nan)[0, 0])


def test_matmul() -> None:
    x1, x2 = RNG.normal(size=(2, 3, 4, 5)), RNG.normal(size=(2, 1, 5, 6))
    found = value(ops.Matmul(), x1, x2)
    assert found.shape == ops.Matmul().output_shape(x1.shape, x2.shape) == (2, 3, 4, 6)
    np.testing.assert_allclose(found, np.einsum("bhnk,bkm->bhnm", x1, x2[:, 0]), rtol=1e-12)
    assert ops.Matmul().flops((2, 3, 4), (2, 4, 5)) == 2 * 3 * 5 * 7


@pytest.mark.parametrize(
    ("equation", "sizes"),
    [
        ("bij,bjk->bik", [(3, 4), (4, 5)]),
        ("bi,bj,bij->b", [(3,), (4,), (3, 4)]),
        ("...ij,...j->...i", [(5, 3, 4), (5, 4)]),
        ("bijk->bki", [(3, 4, 5)]),
        ("b...i->b...", [(3, 4, 5)]),
    ],
)
def test_einsum(equation: str, sizes: list[tuple[int, ...]]) -> None:
    torch = pytest.importorskip("torch")
    inputs = [RNG.normal(size=(2, *size)) for size in sizes]
    expected = torch.einsum(equation, *map(torch.from_numpy, inputs)).numpy()
    found = value(ops.Einsum(equation), *inputs)
    assert found.shape == ops.Einsum(equation).output_shape(*(x.shape for x in inputs))
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


def test_flops_of_einsum() -> None:
    assert ops.Einsum("bij,bjk->bik").flops((1, 3, 4), (1, 4, 5)) == ops.Matmul().flops((1, 3, 4), (1, 4, 5))
    assert ops.Einsum("bi,bj,bij->b").flops((1, 3), (1, 4), (1, 3, 4)) == 12 * 3 - 1


@pytest.mark.parametrize("equation", ["bi,jk->bik", "bij->ij", "bi,bj->ijb", "bi->", "...i,bi->...i"])
def test_equations_keep_the_batch_first(equation: str) -> None:
    with pytest.raises(SpecError, match="the first axis of all inputs is the batch"):
        ops.Einsum(equation)


@pytest.mark.parametrize(
    ("equation", "shapes", "message"),
    [
        ("bij,bjk->bik", [(None, 3, 4), (None, 5, 2)], "cannot join 'j' of sizes 4 and 5"),
        ("bij,bjk->bik", [(None, 3, 4)], "needs 2 inputs, got 1"),
        ("bij,bjk->bik", [(None, 3, 4), (None, 4)], "asks for 3 axes in 'bjk', got 2"),
        ("...ij,...j->...i", [(None, 3, 4, 5), (None, 5)], "asks for as many axes in each"),
        ("...i,...i->...", [(None,), (None,)], r"asks for 2 axes or more in '\.\.\.i', got 1"),
    ],
)
def test_einsum_refuses(equation: str, shapes: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        ops.Einsum(equation).output_shape(*shapes)


@pytest.mark.parametrize("axis", [1, 2, -1, -2])
def test_stack(axis: int) -> None:
    found = value(ops.Stack(axis), A, B)
    assert found.shape == ops.Stack(axis).output_shape(A.shape, B.shape)
    for i, x in enumerate((A, B)):
        np.testing.assert_array_equal(np.take(found, i, axis), x)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"start": 1}, [1, 2, 3, 4, 5]),
        ({"stop": -2}, [0, 1, 2, 3]),
        ({"start": -4, "stop": 5, "step": 2}, [2, 4]),
        ({"step": -1}, [5, 4, 3, 2, 1, 0]),
        ({"start": 4, "stop": 1, "step": -2}, [4, 2]),
        ({"stop": 99}, [0, 1, 2, 3, 4, 5]),
    ],
)
def test_slice(options: dict[str, int], expected: list[int]) -> None:
    x = np.arange(12.0).reshape(2, 6)
    spec = ops.Slice(**options)
    assert value(spec, x).tolist() == [expected, [e + 6 for e in expected]]
    assert spec.output_shape((None, 6)) == (None, len(expected))
    along = ops.Slice(**options, axis=1)
    assert value(along, x[..., None]).tolist() == value(spec, x)[..., None].tolist()
    assert along.output_shape((None, None, 2)) == (None, None, 2)


def test_expand_dims_and_squeeze() -> None:
    for axis, shape in ((1, (2, 1, 3)), (-1, (2, 3, 1)), (2, (2, 3, 1)), (-2, (2, 1, 3))):
        found = value(ops.ExpandDims(axis), A)
        assert found.shape == ops.ExpandDims(axis).output_shape(A.shape) == shape
        assert ops.Squeeze(axis).output_shape(shape) == (2, 3) and ops.Squeeze(axis).flops(shape) == 0
        np.testing.assert_array_equal(value(ops.Squeeze(axis), found), A)


@pytest.mark.parametrize(
    ("spec", "shapes", "words"),
    [
        (ops.Matmul(), [(None, 2, 3)], "matmul needs 2 inputs, got 1"),
        (ops.Matmul(), [(None, 3), (None, 3)], "matmul needs inputs of at least 3 axes"),
        (ops.Matmul(), [(None, 2, 3), (None, 2, 3)], "matmul cannot multiply inputs of shapes"),
        (ops.Stack(), [(None, 2), (None, 3)], "stack needs inputs of one shape"),
        (ops.Stack(0), [(None, 2)], "stack: axis 0 is the batch axis"),
        (ops.Slice(3), [(None, 3)], r"slice leaves nothing of axis -1 of input \(batch, 3\)"),
        (ops.Slice(axis=2), [(None, 3)], "slice: axis 2 does not exist"),
        (ops.ExpandDims(-3), [(None, 3)], "expand_dims: axis -3 is the batch axis"),
        (ops.Squeeze(), [(None, 3)], r"squeeze: axis -1 of input \(batch, 3\) is not of size 1"),
    ],
)
def test_shapes_that_do_not_fit(spec: Any, shapes: Any, words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        spec.output_shape(*shapes)


def test_other_errors() -> None:
    with pytest.raises(SpecError, match="step: expected steps of some length"):
        ops.Slice(step=0)
    with pytest.raises(ShapeError, match="stack needs inputs of one dtype, got float and int32"):
        ops.Stack().output_dtype("float", "int32")
