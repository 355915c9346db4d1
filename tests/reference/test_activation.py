"""Activations against PyTorch and SciPy in float64, their kinks, float32 and huge inputs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import optimize, special

import nnspec as nn
from nnspec import vocabulary
from tests.reference.single import value

RNG = np.random.default_rng(5)
# Values on both sides of every kink, some far out.
X = np.concatenate([RNG.normal(size=(4, 6)) * 2, RNG.normal(size=(2, 6)) * 20])

# What PyTorch computes for the same: names in torch.nn.functional and their arguments.
TORCH: dict[str, tuple[Any, str, dict[str, Any]]] = {
    "celu": (nn.CELU(1.7), "celu", {"alpha": 1.7}),
    "elu": (nn.ELU(1.3), "elu", {"alpha": 1.3}),
    "gelu": (nn.GELU(), "gelu", {}),
    "gelu tanh": (nn.GELU(approximate=True), "gelu", {"approximate": "tanh"}),
    "glu": (nn.GLU(), "glu", {"dim": -1}),
    "hard_shrink": (nn.HardShrink(0.8), "hardshrink", {"lambd": 0.8}),
    "hard_sigmoid": (nn.HardSigmoid(), "hardsigmoid", {}),
    "hard_silu": (nn.HardSilu(), "hardswish", {}),
    "hard_tanh": (nn.HardTanh(), "hardtanh", {}),
    "leaky_relu": (nn.LeakyReLU(0.2), "leaky_relu", {"negative_slope": 0.2}),
    "log_sigmoid": (nn.LogSigmoid(), "logsigmoid", {}),
    "log_softmax": (nn.LogSoftmax(), "log_softmax", {"dim": -1}),
    "mish": (nn.Mish(), "mish", {}),
    "relu": (nn.ReLU(), "relu", {}),
    "relu6": (nn.ReLU6(), "relu6", {}),
    "selu": (nn.SELU(), "selu", {}),
    "sigmoid": (nn.Sigmoid(), "sigmoid", {}),
    "silu": (nn.Silu(), "silu", {}),
    "soft_shrink": (nn.SoftShrink(0.7), "softshrink", {"lambd": 0.7}),
    "soft_sign": (nn.SoftSign(), "softsign", {}),
    "softmax": (nn.Softmax(), "softmax", {"dim": -1}),
    "softplus": (nn.Softplus(), "softplus", {"threshold": 1e9}),  # PyTorch's is x above 20 by default
    "tanh": (nn.Tanh(), "tanh", {}),
    "tanh_shrink": (nn.TanhShrink(), "tanhshrink", {}),
    "threshold": (nn.Threshold(0.3, -1.5), "threshold", {"threshold": 0.3, "value": -1.5}),
}


@pytest.mark.parametrize("name", TORCH)
def test_pytorch_computes_the_same(name: str) -> None:
    torch = pytest.importorskip("torch")
    spec, function, arguments = TORCH[name]
    expected = getattr(torch.nn.functional, function)(torch.from_numpy(X), **arguments).numpy()
    np.testing.assert_allclose(value(spec, X), expected, rtol=1e-13, atol=1e-15)


def relu_of_keras(x: float, slope: float, maximum: float, threshold: float) -> float:
    """Keras's documentation of ``relu``, case by case."""
    if x >= maximum:
        return maximum
    return x if x > threshold else slope * (x - threshold)


def projected(row: Any) -> Any:
    """The projection onto the simplex, with its shift found by root finding instead of sorting."""
    tau = optimize.brentq(lambda t: np.maximum(row - t, 0).sum() - 1, row.min() - 1, row.max(), xtol=1e-15)
    return np.maximum(row - tau, 0)


FORMULAS: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "exponential": (nn.Exponential(), lambda x: np.vectorize(math.exp)(x)),
    "gelu": (nn.GELU(), lambda x: x * special.erfc(-x / math.sqrt(2)) / 2),
    "hard_sigmoid keras2": (
        nn.HardSigmoid("keras2"),
        np.vectorize(lambda x: 0.0 if x < -2.5 else 1.0 if x > 2.5 else 0.2 * x + 0.5),
    ),
    "identity": (nn.Identity(), lambda x: x),
    "relu keras": (nn.ReLU(0.1, 3.0, 0.4), np.vectorize(lambda x: relu_of_keras(x, 0.1, 3.0, 0.4))),
    "sparse_plus": (
        nn.SparsePlus(),
        np.vectorize(lambda x: 0.0 if x <= -1 else x if x >= 1 else (x + 1) ** 2 / 4),
    ),
    "sparse_sigmoid": (
        nn.SparseSigmoid(),
        np.vectorize(lambda x: 0.0 if x <= -1 else 1.0 if x >= 1 else (x + 1) / 2),
    ),
    "sparsemax": (nn.Sparsemax(), lambda x: np.apply_along_axis(projected, -1, x)),
    "squareplus": (nn.Squareplus(2.5), lambda x: (x + np.sqrt(x**2 + 2.5)) / 2),
    "squareplus 0": (nn.Squareplus(0.0), lambda x: np.maximum(x, 0)),
    "standardize": (
        nn.Standardize(epsilon=1e-3),
        lambda x: (
            (x - x.sum(-1, keepdims=True) / 6)
            / np.sqrt(((x - x.sum(-1, keepdims=True) / 6) ** 2).sum(-1, keepdims=True) / 6 + 1e-3)
        ),
    ),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_formula(name: str) -> None:
    spec, formula = FORMULAS[name]
    np.testing.assert_allclose(value(spec, X), formula(X), rtol=1e-13, atol=1e-14)


def test_every_activation_is_tested() -> None:
    tested = {type(spec) for spec, *_ in (*TORCH.values(), *FORMULAS.values())}
    assert {vocabulary.load(name) for name in vocabulary.class_names("activation")} == tested


@pytest.mark.parametrize("spec", [nn.GLU(1), nn.LogSoftmax(1), nn.Softmax(-2), nn.Sparsemax(1), nn.Standardize(1)])
def test_axis(spec: Any) -> None:
    x = RNG.normal(size=(3, 4, 5))
    last = type(spec)()
    np.testing.assert_array_equal(value(spec, x), np.moveaxis(value(last, np.moveaxis(x, 1, -1).copy()), -1, 1))


def test_sparsemax_of_ties_and_certainty() -> None:
    x = np.array([[1.0, 1.0, 1.0], [3.0, 0.0, -1.0], [0.2, 0.2, -5.0]])
    np.testing.assert_allclose(value(nn.Sparsemax(), x), [[1 / 3] * 3, [1, 0, 0], [0.5, 0.5, 0]], rtol=1e-15)


# (activation, x, y, y′) at every point where two pieces meet, from the docstrings.
KINKS: list[tuple[Any, float, float, float]] = [
    (nn.CELU(2.0), 0.0, 0.0, 1.0),
    (nn.ELU(0.5), 0.0, 0.0, 0.5),
    (nn.HardShrink(0.5), -0.25, 0.0, 0.0),
    (nn.HardSigmoid(), -3.0, 0.0, 0.0),
    (nn.HardSigmoid(), 3.0, 1.0, 0.0),
    (nn.HardSigmoid("keras2"), -2.5, 0.0, 0.0),
    (nn.HardSigmoid("keras2"), 2.5, 1.0, 0.0),
    (nn.HardSilu(), -3.0, 0.0, 0.0),
    (nn.HardTanh(), -1.0, -1.0, 0.0),
    (nn.HardTanh(), 1.0, 1.0, 0.0),
    (nn.LeakyReLU(0.1), 0.0, 0.0, 0.1),
    (nn.ReLU(), 0.0, 0.0, 0.0),
    (nn.ReLU(0.25, 4.0), 0.0, 0.0, 0.25),
    (nn.ReLU(0.25, 4.0), 4.0, 4.0, 0.0),
    (nn.ReLU6(), 0.0, 0.0, 0.0),
    (nn.ReLU6(), 6.0, 6.0, 0.0),
    (nn.SELU(), 0.0, 0.0, 1.0507009873554805 * 1.6732632423543772),
    (nn.SoftShrink(0.5), -0.5, 0.0, 0.0),
    (nn.SoftShrink(0.5), 0.5, 0.0, 0.0),
    (nn.SoftSign(), 0.0, 0.0, 1.0),
    (nn.SparsePlus(), -1.0, 0.0, 0.0),
    (nn.SparsePlus(), 1.0, 1.0, 1.0),
    (nn.SparseSigmoid(), -1.0, 0.0, 0.0),
    (nn.SparseSigmoid(), 1.0, 1.0, 0.0),
]


def one_sided(spec: Any, x: float, h: float) -> float:
    """The derivative on one side (h > 0: the right one), of second order."""
    y = value(spec, np.array([[x, x + h, x + 2 * h]]))[0]
    return float((-3 * y[0] + 4 * y[1] - y[2]) / (2 * h))


@pytest.mark.parametrize(("spec", "x", "y", "slope"), KINKS, ids=str)
def test_value_and_derivative_at_kinks(spec: Any, x: float, y: float, slope: float) -> None:
    """The documented derivative is that of the flat piece, where one of the two is flat, else that of the left one."""
    assert value(spec, np.array([[x]]))[0, 0] == y
    left, right = one_sided(spec, x, -1e-5), one_sided(spec, x, 1e-5)
    expected = 0.0 if min(abs(left), abs(right)) < 1e-9 else left
    assert expected == pytest.approx(slope, abs=1e-8)


def test_hard_silu_at_3_follows_the_product_rule() -> None:
    """y = x · c(x) with c′(3) = 0, as the hard sigmoid's: y′ = c(3) = 1, which is the piece on the right."""
    assert value(nn.HardSilu(), np.array([[3.0]]))[0, 0] == 3.0
    assert one_sided(nn.HardSilu(), 3.0, 1e-5) == pytest.approx(1.0, abs=1e-8)
    assert one_sided(nn.HardSilu(), 3.0, -1e-5) == pytest.approx(1.5, abs=1e-8)


@pytest.mark.parametrize(
    ("spec", "x", "y"),
    [
        (nn.HardShrink(0.5), 0.5, 0.0),
        (nn.HardShrink(0.5), -0.5, 0.0),
        (nn.Threshold(0.3, -1.5), 0.3, -1.5),
        (nn.ReLU(0.0, 2.0, 1.0), 1.0, 0.0),
    ],
    ids=str,
)
def test_value_at_jumps(spec: Any, x: float, y: float) -> None:
    assert value(spec, np.array([[x]]))[0, 0] == y


EVERY = {**{name: spec for name, (spec, *_) in TORCH.items()}, **{name: spec for name, (spec, _) in FORMULAS.items()}}


@pytest.mark.parametrize("name", EVERY)
def test_float32_stays_float32_and_is_as_good(name: str) -> None:
    x = X.astype(np.float32)
    y, exact = value(EVERY[name], x, dtype=np.float32), value(EVERY[name], x.astype(np.float64))
    assert y.dtype == np.float32
    bound = 8 * np.spacing(np.abs(x).max(), dtype=np.float32)  # rounding of the inputs' scale, or of the outputs'
    np.testing.assert_allclose(y, exact, rtol=1e-5 if name == "exponential" else 2e-6, atol=float(bound))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", [n for n in EVERY if n not in ("exponential", "standardize")])
def test_huge_inputs_stay_finite(name: str, dtype: Any) -> None:
    """Neither NaN, nor infinity, nor a warning; exponential and standardize rightly leave the range."""
    largest = float(np.finfo(dtype).max) / 8
    x = np.array([[largest, -largest, 1e4, -1e4, 0.0, 1e-30], [-largest, -largest, -1e30, 1e30, -0.0, 90.0]], dtype)
    y = value(EVERY[name], x, dtype=dtype)
    assert np.isfinite(y).all()


def test_exponential_overflows_without_a_warning() -> None:
    assert value(nn.Exponential(), np.array([[1e4, -1e4]])).tolist() == [[math.inf, 0.0]]


def test_nan_is_not_hidden() -> None:
    x = np.full((1, 2), np.nan)
    hidden = [name for name, spec in EVERY.items() if not np.isnan(value(spec, x)).any()]
    assert not hidden


def test_prelu() -> None:
    torch = pytest.importorskip("torch")
    x, slope = RNG.normal(size=(5, 3)), RNG.normal(size=3)
    expected = torch.nn.functional.prelu(torch.from_numpy(x), torch.from_numpy(slope)).numpy()
    np.testing.assert_array_equal(value(nn.PReLU(), x, variables={"slope": slope}), expected)


def test_prelu_over_several_axes_and_shared() -> None:
    x, slope = RNG.normal(size=(2, 4, 3)), np.array([0.1, -0.5, 2.0])
    expected = np.where(x > 0, x, x * slope)
    np.testing.assert_array_equal(value(nn.PReLU(), x, variables={"slope": slope}), expected)
    shared = value(nn.PReLU(shared=True), x, variables={"slope": slope[1:2]})
    np.testing.assert_array_equal(shared, np.where(x > 0, x, -0.5 * x))
