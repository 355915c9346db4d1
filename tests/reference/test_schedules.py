"""Schedules against PyTorch's, and at literal points: 0, boundaries and their neighbors, the end and past it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec import vocabulary
from nnspec.errors import BackendError, SpecError
from nnspec.reference.schedules import value

STEPS = np.arange(60)


def torch_rates(make: Callable[[Any, Any], Any], initial: float, steps: int) -> list[float]:
    """The learning rates of a PyTorch scheduler at steps 0 … steps − 1."""
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=initial)
    schedulers = torch.optim.lr_scheduler
    rates = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SequentialLR itself calls step() in a way that PyTorch warns of
        scheduler = make(schedulers, optimizer)
        for _ in range(steps):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
    return rates


TORCH: dict[str, tuple[Any, float, Callable[[Any, Any], Any], int]] = {
    "constant": (nn.ConstantSchedule(0.3), 0.3, lambda s, o: s.ConstantLR(o, 1.0), 60),
    "step": (nn.StepDecay(0.5, 7, 0.3), 0.5, lambda s, o: s.StepLR(o, 7, 0.3), 60),
    "piecewise": (
        nn.Piecewise((5, 20, 41), (0.5, 0.25, 0.125, 0.0625)),
        0.5,
        lambda s, o: s.MultiStepLR(o, [5, 20, 41], 0.5),
        60,
    ),
    "exponential": (nn.ExponentialDecay(0.5, 1, 0.93), 0.5, lambda s, o: s.ExponentialLR(o, 0.93), 60),
    "cyclic": (
        nn.Cyclic(0.01, 0.5, 7),
        0.5,
        lambda s, o: s.CyclicLR(o, 0.01, 0.5, 7, cycle_momentum=False),
        60,
    ),
    "cyclic, halved": (
        nn.Cyclic(0.01, 0.5, 3, 9, "triangular2"),
        0.5,
        lambda s, o: s.CyclicLR(o, 0.01, 0.5, 3, 9, "triangular2", cycle_momentum=False),
        60,
    ),
    "cyclic, exponential": (
        nn.Cyclic(0.01, 0.5, 7, mode="exp_range", gamma=0.97),
        0.5,
        lambda s, o: s.CyclicLR(o, 0.01, 0.5, 7, mode="exp_range", gamma=0.97, cycle_momentum=False),
        60,
    ),
    "one cycle, three phases": (
        nn.PiecewiseInterpolate((10, 20, 40), (0.05, 0.5, 0.05, 0.001)),
        0.5,
        # PyTorch's phases end at pct · N − 1, 2 · pct · N − 2 and N − 1.
        lambda s, o: s.OneCycleLR(
            o,
            0.5,
            41,
            pct_start=11 / 41,
            anneal_strategy="linear",
            div_factor=10.0,
            final_div_factor=50.0,
            three_phase=True,
        ),
        41,
    ),
    "joined": (
        nn.Join((0.5, nn.ExponentialDecay(0.5, 1, 0.9), nn.StepDecay(0.5, 7, 0.3)), (10, 25)),
        0.5,
        lambda s, o: s.SequentialLR(o, [s.ConstantLR(o, 1.0), s.ExponentialLR(o, 0.9), s.StepLR(o, 7, 0.3)], [10, 25]),
        60,
    ),
    "warm-up, stable, decay": (
        nn.WarmupStableDecay(0.5, 10, 20, 15, 0.05, 0.01, "cosine"),
        0.5,
        lambda s, o: s.SequentialLR(
            o,
            [s.LinearLR(o, 0.1, 1.0, 10), s.ConstantLR(o, 1.0), s.CosineAnnealingLR(o, 15, 0.01)],
            [10, 30],
        ),
        46,
    ),
    "polynomial": (nn.PolynomialDecay(0.5, 40, power=2.5), 0.5, lambda s, o: s.PolynomialLR(o, 40, 2.5), 60),
    "linear": (nn.LinearDecay(0.5, 40, 0.05), 0.5, lambda s, o: s.LinearLR(o, 1.0, 0.1, 40), 60),
    "cosine": (nn.CosineDecay(0.5, 40, 0.02), 0.5, lambda s, o: s.CosineAnnealingLR(o, 40, 0.02), 41),
    "restarts": (
        nn.CosineRestarts(0.5, 4, 2, end=0.02),
        0.5,
        lambda s, o: s.CosineAnnealingWarmRestarts(o, 4, 2, 0.02),
        60,
    ),
    "restarts of one length": (
        nn.CosineRestarts(0.5, 7, 1, end=0.02),
        0.5,
        lambda s, o: s.CosineAnnealingWarmRestarts(o, 7, 1, 0.02),
        60,
    ),
    # PyTorch's phases end at pct · N − 1 and N − 1.
    "one cycle": (
        nn.OneCycle(0.5, 50, (0.3 * 51 - 1) / 50, 20.0, 1e3),
        0.5,
        lambda s, o: s.OneCycleLR(o, 0.5, 51, pct_start=0.3, div_factor=20.0, final_div_factor=1e3),
        51,
    ),
    "one cycle, linear": (
        nn.OneCycle(0.5, 50, (0.4 * 51 - 1) / 50, anneal="linear"),
        0.5,
        lambda s, o: s.OneCycleLR(o, 0.5, 51, pct_start=0.4, anneal_strategy="linear"),
        51,
    ),
    "warm-up": (
        nn.Warmup(nn.ExponentialDecay(0.5, 1, 0.9), 10, 0.05),
        0.5,
        lambda s, o: s.SequentialLR(o, [s.LinearLR(o, 0.1, 1.0, 10), s.ExponentialLR(o, 0.9)], [10]),
        60,
    ),
    "warm-up, cosine": (
        nn.WarmupCosine(0.5, 10, 50, 0.05, 0.01),
        0.5,
        lambda s, o: s.SequentialLR(o, [s.LinearLR(o, 0.1, 1.0, 10), s.CosineAnnealingLR(o, 40, 0.01)], [10]),
        51,
    ),
    "inverse square root": (
        nn.InverseSquareRoot(0.5, 9),
        0.5,
        lambda s, o: s.LambdaLR(o, lambda i: 3.0 * min((i + 1) ** -0.5, (i + 1) * 9**-1.5)),
        60,
    ),
}


# Optax's schedules, for arguments with which they mean the same.
OPTAX: dict[str, tuple[Any, str, dict[str, Any]]] = {
    "interpolated": (
        nn.PiecewiseInterpolate((5, 17), (0.5, 0.1, 0.3)),
        "piecewise_interpolate_schedule",
        {"interpolate_type": "linear", "init_value": 0.5, "boundaries_and_scales": {5: 0.2, 17: 3.0}},
    ),
    "interpolated, cosine": (
        nn.PiecewiseInterpolate((5, 17), (0.5, 0.1, 0.3), "cosine"),
        "piecewise_interpolate_schedule",
        {"interpolate_type": "cosine", "init_value": 0.5, "boundaries_and_scales": {5: 0.2, 17: 3.0}},
    ),
    "cosine, a power": (
        nn.CosineDecay(0.5, 40, 0.05, 1.7),
        "cosine_decay_schedule",
        {"init_value": 0.5, "decay_steps": 40, "alpha": 0.1, "exponent": 1.7},
    ),
    "warm-up, cosine, a power": (
        nn.WarmupCosine(0.5, 10, 50, 0.05, 0.01, 0.6),
        "warmup_cosine_decay_schedule",
        {
            "init_value": 0.05,
            "peak_value": 0.5,
            "warmup_steps": 10,
            "decay_steps": 50,
            "end_value": 0.01,
            "exponent": 0.6,
        },
    ),
}


@pytest.mark.parametrize("name", OPTAX)
def test_optax_computes_the_same(name: str) -> None:
    optax = pytest.importorskip("optax")
    spec, function, arguments = OPTAX[name]
    schedule = getattr(optax, function)(**arguments)
    np.testing.assert_allclose(value(spec, STEPS), [float(schedule(s)) for s in STEPS], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", TORCH)
def test_pytorch_computes_the_same(name: str) -> None:
    spec, initial, make, steps = TORCH[name]
    expected = torch_rates(make, initial, steps)
    np.testing.assert_allclose(value(spec, STEPS[:steps]), expected, rtol=1e-12, atol=1e-16)


# (schedule, {step: rate}), each rate worked out from the docstring.
LITERAL: list[tuple[Any, dict[int, float]]] = [
    (0.125, {0: 0.125, 10**9: 0.125}),
    (nn.ConstantSchedule(0.0), {0: 0.0, 5: 0.0}),
    (nn.StepDecay(1.0, 10, 0.5), {0: 1.0, 9: 1.0, 10: 0.5, 19: 0.5, 20: 0.25, 105: 2.0**-10}),
    (nn.Piecewise((3, 8), (1.0, 5.0, 2.0)), {0: 1.0, 2: 1.0, 3: 5.0, 7: 5.0, 8: 2.0, 9: 2.0, 10**6: 2.0}),
    (nn.Piecewise((), (0.7,)), {0: 0.7, 9: 0.7}),
    (nn.ExponentialDecay(8.0, 10, 0.25), {0: 8.0, 5: 4.0, 10: 2.0, 15: 1.0, 20: 0.5}),
    (nn.ExponentialDecay(8.0, 10, 0.25, end=3.0), {0: 8.0, 5: 4.0, 10: 3.0, 1000: 3.0}),
    (nn.ExponentialDecay(8.0, 10, 0.25, staircase=True), {0: 8.0, 9: 8.0, 10: 2.0, 11: 2.0, 19: 2.0, 20: 0.5}),
    (nn.InverseTimeDecay(1.0, 10, 0.5), {0: 1.0, 5: 0.8, 10: 2 / 3, 20: 0.5, 60: 0.25}),
    (nn.InverseTimeDecay(1.0, 10, 0.5, staircase=True), {0: 1.0, 9: 1.0, 10: 2 / 3, 19: 2 / 3, 20: 0.5}),
    (
        nn.PolynomialDecay(1.0, 10, 0.5, 2.0, cycle=True),
        {0: 1.0, 5: 0.625, 10: 0.5, 11: 0.5 + 0.5 * 0.45**2, 20: 0.5, 25: 0.5 + 0.5 / 36, 30: 0.5},
    ),
    (
        nn.Cyclic(0.5, 1.5, 4, 2, "triangular2"),
        {0: 0.5, 1: 0.75, 4: 1.5, 5: 1.0, 6: 0.5, 7: 0.625, 10: 1.0, 11: 0.75, 12: 0.5, 16: 0.75},
    ),
    (nn.Cyclic(0.0, 1.0, 2, mode="exp_range", gamma=0.5), {0: 0.0, 1: 0.25, 2: 0.25, 3: 0.0625, 4: 0.0, 6: 2.0**-6}),
    (nn.PiecewiseInterpolate((4, 6), (1.0, 0.5, 0.75)), {0: 1.0, 1: 0.875, 4: 0.5, 5: 0.625, 6: 0.75, 99: 0.75}),
    (nn.PiecewiseInterpolate((4,), (1.0, 0.5), "cosine"), {0: 1.0, 2: 0.75, 4: 0.5, 5: 0.5}),
    (nn.PiecewiseInterpolate((), (0.7,)), {0: 0.7, 9: 0.7}),
    (nn.Join((0.5, nn.LinearDecay(1.0, 10), 0.25), (3, 8)), {0: 0.5, 2: 0.5, 3: 1.0, 7: 0.6, 8: 0.25, 99: 0.25}),
    (nn.BatchScaled(nn.LinearDecay(1.0, 10), 1024), {0: 4.0, 5: 2.0}),
    (nn.BatchScaled(0.5, 1024, 64, "square_root"), {0: 2.0, 9: 2.0}),
    (nn.WarmupStableDecay(1.0, 4, 3, 10, 0.2, 0.5), {0: 0.2, 3: 0.8, 4: 1.0, 7: 1.0, 8: 0.95, 17: 0.5, 18: 0.5}),
    (nn.WarmupStableDecay(1.0, 0, 2, 8, shape="one_minus_sqrt"), {0: 1.0, 2: 1.0, 4: 0.5, 10: 0.0, 11: 0.0}),
    (nn.PolynomialDecay(1.0, 10, 0.5, 2.0), {0: 1.0, 5: 0.625, 9: 0.505, 10: 0.5, 11: 0.5, 99: 0.5}),
    (nn.LinearDecay(1.0, 10, 0.5), {0: 1.0, 1: 0.95, 5: 0.75, 9: 0.55, 10: 0.5, 11: 0.5, 99: 0.5}),
    (nn.LinearDecay(0.0, 4, 1.0), {0: 0.0, 1: 0.25, 4: 1.0, 5: 1.0}),
    (
        nn.CosineDecay(1.0, 12, 0.5),
        {0: 1.0, 3: 0.75 + 0.25 * math.sqrt(0.5), 6: 0.75, 8: 0.625, 12: 0.5, 13: 0.5, 99: 0.5},
    ),
    # Cycles of 2, 6 and 18 steps: they open at 0, 2, 8, 26.
    (
        nn.CosineRestarts(1.0, 2, 3, 0.5),
        {0: 1.0, 1: 0.5, 2: 0.5, 4: 0.375, 5: 0.25, 7: 0.25 * (1 - math.sqrt(0.75)), 8: 0.25, 17: 0.125, 26: 0.125},
    ),
    (nn.CosineRestarts(1.0, 1, 1, 0.5, 0.125), {0: 1.0, 1: 0.5, 2: 0.25, 3: 0.125, 4: 0.0625}),
    (
        nn.OneCycle(1.0, 20, 0.5, 4.0, 8.0),
        {0: 0.25, 5: 0.625, 10: 1.0, 15: (1 + 1 / 32) / 2, 20: 1 / 32, 21: 1 / 32, 99: 1 / 32},
    ),
    (
        nn.OneCycle(1.0, 10, 0.25, 5.0, 2.0, "linear"),
        {0: 0.2, 1: 0.52, 2: 0.84, 3: 1 - 0.9 * 0.5 / 7.5, 10: 0.1, 11: 0.1},
    ),
    (nn.OneCycle(1.0, 10, 0.0, 5.0, 2.0, "linear"), {0: 1.0, 5: 0.55, 10: 0.1, 11: 0.1}),
    (nn.Warmup(nn.LinearDecay(1.0, 10), 4, 0.2), {0: 0.2, 1: 0.4, 3: 0.8, 4: 1.0, 5: 0.9, 13: 0.1, 14: 0.0, 15: 0.0}),
    (nn.WarmupCosine(1.0, 4, 12, 0.2, 0.5), {0: 0.2, 3: 0.8, 4: 1.0, 8: 0.75, 12: 0.5, 13: 0.5, 99: 0.5}),
    (nn.WarmupCosine(1.0, 0, 8), {0: 1.0, 4: 0.5, 8: 0.0, 9: 0.0}),
    (nn.InverseSquareRoot(1.0, 4), {0: 0.25, 2: 0.75, 3: 1.0, 4: math.sqrt(0.8), 15: 0.5, 63: 0.25}),
    (nn.ReduceOnPlateau(0.5), {0: 0.5, 100: 0.5}),
    (nn.ReduceOnPlateau(nn.LinearDecay(1.0, 10), minimum=0.25), {0: 1.0, 5: 0.5, 7: 0.3, 8: 0.25, 20: 0.25}),
]


@pytest.mark.parametrize(("spec", "points"), LITERAL, ids=lambda v: type(v).__name__)
def test_literal_points(spec: Any, points: dict[int, float]) -> None:
    found = value(spec, np.array(list(points)))
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, list(points.values()), rtol=1e-14, atol=1e-16)
    for step, expected in points.items():
        assert float(value(spec, step)) == pytest.approx(expected, rel=1e-14, abs=1e-16)


def test_every_schedule_is_tested() -> None:
    tested = {type(spec) for spec, _ in LITERAL}
    assert {vocabulary.load(name) for name in vocabulary.class_names("schedule")} <= tested


def test_pieces_that_do_not_fit() -> None:
    with pytest.raises(SpecError, match="1 boundaries need 2 schedules, got 1"):
        nn.Join((0.5,), (3,))
    with pytest.raises(SpecError, match="boundaries must increase"):
        nn.PiecewiseInterpolate((3, 3), (1.0, 2.0, 3.0))
    with pytest.raises(SpecError, match="goes outside"):
        nn.Join((0.5, nn.ReduceOnPlateau(0.5)), (3,))
    with pytest.raises(SpecError, match="goes outside"):
        nn.BatchScaled(nn.ReduceOnPlateau(0.5), 64)
    with pytest.raises(SpecError, match="only in exp_range"):
        nn.Cyclic(0.1, 0.2, 3, gamma=0.5)
    # 1.1^7448 is infinite, and times a height of 0 it is no number.
    with pytest.raises(SpecError, match="gamma: input should be less than or equal to 1"):
        nn.Cyclic(0.1, 0.2, 3, mode="exp_range", gamma=1.1)


def test_plateaus_scale_down_to_the_minimum() -> None:
    spec = nn.ReduceOnPlateau(nn.LinearDecay(1.0, 10), minimum=0.25)
    assert value(spec, [0, 2, 6], 0.5).tolist() == [0.5, 0.4, 0.25]
    assert value(nn.ReduceOnPlateau(0.8), 3, 0.25) == 0.2


def test_plateaus_change_no_other_schedule() -> None:
    assert value(nn.LinearDecay(1.0, 10), 5, 0.1) == 0.5
    assert value(0.5, 5, 0.1) == 0.5


def test_any_shape_of_steps() -> None:
    steps = np.arange(12).reshape(3, 4)
    for spec, _ in LITERAL:
        found = value(spec, steps)
        assert found.shape == (3, 4)
        np.testing.assert_array_equal(found.ravel(), value(spec, steps.ravel()))
        assert value(spec, np.zeros(0, np.int64)).shape == (0,)


def test_late_steps_of_restarts() -> None:
    """Boundaries are whole numbers: the cycle that opens at 3 · (2⁴⁰ − 1) is not missed by rounding."""
    start = 3 * (2**40 - 1)
    rates = value(nn.CosineRestarts(1.0, 3, 2, 0.5), [start - 1, start, start + 1])
    np.testing.assert_allclose(rates, [0.0, 2.0**-40, 2.0**-40], rtol=1e-12, atol=1e-25)


def test_unknown_class() -> None:
    with pytest.raises(BackendError, match="the reference has no realization of SGD"):
        value(nn.SGD(), 0)  # type: ignore[arg-type]
