"""Checks find what they ask for: a backend that is right passes, and the same answers with one mistake do not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nnspec import backends
from nnspec.backends import FloatType
from nnspec.layers.activation import LogSoftmax, ReLU, Softmax
from nnspec.optimizers import Adam
from nnspec_conformance.case import Case
from nnspec_conformance.checks import optimizer, runs, special, training
from nnspec_conformance.draws import Array, float_type
from nnspec_conformance.optimizers import UPDATES, OptimizerCase
from nnspec_conformance.result import Figure
from nnspec_conformance.subject import Forward, Subject
from nnspec_conformance.training import CASES as RUNS
from tests.conftest import missing

LOWER = ("float32", "bfloat16", "float16")
RECURRENT = next(case for case in RUNS if case.name.startswith("recurrent"))


@pytest.fixture(scope="module")
def installed() -> backends.Backend:
    names = backends.installed()
    if not names:
        pytest.skip("no backend is installed")
    return backends.backend(names[0])


def passed(figures: list[Figure]) -> bool:
    return bool(figures) and all(figure.passed for figure in figures)


class Tampered(Subject):
    """A subject whose answers are changed before a check sees them."""

    def __init__(self, backend: Any, dtype: FloatType, change: Callable[[Array], Array], what: str) -> None:
        super().__init__(backend, dtype)
        self._change, self._what = change, what

    def forward(self, *args: Any, **options: Any) -> Forward:
        found = super().forward(*args, **options)
        if self._what != "outputs":
            return found
        return Forward({n: self._change(x) for n, x in found.outputs.items()}, found.before, found.after)

    def gradients(self, *args: Any, **options: Any) -> dict[str, Array]:
        found = super().gradients(*args, **options)
        return {n: self._change(x) for n, x in found.items()} if self._what == "gradients" else found


def spread(x: Array) -> Array:
    """NaN in all elements of an example in which one element is 0 or −∞."""
    wrong = np.any((x == 0) | np.isneginf(x.astype(np.float64)), axis=-1, keepdims=True)
    return np.where(wrong, np.array(np.nan, x.dtype), x)


def nearly_zero(x: Array) -> Array:
    """A trace of probability where there is none."""
    return np.where(x == 0, np.array(1e-6, x.dtype), x)


@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
@pytest.mark.parametrize("spec", [Softmax(), LogSoftmax()], ids=lambda spec: type(spec).__name__)
def test_masked_elements(installed: backends.Backend, spec: Any, dtype: FloatType) -> None:
    case = Case(spec, (6,), masked=True)
    assert passed(special.masked(Subject(installed, dtype), case))
    for change, what in ((spread, "outputs"), (spread, "gradients"), (nearly_zero, "gradients")):
        assert not passed(special.masked(Tampered(installed, dtype, change, what), case)), (change.__name__, what)


def no_nan(x: Array) -> Array:
    return np.nan_to_num(x.astype(np.float64), nan=0.0).astype(x.dtype)


def all_nan(x: Array) -> Array:
    return np.full_like(x, np.nan)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_nan_reaches_what_depends_on_it(installed: backends.Backend, dtype: FloatType) -> None:
    case = Case(ReLU(), (4,), slopes=((0.0, 0.0),))
    assert passed(special.undefined(Subject(installed, dtype), case))
    for change in (no_nan, all_nan):
        assert not passed(special.undefined(Tampered(installed, dtype, change, "outputs"), case)), change.__name__


class Drifting:
    """A backend whose trajectories of optimizers are off at one update, by so many ULP of the slot's own scale."""

    def __init__(self, inner: Any, name: str, update: int, ulps: float) -> None:
        self._inner, self._name, self._update, self._ulps = inner, name, update, ulps

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def optimize(self, *args: Any, **options: Any) -> dict[str, Array]:
        found: dict[str, Array] = self._inner.optimize(*args, **options)
        value = found[self._name][self._update].astype(np.float64)
        kind = float_type(options["dtype"])
        epsilon = float(np.spacing(np.array(1, kind)).astype(np.float64))
        found[self._name][self._update] = (value + self._ulps * epsilon * np.abs(value).max()).astype(kind)
        return found


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize(
    "name",
    [
        "plain/kernel",
        *(pytest.param(slot, marks=pytest.mark.slow) for slot in ("optimizer/huge/bias/m", "optimizer/wide/kernel/v")),
    ],
)
def test_every_update_in_half_precision_counts(installed: backends.Backend, dtype: FloatType, name: str) -> None:
    case = OptimizerCase(Adam(0.01))
    assert passed(optimizer.optimizer(Subject(installed, dtype), case))
    for update in (0, 50, UPDATES - 1):
        wrong: Any = Drifting(installed, name, update, 5.0)
        figures = optimizer.optimizer(Subject(wrong, dtype), case)
        failing = [figure.what for figure in figures if not figure.passed]
        # Of each tensor the worst update is shown: the wrong one, or the next, which did not start from it.
        assert {f"{name} at update {update}", f"{name} at update {update + 1}"} & set(failing)


class Forgetful:
    """A backend whose engines lose a variable when they are set."""

    def __init__(self, inner: Any, name: str) -> None:
        self._inner, self._name = inner, name

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def engine(self, net: Any, **options: Any) -> Any:
        engine = self._inner.engine(net, **options)
        assign = engine.assign
        engine.assign = lambda values: assign({n: x for n, x in values.items() if n != self._name})
        return engine


@pytest.mark.slow
def test_resumed_runs_need_the_whole_state(installed: backends.Backend) -> None:
    assert passed(runs.resumed(Subject(installed, "float64"), RECURRENT))
    slots = [f"optimizer/{RECURRENT.case.parameters[0]}/{slot}" for slot in RECURRENT.optimizer.slots()]
    assert slots
    for name in ("optimizer/step", *slots):
        wrong: Any = Forgetful(installed, name)
        assert not passed(runs.resumed(Subject(wrong, "float64"), RECURRENT)), name


class Stale:
    """A backend whose engines make the update of one step twice as large."""

    def __init__(self, inner: Any, step: int) -> None:
        self._inner, self._step = inner, step

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def engine(self, net: Any, **options: Any) -> Any:
        engine = self._inner.engine(net, **options)
        train, name = engine.train, RECURRENT.case.parameters[0]

        def doubled(order: Any, start: int, stop: int) -> None:
            before = engine.variables()
            train(order, start, stop)
            if int(before["optimizer/step"]) == self._step:
                old, new = (v[name].astype(np.float64) for v in (before, engine.variables()))
                engine.assign({name: (2 * new - old).astype(before[name].dtype)})

        engine.train = doubled
        return engine


@pytest.mark.parametrize("dtype", [pytest.param("float64", marks=pytest.mark.slow), "float32"])
def test_one_wrong_update_of_a_run(installed: backends.Backend, dtype: FloatType) -> None:
    wrong: Any = Stale(installed, 30)
    figures = training.training(Subject(wrong, dtype), RECURRENT)
    failing = [figure.what for figure in figures if not figure.passed]
    assert f"{RECURRENT.case.parameters[0]} after update 30" in failing
    # From float32 on each update is judged by itself; in float64 the run is followed from its start.
    later = [what for what in failing if "update 31" in what or "update 49" in what]
    assert bool(later) == (dtype == "float64")


@pytest.mark.slow
@pytest.mark.jax
def test_the_suite_passes_with_x64_on() -> None:
    assert missing("jax") is None
    expression = "(Dense or BatchNorm or Adam) and (forward or gradients or state) and not model"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--pyargs", "nnspec_conformance"]
    options = ["--backend", "jax", "--dtype", "float32,bfloat16", "-k", expression]
    done = subprocess.run(
        [*command, *options], env={**os.environ, "JAX_ENABLE_X64": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert "passed" in done.stdout
