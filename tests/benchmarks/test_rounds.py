"""How contenders take turns, with workers that only say that they work."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from benchmarks import rounds
from benchmarks.contenders import Contender
from benchmarks.facts import Result
from benchmarks.workloads import WORKLOADS
from tests.benchmarks.fakes import FakeProcess

MLP = WORKLOADS["mlp"]


def contender(name: str, *setups: str, packages: tuple[str, ...] = ()) -> Contender:
    return Contender(name, name, "none", "jax", packages, training=setups or ("only",))


@pytest.fixture(autouse=True)
def workers(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[FakeProcess]]:
    monkeypatch.setattr(rounds, "Process", FakeProcess)
    monkeypatch.setattr(FakeProcess, "speeds", {})
    monkeypatch.setattr(FakeProcess, "failing", {})
    monkeypatch.setattr(FakeProcess, "log", [])
    monkeypatch.setattr(FakeProcess, "open", set())
    yield FakeProcess
    assert not FakeProcess.open, "a worker was left running"


def measure(*contenders: Contender, number: int = 3) -> list[Result]:
    return rounds.measure(MLP, contenders, dtype="float32", device="cpu", rounds=number, seconds=1.0)


def test_all_take_turns_in_turned_order(workers: type[FakeProcess]) -> None:
    measure(contender("a"), contender("b"), contender("c"), number=4)
    runs = [name for name, _, request in workers.log if request == "run"]
    assert runs == [*"abc", *"bca", *"cab", *"abc"]


def test_each_starts_alone(workers: type[FakeProcess]) -> None:
    measure(contender("a"), contender("b"))
    assert [(name, request) for name, _, request in workers.log][:6] == [
        (name, request) for name in "ab" for request in ("build", "first", "calibrate")
    ]


def test_what_is_found(workers: type[FakeProcess]) -> None:
    workers.speeds["a", "only"] = 50.0
    (found,) = measure(contender("a"))
    assert found.status == "measured"
    assert (found.parameters, found.loss) == (7, 2.5)
    assert found.seconds == {"start": 0.25, "import": 1.0, "build": 0.5, "first": 3.0}
    assert found.steps == 48  # a second's 50, in units of 4
    assert found.rounds == pytest.approx([48 / 50] * 3)
    assert found.rate == pytest.approx(50.0)
    assert found.peak_memory == 1000 + len(workers.log)


def test_fastest_setup_stands(workers: type[FakeProcess]) -> None:
    workers.speeds |= {("a", "slow"): 10.0, ("a", "fast"): 30.0, ("a", "middle"): 20.0}
    (found,) = measure(contender("a", "slow", "fast", "middle"))
    assert found.setup == "fast"
    assert found.tried == {"slow": 10.0, "fast": 30.0, "middle": 20.0}
    assert {setup for _, setup, request in workers.log if request == "run"} == {"fast"}


def test_setup_that_fails_is_told(workers: type[FakeProcess]) -> None:
    workers.failing["a", "broken"] = "first"
    (found,) = measure(contender("a", "broken", "sound"))
    assert (found.status, found.setup) == ("measured", "sound")
    assert found.tried == {"broken": "a broke in first", "sound": 100.0}


@pytest.mark.parametrize("request_", ["build", "first", "calibrate"])
def test_contender_that_fails_at_the_start(workers: type[FakeProcess], request_: str) -> None:
    workers.failing["a", "only"] = request_
    first, second = measure(contender("a"), contender("b"))
    assert (first.status, first.reason) == ("failed", f"a broke in {request_}")
    assert (second.status, len(second.rounds)) == ("measured", 3)


def test_contender_that_fails_in_a_round(workers: type[FakeProcess]) -> None:
    workers.failing["a", "only"] = "run"
    first, second = measure(contender("a"), contender("b"))
    assert (first.status, first.reason, first.rounds) == ("failed", "a broke in run", [])
    assert len(second.rounds) == 3
    assert [name for name, _, request in workers.log if request == "run"] == ["a", "b", "b", "b"]


def test_contender_that_is_not_installed() -> None:
    first, second = measure(contender("a", packages=("no_such_framework",)), contender("b"))
    assert (first.status, first.reason) == ("skipped", "no_such_framework not installed")
    assert second.status == "measured"


def test_contender_that_cannot_do_it() -> None:
    (found,) = rounds.measure(
        WORKLOADS["mlp-infer1"], [contender("a")], dtype="float32", device="cpu", rounds=1, seconds=1.0
    )
    assert (found.status, found.reason) == ("skipped", "does no inference")


def test_no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    (found,) = measure(dataclasses.replace(contender("a"), compiles_cpp=True))
    assert (found.status, found.reason) == ("skipped", "needs a C++ compiler")
