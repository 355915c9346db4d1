"""Optimizers of signs, norms, noise and sums against PyTorch's, Optax's and Keras's, and the papers' formulas."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from scipy import special, stats

import nnspec as nn
from nnspec import random
from nnspec.errors import SpecError
from nnspec.reference import optimizers, schedules
from tests.reference.updates import (
    PARAMETERS,
    RATE,
    UPDATES,
    Formula,
    agree,
    check_against_optax,
    check_number_by_number,
    check_type,
    gradients_at,
    optimizers_of,
    trajectory,
)

OPTAX: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "fromage": (nn.Fromage(RATE, 0.3), "fromage", {"min_norm": 0.3}),
    "optimistic": (
        nn.OptimisticGradientDescent(RATE, 0.7, 0.4),
        "optimistic_gradient_descent",
        {"alpha": 0.7, "beta": 0.4},
    ),
}


@pytest.mark.parametrize("name", OPTAX)
def test_optax_computes_the_same(name: str) -> None:
    check_against_optax(*OPTAX[name])


def test_rprop_of_pytorch() -> None:
    torch = pytest.importorskip("torch")
    tensors = {name: torch.nn.Parameter(torch.from_numpy(w.copy())) for name, w in PARAMETERS.items()}
    theirs = torch.optim.Rprop(tensors.values(), lr=0.02, etas=(0.6, 1.3), step_sizes=(1e-3, 0.05))
    for step in range(UPDATES):
        for key, gradient in gradients_at(step).items():
            tensors[key].grad = torch.from_numpy(gradient)
        theirs.step()
    spec = nn.Rprop(1.0, 0.02, 1.3, 0.6, 1e-3, 0.05)
    agree(trajectory(spec)[0], {key: tensor.detach().numpy() for key, tensor in tensors.items()})


def ftrl(w: float, g: float, s: dict[str, float], t: int, eta: float) -> float:
    """McMahan et al. 2013, algorithm 1 with α = η, β = 0.5, λ₁ = 0.2, λ₂ = 0.3: n, z and w of one coordinate."""
    n = s["accumulator"]
    sigma = (math.sqrt(n + g**2) - math.sqrt(n)) / eta
    s["linear"] += g - sigma * w
    s["accumulator"] = n + g**2
    z = s["linear"]
    if abs(z) <= 0.2:
        return 0.0
    return -(z - math.copysign(0.2, z)) / ((0.5 + math.sqrt(s["accumulator"])) / eta + 0.3)


FORMULAS: dict[str, tuple[Any, Formula]] = {
    "ftrl": (nn.FTRL(RATE, initial_accumulator=0.0, l1=0.2, l2=0.15, beta=0.5), ftrl),
}


def test_ftrl_at_rest() -> None:
    """Updates with a rate of 0, first, last and in between, are as if they were not there."""
    rates = [0.0, 0.1, 0.0, 0.0, 0.05, 0.02, 0.0]
    spec = nn.FTRL(0.1, l1=0.1, l2=0.2, l2_shrinkage=0.1, beta=0.3, weight_decay=0.25)
    parameters: Any = PARAMETERS
    slots = optimizers.init(spec, parameters)
    moved, kept = (parameters, slots), (parameters, slots)
    for step, rate in enumerate(rates):
        now = dataclasses.replace(spec, learning_rate=rate)
        moved = optimizers.update(now, moved[0], gradients_at(step), moved[1], step)
        if rate:
            kept = optimizers.update(now, kept[0], gradients_at(step), kept[1], step)
    for name, w in moved[0].items():
        np.testing.assert_array_equal(w, kept[0][name])
        for slot, value in moved[1][name].items():
            np.testing.assert_array_equal(value, kept[1][name][slot])


@pytest.mark.parametrize("name", FORMULAS)
def test_formula_number_by_number(name: str) -> None:
    check_number_by_number(*FORMULAS[name])


def test_ftrl_of_keras() -> None:
    """Keras's own, whose hyperparameters pass through float32, hence are sums of few powers of 2."""
    keras = pytest.importorskip("nnspec_tensorflow.startup", reason="Keras is not installed").keras
    rates = [2.0**-k for k in (3, 6, 2, 4, 5, 1)] * 4
    theirs = keras.optimizers.Ftrl(1.0, -0.75, 0.125, 0.25, 0.5, 0.0625, beta=0.375, weight_decay=0.25)
    variables = {name: keras.Variable(w, dtype="float64") for name, w in PARAMETERS.items()}
    for step, rate in enumerate(rates):
        theirs.learning_rate = rate
        gradients = gradients_at(step)
        theirs.apply([keras.ops.convert_to_tensor(gradients[name]) for name in variables], list(variables.values()))

    schedule = nn.Piecewise(tuple(range(1, len(rates))), tuple(rates))
    spec = nn.FTRL(schedule, 0.75, 0.125, 0.25, 0.5, 0.0625, 0.375, weight_decay=0.25)
    agree(trajectory(spec, updates=len(rates))[0], {name: variable.numpy() for name, variable in variables.items()})


def test_weights_below_l1_are_zero() -> None:
    found, _ = trajectory(nn.FTRL(0.5, l1=1.0))
    assert 0 < (found["dense/kernel"] == 0).sum() < found["dense/kernel"].size


def test_noise_is_that_of_the_parameters_stream() -> None:
    """√2 · erf⁻¹(2u − 1) with the stream's u, and a variance of 0.09/t^0.6 at update t."""
    spec = nn.NoisySGD(RATE, 0.09, 0.6, 12345, weight_decay=0.25)
    expected = {name: w.copy() for name, w in PARAMETERS.items()}
    for step in range(UPDATES):
        eta = float(schedules.value(RATE, step))
        for name, g in gradients_at(step).items():
            u = random.coarse_uniforms(12345, random.stream_of(name, "noise"), step, g.size).reshape(g.shape)
            noise = 0.3 * (step + 1) ** -0.3 * math.sqrt(2) * special.erfinv(2 * u - 1)
            expected[name] -= eta * (g + noise + 0.25 * expected[name])
    agree(trajectory(spec)[0], expected)


def test_noise_is_normal() -> None:
    w = {"w": np.zeros(20_000)}
    found, _ = optimizers.update(nn.NoisySGD(1.0, 0.25, 1.0), w, {"w": np.ones(20_000)}, {"w": {}}, 3)
    # Variance 0.25/4 at the fourth update, around −g.
    assert stats.kstest(found["w"], stats.norm(-1.0, 0.25).cdf).pvalue > 1e-3
    other, _ = optimizers.update(nn.NoisySGD(1.0, 0.25, 1.0), {"v": w["w"]}, {"v": np.ones(20_000)}, {"v": {}}, 3)
    assert abs(np.corrcoef(found["w"], other["v"])[0, 1]) < 0.03


def test_fromage_of_the_paper() -> None:
    """Bernstein et al. 2020, algorithm 1: (w − η‖w‖/‖g‖ · g)/√(1 + η²) for ‖w‖ = 5, ‖g‖ = 10."""
    found, _ = optimizers.update(
        nn.Fromage(0.75), {"w": np.array([3.0, 4.0])}, {"w": np.array([6.0, -8.0])}, {"w": {}}, 0
    )
    np.testing.assert_allclose(found["w"], [(3 - 0.75 * 3) / 1.25, (4 + 0.75 * 4) / 1.25], rtol=1e-15)


@pytest.mark.parametrize(("w", "g", "moved"), [([0.0, 0.0], [3.0, 4.0], [-1.5, -2.0]), ([3.0, 4.0], [0.0, 0.0], None)])
def test_fromage_of_nothing(w: list[float], g: list[float], moved: list[float] | None) -> None:
    found, _ = optimizers.update(nn.Fromage(0.5, 0.0), {"w": np.array(w)}, {"w": np.array(g)}, {"w": {}}, 0)
    np.testing.assert_allclose(found["w"] * 1.25**0.5, moved or w, rtol=1e-15)


def test_rprop_step_by_step() -> None:
    """Two signs alike make the step longer, a change of sign makes it shorter and waits for one update."""
    spec, w = nn.Rprop(1.0, 0.1, increase=1.5, decrease=0.5), {"w": np.array([0.0])}
    slots, path = optimizers.init(spec, w), []
    for step, gradient in enumerate([2.0, 0.5, -1.0, -3.0, -0.1, 0.0]):
        w, slots = optimizers.update(spec, w, {"w": np.array([gradient])}, slots, step)
        path.append((float(w["w"][0]), float(slots["w"]["step"][0])))
    expected = [(-0.1, 0.1), (-0.25, 0.15), (-0.25, 0.075), (-0.175, 0.075), (-0.0625, 0.1125), (-0.0625, 0.1125)]
    np.testing.assert_allclose(path, expected, rtol=1e-14)


def test_a_first_step_beyond_the_bounds() -> None:
    with pytest.raises(SpecError, match=r"expected a step from 0\.001 to 0\.1, got 0\.5"):
        nn.Rprop(initial_step=0.5, min_step=0.001, max_step=0.1)


@pytest.mark.parametrize("variant", ["sps", "sps+"])
def test_polyak_of_optax(variant: str) -> None:
    jax, optax = pytest.importorskip("jax"), pytest.importorskip("optax")
    spec = nn.PolyakSGD(1.0, 0.7, 0.4, 0.01, variant == "sps+")
    values = np.random.default_rng(3).uniform(0.0, 2.0, UPDATES)  # some below the minimum
    ours: dict[str, Any] = dict(PARAMETERS)
    slots = optimizers.init(spec, ours)
    with jax.enable_x64(True):
        rule = optax.polyak_sgd(0.7, 1.0, 0.4, 0.01, variant)
        theirs = {key: jax.numpy.asarray(w) for key, w in PARAMETERS.items()}
        state = rule.init(theirs)
        for step, value in enumerate(values):
            changes, state = rule.update(gradients_at(step), state, theirs, value=float(value))
            theirs = optax.apply_updates(theirs, changes)
            ours, slots = optimizers.update(spec, ours, gradients_at(step), slots, step, value=float(value))
    agree(ours, {key: np.asarray(w) for key, w in theirs.items()})


def test_polyak_by_hand() -> None:
    """(3 − 0.5)/25 · g for a loss of 3, at most 0.1; no gradient, no step; no value, no update."""
    w, g = {"w": np.array([1.0, 1.0])}, {"w": np.array([3.0, -4.0])}
    for spec, expected in ((nn.PolyakSGD(0.5, minimum=0.5), 0.05), (nn.PolyakSGD(0.5, 0.02), 0.01)):
        found, _ = optimizers.update(spec, w, g, {"w": {}}, 0, value=3.0)
        np.testing.assert_allclose(found["w"], 1 - expected * g["w"], rtol=1e-15)
    found, _ = optimizers.update(nn.PolyakSGD(), w, {"w": np.zeros(2)}, {"w": {}}, 0, value=3.0)
    np.testing.assert_array_equal(found["w"], w["w"])
    with pytest.raises(SpecError, match="PolyakSGD asks for the value of the loss"):
        optimizers.update(nn.PolyakSGD(), w, g, {"w": {}}, 0)
    with pytest.raises(SpecError, match="PolyakSGD cannot stand within Lookahead"):
        nn.Lookahead(nn.PolyakSGD())


def test_every_optimizer_is_tested() -> None:
    tested = {type(spec) for spec, *_ in (*OPTAX.values(), *FORMULAS.values())} | {
        nn.Frozen,
        nn.NoisySGD,
        nn.PolyakSGD,
        nn.Rprop,
    }
    assert optimizers_of("nnspec.steps") == tested


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize(
    "spec", [*(spec for spec, *_ in OPTAX.values()), nn.NoisySGD(RATE), nn.FTRL(RATE), nn.Rprop(RATE)], ids=str
)
def test_other_types_keep_their_type(spec: Any, dtype: str) -> None:
    check_type(spec, dtype)
