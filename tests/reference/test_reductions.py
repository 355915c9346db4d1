"""Reductions against PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.errors import ShapeError
from tests.reference.single import single, value

RNG = np.random.default_rng(6)
X = RNG.normal(size=(2, 3, 4, 5))
NAMES = {
    nn.Sum: "sum",
    nn.Mean: "mean",
    nn.Max: "amax",
    nn.Min: "amin",
    nn.LogSumExp: "logsumexp",
    nn.Var: "var",
    nn.Std: "std",
}


@pytest.mark.parametrize("cls", NAMES, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize(("axis", "dims"), [(None, (1, 2, 3)), (1, (1,)), (-1, (3,)), ((3, -3), (1, 3))])
@pytest.mark.parametrize("keepdims", [False, True])
def test_along_axes(cls: Any, axis: Any, dims: Any, keepdims: bool) -> None:
    torch = pytest.importorskip("torch")
    correction = {"correction": 1.0} if cls in (nn.Var, nn.Std) else {}
    expected = getattr(torch, NAMES[cls])(torch.from_numpy(X), dims, keepdim=keepdims, **correction).numpy()
    spec = cls(axis, keepdims, **correction)
    found = value(spec, X)
    assert found.shape == expected.shape == spec.output_shape(X.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize(("axis", "expected"), [(None, (2,)), (1, (2, 4)), ((1, 2), (2,))])
def test_prod(axis: Any, expected: Any) -> None:
    x = X[..., 0]
    found = value(nn.Prod(axis), x)
    whole = np.exp(np.log(np.abs(x)).sum(axis or (1, 2))) * np.where((x < 0).sum(axis or (1, 2)) % 2, -1, 1)
    assert found.shape == expected
    np.testing.assert_allclose(found, whole, rtol=1e-12)


@pytest.mark.parametrize("order", [1.0, 1.5, 2.0, 3.0, "inf"])
def test_vector_norm(order: Any) -> None:
    torch = pytest.importorskip("torch")
    for axis, dims, keep in ((None, (1, 2, 3), False), ((3, -3), (1, 3), True)):
        expected = torch.linalg.vector_norm(torch.from_numpy(X), float(order), dims, keep).numpy()
        spec = nn.VectorNorm(axis, keep, order)
        found = value(spec, X)
        assert found.shape == expected.shape == spec.output_shape(X.shape)
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert nn.VectorNorm().flops((1, 3)) == 6


def test_biased_by_default_and_large() -> None:
    x = np.array([[1.0, 2.0, 4.0]])
    assert value(nn.Var(), x)[0] == pytest.approx(14 / 9)
    assert value(nn.Std(), x)[0] == pytest.approx(np.sqrt(14 / 9))
    assert value(nn.LogSumExp(), np.array([[1e3, 1e3]]))[0] == pytest.approx(1e3 + np.log(2))
    with np.errstate(divide="ignore"):
        assert value(nn.LogSumExp(), np.array([[-np.inf, -np.inf]]))[0] == -np.inf
    assert nn.Sum().flops((1, 3)) == 3 and nn.Var().flops((1, 3)) == 12
    assert nn.Sum(1).output_shape((None, None, 3)) == nn.Std(1).output_shape((None, None, 3)) == (None, 3)


@pytest.mark.parametrize("cls", [*NAMES, nn.Prod, nn.VectorNorm], ids=lambda cls: cls.__name__)
def test_nan_goes_through_and_types_stay(cls: Any) -> None:
    x = X.astype("float16")
    assert single(cls(), x, dtype="float16").outputs["node"].dtype == np.float16
    x = X.copy()
    x[0, 1, 2, 3] = np.nan
    assert np.isnan(value(cls(), x)).tolist() == [True, False]


@pytest.mark.parametrize(
    ("spec", "shape", "words"),
    [
        (nn.Sum(0), (None, 3), r"sum: axis 0 is the batch axis in input \(batch, 3\)"),
        (nn.Mean(-2), (None, 3), "mean: axis -2 is the batch axis"),
        (nn.Max(2), (None, 3), "max: axis 2 does not exist"),
        (nn.Min((1, -1)), (None, 3), r"min: axes \[1, -1\] name an axis of input \(batch, 3\) twice"),
        (nn.Prod(), (None, 0), "prod has nothing to reduce"),
        (nn.Var(correction=2.0), (None, 2), "var with correction 2 needs more than as many elements, got 2"),
    ],
)
def test_shapes_that_do_not_fit(spec: nn.Layer, shape: Any, words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        spec.output_shape(shape)
