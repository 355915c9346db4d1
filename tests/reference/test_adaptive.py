"""Optimizers that adapt their rates against PyTorch's, Optax's and Keras's, and against the papers' in scalar loops."""

from __future__ import annotations

import importlib
import math
from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.reference import optimizers, schedules
from tests.reference.updates import (
    PARAMETERS,
    RATE,
    UPDATES,
    Formula,
    agree,
    check_against_optax,
    check_against_pytorch,
    check_number_by_number,
    check_type,
    gradients_at,
    optimizers_of,
    trajectory,
)

TORCH: dict[str, tuple[Any, str, dict[str, Any]]] = {
    "adamax": (nn.Adamax(RATE, 0.85, 0.9, 1e-6), "Adamax", {"betas": (0.85, 0.9), "eps": 1e-6}),
    "nadam": (
        nn.NAdam(RATE, 0.85, 0.98, 1e-6, 0.03),
        "NAdam",
        {"betas": (0.85, 0.98), "eps": 1e-6, "momentum_decay": 0.03},
    ),
    "radam": (
        nn.RAdam(RATE, 0.85, 0.98, 1e-6, epsilon_mode="hat"),
        "RAdam",
        {"betas": (0.85, 0.98), "eps": 1e-6},
    ),
    "adadelta": (nn.AdaDelta(RATE, 0.8, 0.1), "Adadelta", {"rho": 0.8, "eps": 0.1}),
}


@pytest.mark.parametrize("name", TORCH)
def test_pytorch_computes_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check_against_pytorch(*TORCH[name], monkeypatch)


OPTAX: dict[str, tuple[Any, str, dict[str, Any]]] = {
    "adamax": (nn.Adamax(RATE, 0.85, 0.9, 1e-6), "adamax", {"b1": 0.85, "b2": 0.9, "eps": 1e-6}),
    "nadam": (
        nn.NAdam(RATE, 0.85, 0.98, 1e-6, None),
        "nadam",
        {"b1": 0.85, "b2": 0.98, "eps": 1e-6},
    ),
    "radam": (
        nn.RAdam(RATE, 0.85, 0.98, 1e-6, 7.0),
        "radam",
        {"b1": 0.85, "b2": 0.98, "eps": 1e-6, "threshold": 7.0},
    ),
    "adabelief": (
        nn.AdaBelief(RATE, 0.85, 0.98, 1e-6, 1e-9),
        "adabelief",
        {"b1": 0.85, "b2": 0.98, "eps": 1e-6, "eps_root": 1e-9},
    ),
    "lion": (
        nn.Lion(RATE, 0.85, 0.95, weight_decay=0.3),
        "lion",
        {"b1": 0.85, "b2": 0.95, "weight_decay": 0.3},
    ),
    "lamb": (
        nn.LAMB(RATE, 0.85, 0.98, 1e-5, weight_decay=0.3),
        "lamb",
        {"b1": 0.85, "b2": 0.98, "eps": 1e-5, "weight_decay": 0.3},
    ),
    "lars": (
        nn.LARS(RATE, 0.7, 0.1, 1e-3, True, weight_decay=0.3),
        "lars",
        {"weight_decay": 0.3, "trust_coefficient": 0.1, "eps": 1e-3, "momentum": 0.7},
    ),
    "yogi": (nn.Yogi(RATE, 0.85, 0.98, 1e-4), "yogi", {"b1": 0.85, "b2": 0.98, "eps": 1e-4}),
    "novograd": (
        nn.NovoGrad(RATE, 0.85, 0.3, 1e-3, weight_decay=0.3),
        "novograd",
        {"b1": 0.85, "b2": 0.3, "eps": 1e-3, "weight_decay": 0.3},
    ),
    "adan": (
        nn.Adan(RATE, 0.85, 0.7, 0.95, 1e-5, 1e-9, "1 - b2", weight_decay=0.3),
        "adan",
        {"b1": 0.85, "b2": 0.7, "b3": 0.95, "eps": 1e-5, "eps_root": 1e-9, "weight_decay": 0.3},
    ),
    "optimistic adam": (
        nn.OptimisticAdam(RATE, 0.85, 0.98, 0.7, 0.4, 1e-5, True),
        "optimistic_adam_v2",
        {"alpha": 0.7, "beta": 0.4, "b1": 0.85, "b2": 0.98, "eps": 1e-5},
    ),
    "optimistic adam without nesterov": (
        nn.OptimisticAdam(RATE, 0.85, 0.98, 0.7, 0.4, 1e-5),
        "optimistic_adam_v2",
        {"alpha": 0.7, "beta": 0.4, "b1": 0.85, "b2": 0.98, "eps": 1e-5, "nesterov": False},
    ),
}


@pytest.mark.parametrize("name", OPTAX)
def test_optax_computes_the_same(name: str) -> None:
    check_against_optax(*OPTAX[name])


def test_lars_of_the_paper() -> None:
    """You et al. 2017, algorithm 1, with norms of whole tensors, and 1 for what cannot be divided."""
    spec = nn.LARS(RATE, 0.8, 0.05, weight_decay=0.25)
    w = {name: value.copy() for name, value in PARAMETERS.items()}
    v = {name: np.zeros_like(value) for name, value in w.items()}
    for step in range(UPDATES):
        for name, g in gradients_at(step).items():
            size = np.linalg.norm(w[name])
            local = 0.05 * size / (np.linalg.norm(g) + 0.25 * size)
            v[name] = 0.8 * v[name] + float(schedules.value(RATE, step)) * local * (g + 0.25 * w[name])
            w[name] = w[name] - v[name]
    agree(trajectory(spec)[0], w)


@pytest.mark.parametrize("spec", [nn.LARS(0.5, 0.0), nn.LARS(0.5, 0.0, joint_norm=True)], ids=str)
def test_lars_of_nothing(spec: Any) -> None:
    for w, g, expected in (([0.0, 0.0], [1.0, 2.0], [-0.5, -1.0]), ([3.0, 4.0], [0.0, 0.0], [3.0, 4.0])):
        found, _ = optimizers.update(spec, {"w": np.array(w)}, {"w": np.array(g)}, {"w": {"velocity": np.zeros(2)}}, 0)
        assert found["w"].tolist() == expected


@pytest.mark.parametrize(
    ("inside", "rate", "expected"),
    [
        # The first direction d is sign(g) = (1, 1): with decay λ = 1, d + λw = (4, −3), as long as w is.
        (True, 1.0, [-1.0, -1.0]),
        # Decay leaves half of w, which is 2.5 long.
        (False, 0.5, [1.5 - 1.25 / math.sqrt(2), -2.0 - 1.25 / math.sqrt(2)]),
        (False, 1.0, [-1.0, -1.0]),  # it leaves nothing: r = 1
    ],
)
def test_the_ratio_of_lamb_with_and_without_decay(inside: bool, rate: float, expected: list[float]) -> None:
    w, g = np.array([3.0, -4.0]), np.array([0.5, 0.5])
    spec = nn.LAMB(rate, epsilon=1e-300, decay_in_ratio=inside, weight_decay=1.0)
    found, _ = optimizers.update(spec, {"w": w}, {"w": g}, optimizers.init(spec, {"w": w}), 0)
    np.testing.assert_allclose(found["w"], expected, rtol=1e-14)


def test_lamb_of_keras() -> None:
    """Keras's own, whose hyperparameters pass through float32, hence are sums of few powers of 2."""
    keras = pytest.importorskip("nnspec_tensorflow.startup", reason="Keras is not installed").keras
    rates = [2.0**-k for k in (3, 6, 2, 4, 5, 1)] * 4
    theirs = keras.optimizers.Lamb(1.0, beta_1=0.75, beta_2=0.9375, epsilon=2.0**-17, weight_decay=0.25)
    variables = {name: keras.Variable(w, dtype="float64") for name, w in PARAMETERS.items()}
    for step, rate in enumerate(rates):
        theirs.learning_rate = rate
        gradients = gradients_at(step)
        theirs.apply([keras.ops.convert_to_tensor(gradients[name]) for name in variables], list(variables.values()))

    boundaries = tuple(range(1, len(rates)))
    options: dict[str, Any] = {"epsilon": 2.0**-17, "decay_in_ratio": False, "weight_decay": 0.25}
    spec = nn.LAMB(nn.Piecewise(boundaries, tuple(rates)), 0.75, 0.9375, **options)
    agree(trajectory(spec, updates=len(rates))[0], {name: variable.numpy() for name, variable in variables.items()})


def test_the_momenta_of_nadam_without_a_product() -> None:
    for decay in (0.004, 0.3, 1.0, 2.5, 320.0, 1e4):  # e^(55 · 320 · 0.04) is no float64
        spec = nn.NAdam(momentum_decay=decay)
        product = 1.0
        for t in range(1, 400):
            product *= 0.9 * (1 - 0.5 * 0.96 ** (t * decay))
            logarithm = t * math.log(0.9) + sum(c * math.expm1(-a * t) for c, a in spec.product_terms())
            assert logarithm == pytest.approx(math.log(product), rel=1e-13)


def adamax_keras(w: float, g: float, s: dict[str, float], t: int, eta: float) -> float:
    s["m"] = 0.9 * s["m"] + (1 - 0.9) * g
    s["v"] = max(0.95 * s["v"], abs(g))
    return w - eta * s["m"] / ((1 - 0.9**t) * (s["v"] + 1e-7))


def nadam_keras(w: float, g: float, s: dict[str, float], t: int, eta: float) -> float:
    u = [0.9 * (1 - 0.5 * 0.96**i) for i in range(1, t + 2)]
    s["m"] = 0.9 * s["m"] + (1 - 0.9) * g
    s["v"] = 0.99 * s["v"] + (1 - 0.99) * g**2
    m_hat = u[t] * s["m"] / (1 - math.prod(u)) + (1 - u[t - 1]) * g / (1 - math.prod(u[:t]))
    return w - eta * m_hat / (math.sqrt(s["v"] / (1 - 0.99**t)) + 1e-7) - eta * 0.25 * w


def radam(w: float, g: float, s: dict[str, float], t: int, eta: float) -> float:
    """Liu et al. 2020, algorithm 2."""
    s["m"] = 0.9 * s["m"] + (1 - 0.9) * g
    s["v"] = 0.99 * s["v"] + (1 - 0.99) * g**2
    longest = 2 / (1 - 0.99) - 1
    rho = longest - 2 * t * 0.99**t / (1 - 0.99**t)
    m_hat = s["m"] / (1 - 0.9**t)
    if rho <= 4:
        return w - eta * m_hat
    r = math.sqrt((rho - 4) * (rho - 2) * longest / ((longest - 4) * (longest - 2) * rho))
    return w - eta * r * m_hat / (math.sqrt(s["v"] / (1 - 0.99**t)) + 1e-8)


def adabelief(w: float, g: float, s: dict[str, float], t: int, eta: float) -> float:
    """Zhuang et al. 2020, algorithm 2."""
    s["m"] = 0.9 * s["m"] + (1 - 0.9) * g
    s["v"] = 0.99 * s["v"] + (1 - 0.99) * (g - s["m"]) ** 2 + 1e-8
    return w - eta * (s["m"] / (1 - 0.9**t)) / (math.sqrt(s["v"] / (1 - 0.99**t)) + 1e-8)


def lion(w: float, g: float, s: dict[str, float], t: int, eta: float) -> float:
    """Chen et al. 2023, algorithm 2."""
    c = 0.9 * s["m"] + (1 - 0.9) * g
    s["m"] = 0.99 * s["m"] + (1 - 0.99) * g
    return w - eta * ((c > 0) - (c < 0) + 0.25 * w)


def adadelta(w: float, g: float, s: dict[str, float], t: int, eta: float) -> float:
    """Zeiler 2012, algorithm 1."""
    s["gradient_square"] = 0.9 * s["gradient_square"] + (1 - 0.9) * g**2
    change = -math.sqrt(s["update_square"] + 1e-6) / math.sqrt(s["gradient_square"] + 1e-6) * g
    s["update_square"] = 0.9 * s["update_square"] + (1 - 0.9) * change**2
    return w + eta * change - eta * 0.25 * w


def adan(w: float, g: float, s: dict[str, float], t: int, eta: float) -> float:
    """Xie et al. 2022, algorithm 1 with β₁ = 0.1, β₂ = 0.3, β₃ = 0.05, bias corrections as in its code, and w − ηλw."""
    change = g - s["gradient"] if t > 1 else 0.0
    s["gradient"] = g
    s["m"] = (1 - 0.1) * s["m"] + 0.1 * g
    s["difference"] = (1 - 0.3) * s["difference"] + 0.3 * change
    s["v"] = (1 - 0.05) * s["v"] + 0.05 * (g + (1 - 0.3) * change) ** 2
    u = s["m"] / (1 - 0.9**t) + (1 - 0.3) * s["difference"] / (1 - 0.7**t)
    return w - eta * u / (math.sqrt(s["v"] / (1 - 0.95**t)) + 1e-6) - eta * 0.25 * w


FORMULAS: dict[str, tuple[Any, Formula]] = {
    "adan": (nn.Adan(RATE, 0.9, 0.7, 0.95, 1e-6, weight_decay=0.25), adan),
    "adamax, keras": (nn.Adamax(RATE, b2=0.95, epsilon=1e-7, epsilon_in_maximum=False), adamax_keras),
    "nadam, keras": (nn.NAdam(RATE, b2=0.99, epsilon=1e-7, momentum_decay=1.0, weight_decay=0.25), nadam_keras),
    "radam": (nn.RAdam(RATE, b2=0.99, threshold=4.0), radam),
    "adabelief": (nn.AdaBelief(RATE, b2=0.99, epsilon=1e-8, epsilon_root=1e-8), adabelief),
    "lion": (nn.Lion(RATE, weight_decay=0.25), lion),
    "adadelta": (nn.AdaDelta(RATE, weight_decay=0.25), adadelta),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_formula_number_by_number(name: str) -> None:
    check_number_by_number(*FORMULAS[name])


def test_novograd_starts_from_the_first_norm() -> None:
    """Ginsburg et al. 2019: v = ‖g‖² = 25 at the first update, then ½·25 + ½·100; one slot for the whole tensor."""
    spec, w = nn.NovoGrad(1.0, 0.5, 0.5, epsilon=1e-300), {"w": np.array([1.0, 1.0])}
    w, slots = optimizers.update(spec, w, {"w": np.array([3.0, -4.0])}, optimizers.init(spec, w), 0)
    np.testing.assert_allclose(w["w"], [1 - 0.6, 1 + 0.8], rtol=1e-15)
    assert slots["w"]["v"].shape == () and slots["w"]["v"] == 25.0
    w, slots = optimizers.update(spec, w, {"w": np.array([6.0, 8.0])}, slots, 1)
    assert slots["w"]["v"] == 62.5
    np.testing.assert_allclose(slots["w"]["m"], [0.3 + 6 / 62.5**0.5, -0.4 + 8 / 62.5**0.5], rtol=1e-15)


def test_optimistic_adam_of_the_first_version() -> None:
    """optax.optimistic_adam: alpha is the learning rate, beta the optimism."""
    jax, optax = pytest.importorskip("jax"), pytest.importorskip("optax")
    with jax.enable_x64(True), pytest.warns(DeprecationWarning, match="optimistic_adam_v2"):
        rule = optax.optimistic_adam(0.05, 0.02)
    with jax.enable_x64(True):
        parameters = {key: jax.numpy.asarray(w) for key, w in PARAMETERS.items()}
        state, update = rule.init(parameters), jax.jit(rule.update)
        for step in range(UPDATES):
            changes, state = update(gradients_at(step), state, parameters)
            parameters = optax.apply_updates(parameters, changes)
    found, _ = trajectory(nn.OptimisticAdam(1.0, alpha=0.05, beta=0.02, nesterov=True))
    agree(found, {key: np.asarray(w) for key, w in parameters.items()})


def test_schedule_free_of_optax() -> None:
    """Its weights with a power of 0 of the rate are 1/t; its schedule counts from 1 for them alone."""
    spec = nn.ScheduleFreeAdamW(RATE, 0.8, 0.98, 1e-5, weight_decay=0.3)
    options = {"b1": 0.8, "b2": 0.98, "eps": 1e-5, "weight_decay": 0.3, "weight_lr_power": 0.0}
    check_against_optax(spec, lambda optax, rate, **given: _contrib().schedule_free_adamw(rate, **given), options)


def _contrib() -> Any:
    return importlib.import_module("optax.contrib")


def test_schedule_free_is_an_average() -> None:
    """With b1 → 1 the net holds the mean of z₁ … z_t, which make steps of η along the signs."""
    spec, w = nn.ScheduleFreeAdamW(0.5, 1 - 2.0**-40, 0.0, 1e-300), {"w": np.array([1.0])}
    slots = optimizers.init(spec, w)
    assert slots["w"]["z"].tolist() == [1.0]
    for step, (z, mean) in enumerate([(0.5, 0.5), (0.0, 0.25), (-0.5, 0.0), (-1.0, -0.25)]):
        w, slots = optimizers.update(spec, w, {"w": np.array([3.0])}, slots, step)
        np.testing.assert_allclose([slots["w"]["z"].item(), w["w"].item()], [z, mean], atol=1e-9)


def test_every_optimizer_is_tested() -> None:
    tested = {type(spec) for spec, *_ in (*TORCH.values(), *OPTAX.values(), *FORMULAS.values())}
    assert optimizers_of("nnspec.adaptive") == tested | {nn.ScheduleFreeAdamW}


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("spec", [spec for spec, *_ in (*FORMULAS.values(), *OPTAX.values())], ids=str)
def test_other_types_keep_their_type(spec: Any, dtype: str) -> None:
    check_type(spec, dtype)
