"""The scale of a loss against PyTorch's, Flax's and Keras's, and what an update that is left out leaves as it was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.reference import optimizers
from nnspec.spec import dump, parse
from tests.reference.updates import PARAMETERS, RATE, gradients_at

UPDATES = 60
# Of each update whether its gradients are finite: some runs of them are longer than the interval, some shorter.
FINITE = (np.random.default_rng(3).uniform(size=UPDATES) > 0.15).tolist()
W = {"w": np.array([1.0, -2.0])}


def scales(spec: Any, finite: list[bool]) -> list[tuple[float, float]]:
    """The slots after each update."""
    w, slots, path = dict(W), optimizers.init(spec, W), []
    for each in finite:
        w, slots = optimizers.update(spec, w, {"w": np.array([0.5, 1.0 if each else np.inf])}, slots, 0)
        path.append((slots[""]["loss_scale"].item(), slots[""]["finite_updates"].item()))
    return path


def test_the_scale_of_pytorch() -> None:
    torch = pytest.importorskip("torch")  # before TensorFlow, after which it cannot be imported
    scale, count = torch.tensor(12.0), torch.tensor(0, dtype=torch.int32)
    expected = []
    for finite in FINITE:
        torch._amp_update_scale_(scale, count, torch.tensor(0.0 if finite else 1.0), 1.5, 0.25, 3)
        expected.append((scale.item(), float(count.item())))
    found = scales(nn.LossScale(nn.SGD(), 12.0, 3, 1.5, 0.25), FINITE)
    assert len({scale for scale, _ in expected}) > 10
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_the_scale_of_flax() -> None:
    """It counts one update more before the scale grows."""
    dynamic_scale = pytest.importorskip("flax.training.dynamic_scale")
    theirs, expected = dynamic_scale.DynamicScale(growth_interval=3, scale=64.0), []
    for finite in FINITE:
        theirs, found, _, _ = theirs.value_and_grad(lambda w, k=1.0 if finite else np.inf: w * k)(2.0)
        assert bool(found) == finite
        expected.append((float(theirs.scale), float(theirs.fin_steps)))
    assert scales(nn.LossScale(nn.SGD(), 64.0, 4), FINITE) == expected


def test_updates_of_keras() -> None:
    keras = pytest.importorskip("nnspec_tensorflow.startup", reason="Keras is not installed").keras
    inner = keras.optimizers.SGD(keras.optimizers.schedules.PiecewiseConstantDecay([4, 20], [0.5, 0.25, 0.125]), 0.5)
    theirs = keras.optimizers.LossScaleOptimizer(inner, 64.0, 3)
    variable = keras.Variable(W["w"], dtype="float64")
    theirs.build([variable])
    # Keras's rate at a boundary is still the old one.
    rate = nn.Piecewise((5, 21), (0.5, 0.25, 0.125))
    spec: Any = nn.LossScale(nn.Momentum(rate, 0.5, learning_rate_in_velocity=True), 64.0, 3)
    w, slots, step = dict(W), optimizers.init(spec, W), 0
    for update, finite in enumerate(FINITE):
        g = np.array([np.cos(update), 1.0 if finite else np.nan])
        theirs.apply([keras.ops.convert_to_tensor(g * float(theirs.dynamic_scale))], [variable])
        made = optimizers.makes(spec, {"w": g})
        w, slots = optimizers.update(spec, w, {"w": g}, slots, step)
        step += made
        assert made == finite
        assert slots[""]["loss_scale"] == float(theirs.dynamic_scale)
        assert step == int(theirs.iterations)
    np.testing.assert_allclose(w["w"], variable.numpy(), rtol=1e-6)


def test_an_update_that_is_left_out_is_none() -> None:
    """Parameters, slots, t and schedule are those of a run without these batches."""
    inner: Any = nn.GradientAccumulation(nn.EMA(nn.AdamW(RATE, weight_decay=0.3), 0.5), 2)
    spec = nn.LossScale(inner, growth_interval=5)
    found: Any = dict(PARAMETERS)
    expected: Any = dict(PARAMETERS)
    slots, held, step = optimizers.init(spec, found), optimizers.init(inner, expected), 0
    for update in range(20):
        gradients = gradients_at(update)
        if update in (0, 7, 8):
            before, kept = found, slots
            gradients["dense/bias"][2] = [np.nan, np.inf, -np.inf][update % 3]
            found, slots = optimizers.update(spec, found, gradients, slots, step)
            assert found == before and {k: v for k, v in slots.items() if k} == {k: v for k, v in kept.items() if k}
            continue
        found, slots = optimizers.update(spec, found, gradients, slots, step)
        expected, held = optimizers.update(inner, expected, gradients, held, step)
        step += 1
    for name, w in expected.items():
        np.testing.assert_array_equal(found[name], w)
        for slot, value in held[name].items():
            np.testing.assert_array_equal(slots[name][slot], value)


def test_what_clipping_hides_is_seen_before() -> None:
    spec, g = nn.LossScale(nn.SGD(1.0)), {"w": np.array([np.inf, 1.0])}
    clipped = optimizers.clip(nn.Clip(value=2.0), g)
    assert clipped["w"].tolist() == [2.0, 1.0]
    found, slots = optimizers.update(spec, W, clipped, optimizers.init(spec, W), 0, made=optimizers.makes(spec, g))
    np.testing.assert_array_equal(found["w"], W["w"])
    assert slots[""]["loss_scale"] == 2.0**14


def test_the_scale_stays_between_its_bounds() -> None:
    assert scales(nn.LossScale(nn.SGD(), 2.0**126, 1), [True] * 3) == [(2.0**127, 0.0)] * 3
    assert scales(nn.LossScale(nn.SGD(), 2.0**-125), [False] * 3) == [(2.0**-126, 0.0)] * 3


def test_shared_slots_are_of_float32_at_least() -> None:
    for dtype, wide in ("float16", "float32"), ("float32", "float32"), ("float64", "float64"):
        w = {"w": np.ones(2, dtype)}
        slots = optimizers.init(nn.LossScale(), w)
        assert {x.dtype for x in slots[""].values()} == {np.dtype(wide)}
        _, slots = optimizers.update(nn.LossScale(), w, w, slots, 0)
        assert {x.dtype for x in slots[""].values()} == {np.dtype(wide)}


def test_a_scale_that_never_changes_is_no_state() -> None:
    spec = nn.LossScale(nn.SGD(1.0), 8.0, None)
    slots = optimizers.init(spec, W)
    assert slots == {"w": {}}
    found, _ = optimizers.update(spec, W, {"w": np.array([np.nan, 0.0])}, slots, 0)
    np.testing.assert_array_equal(found["w"], W["w"])


def test_its_form_in_files() -> None:
    spec = nn.LossScale(nn.SGD(0.1), growth_interval=None)
    assert dump(spec) == {"LossScale": {"optimizer": {"SGD": {"learning_rate": 0.1}}, "growth_interval": None}}
    assert parse("optimizer", dump(spec)) == spec
    assert parse("optimizer", "LossScale") == nn.LossScale(nn.Adam(), 2.0**15, 2000, 2.0, 0.5)
