"""Derivatives of activations: the spec's at every kink, finite far out, and the reference's differences between."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

import nnspec as nn
from nnspec import vocabulary
from nnspec.backends import FloatType
from nnspec.reference.derivative import directional
from tests.reference.single import value
from tests.tensorflow.single import side_by_side

pytest.importorskip("tensorflow", reason="the tensorflow backend is not installed")

FLOATS: tuple[FloatType, ...] = ("float64", "float32", "bfloat16", "float16")
# Activation, x, y′(x) as the docstrings say.
KINKS: list[tuple[Any, float, float]] = [
    (nn.CELU(0.7), 0.0, 1.0),
    (nn.ELU(), 0.0, 1.0),
    (nn.ELU(1.3), 0.0, 1.3),
    (nn.HardShrink(0.5), 0.5, 0.0),
    (nn.HardShrink(0.5), -0.5, 0.0),
    (nn.HardSigmoid(), 3.0, 0.0),
    (nn.HardSigmoid(), -3.0, 0.0),
    (nn.HardSigmoid("keras2"), 2.5, 0.0),
    (nn.HardSigmoid("keras2"), -2.5, 0.0),
    (nn.HardSilu(), 3.0, 1.0),
    (nn.HardSilu(), -3.0, 0.0),
    (nn.HardTanh(), 1.0, 0.0),
    (nn.HardTanh(), -1.0, 0.0),
    (nn.LeakyReLU(0.2), 0.0, 0.2),
    (nn.ReLU(), 0.0, 0.0),
    (nn.ReLU(0.1, 3.0, 0.5), 0.5, 0.1),
    (nn.ReLU(0.1, 3.0, 0.5), 3.0, 0.0),
    (nn.ReLU6(), 0.0, 0.0),
    (nn.ReLU6(), 6.0, 0.0),
    (nn.SELU(), 0.0, 1.0507009873554805 * 1.6732632423543772),
    (nn.SoftShrink(0.5), 0.5, 0.0),
    (nn.SoftShrink(0.5), -0.5, 0.0),
    (nn.SoftSign(), 0.0, 1.0),
    (nn.SparsePlus(), -1.0, 0.0),
    (nn.SparsePlus(), 1.0, 1.0),
    (nn.SparseSigmoid(), 1.0, 0.0),
    (nn.SparseSigmoid(), -1.0, 0.0),
    (nn.Squareplus(0.0), 0.0, 0.0),
    (nn.Threshold(0.25, -1.5), 0.25, 0.0),
]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("compiled", [False, True])
def test_kinks(dtype: FloatType, compiled: bool) -> None:
    # The kink among other values, which must not matter.
    cases = [(spec, [[-1.7, x, 1.3], [x, 0.4, x]]) for spec, x, _ in KINKS]
    found = side_by_side(cases, dtype, compiled=compiled)
    wrong = [
        (spec, x, expected, gradient)
        for (spec, x, expected), (_, gradient) in zip(KINKS, found, strict=True)
        if {gradient[0, 1], gradient[1, 0], gradient[1, 2]} != {np.asarray(expected).astype(gradient.dtype)[()]}
    ]
    assert wrong == []


@pytest.mark.parametrize("dtype", FLOATS)
def test_prelu_at_zero(dtype: FloatType) -> None:
    x = {"input": np.array([[0.0, 0.0, -2.0], [0.0, 3.0, 0.0]])}
    model = nn.Sequential([nn.PReLU()], input=[3])
    net = nn.backend("tensorflow").build(model, {"prelu/slope": np.array([0.5, 0.25, 0.125])}, dtype=dtype)
    found = net.gradients(x, {"prelu": np.ones((2, 3))})
    np.testing.assert_array_equal(found.inputs["input"].astype(float), [[0.5, 0.25, 0.125], [0.5, 1.0, 0.125]])
    np.testing.assert_array_equal(found.parameters["prelu/slope"].astype(float), [0.0, 0.0, -2.0])


def test_ties_of_maximum_and_minimum_share_the_gradient() -> None:
    a, b = nn.symbol([4], "a"), nn.symbol([4], "b")
    model = nn.Model(inputs=[a, b], outputs=[nn.Maximum()(a, b), nn.Minimum()(a, b)])
    net = nn.backend("tensorflow").build(model, dtype="float64")
    given = {"a": np.array([[1.0, 2.0, -0.0, np.nan]]), "b": np.array([[1.0, 0.5, 0.0, 1.0]])}
    outputs = net.forward(given)
    np.testing.assert_array_equal(outputs["maximum"], [[1.0, 2.0, 0.0, np.nan]])
    np.testing.assert_array_equal(outputs["minimum"], [[1.0, 0.5, 0.0, np.nan]])
    found = net.gradients(given, {"maximum": np.full((1, 4), 3.0), "minimum": np.full((1, 4), 5.0)}).inputs
    np.testing.assert_array_equal(found["a"][:, :3], [[4.0, 3.0, 4.0]])
    np.testing.assert_array_equal(found["b"][:, :3], [[4.0, 5.0, 4.0]])


def test_sparsemax_off_its_support() -> None:
    # y = (0.6, 0.4, 0): the gradient is v − mean(v over the support) there, and 0 off it. In the second case x₂ = τ, so
    # that y₂ = 0 is off the support.
    cases = [(nn.Sparsemax(), [[1.2, 1.0, -0.5]]), (nn.Sparsemax(), [[1.0, 0.0, -3.0]])]
    (_, first), (_, second) = side_by_side(cases, "float64", cotangents=[np.array([[3.0, 1.0, 7.0]])] * 2)
    np.testing.assert_allclose(first, [[1.0, -1.0, 0.0]], rtol=1e-15)
    np.testing.assert_array_equal(second, [[0.0, 0.0, 0.0]])


@pytest.mark.parametrize(
    ("dtype", "huge"),
    [
        ("float64", 1e200),
        ("float32", 1e30),
        *(pytest.param(*half, marks=pytest.mark.slow) for half in (("bfloat16", 1e30), ("float16", 3e4))),
    ],
)
def test_huge_inputs_have_finite_values_and_gradients(dtype: FloatType, huge: float) -> None:
    # Left out are those with large derivatives (eˣ, a · σ(b)) and an overflowing variance.
    names = [n for n in vocabulary.class_names("activation") if n not in ("Exponential", "GLU", "Standardize")]
    specs = [*(vocabulary.load(name)() for name in names), nn.Squareplus(0.0), nn.GELU(approximate=True), nn.CELU(0.3)]
    x = [[huge, -huge, 0.0, 1.0], [-huge, -huge, 40.0, -40.0], [huge, 90.0, -90.0, 0.5]]
    for spec, (y, gradient) in zip(specs, side_by_side([(spec, x) for spec in specs], dtype), strict=True):
        assert np.isfinite(y.astype(float)).all(), spec
        assert (abs(gradient.astype(float)) <= len(x[0])).all(), spec  # NaN is not


@pytest.mark.parametrize("compiled", [False, True])
def test_nan_passes_through(compiled: bool) -> None:
    specs = [vocabulary.load(name)() for name in vocabulary.class_names("activation")]
    specs += [nn.ReLU(0.1, 3.0, 0.5), nn.HardSigmoid("keras2"), nn.GELU(approximate=True), nn.PReLU()]
    x = [[np.nan, 1.0, 0.3, -0.2], [0.5, -1.0, 2.0, 0.1]]
    for spec, (y, _) in zip(
        specs, side_by_side([(spec, x) for spec in specs], "float32", compiled=compiled), strict=True
    ):
        assert np.isnan(y[0, 0]), spec
        assert not np.isnan(y[1]).any(), spec


def test_half_precision_is_rounded_once() -> None:
    x = np.linspace(-6, 6, 1000).astype(ml_dtypes.bfloat16).reshape(100, 10)
    cases = [(spec, x) for spec in (nn.Mish(), nn.GELU(), nn.GELU(approximate=True), nn.SELU(), nn.LogSoftmax())]
    exact = side_by_side(cases, "float64")
    for (spec, _), (y, _), (wanted, _) in zip(cases, side_by_side(cases, "bfloat16"), exact, strict=True):
        assert (y == wanted.astype(ml_dtypes.bfloat16)).mean() > 0.99, spec  # but where float32 is near a tie


@pytest.mark.slow  # the suite asks for them, class by class
def test_gradients_are_the_differences_of_the_reference() -> None:
    rng = np.random.default_rng(3)
    specs = [vocabulary.load(name)() for name in vocabulary.class_names("activation")]
    # At least 0.05 from the kinks of the defaults, which are at multiples of ½.
    x = rng.integers(-8, 8, (5, 4)) / 2 + rng.uniform(0.05, 0.45, (5, 4))
    cotangents = [rng.normal(size=value(spec, x).shape) for spec in specs]
    found = side_by_side([(spec, x) for spec in specs], "float64", cotangents=cotangents)
    direction = rng.normal(size=x.shape)
    for spec, v, (y, gradient) in zip(specs, cotangents, found, strict=True):
        np.testing.assert_allclose(y, value(spec, x), rtol=1e-13, atol=1e-14)
        expected = directional(lambda x, spec=spec, v=v: np.vdot(value(spec, x), v), x, direction, 1e-3)
        assert np.vdot(gradient, direction) == pytest.approx(float(expected), rel=1e-9), spec


def test_kerass_own_functions_stand_where_they_mean_the_same() -> None:
    backend = nn.backend("tensorflow")
    model = nn.Sequential([nn.Dense(3, "tanh"), nn.ReLU(), nn.GELU(), nn.ReLU(0.2)], input=[2])
    layers = {layer.name: type(layer).__name__ for layer in backend.build(model).native.layers[1:]}
    assert layers == {"dense": "Dense", "relu": "Activation", "gelu": "SpecLayer", "relu_1": "SpecLayer"}
    assert backend.build(model).native.get_layer("dense").get_config()["activation"] == "tanh"
