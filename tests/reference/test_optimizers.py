"""Optimizers against PyTorch's where the formulas coincide, and against the papers' in scalar loops."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.errors import BackendError, SpecError
from nnspec.reference import optimizers
from tests.reference.updates import (
    PARAMETERS,
    RATE,
    Formula,
    check_against_optax,
    check_against_pytorch,
    check_number_by_number,
    check_type,
    gradients_at,
    optimizers_of,
    trajectory,
)

TORCH: dict[str, tuple[Any, str, dict[str, Any]]] = {
    "sgd": (nn.SGD(RATE), "SGD", {}),
    "momentum": (nn.Momentum(RATE, 0.8), "SGD", {"momentum": 0.8}),
    "nesterov": (nn.Nesterov(RATE, 0.8), "SGD", {"momentum": 0.8, "nesterov": True}),
    "adam": (nn.Adam(RATE, 0.85, 0.98, 1e-6), "Adam", {"betas": (0.85, 0.98), "eps": 1e-6}),
    "adamw": (
        nn.AdamW(RATE, 0.85, 0.98, 1e-6, weight_decay=0.3),
        "AdamW",
        {"betas": (0.85, 0.98), "eps": 1e-6, "weight_decay": 0.3},
    ),
    "amsgrad": (
        nn.Adam(RATE, 0.85, 0.9, 1e-6, amsgrad="raw"),
        "Adam",
        {"betas": (0.85, 0.9), "eps": 1e-6, "amsgrad": True},
    ),
    # PyTorch's epsilon stands outside of the root: they coincide without it.
    "adagrad": (nn.AdaGrad(RATE, 1e-300, 0.2), "Adagrad", {"eps": 0.0, "initial_accumulator_value": 0.2}),
    "rmsprop": (nn.RMSProp(RATE, 0.95, 1e-5, epsilon_in_root=False), "RMSprop", {"alpha": 0.95, "eps": 1e-5}),
    "rmsprop, centered, momentum": (
        nn.RMSProp(RATE, 0.95, 1e-5, True, 0.7, False),
        "RMSprop",
        {"alpha": 0.95, "eps": 1e-5, "centered": True, "momentum": 0.7},
    ),
}


@pytest.mark.parametrize("name", TORCH)
def test_pytorch_computes_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check_against_pytorch(*TORCH[name], monkeypatch)


OPTAX: dict[str, tuple[Any, str, dict[str, Any]]] = {
    "amsgrad, corrected": (
        nn.Adam(RATE, 0.85, 0.9, 1e-6, amsgrad="corrected"),
        "amsgrad",
        {"b1": 0.85, "b2": 0.9, "eps": 1e-6},
    ),
}


@pytest.mark.parametrize("name", OPTAX)
def test_optax_computes_the_same(name: str) -> None:
    check_against_optax(*OPTAX[name])


def adam_paper(w: float, g: float, s: dict[str, float], t: int, eta: float) -> float:
    """Kingma & Ba 2015, algorithm 1."""
    s["m"] = 0.9 * s["m"] + (1 - 0.9) * g
    s["v"] = 0.99 * s["v"] + (1 - 0.99) * g**2
    m_hat = s["m"] / (1 - 0.9**t)
    v_hat = s["v"] / (1 - 0.99**t)
    return w - eta * m_hat / (math.sqrt(v_hat) + 1e-8)


def adam_hat(w: float, g: float, s: dict[str, float], t: int, eta: float) -> float:
    """The end of its section 2: αₜ = α · √(1 − β2ᵗ)/(1 − β1ᵗ), θ ← θ − αₜ · m/(√v + ε̂)."""
    s["m"] = 0.9 * s["m"] + (1 - 0.9) * g
    s["v"] = 0.99 * s["v"] + (1 - 0.99) * g**2
    alpha = eta * math.sqrt(1 - 0.99**t) / (1 - 0.9**t)
    return w - alpha * s["m"] / (math.sqrt(s["v"]) + 1e-7)


def adamw(w: float, g: float, s: dict[str, float], t: int, eta: float) -> float:
    """Loshchilov & Hutter 2019, algorithm 2, with the learning rate in the decay."""
    return adam_paper(w, g, s, t, eta) - eta * 0.25 * w


def amsgrad_keras(w: float, g: float, s: dict[str, float], t: int, eta: float) -> float:
    s["m"] = 0.9 * s["m"] + (1 - 0.9) * g
    s["v"] = 0.9 * s["v"] + (1 - 0.9) * g**2
    s["v_max"] = max(s["v_max"], s["v"])
    return w - eta * math.sqrt(1 - 0.9**t) / (1 - 0.9**t) * s["m"] / (math.sqrt(s["v_max"]) + 1e-7)


def momentum_keras(w: float, g: float, s: dict[str, float], t: int, eta: float) -> float:
    s["velocity"] = 0.8 * s["velocity"] - eta * g
    return w + s["velocity"] - eta * 0.25 * w


def nesterov_keras(w: float, g: float, s: dict[str, float], t: int, eta: float) -> float:
    s["velocity"] = 0.8 * s["velocity"] - eta * g
    return w + 0.8 * s["velocity"] - eta * g - eta * 0.25 * w


def nesterov_paper(w: float, g: float, s: dict[str, float], t: int, eta: float) -> float:
    """The look-ahead form v ← μv + g, w ← w − η(g + μv), and decoupled decay."""
    s["velocity"] = 0.8 * s["velocity"] + g
    return w - eta * (g + 0.8 * s["velocity"]) - eta * 0.25 * w


def adagrad(w: float, g: float, s: dict[str, float], t: int, eta: float) -> float:
    s["accumulator"] += g**2
    return w - eta * g / math.sqrt(s["accumulator"] + 1e-3)


def rmsprop_root(w: float, g: float, s: dict[str, float], t: int, eta: float) -> float:
    s["v"] = 0.9 * s["v"] + (1 - 0.9) * g**2
    return w - eta * g / math.sqrt(s["v"] + 1e-7)


def rmsprop_centered(w: float, g: float, s: dict[str, float], t: int, eta: float) -> float:
    """Graves 2013, eq. 38-43, but for ε in place of his 1e-4 and the rate outside of the velocity."""
    s["v"] = 0.9 * s["v"] + (1 - 0.9) * g**2
    s["mean"] = 0.9 * s["mean"] + (1 - 0.9) * g
    s["velocity"] = 0.7 * s["velocity"] + g / math.sqrt(s["v"] - s["mean"] ** 2 + 1e-4)
    return w - eta * s["velocity"]


def rmsprop_keras(w: float, g: float, s: dict[str, float], t: int, eta: float) -> float:
    s["v"] = 0.9 * s["v"] + (1 - 0.9) * g**2
    s["velocity"] = 0.7 * s["velocity"] + eta * g / math.sqrt(s["v"] + 1e-7)
    return w - s["velocity"] - eta * 0.25 * w


FORMULAS: dict[str, tuple[Any, Formula]] = {
    "sgd": (nn.SGD(RATE, weight_decay=0.25), lambda w, g, s, t, eta: w - eta * g - eta * 0.25 * w),
    "adam": (nn.Adam(RATE, b2=0.99), adam_paper),
    "adam, epsilon hat": (nn.Adam(RATE, b2=0.99, epsilon=1e-7, epsilon_mode="hat"), adam_hat),
    "adamw": (nn.AdamW(RATE, b2=0.99, weight_decay=0.25), adamw),
    "amsgrad, keras": (nn.Adam(RATE, b2=0.9, epsilon=1e-7, epsilon_mode="hat", amsgrad="raw"), amsgrad_keras),
    "momentum, keras": (nn.Momentum(RATE, 0.8, True, weight_decay=0.25), momentum_keras),
    "nesterov, keras": (nn.Nesterov(RATE, 0.8, True, weight_decay=0.25), nesterov_keras),
    "nesterov": (nn.Nesterov(RATE, 0.8, weight_decay=0.25), nesterov_paper),
    "adagrad": (nn.AdaGrad(RATE, 1e-3, 0.1), adagrad),
    "rmsprop": (nn.RMSProp(RATE), rmsprop_root),
    "rmsprop, centered": (nn.RMSProp(RATE, 0.9, 1e-4, True, 0.7), rmsprop_centered),
    "rmsprop, keras": (
        nn.RMSProp(RATE, momentum=0.7, learning_rate_in_velocity=True, weight_decay=0.25),
        rmsprop_keras,
    ),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_formula_number_by_number(name: str) -> None:
    check_number_by_number(*FORMULAS[name])


def test_every_optimizer_is_tested() -> None:
    tested = {type(spec) for spec, *_ in (*TORCH.values(), *OPTAX.values(), *FORMULAS.values())}
    assert optimizers_of("nnspec.optimizers") == tested


def test_the_two_epsilons_part_at_small_gradients() -> None:
    """With g = 1e-12 the paper's u is 1e-12/(1e-12 + ε), the other's 1e-12/(1e-12 + ε/√(1 − b2ᵗ))."""
    parameters, gradients = {"w": np.zeros(1)}, {"w": np.array([1e-12])}
    for mode, epsilon in (("paper", 1e-8), ("hat", 1e-8 / math.sqrt(1 - 0.999))):
        spec = nn.Adam(1.0, epsilon_mode=mode)  # type: ignore[arg-type]
        found, _ = optimizers.update(spec, parameters, gradients, optimizers.init(spec, parameters), 0)
        assert found["w"][0] == pytest.approx(-1e-12 / (1e-12 + epsilon), rel=1e-12)


def test_first_update_uses_the_rate_of_step_0() -> None:
    spec = nn.SGD(nn.Piecewise((1,), (0.5, 99.0)))
    found, slots = optimizers.update(spec, {"w": np.array([1.0])}, {"w": np.array([0.25])}, {"w": {}}, 0)
    assert found["w"].tolist() == [0.875]
    assert slots == {"w": {}}


def test_plateaus_scale_the_rate() -> None:
    spec = nn.SGD(nn.ReduceOnPlateau(0.5, minimum=0.2))
    for scale, expected in ((1.0, 0.5), (0.5, 0.75), (0.1, 0.8)):
        found, _ = optimizers.update(spec, {"w": np.ones(1)}, {"w": np.ones(1)}, {"w": {}}, 3, scale=scale)
        assert found["w"][0] == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(
    "make",
    [
        lambda **d: nn.SGD(0.1, **d),
        lambda **d: nn.Momentum(0.1, learning_rate_in_velocity=True, **d),
        lambda **d: nn.AdamW(0.1, **d),
    ],
)
def test_decay_of_kernels_only(make: Any) -> None:
    decayed = make(weight_decay=0.5)
    plain = make(weight_decay=0.0)
    kernels = make(weight_decay=0.5, decay="kernels")
    found, _ = trajectory(kernels, decayed=frozenset({"dense/kernel"}))
    np.testing.assert_array_equal(found["dense/kernel"], trajectory(decayed)[0]["dense/kernel"])
    np.testing.assert_array_equal(found["dense/bias"], trajectory(plain)[0]["dense/bias"])
    with pytest.raises(SpecError, match="needs the names of the kernels"):
        trajectory(kernels)


def test_amsgrad_corrected_has_no_hat() -> None:
    with pytest.raises(SpecError, match='"corrected" is defined for epsilon_mode "paper"'):
        nn.Adam(epsilon_mode="hat", amsgrad="corrected")


def test_slots_start_where_the_spec_says() -> None:
    slots = optimizers.init(nn.AdaGrad(initial_accumulator=0.3), PARAMETERS)
    np.testing.assert_array_equal(slots["dense/bias"]["accumulator"], np.full(4, 0.3))
    assert optimizers.init(nn.SGD(), PARAMETERS) == {"dense/kernel": {}, "dense/bias": {}}
    assert set(optimizers.init(nn.RMSProp(centered=True, momentum=0.5), PARAMETERS)["dense/bias"]) == {
        "v",
        "mean",
        "velocity",
    }


def test_nothing_given_is_changed() -> None:
    spec = nn.Adam()
    slots = optimizers.init(spec, PARAMETERS)
    before = {name: w.copy() for name, w in PARAMETERS.items()}
    optimizers.update(spec, PARAMETERS, gradients_at(0), slots, 0)
    for name, w in PARAMETERS.items():
        np.testing.assert_array_equal(w, before[name])
        assert not slots[name]["m"].any()


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("spec", [spec for spec, *_ in (*FORMULAS.values(), *OPTAX.values())], ids=str)
def test_other_types_keep_their_type(spec: Any, dtype: str) -> None:
    check_type(spec, dtype)


def test_unknown_class() -> None:
    with pytest.raises(BackendError, match="the reference has no realization of Optimizer"):
        trajectory(optimizers.specs.Optimizer())
