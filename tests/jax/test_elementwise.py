"""Derivatives of powers, forward and of second order: where an input is constant, its derivative does not matter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.reference.derivative import directional

jax = pytest.importorskip("jax", reason="the jax backend is not installed")

# Below 0, where the derivative by the exponent is NaN.
BASES = np.array([[-2.0, -0.7, -1.3, -1.1]])
EXPONENTS = np.array([[3.0, 2.0, 1.0, 4.0]])
ALONG = np.array([[0.4, -1.2, 0.9, 0.6]])


def power() -> Any:
    x1, x2 = nn.symbol([4], "x1"), nn.symbol([4], "x2")
    return nn.backend("jax").build(nn.Model(inputs=[x1, x2], outputs=nn.Power()(x1, x2)), dtype="float64").native


@pytest.mark.parametrize("compiled", [False, True])
def test_constant_exponents(compiled: bool) -> None:
    native = power()
    with jax.enable_x64(True):

        def powers(x: Any) -> Any:
            return native(x, EXPONENTS)

        function = jax.jit(powers) if compiled else powers
        value, along = jax.jvp(function, (BASES,), (ALONG,))
        jacobian = jax.jacfwd(function)(BASES)
        curved = jax.jvp(jax.grad(lambda x: function(x).sum()), (BASES,), (ALONG,))[1]
    np.testing.assert_allclose(value, BASES**EXPONENTS, rtol=1e-14)
    expected = directional(lambda x: x**EXPONENTS, BASES, ALONG)
    np.testing.assert_allclose(along, expected, rtol=1e-10)
    np.testing.assert_allclose((np.asarray(jacobian).reshape(4, 4) @ ALONG[0]), expected[0], rtol=1e-10)
    expected = directional(lambda x: EXPONENTS * x ** (EXPONENTS - 1), BASES, ALONG)
    np.testing.assert_allclose(curved, expected, rtol=1e-10, atol=1e-12)


def test_constant_bases_and_both() -> None:
    native, bases = power(), -BASES
    with jax.enable_x64(True):
        along = jax.jvp(lambda x: native(bases, x), (EXPONENTS,), (ALONG,))[1]
        both = jax.jvp(native, (bases, EXPONENTS), (ALONG, ALONG[:, ::-1]))[1]
    np.testing.assert_allclose(along, directional(lambda x: bases**x, EXPONENTS, ALONG), rtol=1e-10)
    moved = {"x1": bases, "x2": EXPONENTS}, {"x1": ALONG, "x2": ALONG[:, ::-1]}
    np.testing.assert_allclose(both, directional(lambda x: x["x1"] ** x["x2"], *moved), rtol=1e-10)
