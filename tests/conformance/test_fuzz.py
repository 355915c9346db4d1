"""Drawing cases: mistakes are found, shrunk to files and replayed; processes may die, and Ctrl-C loses nothing."""

from __future__ import annotations

import importlib
import importlib.util
import multiprocessing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("hypothesis", reason="drawing cases needs Hypothesis")

from nnspec.backends import Backend, backend
from nnspec.errors import NNSpecError, SpecError
from nnspec.layers.linear import Dense
from nnspec.losses import Huber
from nnspec_conformance import casefile, fitting, fuzz, replay, search, strategies, suite
from nnspec_conformance.case import Case
from nnspec_conformance.outcome import Outcome
from nnspec_conformance.schedules import ScheduleCase
from nnspec_conformance.strategies import losses


class _WrongHuber:
    """A backend whose Huber loss is off where delta is not 1."""

    def __init__(self, inner: Backend) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def loss(self, spec: Any, *given: Any, **options: Any) -> Any:
        value, gradient = self.inner.loss(spec, *given, **options)
        return (value * 1.001, gradient) if isinstance(spec, Huber) and spec.delta != 1 else (value, gradient)


class _EnoughError(Exception):
    """Ends a search."""


@pytest.mark.slow
@pytest.mark.jax
def test_a_mistake_is_found_shrunk_and_replayed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "backend", lambda name: _WrongHuber(backend(name)))
    monkeypatch.setattr(search, "_memory", lambda: 0)  # this process may have grown already
    drawn = losses.cases().filter(lambda case: type(case.spec).__name__ in ("Huber", "MeanSquaredError"))
    monkeypatch.setattr(strategies, "cases", lambda: drawn.map(search.soundness.named))
    told: list[tuple[Any, ...]] = []

    def tell(*message: Any) -> None:
        told.append(message)
        if message[0] == "failure":
            raise _EnoughError

    order = search.Order(("jax",), ("float64",), seed=5, seconds=600.0)
    # Uncompiled: each loss that is tried while shrinking is another one.
    with pytest.raises(_EnoughError), importlib.import_module("jax").disable_jit():
        search.Search(order, tell).run()
    _, data, outcome = told[-1]
    assert outcome.classes == ("Huber",) and outcome.check in ("loss", "loss extremes") and outcome.status == "failed"
    case = casefile.parse(data)
    assert case.weights is None and case.spec.delta != 1 and case.spec.reduction == "mean"
    assert len(case.shape) <= 1, "it is shrunk"
    assert [message for message in told if message[0] == "outcome"], "what passes is told, too"

    kept = fuzz.keep(data, outcome, tmp_path, fuzz.Progress(1, 1.0))
    (path,) = tmp_path.iterdir()
    assert path.name.startswith("failure-Huber-")
    assert kept.message.splitlines()[0] == (
        f"run it again: nnspec conformance --backend jax --dtype float64 --replay {path}"
    )
    assert [o.status for o in replay.run(path, ["jax"], ["float64"])] == ["passed"], "the true backend passes"
    monkeypatch.setattr("nnspec_conformance.run.backend", lambda name: _WrongHuber(backend(name)))
    assert [o.status for o in replay.run(path, ["jax"], ["float64"])] == ["failed"]


def test_a_known_failure_explains_those_that_hold_its_classes() -> None:
    known = search.Question("jax", "float64", "forward", frozenset({"GELU"}))
    assert known.holds(search.Question("jax", "float64", "forward", frozenset({"GELU", "Dense"})))
    assert not known.holds(search.Question("jax", "float64", "forward", frozenset({"Dense"})))
    assert not known.holds(search.Question("jax", "float64", "gradients", frozenset({"GELU"})))
    assert not known.holds(search.Question("jax", "float32", "forward", frozenset({"GELU"})))


def failing(case: Any, check: str = "forward") -> Outcome:
    names = tuple(cls.__name__ for cls in case.classes)
    return Outcome("jax", "float64", fitting.family(case), check, case.name, "failed", names, message="off by one")


class _Process:
    """A process that has ended."""

    exitcode = -11

    def join(self) -> None:
        return None


CASE = Case(Dense(2), (3,), id="fuzz 0badcafe")


def session(folder: Path, *messages: tuple[Any, ...]) -> tuple[fuzz._Session, Iterator[Outcome]]:
    """A session whose process has sent these messages and ended."""
    made = fuzz._Session(("jax",), ("float64",), folder, None, fuzz.Progress(7, 1.0), lambda _: None)
    here, there = multiprocessing.Pipe(duplex=False)
    for message in messages:
        there.send(message)
    there.close()
    return made, made._messages(_Process(), here)  # type: ignore[arg-type]


def test_a_process_that_dies_is_a_failure_of_the_test_that_it_was_at(tmp_path: Path) -> None:
    _, outcomes = session(tmp_path, ("at", casefile.dump(CASE), "gradients", "jax", "float64"))
    (outcome,) = outcomes
    assert outcome.status == "error" and outcome.check == "gradients" and "signal 11" in outcome.message
    held = casefile.read(tmp_path / "failure-Dense-0badcafe.yaml")
    assert held.case.name == CASE.name and held.about["check"] == "gradients" and held.about["seed"] == 7


def test_ctrl_c_keeps_what_was_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = Outcome("jax", "float64", "linear", "forward", "x", "passed")
    made, messages = session(tmp_path, ("outcome", good), ("found", casefile.dump(CASE), failing(CASE)))

    def interrupted(turn: int) -> Iterator[Outcome]:
        yield next(messages)
        list(made._message("found", [casefile.dump(CASE), failing(CASE)]))
        raise KeyboardInterrupt

    monkeypatch.setattr(made, "_one", interrupted)
    outcomes = list(made.outcomes())
    assert [outcome.status for outcome in outcomes] == ["passed", "failed"]
    assert casefile.read(tmp_path / "failure-Dense-0badcafe.yaml").about["message"] == "off by one"
    assert str(made.progress).startswith("seed 7: 1 cases, 1 tests, 0 set aside, 1 failed")


def test_a_shrunk_failure_replaces_the_one_that_was_found(tmp_path: Path) -> None:
    small = Case(Dense(1), (1,), id="fuzz 1")
    made, outcomes = session(
        tmp_path,
        ("found", casefile.dump(CASE), failing(CASE)),
        ("failure", casefile.dump(small), failing(small)),
        ("end",),
    )
    assert [outcome.case for outcome in outcomes] == [small.name]
    assert [path.name for path in tmp_path.iterdir()] == ["failure-Dense-1.yaml"]
    assert made.known == [search.Question("jax", "float64", "forward", frozenset({"Dense"}))]


def test_a_mistake_of_the_search_is_told_once(tmp_path: Path) -> None:
    text = "Traceback: ...\nIndexError: of a strategy\nwhile generating 'bundle' from lists(...)"
    made, outcomes = session(tmp_path, ("broken", text))
    (outcome,) = outcomes
    assert outcome.status == "error" and outcome.message.startswith("IndexError: of a strategy\n")
    assert not list(made._broken(text)), "the next process makes the same mistake"


def test_without_hypothesis_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(NNSpecError, match=r"pip install 'nnspec\[fuzz\]'"):
        fuzz.run(1.0, ["jax"], ["float64"], failures=tmp_path)


@pytest.mark.jax
def test_a_short_search_passes_and_ends_in_time(tmp_path: Path) -> None:
    told: list[str] = []
    outcomes = list(
        fuzz.run(
            0.1, ["jax"], ["float64"], seed=3, failures=tmp_path / "new", on_progress=lambda p: told.append(str(p))
        )
    )
    assert all(outcome.good for outcome in outcomes), [outcome.message for outcome in outcomes]
    assert (tmp_path / "new").is_dir() and not list((tmp_path / "new").iterdir())
    assert told[-1].startswith("seed 3: ")


@pytest.mark.jax
def test_replay_asks_all_checks_that_fit(tmp_path: Path) -> None:
    path = tmp_path / "case.yaml"
    case = next(case for _, case in suite.cases() if isinstance(case, ScheduleCase))
    casefile.write(path, case)
    outcomes = list(replay.run(path, ["jax"], ["float64", "float32"]))
    assert {(o.check, o.dtype, o.status) for o in outcomes} == {
        (check, dtype, "passed") for check in ("schedule", "file") for dtype in ("float64", "float32")
    }
    casefile.write(path, case, check="schedul")
    with pytest.raises(SpecError, match=r"about\.check: no check 'schedul' of such a case; did you mean 'schedule'"):
        replay.run(path, ["jax"], ["float64"])


def test_every_check_of_the_suite_is_known_to_replay() -> None:
    for check in suite.CHECKS:
        for _, case in () if check.pairs else check.cases:
            known = {rule.name for rule in fitting.RULES if isinstance(case, rule.kinds)}
            assert check.name in known, f"{check.name} of {case.name}"
