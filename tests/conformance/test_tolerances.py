"""The limits of the suite: what a unit in the last place is, what each dtype is allowed, and where inputs lie."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from nnspec.layers.activation import HardShrink, ReLU
from nnspec_conformance import suite, tolerances
from nnspec_conformance.case import Case
from nnspec_conformance.checks import kinks
from nnspec_conformance.draws import HALF, at_least_float32, float_type, limits, rounded
from nnspec_conformance.optimizers import CASES as OPTIMIZERS
from nnspec_conformance.result import compare, ulp_of
from nnspec_conformance.tolerances import Tolerance

DTYPES = ("float64", "float32", "bfloat16", "float16")
ALL = {name: value for name, value in vars(tolerances).items() if isinstance(value, Tolerance)}
PAGE = Path(__file__).parents[2] / "docs" / "conformance-tolerances.md"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scale", [1.0, 1.5, 0.3, 1000.0, 6.2e-5])
def test_an_ulp_is_the_distance_to_the_next_number(dtype: str, scale: float) -> None:
    kind = float_type(dtype)
    here = np.array(scale).astype(kind)
    following = np.nextafter(here, np.array(np.inf).astype(kind))  # ml_dtypes brings it for bfloat16
    assert ulp_of(float(here), dtype) == float(following) - float(here)


@pytest.mark.parametrize("dtype", DTYPES)
def test_ulps_of_tiny_scales_are_those_of_the_smallest_normal_number(dtype: str) -> None:
    smallest = float(limits(dtype).smallest_normal)
    assert ulp_of(0.0, dtype) == ulp_of(smallest / 16, dtype) == ulp_of(smallest, dtype) > 0


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_a_limit_is_a_multiple_of_the_larger_of_rounding_and_ulp(dtype: str) -> None:
    unit = ulp_of(1.0, dtype)
    want = np.array([1.0, -0.25])
    assert compare("x", want + np.array([0, 1.9 * unit]), want, dtype=dtype, bound=2).passed
    assert not compare("x", want + np.array([0, 2.1 * unit]), want, dtype=dtype, bound=2).passed
    assert compare("x", want + np.array([0, 9.9 * unit]), want, dtype=dtype, bound=2, rounding=5 * unit).passed
    assert not compare("x", want + np.array([0, 10.1 * unit]), want, dtype=dtype, bound=2, rounding=5 * unit).passed


def test_nan_and_infinity_are_equal_to_themselves_alone() -> None:
    special = np.array([np.nan, np.inf, -np.inf, 1.0])
    assert compare("x", special, special, dtype="float64", bound=1e-12).passed
    for place, wrong in ((0, 1.0), (1, -np.inf), (2, np.nan), (3, np.nan), (3, np.inf)):
        got = special.copy()
        got[place] = wrong
        assert not compare("x", got, special, dtype="float64", bound=1e-12).passed


def test_half_precision_is_allowed_no_more_than_float32() -> None:
    for name, tolerance in ALL.items():
        for dtype in HALF:
            assert tolerance.bound(dtype) <= tolerance.bound("float32"), name
        assert tolerance.bound("float64") <= 1e-9, name


def test_losses_metrics_and_schedules_are_judged_in_float32_at_least() -> None:
    assert [at_least_float32(dtype) for dtype in DTYPES] == ["float64", "float32", "float32", "float32"]
    for tolerance in (tolerances.LOSS, tolerances.METRIC, tolerances.SCHEDULE):
        assert tolerance.half is None


def test_the_page_gives_each_bound_and_its_reason() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name, tolerance in ALL.items():
        row = re.search(rf"^\| {name.lower()} \| (\S+) \| (\S+) \| (\S+) \|", text, re.MULTILINE)
        assert row, f"docs/conformance-tolerances.md has no row for {name.lower()}"
        shown = [float(cell) if cell != "–" else 0.0 for cell in row.groups()]
        assert shown == [tolerance.bound(dtype) for dtype in ("float64", "float32", "bfloat16")], name


KINKED = [case for module in suite.LAYERS for case in module.CASES if isinstance(case, Case) and case.slopes]


@pytest.mark.parametrize("dtype", DTYPES)
def test_inputs_stay_clear_of_kinks_once_they_are_rounded(dtype: str) -> None:
    assert len(KINKED) > 30
    for case in KINKED:
        for draw in range(tolerances.DRAWS):
            (x,) = case.point(dtype, draw).inputs.values()
            for kink, _ in case.slopes:
                # Three steps are what central differences reach.
                assert np.abs(x.astype(np.float64) - kink).min() > 3 * case.step, case.name


@pytest.mark.parametrize(
    ("spec", "kink", "dtype", "slope"),
    [
        # bfloat16 has 0.2002 next to 0.2, on the open side; float16 has 0.19995, within the threshold.
        (HardShrink(0.2), (0.2, 0.0), "bfloat16", 1.0),
        (HardShrink(0.2), (0.2, 0.0), "float16", 0.0),
        (HardShrink(0.2), (0.2, 0.0), "float32", 0.0),
        (HardShrink(0.5), (0.5, 0.0), "bfloat16", 0.0),
        (ReLU(threshold=0.7), (0.7, 0.0), "bfloat16", 0.0),
        (ReLU(threshold=0.7), (0.7, 0.0), "float16", 1.0),
    ],
)
def test_half_precision_meets_kinks_in_float32(
    spec: HardShrink | ReLU, kink: tuple[float, float], dtype: str, slope: float
) -> None:
    assert kinks._slope(Case(spec, (8,), slopes=(kink,)), dtype, *kink) == pytest.approx(slope, abs=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_gradients_of_optimizer_cases_are_numbers_of_the_dtype(dtype: str) -> None:
    for case in OPTIMIZERS[:1]:
        parameters, gradients = case.draw(dtype)
        for name, value in {**parameters, **gradients}.items():
            exact = value.astype(np.float64)
            assert value.dtype == float_type(dtype) and np.isfinite(exact).all(), name
            assert name.startswith(("zero", "sparse")) or (exact != 0).all(), name
    assert rounded(np.array([1e6]), "float16")[0] == np.inf
