"""Optimizers made of others against Optax's, and what stands in which order."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.errors import SpecError
from nnspec.reference import optimizers, schedules
from nnspec.spec import dump, parse
from tests.reference.updates import PARAMETERS, RATE, UPDATES, agree, gradients_at, optimizers_of, trajectory


def _optax(make: Any, apply: Any = None) -> dict[str, Any]:
    """Where a rule of Optax's leads: ``make`` gets Optax and a schedule; ``apply`` its own way to add updates."""
    jax, optax = pytest.importorskip("jax"), pytest.importorskip("optax")
    with jax.enable_x64(True):
        rates = jax.numpy.asarray(schedules.value(RATE, range(UPDATES)))
        rule = make(optax, lambda count: rates[count])
        parameters: Any = {key: jax.numpy.asarray(w) for key, w in PARAMETERS.items()}
        if apply is not None:
            parameters = apply(optax, parameters)
        state, update = rule.init(parameters), jax.jit(rule.update)
        for step in range(UPDATES):
            changes, state = update(gradients_at(step), state, parameters)
            parameters = optax.apply_updates(parameters, changes)
        found = parameters if apply is None else parameters.fast
        return {key: np.asarray(w) for key, w in found.items()}


def test_lookahead_of_optax() -> None:
    expected = _optax(
        lambda optax, rate: optax.lookahead(optax.sgd(rate, 0.7), 3, 0.3),
        lambda optax, parameters: optax.LookaheadParams.init_synced(parameters),
    )
    agree(trajectory(nn.Lookahead(nn.Momentum(RATE, 0.7), 3, 0.3))[0], expected)


def test_lookahead_by_hand() -> None:
    spec, w = nn.Lookahead(nn.SGD(1.0), 2, 0.25), {"w": np.array([8.0])}
    slots = optimizers.init(spec, w)
    assert slots["w"]["slow"].tolist() == [8.0]
    path = []
    for step in range(4):
        w, slots = optimizers.update(spec, w, {"w": np.array([2.0])}, slots, step)
        path.append((w["w"].item(), slots["w"]["slow"].item()))
    assert path == [(6.0, 8.0), (7.0, 7.0), (5.0, 7.0), (6.0, 6.0)]


@pytest.mark.parametrize("debias", [False, True])
def test_moving_averages(debias: bool) -> None:
    """Σ (1 − d)·dⁱ · w over the path; with debias the weights' sum is divided out, without the first w has the rest."""
    inner, path = nn.Momentum(RATE, 0.7), []
    parameters, slots = dict(PARAMETERS), optimizers.init(inner, PARAMETERS)
    for step in range(UPDATES):
        parameters, slots = optimizers.update(inner, parameters, gradients_at(step), slots, step)
        path.append(parameters["dense/kernel"])
    weights = 0.2 * 0.8 ** np.arange(UPDATES)[::-1]
    expected = np.tensordot(weights, np.stack(path), 1)
    expected = expected / weights.sum() if debias else expected + 0.8**UPDATES * PARAMETERS["dense/kernel"]
    spec = nn.EMA(inner, 0.8, debias)
    found, held = trajectory(spec)
    np.testing.assert_array_equal(found["dense/kernel"], parameters["dense/kernel"])
    evaluated = spec.evaluated(found["dense/kernel"], held["dense/kernel"], UPDATES)
    np.testing.assert_allclose(evaluated, expected, rtol=1e-12)
    assert spec.averages and nn.Lookahead(spec).averages and not inner.averages
    assert nn.EMA(debias=True).evaluated(3.0, {"average": 0.0}, 0) == 3.0


def test_averages_of_parts() -> None:
    spec = nn.MultiOptimizer(nn.SGD(), (("bias", nn.GradientAccumulation(nn.EMA(nn.SGD(), 0.5, True), 2)),))
    assert spec.averages
    assert spec.of("dense/kernel").evaluated(3.0, {}, 4) == 3.0
    assert spec.of("dense/bias").evaluated(3.0, {"average": 1.5}, 4) == 2.0  # two updates of two batches each


@pytest.mark.parametrize("inner", ["adam", "sgd"])
def test_accumulation_of_optax(inner: str) -> None:
    """MultiSteps keeps running means, in float32 in any case, and its schedule counts updates, too."""
    expected = _optax(lambda optax, rate: optax.MultiSteps(getattr(optax, inner)(rate), 3))
    spec: Any = nn.Adam(RATE) if inner == "adam" else nn.SGD(RATE)
    for name, w in trajectory(nn.GradientAccumulation(spec, 3))[0].items():
        np.testing.assert_allclose(w, expected[name], rtol=1e-6)


def test_accumulation_is_the_mean_of_batches() -> None:
    """One update of a batch of 2·3 rows, made of the gradients of two batches of three."""
    spec, inner = nn.GradientAccumulation(nn.AdamW(0.1, weight_decay=0.3), 2), nn.AdamW(0.1, weight_decay=0.3)
    w, g = {"w": np.array([1.0, -2.0])}, [np.array([0.5, 2.0]), np.array([1.5, -1.0])]
    found, slots = w, optimizers.init(spec, w)
    for step in range(4):
        found, slots = optimizers.update(spec, found, {"w": g[step % 2]}, slots, step)
        if step % 2 == 0:
            assert slots["w"]["gradient_sum"].tolist() == g[0].tolist()
    expected, held = w, optimizers.init(inner, w)
    for step in range(2):
        expected, held = optimizers.update(inner, expected, {"w": (g[0] + g[1]) / 2}, held, step)
    np.testing.assert_allclose(found["w"], expected["w"], rtol=1e-15)
    np.testing.assert_array_equal(slots["w"]["gradient_sum"], 0)
    np.testing.assert_allclose(slots["w"]["v"], held["w"]["v"], rtol=1e-15)


def test_centralization_of_optax() -> None:
    expected = _optax(lambda optax, rate: optax.chain(optax.centralize(), optax.sgd(rate)))
    agree(trajectory(nn.GradientCentralization(nn.SGD(RATE), "first"))[0], expected)


def test_centralization_of_the_paper() -> None:
    """Yong et al. 2020, eq. 1: the mean of each column of a kernel (in, out), over all other axes."""
    g = {"kernel": np.array([[1.0, 2.0], [3.0, 8.0]]), "conv": np.arange(8.0).reshape(2, 2, 2), "bias": np.ones(2)}
    w = {name: np.zeros_like(x) for name, x in g.items()}
    spec = nn.GradientCentralization(nn.SGD(1.0))
    found, _ = optimizers.update(spec, w, g, optimizers.init(spec, w), 0)
    assert found["kernel"].tolist() == [[1.0, 3.0], [-1.0, -3.0]]
    assert found["conv"].tolist() == [[[3.0, 3.0], [1.0, 1.0]], [[-1.0, -1.0], [-3.0, -3.0]]]
    assert found["bias"].tolist() == [-1.0, -1.0]


def test_parts_of_optax() -> None:
    labels = {"dense/kernel": "a", "dense/bias": "b"}
    expected = _optax(lambda optax, rate: optax.partition({"a": optax.sgd(rate), "b": optax.adam(0.02)}, labels))
    spec = nn.MultiOptimizer(nn.SGD(RATE), (("bias$", nn.Adam(0.02)), ("ias", nn.Frozen())))
    found, slots = trajectory(spec)
    agree(found, expected)
    assert {name: set(held) for name, held in slots.items()} == {"dense/kernel": set(), "dense/bias": {"m", "v"}}


def test_frozen_parameters_stay() -> None:
    spec = nn.MultiOptimizer(nn.SGD(RATE), (("bias", nn.Frozen()),))
    found, _ = trajectory(spec)
    np.testing.assert_array_equal(found["dense/bias"], PARAMETERS["dense/bias"])
    assert (found["dense/kernel"] != PARAMETERS["dense/kernel"]).any()


def test_decay_is_that_of_each_part() -> None:
    spec = nn.MultiOptimizer(
        nn.SGD(0.5, weight_decay=0.25), (("bias", nn.SGD(0.5, weight_decay=1.0, decay="kernels")),)
    )
    zero = {name: np.zeros_like(w) for name, w in PARAMETERS.items()}
    kernels = frozenset({"dense/kernel"})
    found, _ = optimizers.update(spec, PARAMETERS, zero, optimizers.init(spec, PARAMETERS), 0, decayed=kernels)
    np.testing.assert_allclose(found["dense/kernel"], 0.875 * PARAMETERS["dense/kernel"], rtol=1e-15)
    np.testing.assert_array_equal(found["dense/bias"], PARAMETERS["dense/bias"])
    with pytest.raises(SpecError, match="needs the names of the kernels"):
        optimizers.update(spec, PARAMETERS, zero, optimizers.init(spec, PARAMETERS), 0)


def test_a_wrapper_of_parts_is_one_of_each() -> None:
    parts = nn.MultiOptimizer(nn.SGD(RATE), (("bias", nn.Momentum(0.01)),))
    found, _ = trajectory(nn.Lookahead(parts))
    kernel, _ = trajectory(nn.Lookahead(nn.SGD(RATE)))
    bias, _ = trajectory(nn.Lookahead(nn.Momentum(0.01)))
    np.testing.assert_array_equal(found["dense/kernel"], kernel["dense/kernel"])
    np.testing.assert_array_equal(found["dense/bias"], bias["dense/bias"])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Lookahead(nn.GradientCentralization(nn.Lookahead())), "Lookahead cannot stand within Lookahead"),
        (lambda: nn.GradientAccumulation(nn.NoisySGD()), "NoisySGD cannot stand within GradientAccumulation"),
        (lambda: nn.MultiOptimizer(parts=(("a", nn.MultiOptimizer()),)), "MultiOptimizer cannot stand within Multi"),
        (lambda: nn.MultiOptimizer(parts=(("[", nn.SGD()),)), r"'\[' is no regular expression"),
        (
            lambda: nn.MultiOptimizer(parts=(("a", nn.SGD(nn.ReduceOnPlateau(0.1))),)),
            "plateaus act on the rate of the default alone",
        ),
        (lambda: nn.GradientAccumulation(every=1), "every: "),
        (lambda: nn.EMA(nn.LossScale()), "LossScale cannot stand within EMA"),
        (lambda: nn.MultiOptimizer(parts=(("a", nn.LossScale()),)), "LossScale cannot stand within MultiOptimizer"),
        (lambda: nn.LossScale(nn.PolyakSGD()), "PolyakSGD cannot stand within LossScale"),
        (lambda: nn.SAM(nn.EMA(nn.SAM())), "SAM cannot stand within SAM"),
        (lambda: nn.MultiOptimizer(nn.SAM()), "SAM cannot stand within MultiOptimizer"),
        (lambda: nn.SAM(nn.LossScale()), "LossScale cannot stand within SAM"),
        (lambda: nn.SAM(eta=0.1), "eta is of adaptive alone"),
        (lambda: nn.SAM(rho=0.0), "rho: "),
        (lambda: nn.LossScale(initial_scale=0.0), "initial_scale: "),
        (lambda: nn.LossScale(growth_interval=0), "growth_interval: "),
        (lambda: nn.LossScale(growth_factor=1.0), "growth_factor: "),
        (lambda: nn.LossScale(backoff_factor=1.0), "backoff_factor: "),
    ],
)
def test_what_does_not_go_together(make: Any, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        make()


def _frozen(pattern: str) -> Any:
    return nn.Lookahead(nn.MultiOptimizer(nn.SGD(), (("bias$", nn.SGD()), (pattern, nn.Frozen()))))


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("dens/", r"; did you mean 'dense'\?"),
        ("kernels", r"; did you mean 'kernel'\?"),
        ("dense/kernl", r"; did you mean 'dense/kernel'\?"),
        ("dense_1", r"; did you mean 'dense'\?"),
        ("^x$", r" \(such as dense/kernel\)"),
        ("batch_norm/mean", "; did you mean"),  # a statistic, which no optimizer has
    ],
)
def test_a_pattern_that_is_found_nowhere(pattern: str, hint: str) -> None:
    model = nn.Sequential([nn.Dense(2), nn.BatchNorm()], input=[3])
    with pytest.raises(SpecError, match=f"{re.escape(repr(pattern))} is found in no parameter's name{hint}") as raised:
        nn.Experiment(model, "MeanSquaredError", _frozen(pattern))
    path = ("optimizer", "Lookahead", "optimizer", "MultiOptimizer", "parts", 1, 0)
    assert raised.value.path == path
    nn.Experiment(model, "MeanSquaredError", _frozen("dense/.*s$"))


def test_short_forms() -> None:
    given = {
        "Lookahead": {
            "optimizer": {"MultiOptimizer": {"default": "AdamW", "parts": [["bias$", {"SGD": {"learning_rate": 0.1}}]]}}
        }
    }
    spec = parse("optimizer", given)
    assert spec == nn.Lookahead(nn.MultiOptimizer(nn.AdamW(), (("bias$", nn.SGD(0.1)),)))
    assert parse("optimizer", dump(spec)) == spec
    assert spec.learning_rate == nn.AdamW().learning_rate


def test_every_wrapper_is_tested() -> None:
    assert optimizers_of("nnspec.wrappers") == {
        *(nn.EMA, nn.GradientAccumulation, nn.GradientCentralization, nn.Lookahead, nn.MultiOptimizer),
        *(nn.LossScale, nn.SAM),  # in files of their own
    }


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_other_types_keep_their_type(dtype: str) -> None:
    spec = nn.Lookahead(nn.GradientAccumulation(nn.GradientCentralization(nn.Adam(RATE))))
    parameters, slots = trajectory(spec, dtype)
    assert {x.dtype for held in slots.values() for x in held.values()} == {np.dtype(dtype)}
    assert {w.dtype for w in parameters.values()} == {np.dtype(dtype)}
