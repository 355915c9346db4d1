"""Dense against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

import nnspec as nn
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
