"""Running the suite: here, in several processes, and past a process that is killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import Counter

import pytest

from nnspec_conformance import deviations, processes, session, suite
from nnspec_conformance.deviations import Deviation
from nnspec_conformance.outcome import Outcome
from nnspec_conformance.result import Figure
from nnspec_conformance.run import Bench, Plan, Run
from nnspec_conformance.suite import Check, Item

pytestmark = pytest.mark.jax


def plan(expression: str) -> Plan:
    return session.plan(["jax"], ["float64"], expression=expression)


def facts(outcomes: list[Outcome]) -> dict[str, tuple[object, ...]]:
    return {o.id: (o.status, o.compared, o.ulp, o.nearness, o.equal) for o in outcomes}


@pytest.mark.slow
def test_several_processes_find_what_one_finds() -> None:
    chosen = plan("linear and forward or schedules or words")
    items = chosen.items()
    here, there = Run(chosen, items), Run(chosen, items, jobs=2)
    one, two = list(here.outcomes()), list(there.outcomes())
    assert facts(one) == facts(two)
    assert {outcome.status for outcome in one} == {"passed"} and len(one) == len(items) > 40
    assert here.compilations == there.compilations and here.compilations["jax"] > 10


def test_a_process_that_is_killed_costs_one_test() -> None:
    chosen = plan("schedules or metrics")
    items = chosen.items()
    found: list[Outcome] = []
    for outcome in processes.outcomes(chosen, items, 2):
        if not found:
            victim = multiprocessing.active_children()[0].pid
            assert victim is not None
            os.kill(victim, signal.SIGKILL)
        found.append(outcome)
    assert Counter(outcome.id for outcome in found) == Counter(item.id for item in items)
    wrong = [outcome for outcome in found if not outcome.good]
    assert [(o.status, o.message) for o in wrong] == [("error", "the process that ran it was ended by signal 9")]


def test_nothing_is_left_running_when_a_run_is_given_up() -> None:
    chosen = plan("schedules or metrics")
    outcomes = processes.outcomes(chosen, chosen.items(), 2)
    next(outcomes)
    assert multiprocessing.active_children()
    outcomes.close()
    assert not multiprocessing.active_children()


@pytest.mark.slow
def test_an_attendant_finds_the_same_in_a_process_that_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = plan("metrics or words")
    items = chosen.items()
    monkeypatch.setattr(processes, "LIFETIME", 3)
    attendant = processes.Attendant(chosen, items)
    found: list[Outcome] = []
    workers = []
    for item in items:
        found.append(attendant.settle(item))
        (worker,) = multiprocessing.active_children()
        if worker.pid not in workers:
            workers.append(worker.pid)
    assert len(workers) == len({item.family for item in items}) == 2, "one for each family, since both are large"
    attendant.close()
    assert not multiprocessing.active_children()
    monkeypatch.undo()
    assert facts(found) == facts(list(Run(chosen, items).outcomes()))


def test_an_attendant_survives_its_process() -> None:
    chosen = plan("metrics")
    items = chosen.items()[:3]
    attendant = processes.Attendant(chosen, items)
    assert attendant.settle(items[0]).good
    (worker,) = multiprocessing.active_children()
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    worker.join()
    lost = attendant.settle(items[1])
    assert (lost.status, lost.message) == ("error", "the process that ran it was ended by signal 9")
    assert attendant.settle(items[2]).good, "in a new one"
    attendant.close()


@pytest.mark.slow
def test_a_long_run_changes_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = plan("metrics or words")
    items = chosen.items()
    monkeypatch.setattr(processes, "LIFETIME", 3)
    run = Run(chosen, items)
    assert next(found := run.outcomes()).good
    assert multiprocessing.active_children(), "it is not run here"
    assert {outcome.id for outcome in found} < {item.id for item in items}


@pytest.mark.slow
def test_a_selection_compiles_nothing_else() -> None:
    chosen = plan("(Softmax and (forward or gradients)) or (relu and forward)")
    assert all(outcome.good for outcome in Run(chosen, chosen.items()).outcomes())
    bench = Bench(items=chosen.items())
    for question, check in {"forward": "forward", "gradients": "gradients"}.items():
        members = {case for asked, case in bench("jax", "float64")._groups if asked == question}
        assert members == {item.case for item in chosen.items() if item.check.name == check}
        assert members
    assert not bench("jax", "float32")._groups, "no test in this dtype is chosen"


def item_of(answer: object, backend: str = "jax") -> Item:
    def ask(subject: object, case: object) -> list[Figure]:
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[return-value]

    ((kind, case),) = [pair for pair in suite.CHECKS[0].cases if pair[1].name == "Dense-features=3"] or [
        suite.CHECKS[0].cases[0]
    ]
    return Item((backend,), "float64", Check("asked", ask, ((kind, case),)), kind, case)


RIGHT, WRONG = Figure("y", 0.5, 1.0, 3.0), Figure("y", 2.0, 1.0, 7.0)


def settled(answer: object, monkeypatch: pytest.MonkeyPatch, *, declared: bool = False) -> Outcome:
    from nnspec_conformance.outcome import settle

    item = item_of(answer)
    entry = Deviation("jax", "asked", item.case.name, ("float64",), "upstream", "a reason", "https://example.org")
    monkeypatch.setattr(deviations, "DEVIATIONS", (entry,) if declared else ())
    return settle(item, Bench(items=()))


def test_figures_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    good = settled([RIGHT, RIGHT], monkeypatch)
    assert (good.status, good.compared, good.ulp, good.nearness) == ("passed", 2, 3.0, 0.5)
    bad = settled([RIGHT, WRONG], monkeypatch)
    assert (bad.status, bad.ulp, bad.nearness) == ("failed", 7.0, 2.0)
    assert bad.worst == WRONG and bad.figures == (WRONG,) and "y: error 2" in bad.message
    assert settled([], monkeypatch).message == "the check compared nothing"
    assert settled([], monkeypatch).status == "failed"


def test_deviations_are_strict(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settled([WRONG], monkeypatch, declared=True).status == "deviation"
    assert settled(ValueError("oh"), monkeypatch, declared=True).status == "deviation"
    stale = settled([RIGHT], monkeypatch, declared=True)
    assert stale.status == "stale" and not stale.good and "a reason" in stale.message


def test_what_a_backend_raises_is_an_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    found = settled(ZeroDivisionError("by nothing"), monkeypatch)
    assert found.status == "error" and not found.good
    assert "ZeroDivisionError: by nothing" in found.message and "in ask" in found.message


def test_the_quick_run_is_a_part_of_the_usual_one_and_that_of_all() -> None:
    sizes = []
    for extent in ("quick", "standard", "all"):
        found = {item.id for item in suite.items(["jax"], ["float64", "float32"], extent)}  # type: ignore[arg-type]
        assert not sizes or sizes[-1] < found
        sizes.append(found)
