"""Optimizers and schedules against the reference, their slots, and their use as Keras objects."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.errors import SpecError
from nnspec.reference import optimizers as reference, schedules as reference_schedules

startup = pytest.importorskip("nnspec_tensorflow.startup", reason="the tensorflow backend is not installed")
tf, keras = startup.tf, startup.keras

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
    shapes = {"dense/kernel": (4, 3), "dense/bias": (3,), "mu": ()}
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
        found = nn.backend("tensorflow").optimize(spec, start, gradients, clip=clip, decayed=KERNELS, dtype=dtype)
        assert set(found) == set(expected)
        for name, x in expected.items():
            assert found[name].dtype == dtype
            assert abs(found[name] - x).max() <= limit * abs(x).max(), (name, dtype)


@pytest.mark.parametrize("spec", [nn.LARS(0.5, 0.0), nn.LARS(0.5, 0.0, joint_norm=True)], ids=str)
def test_a_tensor_of_zeros_has_no_ratio(spec: Any) -> None:
    found = nn.backend("tensorflow").optimize(
        spec, {"w": np.zeros(2)}, {"w": np.array([[1.0, 2.0], [0.0, 0.0]])}, dtype="float32"
    )
    assert found["w"].tolist() == [[-0.5, -1.0], [-0.5, -1.0]]


def test_adam_in_float32_does_not_lose_its_first_updates() -> None:
    # At t = 1, 1 − b2 in float32 is off by 1e-5; the first update is η · g/(|g| + ε), whatever the betas are.
    found = nn.backend("tensorflow").optimize(
        nn.Adam(0.125, epsilon=1e-12), {"w": np.zeros(1)}, {"w": np.array([[0.3]])}, dtype="float32"
    )
    assert found["w"][0, 0] == pytest.approx(-0.125, rel=2e-7)


def test_half_precision_is_updated_in_float32() -> None:
    start, gradients = problem(30)
    spec = nn.Adam(RATE, b2=0.999)
    found = nn.backend("tensorflow").optimize(spec, start, gradients, dtype="bfloat16")
    half = found["mu"].dtype
    expected = trajectory(
        spec, None, {n: x.astype(half) for n, x in start.items()}, {n: g.astype(half) for n, g in gradients.items()}
    )
    for name, x in expected.items():
        assert found[name].dtype == half
        assert abs(found[name].astype(float) - x.astype(float)).max() <= 2**-7 * abs(x.astype(float)).max(), name


def test_the_momenta_of_nadam_are_few_operations() -> None:
    optimizer, w = nn.backend("tensorflow").realize(nn.NAdam(0.1)), keras.Variable(np.ones(2, np.float32))
    optimizer.build([w])
    traced = tf.function(lambda g: optimizer.apply([g], [w])).get_concrete_function(tf.zeros(2))
    assert 0 < sum(operation.type == "Expm1" for operation in traced.graph.get_operations()) < 10


def test_kernels_must_be_named() -> None:
    with pytest.raises(SpecError, match="needs the names of the kernels"):
        nn.backend("tensorflow").optimize(OPTIMIZERS[2], {"w": np.ones(1)}, {"w": np.ones((1, 1))}, dtype="float32")


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
        found = nn.backend("tensorflow").schedule(spec, steps, dtype=dtype)
        assert found.dtype == ("float64" if dtype == "float64" else "float32")
        assert abs(found - expected).max() <= limit * expected.max()


@pytest.mark.parametrize("bound", [nn.Clip(global_norm=5.0), nn.Clip(norm=5.0)])
def test_clipping_leaves_what_is_below_the_bound_bit_for_bit(bound: Any) -> None:
    clip = nn.backend("tensorflow").realize(bound)
    g = [tf.constant([3.0, 4.0]), tf.constant([0.0, 0.0])]  # the norm is 5 exactly
    np.testing.assert_array_equal(clip(g)[0], [3.0, 4.0])
    np.testing.assert_array_equal(clip([tf.constant([np.inf, 1.0])])[0], [np.nan, 0.0])


def test_as_a_keras_optimizer() -> None:
    # Without being told, decay="kernels" reaches the variables that Keras calls kernels.
    optimizer = nn.backend("tensorflow").realize(nn.AdamW(nn.ReduceOnPlateau(0.1), weight_decay=0.5, decay="kernels"))
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, bias_initializer="ones")])
    before = [weight.numpy() for weight in model.weights]
    optimizer.learning_rate_scale.assign(0.5)
    optimizer.apply([tf.zeros((2, 3)), tf.zeros(3)], model.trainable_variables)
    np.testing.assert_allclose(model.weights[0].numpy(), before[0] * 0.975, rtol=1e-6)
    np.testing.assert_array_equal(model.weights[1].numpy(), before[1])
    assert optimizer.iterations.numpy() == 1
    assert float(optimizer.learning_rate) == 0.05


def test_a_sparse_gradient_is_made_dense() -> None:
    optimizer = nn.backend("tensorflow").realize(nn.Momentum(0.5, 0.5))
    table = keras.Variable(np.ones((3, 2), np.float32), name="embeddings")
    rows = tf.IndexedSlices(tf.ones((2, 2)), tf.constant([1, 1]), tf.constant([3, 2]))
    for _ in range(2):
        optimizer.apply([rows], [table])
    np.testing.assert_array_equal(table.numpy(), [[1.0, 1.0], [-1.5, -1.5], [1.0, 1.0]])


def test_a_schedule_is_a_function_of_the_iterations() -> None:
    rate = nn.backend("tensorflow").realize(nn.ReduceOnPlateau(0.5, minimum=0.1))
    assert float(rate(3)) == 0.5
    rate.scale = keras.Variable(0.25, dtype="float64")
    assert float(rate(3)) == 0.125
    rate.scale.assign(0.01)
    assert float(rate(3)) == pytest.approx(0.1)
    sgd = keras.optimizers.SGD(nn.backend("tensorflow").realize(nn.StepDecay(0.5, 1, 0.5)))
    w = keras.Variable(np.zeros(1, np.float32))
    for expected in (-0.5, -0.75, -0.875):
        sgd.apply([tf.ones(1)], [w])
        assert w.numpy()[0] == expected
