"""Optimizers against PyTorch's where the formulas coincide, and against the papers' in scalar loops."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec import vocabulary
from nnspec.errors import BackendError, SpecError
from nnspec.reference import optimizers, schedules

UPDATES = 100
# A rate that changes at every update, by factors of up to 4.
RATE = nn.Warmup(nn.CosineRestarts(0.05, 7, 2, 0.8, 0.01), 13, 0.002)
RNG = np.random.default_rng(9)
PARAMETERS = {"dense/kernel": RNG.normal(size=(3, 4)), "dense/bias": RNG.normal(size=4)}


def gradients_at(t: int) -> dict[str, np.ndarray]:
    """Gradients of every size down to 1e-12, with zeros, from their own stream."""
    rng = np.random.default_rng([10, t])
    made = {}
    for name, w in PARAMETERS.items():
        sizes = 10.0 ** np.linspace(-12, 1, w.size).reshape(w.shape)
        made[name] = rng.normal(size=w.shape) * sizes
        made[name].flat[t % w.size] = 0.0
    return made


def trajectory(spec: Any, dtype: Any = np.float64, **options: Any) -> tuple[dict[str, Any], Any]:
    """Parameters and slots after all updates."""
    parameters: dict[str, Any] = {name: w.astype(dtype) for name, w in PARAMETERS.items()}
    slots = optimizers.init(spec, parameters)
    for step in range(UPDATES):
        gradients = {name: g.astype(dtype) for name, g in gradients_at(step).items()}
        parameters, slots = optimizers.update(spec, parameters, gradients, slots, step, **options)
    return parameters, slots


def agree(found: Any, expected: Any) -> None:
    """Within 1e-12 of the distance that was moved, and what 100 roundings of w leave."""
    for name, w in found.items():
        moved = np.abs(w - PARAMETERS[name])
        assert moved.max() > 1e-3
        np.testing.assert_allclose(w - PARAMETERS[name], expected[name] - PARAMETERS[name], rtol=1e-12, atol=2e-15)


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
    torch = pytest.importorskip("torch")
    spec, cls, arguments = TORCH[name]
    if cls == "NAdam":  # its product of momenta is of the default type
        monkeypatch.setattr(importlib.import_module("torch.optim.nadam"), "_get_scalar_dtype", lambda: torch.float64)
    tensors = {name: torch.nn.Parameter(torch.from_numpy(w.copy())) for name, w in PARAMETERS.items()}
    optimizer = getattr(torch.optim, cls)(tensors.values(), lr=1.0, **arguments)
    for step in range(UPDATES):
        for key, gradient in gradients_at(step).items():
            tensors[key].grad = torch.from_numpy(gradient)
        optimizer.param_groups[0]["lr"] = float(schedules.value(RATE, step))
        optimizer.step()
    agree(trajectory(spec)[0], {key: tensor.detach().numpy() for key, tensor in tensors.items()})


OPTAX: dict[str, tuple[Any, str, dict[str, Any]]] = {
    "amsgrad, corrected": (
        nn.Adam(RATE, 0.85, 0.9, 1e-6, amsgrad="corrected"),
        "amsgrad",
        {"b1": 0.85, "b2": 0.9, "eps": 1e-6},
    ),
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
}


@pytest.mark.parametrize("name", OPTAX)
def test_optax_computes_the_same(name: str) -> None:
    jax, optax = pytest.importorskip("jax"), pytest.importorskip("optax")
    spec, function, arguments = OPTAX[name]
    with jax.enable_x64(True):
        rates = jax.numpy.asarray(schedules.value(RATE, range(UPDATES)))
        rule = getattr(optax, function)(lambda count: rates[count], **arguments)
        parameters = {key: jax.numpy.asarray(w) for key, w in PARAMETERS.items()}
        state, update = rule.init(parameters), jax.jit(rule.update)
        for step in range(UPDATES):
            changes, state = update(gradients_at(step), state, parameters)
            parameters = optax.apply_updates(parameters, changes)
        agree(trajectory(spec)[0], {key: np.asarray(w) for key, w in parameters.items()})


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


def test_the_ratio_of_lamb_with_and_without_decay() -> None:
    """The first direction is sign(g): with w = (3, −4) and decay λ = 1, d + λw = (4, −3), as long as w is."""
    for inside in (True, False):
        w, g = np.array([3.0, -4.0]), np.array([0.5, 0.5])
        spec = nn.LAMB(1.0, epsilon=1e-300, decay_in_ratio=inside, weight_decay=1.0)
        found, _ = optimizers.update(spec, {"w": w}, {"w": g}, optimizers.init(spec, {"w": w}), 0)
        expected = w - np.array([4.0, -3.0]) if inside else -5 / math.sqrt(2) * np.ones(2)
        np.testing.assert_allclose(found["w"], expected, rtol=1e-14)


def test_the_momenta_of_nadam_without_a_product() -> None:
    for decay in (0.004, 0.3, 1.0, 2.5):
        spec = nn.NAdam(momentum_decay=decay)
        product = 1.0
        for t in range(1, 400):
            product *= 0.9 * (1 - 0.5 * 0.96 ** (t * decay))
            logarithm = t * math.log(0.9) + sum(c * math.expm1(-a * t) for c, a in spec.product_terms())
            assert logarithm == pytest.approx(math.log(product), rel=1e-13)


# The papers' and frameworks' formulas for one number: (w, g, state, t, η) -> w, with slots in ``state``.
Formula = Callable[[float, float, dict[str, float], int, float], float]


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
    "adamax, keras": (nn.Adamax(RATE, b2=0.95, epsilon=1e-7, epsilon_in_maximum=False), adamax_keras),
    "nadam, keras": (nn.NAdam(RATE, b2=0.99, epsilon=1e-7, momentum_decay=1.0, weight_decay=0.25), nadam_keras),
    "radam": (nn.RAdam(RATE, b2=0.99, threshold=4.0), radam),
    "adabelief": (nn.AdaBelief(RATE, b2=0.99, epsilon=1e-8, epsilon_root=1e-8), adabelief),
    "lion": (nn.Lion(RATE, weight_decay=0.25), lion),
    "adadelta": (nn.AdaDelta(RATE, weight_decay=0.25), adadelta),
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
    spec, formula = FORMULAS[name]
    expected, states = {}, {}
    for key, start in PARAMETERS.items():
        w = start.copy()
        state = [dict(spec.slots()) for _ in range(w.size)]
        for step in range(UPDATES):
            gradient, eta = gradients_at(step)[key], float(schedules.value(RATE, step))
            for i in range(w.size):
                w.flat[i] = formula(float(w.flat[i]), float(gradient.flat[i]), state[i], step + 1, eta)
        expected[key], states[key] = w, state
    found, slots = trajectory(spec)
    agree(found, expected)
    for key, state in states.items():
        for slot in spec.slots():
            numbers = np.array([s[slot] for s in state]).reshape(PARAMETERS[key].shape)
            np.testing.assert_allclose(slots[key][slot], numbers, rtol=1e-11, atol=1e-300)


def test_every_optimizer_is_tested() -> None:
    tested = {type(spec) for spec, *_ in (*TORCH.values(), *OPTAX.values(), *FORMULAS.values())}
    assert {vocabulary.load(name) for name in vocabulary.class_names("optimizer")} == tested


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
def test_other_types_keep_their_type(spec: Any, dtype: Any) -> None:
    parameters, slots = trajectory(spec, dtype)
    assert {w.dtype for w in parameters.values()} == {np.dtype(dtype)}
    assert {s.dtype for by_slot in slots.values() for s in by_slot.values()} <= {np.dtype(dtype)}
    if dtype == "float32":
        for key, w in trajectory(spec)[0].items():
            np.testing.assert_allclose(parameters[key], w, atol=1e-5, rtol=1e-4)


def test_unknown_class() -> None:
    with pytest.raises(BackendError, match="the reference has no realization of Optimizer"):
        trajectory(optimizers.specs.Optimizer())
