"""Optimizers and schedules against the reference, their slots, and their use as Optax transformations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.errors import SpecError
from nnspec.reference import optimizers as reference, schedules as reference_schedules

jax = pytest.importorskip("jax", reason="the jax backend is not installed")
optax = pytest.importorskip("optax")

RATE = nn.CosineRestarts(0.05, 7, m_mul=0.8, end=0.001)
OPTIMIZERS: list[Any] = [
    nn.SGD(RATE, weight_decay=0.03),
    nn.Momentum(RATE, 0.8, weight_decay=0.03),
    nn.Momentum(RATE, 0.8, True, weight_decay=0.03, decay="kernels"),
    nn.Nesterov(RATE, 0.8),
    nn.Nesterov(RATE, 0.8, True, weight_decay=0.03),
    nn.Adam(RATE, 0.8, 0.95, 1e-4),
    nn.Adam(RATE, epsilon_mode="hat"),
    nn.Adam(RATE, b1=0.0),
    nn.AdamW(RATE, decay="kernels"),
    nn.AdaGrad(RATE),
    nn.AdaGrad(RATE, initial_accumulator=0.0),
    nn.RMSProp(RATE),
    nn.RMSProp(RATE, epsilon_in_root=False, centered=True, weight_decay=0.02),
    nn.RMSProp(RATE, centered=True, momentum=0.7),
    nn.RMSProp(RATE, momentum=0.7, learning_rate_in_velocity=True, weight_decay=0.02),
]
CLIPS = [None, nn.Clip(global_norm=0.7), nn.Clip(norm=0.4), nn.Clip(value=0.3)]
KERNELS = frozenset({"dense/kernel"})


def problem(updates: int) -> tuple[dict[str, Any], dict[str, Any]]:
    rng = np.random.default_rng(2)
    shapes = {"dense/kernel": (4, 3), "dense/bias": (3,), "mu": ()}  # "mu" is a field of Optax's states, too
    sizes = 10.0 ** rng.uniform(-12, 0.5, updates)
    gradients = {n: rng.normal(size=(updates, *s)) * sizes.reshape(-1, *[1] * len(s)) for n, s in shapes.items()}
    gradients["dense/bias"][:, 0] = 0.0
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}, gradients


def trajectory(spec: Any, clip: Any, start: Any, gradients: Any) -> dict[str, Any]:
    parameters, slots = start, reference.init(spec, start)
    steps: list[dict[str, Any]] = []
    for k in range(len(gradients["mu"])):
        given = {name: g[k] for name, g in gradients.items()}
        given = reference.clip(clip, given) if clip else given
        parameters, slots = reference.update(spec, parameters, given, slots, k, decayed=KERNELS)
        named = {f"optimizer/{name}/{slot}": x for name, by_slot in slots.items() for slot, x in by_slot.items()}
        steps.append({**parameters, **named})
    return {name: np.stack([step[name] for step in steps]) for name in steps[0]}


@pytest.mark.parametrize("spec", OPTIMIZERS, ids=str)
def test_trajectories_are_the_references(spec: Any) -> None:
    start, gradients = problem(40)
    clip = CLIPS[OPTIMIZERS.index(spec) % len(CLIPS)]
    expected = trajectory(spec, clip, start, gradients)
    for dtype, limit in (("float64", 1e-12), ("float32", 1e-5)):
        found = nn.backend("jax").optimize(spec, start, gradients, clip=clip, decayed=KERNELS, dtype=dtype)
        assert set(found) == set(expected)
        for name, x in expected.items():
            assert found[name].dtype == dtype
            assert abs(found[name] - x).max() <= limit * abs(x).max(), (name, dtype)


@pytest.mark.parametrize("spec", [nn.LARS(0.5, 0.0), nn.LARS(0.5, 0.0, joint_norm=True)], ids=str)
def test_a_tensor_of_zeros_has_no_ratio(spec: Any) -> None:
    found = nn.backend("jax").optimize(
        spec, {"w": np.zeros(2)}, {"w": np.array([[1.0, 2.0], [0.0, 0.0]])}, dtype="float32"
    )
    assert found["w"].tolist() == [[-0.5, -1.0], [-0.5, -1.0]]


def test_adam_in_float32_does_not_lose_its_first_updates() -> None:
    # At t = 1, 1 − b2 in float32 is off by 1e-5; the first update is η · g/(|g| + ε), whatever the betas are.
    found = nn.backend("jax").optimize(
        nn.Adam(0.125, epsilon=1e-12), {"w": np.zeros(1)}, {"w": np.array([[0.3]])}, dtype="float32"
    )
    assert found["w"][0, 0] == pytest.approx(-0.125, rel=2e-7)


def test_half_precision_is_updated_in_float32() -> None:
    start, gradients = problem(30)
    spec = nn.Adam(RATE, b2=0.999)
    found = nn.backend("jax").optimize(spec, start, gradients, dtype="bfloat16")
    half = found["mu"].dtype
    expected = trajectory(
        spec, None, {n: x.astype(half) for n, x in start.items()}, {n: g.astype(half) for n, g in gradients.items()}
    )
    for name, x in expected.items():
        assert found[name].dtype == half
        assert abs(found[name].astype(float) - x.astype(float)).max() <= 2**-7 * abs(x.astype(float)).max(), name


@pytest.mark.parametrize("bound", [nn.Clip(global_norm=5.0), nn.Clip(norm=5.0)])
def test_clipping_leaves_what_is_below_the_bound_bit_for_bit(bound: Any) -> None:
    clip = nn.backend("jax").realize(bound)
    g = {"a": np.array([3.0, 4.0], np.float32), "b": np.array([0.0, 0.0], np.float32)}  # the norm is 5 exactly
    clipped, _ = clip.update(g, clip.init(g))
    np.testing.assert_array_equal(clipped["a"], g["a"])
    clipped, _ = clip.update({"a": np.array([np.inf, 1.0], np.float32)}, clip.init(g))
    np.testing.assert_array_equal(clipped["a"], [np.nan, 0.0])


def test_as_an_optax_transformation() -> None:
    # The state is Optax's, the learning rate's scale an extra argument, and kernels are known by their names.
    tx = nn.backend("jax").realize(nn.AdamW(nn.ReduceOnPlateau(0.1), weight_decay=0.5, decay="kernels"))
    params = {"dense": {"kernel": np.ones(2, np.float32), "bias": np.ones(2, np.float32)}}
    zero = jax.tree.map(np.zeros_like, params)
    updates, state = jax.jit(tx.update)(zero, tx.init(params), params, learning_rate_scale=0.5)
    np.testing.assert_allclose(updates["dense"]["kernel"], -0.025, rtol=1e-6)
    np.testing.assert_array_equal(updates["dense"]["bias"], 0.0)
    assert optax.tree_utils.tree_get(state, "ScaleByAdamState").count == 1


def test_what_depends_on_the_step_alone_is_computed_once() -> None:
    tx = nn.backend("jax").realize(nn.NAdam(0.1))

    def logarithms(parameters: int) -> int:
        params = {f"w{i}": np.ones(2, np.float32) for i in range(parameters)}
        return str(jax.make_jaxpr(tx.update)(params, tx.init(params), params)).count("= expm1 ")

    assert 0 < logarithms(9) == logarithms(1) < 10


def test_kernels_must_be_named() -> None:
    with pytest.raises(SpecError, match="needs the names of the kernels"):
        nn.backend("jax").optimize(OPTIMIZERS[2], {"w": np.ones(1)}, {"w": np.ones((1, 1))}, dtype="float32")


SCHEDULES: list[Any] = [
    nn.ConstantSchedule(0.3),
    nn.StepDecay(0.5, 7, 0.3),
    nn.Piecewise((3, 10, 2**40), (0.1, 0.7, 0.2, 0.9)),
    nn.ExponentialDecay(0.5, 10, 0.7, end=0.1),
    nn.ExponentialDecay(0.5, 10, 0.7, staircase=True),
    nn.PolynomialDecay(0.5, 30, 0.05, 1.7),
    nn.LinearDecay(0.5, 30, 0.05),
    nn.CosineDecay(0.5, 30, 0.05),
    nn.CosineRestarts(0.5, 5, 2, 0.7, 0.01),
    nn.CosineRestarts(0.5, 5, 1, 0.7, 0.01),
    nn.CosineRestarts(0.5, 2**40, 3),
    nn.OneCycle(0.5, 40),
    nn.OneCycle(0.5, 40, 0.0, anneal="linear"),
    nn.Warmup(nn.StepDecay(0.5, 7, 0.3), 9, 0.02),
    nn.WarmupCosine(0.5, 9, 40, 0.01, 0.02),
    nn.WarmupCosine(0.5, 0, 40),
    nn.InverseSquareRoot(0.5, 12),
    nn.InverseTimeDecay(0.5, 2**40, 0.3),
    nn.PolynomialDecay(0.5, 2**40, cycle=True),
    nn.Cyclic(0.1, 0.5, 2**40),
    nn.Cyclic(0.1, 0.5, 3, 8, "triangular2"),
    nn.PiecewiseInterpolate((7, 2**40), (0.5, 0.1, 0.9)),
    nn.Join((0.3, nn.CosineDecay(0.5, 30, exponent=0.4), 0.7), (9, 2**40)),
    nn.WarmupStableDecay(0.5, 7, 2**40, 5),
    nn.ReduceOnPlateau(nn.CosineDecay(0.5, 30), minimum=0.07),
]


@pytest.mark.parametrize("spec", SCHEDULES, ids=str)
def test_schedules_are_the_references(spec: Any) -> None:
    steps = np.concatenate([np.arange(60), [10**6, 2**31 - 1]])
    expected = reference_schedules.value(spec, steps)
    for dtype, limit in (("float64", 1e-14), ("float32", 1e-6), ("bfloat16", 1e-6)):
        found = nn.backend("jax").schedule(spec, steps, dtype=dtype)
        assert found.dtype == ("float64" if dtype == "float64" else "float32")
        assert abs(found - expected).max() <= limit * expected.max()


def test_a_schedule_is_a_function_of_the_count() -> None:
    rate = nn.backend("jax").realize(nn.ReduceOnPlateau(0.5, minimum=0.1))
    assert float(rate(3)) == 0.5
    assert float(rate(3, 0.25)) == 0.125
    assert float(rate(3, 0.01)) == pytest.approx(0.1)
    sgd = optax.sgd(nn.backend("jax").realize(nn.StepDecay(0.5, 1, 0.5)))
    ones = {"w": np.ones(1, np.float32)}
    state = sgd.init(ones)
    for expected in (-0.5, -0.25, -0.125):
        update, state = sgd.update(ones, state)
        assert float(update["w"][0]) == expected
