"""Linear layers against PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.errors import ShapeError, SpecError
from tests.reference.single import single, value

RNG = np.random.default_rng(1)


@pytest.mark.parametrize("shape", [(4, 5), (2, 3, 5)])
def test_dense(shape: tuple[int, ...]) -> None:
    torch = pytest.importorskip("torch")
    x, kernel, bias = RNG.normal(size=shape), RNG.normal(size=(5, 3)), RNG.normal(size=3)
    expected = torch.nn.functional.linear(*map(torch.from_numpy, (x, kernel.T.copy(), bias))).numpy()
    found = value(nn.Dense(3), x, variables={"kernel": kernel, "bias": bias})
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-14)


def test_dense_without_bias_and_with_an_activation() -> None:
    x, kernel = RNG.normal(size=(4, 5)), RNG.normal(size=(5, 3))
    found = value(nn.Dense(3, activation="tanh", use_bias=False), x, variables={"kernel": kernel})
    np.testing.assert_allclose(found, np.tanh(np.einsum("bi,io->bo", x, kernel)), rtol=1e-13)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_dense_in_other_types(dtype: str) -> None:
    """Small types are multiplied in float32 and rounded once."""
    x, kernel, bias = (RNG.normal(size=s).astype(dtype) for s in ((4, 64), (64, 3), (3,)))
    found = single(nn.Dense(3), x, variables={"kernel": kernel, "bias": bias}, dtype=dtype).outputs["node"]
    exact = x.astype(float) @ kernel.astype(float) + bias.astype(float)
    assert found.dtype == np.dtype(dtype)
    if dtype == "float32":
        np.testing.assert_allclose(found, exact, rtol=1e-6, atol=1e-5)
    else:
        np.testing.assert_array_equal(found, exact.astype(np.float32).astype(dtype))


@pytest.mark.parametrize(("axes", "features"), [(-1, 4), ((1, -1), (3, 2)), (2, (4,)), ((-1, 1), 2)])
def test_from_several_axes_to_several(axes: Any, features: Any) -> None:
    torch = pytest.importorskip("torch")
    x = RNG.normal(size=(2, 3, 5, 4))
    layer = nn.DenseGeneral(features, axes)
    given = {name: RNG.normal(size=p.shape) for name, p in layer.params(x.shape).items()}
    summed = sorted(axis % 4 for axis in (axes if isinstance(axes, tuple) else (axes,)))
    expected = torch.tensordot(*map(torch.from_numpy, (x, given["kernel"])), (summed, list(range(len(summed))))).numpy()
    found = value(layer, x, variables=given)
    np.testing.assert_allclose(found, expected + given["bias"], rtol=1e-12, atol=1e-13)
    assert found.shape == layer.output_shape(x.shape)


@pytest.mark.parametrize(
    ("equation", "kernel_shape", "bias_axes", "bias_shape"),
    [
        ("abc,cde->abde", (None, 3, 2), "de", (3, 2)),
        ("abc,cde->abde", (4, 3, 2), "d", (3, 1)),
        ("...x,xy->...y", (None, 3), "y", (3,)),
        ("abc,bcd->abd", (None, None, 2), None, ()),
        ("abc,dbc->adb", (3, None, None), "b", (5,)),
    ],
)
def test_equations(equation: str, kernel_shape: Any, bias_axes: str | None, bias_shape: tuple[int, ...]) -> None:
    torch = pytest.importorskip("torch")
    x = RNG.normal(size=(2, 5, 4))
    layer = nn.EinsumDense(equation, kernel_shape, bias_axes, "tanh")
    given = {name: RNG.normal(size=p.shape) for name, p in layer.params(x.shape).items()}
    y = torch.einsum(equation, *map(torch.from_numpy, (x, given["kernel"]))).numpy()
    expected = np.tanh(y + given["bias"].reshape(bias_shape) if bias_axes else y)
    found = value(layer, x, variables=given)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)
    assert found.shape == layer.output_shape(x.shape)


@pytest.mark.parametrize("use_bias", [True, False])
def test_bilinear(use_bias: bool) -> None:
    torch = pytest.importorskip("torch")
    x1, x2, kernel = RNG.normal(size=(2, 3, 4)), RNG.normal(size=(2, 3, 5)), RNG.normal(size=(4, 5, 6))
    given = {"kernel": kernel} | ({"bias": RNG.normal(size=6)} if use_bias else {})
    weights = np.ascontiguousarray(kernel.transpose(2, 0, 1)), given.get("bias", np.zeros(6))
    expected = torch.nn.functional.bilinear(*map(torch.from_numpy, (x1, x2, *weights))).numpy()
    found = value(nn.Bilinear(6, use_bias=use_bias), x1, x2, variables=given)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


def test_kernels_are_drawn_with_the_fans_of_matrices() -> None:
    def drawn(layer: Any, *shapes: Any) -> Any:
        return layer.params(*shapes)["kernel"].drawn

    assert drawn(nn.DenseGeneral((3, 2), (1, 2)), (None, 5, 4)) == (20, 6)
    assert drawn(nn.EinsumDense("abc,cde->abde", (None, 3, 2)), (None, 5, 4)) == (4, 6)
    assert drawn(nn.EinsumDense("abc,bcd->abd", (None, None, 2)), (None, 5, 4)) is None
    assert drawn(nn.EinsumDense("abc,dc->abd", (3, None)), (None, 5, 4)) is None
    assert drawn(nn.Bilinear(6), (None, 4), (None, 5)) == (20, 6)


def test_flops_by_hand() -> None:
    assert nn.DenseGeneral((3, 2), (1, 2), "relu").flops((1, 5, 4)) == 6 * (2 * 20 - 1 + 1 + 1)
    assert nn.EinsumDense("abc,cd->abd", (None, 3)).flops((1, 5, 4)) == 5 * 3 * 7
    assert nn.Bilinear(3).flops((1, 2, 4), (1, 2, 5)) == 2 * (20 + 3 * 40)


@pytest.mark.parametrize(
    ("layer", "shapes", "message"),
    [
        (nn.DenseGeneral(3, 0), [(None, 4)], "axis 0 is the batch axis"),
        (nn.DenseGeneral(3, (1, -1)), [(None, 4)], "twice"),
        (nn.DenseGeneral(3), [(None, None)], "must have a known size"),
        (nn.EinsumDense("abc,cd->abd", (5, 3)), [(None, 2, 4)], "cannot join 'c' of sizes 4 and 5"),
        (nn.EinsumDense("abc,cd->abd", (None, 3)), [(None, 4)], "asks for 3 axes in 'abc', got 2"),
        (nn.EinsumDense("...x,xy->...y", (4, 3)), [(None,)], r"asks for 2 axes or more in '\.\.\.x', got 1"),
        (nn.Bilinear(3), [(None, 2, 4), (None, 3, 4)], "needs two inputs of the same axes"),
    ],
)
def test_refused(layer: Any, shapes: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        layer.output_shape(*shapes)


@pytest.mark.parametrize(
    ("equation", "kernel_shape", "bias_axes", "message"),
    [
        ("abc,cd", (4, 3), None, "expected an equation such as"),
        ("abc,cd->abd,x", (4, 3), None, "expected an equation such as"),
        ("abb,bd->ad", (4, 3), None, "the letters of an operand differ"),
        ("abc,cd->abx", (4, 3), None, "no operand has 'x' of the result"),
        ("abc->ab", (4,), None, "expected an input and a kernel"),
        ("abc,...d->abd", (4,), None, "expected an input and a kernel"),
        ("abc,cd->bad", (4, 3), None, "the first axis of the input is the batch"),
        ("abc,acd->abd", (2, 4, 3), None, "the first axis of the input is the batch"),
        ("abc,cd->abd", (4,), None, "expected 2 sizes for 'cd', got 1"),
        ("abc,cd->abd", (4, None), None, "has no axis 'd' to take the size of"),
        ("abc,cd->abd", (4, 3), "c", "expected letters of 'abd', got 'c'"),
        ("abc,cd->abd", (4, 3), "a", "expected letters of 'abd', got 'a'"),
    ],
)
def test_equations_that_are_none(equation: str, kernel_shape: Any, bias_axes: str | None, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        nn.EinsumDense(equation, kernel_shape, bias_axes)
