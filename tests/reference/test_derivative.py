"""Central differences against derivatives known in closed form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nnspec.reference import derivative


def test_directional_is_exact_for_polynomials_up_to_degree_6() -> None:
    x, d = np.array([0.5, -1.5, 2.0]), np.array([1.0, -0.5, 0.25])
    for degree in range(7):
        found = derivative.directional(lambda p, degree=degree: p**degree, x, d, 0.5)
        np.testing.assert_allclose(found, degree * x ** max(degree - 1, 0) * d, rtol=1e-12, atol=1e-13)


def test_error_falls_with_the_sixth_power_of_the_step() -> None:
    x, d = np.array([0.7]), np.array([1.0])
    errors = [abs(derivative.directional(np.sin, x, d, h)[0] - np.cos(0.7)) for h in (0.4, 0.2)]
    assert 60 < errors[0] / errors[1] < 68
    assert abs(derivative.directional(np.sin, x, d)[0] - np.cos(0.7)) < 2e-14


def test_directional_of_several_arrays() -> None:
    arrays = {"a": np.array([[0.3, -0.2]]), "b": np.array([1.5, 0.5]), "still": np.array(2.0)}
    directions = {"a": np.array([[1.0, 2.0]]), "b": np.array([-1.0, 0.5])}

    def f(p: Mapping[str, np.ndarray]) -> Any:
        return p["still"] * np.sum(np.exp(p["a"]) * p["b"] ** 2)

    found = derivative.directional(f, arrays, directions, 3e-3)  # the arrays move by up to 2 h
    a, b = arrays["a"], arrays["b"]
    expected = 2 * np.sum(np.exp(a) * b**2 * directions["a"] + 2 * np.exp(a) * b * directions["b"])
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_gradients_of_several_arrays() -> None:
    arrays = {"w": np.array([[0.3, -0.2], [0.9, 1.1]]), "x": np.array([0.7, -0.4])}
    found = derivative.gradients(lambda p: np.sum(np.tanh(p["x"] @ p["w"])), arrays)
    slope = 1 - np.tanh(arrays["x"] @ arrays["w"]) ** 2
    np.testing.assert_allclose(found["w"], np.outer(arrays["x"], slope), rtol=1e-11)
    np.testing.assert_allclose(found["x"], arrays["w"] @ slope, rtol=1e-11)
