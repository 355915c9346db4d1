"""Answers recorded on one backend and checked on another; a wrong backend is found out."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnspec import backends
from nnspec.errors import FileError, NNSpecError
from nnspec_conformance import record, run
from nnspec_conformance.expression import parse
from nnspec_conformance.outcome import Outcome
from nnspec_conformance.run import Bench, Plan

KEPT = Path(__file__).parent / "data/record-1"
SCRIPT = Path(__file__).parents[2] / "examples/check_record.py"
# A case or two of each family and kind.
FEW = """
    (linear and activation=softmax) or "Dropout-rate=0.3" or (normalization and BatchNorm-momentum=0.9-large)
    or (activation and SELU and not example) or (model and "input as output") or (losses and Huber and weights)
    or (metrics and TopK and weights) or (schedules and OneCycle) or (optimizers and global_norm and SGD)
    or (initializers and (Orthogonal or HeNormal or Uniform)) or (random and (start or odd))
    or (training and "layer norm" and not divided and not evaluation)
"""

CHECKS = {"forward", "gradients", "kinks", "state", "masks", "nodes", "batches", "batch of one", "initial"} | {
    *("loss", "metric", "schedule", "optimizer", "words", "training"),
}

FAMILIES = {"linear", "dropout", "normalization", "activation", "model", "losses", "metrics"} | {
    *("optimizers", "schedules", "initializers", "random", "training"),
}


class Around:
    """Another object, except for what a subclass changes."""

    def __init__(self, inner: Any, **changed: Callable[..., Any]) -> None:
        self.inner = inner
        for name, change in changed.items():
            setattr(self, name, self._changing(getattr(inner, name), change))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    @staticmethod
    def _changing(method: Callable[..., Any], change: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *given, **options: change(method(*given, **options))


class Wrong(Around):
    """A backend one of whose methods, or of its nets' or engines' methods, gives something else."""

    def __init__(self, inner: Any, owner: str, method: str, change: Callable[..., Any]) -> None:
        super().__init__(inner, **({method: change} if owner == "backend" else {}))
        self._owner, self._changed = owner, {method: change}

    def build(self, *given: Any, **options: Any) -> Any:
        return Around(self.inner.build(*given, **options), **(self._changed if self._owner == "net" else {}))

    def engine(self, net: Any, **options: Any) -> Any:
        engine = self.inner.engine(net.inner, **options)
        return Around(engine, **(self._changed if self._owner == "engine" else {}))


def recorded(directory: Path, backend: str, dtypes: tuple[Any, ...], expression: str | None) -> list[Outcome]:
    items = record.recordable(Plan((backend,), dtypes, "standard", expression).items())
    return list(record.write(directory, items, Bench()))


def checked(directory: Path, backend: str, expression: str | None = None) -> list[Outcome]:
    matches = (lambda name: True) if expression is None else parse(expression)
    return list(record.check(record.items(record.read(directory), backend, matches=matches), Bench()))


def bad(outcomes: list[Outcome]) -> str:
    return "\n".join(f"{o.id}: {o.status} {o.message}" for o in outcomes if o.status != "passed")


@pytest.fixture(scope="module")
def by_jax(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few cases of every family as JAX answers them."""
    if backends.missing_packages("jax"):
        pytest.skip("the answers are recorded by JAX")
    directory = tmp_path_factory.mktemp("records") / "jax"
    outcomes = recorded(directory, "jax", ("float64",), FEW)
    assert not bad(outcomes)
    return directory


@pytest.mark.slow  # the kept record is answered below
@pytest.mark.tensorflow
@pytest.mark.jax
def test_a_few_cases_of_each_family_agree(by_jax: Path) -> None:
    manifest = record.read(by_jax).manifest
    assert {listed.family for listed in manifest.families} >= FAMILIES and not manifest.left_out
    outcomes = checked(by_jax, "tensorflow")
    assert not bad(outcomes)
    kinds = Counter(outcome.check for outcome in outcomes)
    assert kinds.keys() >= {f"recorded {check}" for check in CHECKS}
    pages = [record.read(by_jax).page(listed) for listed in manifest.families]
    answers = [answer for page in pages for entry in page.cases for answer in entry.answers]
    compared = len(answers) + sum(answer.truth is not None for answer in answers)
    assert sum(outcome.compared for outcome in outcomes) == compared > 200


@pytest.mark.slow
@pytest.mark.jax
def test_the_backend_that_answered_agrees_with_itself(by_jax: Path) -> None:
    outcomes = checked(by_jax, "jax", "linear-recorded or losses-recorded or random-recorded")
    assert not bad(outcomes) and {outcome.family for outcome in outcomes} == {"linear", "losses", "random"}


# What is wrong, on which object, and in which of the recorded checks it must show.
SLIPS: list[tuple[str, str, Callable[..., Any], str, str]] = [
    ("net", "forward", lambda made: {n: v * (1 + 1e-11) for n, v in made.items()}, "forward", "linear and forward"),
    ("net", "nodes", lambda made: {n: v + 1e-10 for n, v in made.items()}, "nodes", "model and nodes"),
    ("net", "masks", lambda made: {n: ~v for n, v in made.items()}, "masks", "dropout and masks"),
    (
        "net",
        "gradients",
        lambda made: type(made)({n: v * (1 - 1e-10) for n, v in made.inputs.items()}, made.parameters),
        "gradients",
        "linear and gradients",
    ),
    (
        "net",
        "gradients",
        lambda made: type(made)({n: v * (1 + 1e-14) for n, v in made.inputs.items()}, made.parameters),
        "kinks",
        "activation and kinks and SELU",
    ),
    (
        "net",
        "variables",
        lambda made: {n: v * (1 + 1e-10) if n.endswith("/mean") else v for n, v in made.items()},
        "state",
        "normalization and state",
    ),
    (
        "net",
        "variables",
        lambda made: {n: np.nextafter(v, 9) if v.dtype.kind == "f" else v for n, v in made.items()},
        "initial",
        "initializers and Uniform",
    ),
    ("backend", "loss", lambda made: (made[0], made[1] * (1 + 1e-11)), "loss", "losses"),
    ("backend", "metric", lambda made: (made[0], made[1] + 1e-9), "metric", "metrics"),
    ("backend", "schedule", lambda made: np.roll(made, 1), "schedule", "schedules"),
    ("backend", "words", lambda made: made ^ np.uint32(1), "words", "random"),
    (
        "backend",
        "optimize",
        lambda made: {n: np.where(np.arange(len(v)).reshape(-1, *[1] * (v.ndim - 1)) == 99, 1.001 * v, v)
                      for n, v in made.items()},
        "optimizer",
        "optimizers",
    ),
    ("engine", "totals", lambda made: {n: (a, b + 1) for n, (a, b) in made.items()}, "training", "training"),
]  # fmt: skip


@pytest.mark.jax
@pytest.mark.parametrize(
    ("owner", "method", "change", "check", "expression"), SLIPS, ids=[f"{s[0]}.{s[1]} in {s[3]}" for s in SLIPS]
)
def test_a_wrong_backend_is_found_out(
    by_jax: Path,
    monkeypatch: pytest.MonkeyPatch,
    owner: str,
    method: str,
    change: Callable[..., Any],
    check: str,
    expression: str,
) -> None:
    wrong = Wrong(backends.backend("jax"), owner, method, change)
    monkeypatch.setattr(run, "backend", lambda name: wrong)
    outcomes = checked(by_jax, "jax", expression)
    failed = [outcome for outcome in outcomes if outcome.check == f"recorded {check}"]
    assert failed and {outcome.status for outcome in failed} == {"failed"}, bad(outcomes)
    assert all("error" in outcome.message for outcome in failed)


@pytest.mark.parametrize("name", [pytest.param("jax", marks=pytest.mark.slow), "tensorflow"])
def test_the_kept_record_is_answered(name: str) -> None:
    if backends.missing_packages(name):
        pytest.skip(f"{name} is not installed")
    outcomes = checked(KEPT, name, "not training" if name == "tensorflow" else None)
    assert not bad(outcomes) and len(outcomes) == (19 if name == "tensorflow" else 20)


@pytest.mark.jax
def test_wrong_answers_are_not_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = Wrong(backends.backend("jax"), "net", "forward", lambda made: {n: v + 1e-6 for n, v in made.items()})
    monkeypatch.setattr(run, "backend", lambda name: wrong)
    outcomes = recorded(tmp_path / "record", "jax", ("float64",), "linear and softmax and (forward or gradients)")
    assert {o.check: o.status for o in outcomes} == {"forward": "failed", "gradients": "passed"}
    found = record.read(tmp_path / "record")
    (left,) = found.manifest.left_out
    assert (left.check, left.status, left.case) == ("forward", "failed", "Dense-features=3-activation=softmax")
    assert "error" in left.message and "\n" not in left.message
    assert [item.check.name for item in record.items(found, "jax")] == ["recorded gradients"]


@pytest.mark.jax
def test_a_directory_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(FileError, match=r"is not empty and holds no record \(thesis.tex, …\): choose another"):
        recorded(tmp_path, "jax", ("float64",), "random and odd")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    with pytest.raises(FileError, match="there is a file of that name"):
        recorded(tmp_path / "thesis.tex", "jax", ("float64",), "random and odd")


@pytest.mark.jax
def test_a_recording_replaces_a_record_and_nothing_else(tmp_path: Path) -> None:
    recorded(tmp_path, "jax", ("float64",), "random and odd")
    (tmp_path / "notes.txt").write_text("kept")
    recorded(tmp_path, "jax", ("float64",), "initializers and Zeros")
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"manifest.json", "notes.txt", "initializers-float64.json", "initializers-float64.safetensors"}


@pytest.mark.jax
def test_an_interrupted_recording_is_no_record(tmp_path: Path) -> None:
    recorded(tmp_path, "jax", ("float64",), "random and odd")
    items = record.recordable(Plan(("jax",), ("float64",), "standard", "(random and odd) or HeUniform").items())
    going: Iterator[Outcome] = record.write(tmp_path, items, Bench())
    next(going)  # and then the power fails
    with pytest.raises(FileError, match="was interrupted before its end: record again"):
        record.read(tmp_path)
    assert len(recorded(tmp_path, "jax", ("float64",), "random and odd")) == 1
    assert len(checked(tmp_path, "jax")) == 1


@pytest.mark.parametrize(
    ("names", "expression", "said"),
    [
        (("jax", "tensorflow"), "random and odd", r"answers of one backend: choose jax or tensorflow \(--backend\)"),
        (("jax",), "transfer", "none of these tests can be recorded"),
    ],
)
def test_what_cannot_be_recorded(names: tuple[str, ...], expression: str, said: str) -> None:
    with pytest.raises(NNSpecError, match=said):
        record.recordable(Plan(names, ("float64",), "standard", expression).items())


def test_trajectories_in_half_precision_are_not_recorded() -> None:
    found = record.recordable(Plan(("jax",), ("bfloat16",)).items())
    assert {"forward", "schedule"} < {item.check.name for item in found}
    assert not {"optimizer", "training", "transfer", "extremes"} & {item.check.name for item in found}


@pytest.mark.slow
@pytest.mark.jax
def test_bfloat16(tmp_path: Path) -> None:
    outcomes = recorded(tmp_path, "jax", ("bfloat16",), "(linear and softmax) or (activation and kinks and hard)")
    assert not bad(outcomes)
    assert not bad(checked(tmp_path, "jax")) and len(checked(tmp_path, "jax")) == len(outcomes)


def test_a_check_by_numpy_alone(tmp_path: Path) -> None:
    """The script of the documentation, in a process that cannot import nnspec."""
    hidden = f"import sys; sys.modules['nnspec'] = None; sys.argv = {[str(SCRIPT), str(KEPT)]!r}"
    code = f"{hidden}; import runpy; runpy.run_path({str(SCRIPT)!r}, run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "10 comparisons, 0 beyond their limits\n"), done.stderr


def test_the_check_by_numpy_sees_a_wrong_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.spec_from_file_location("check_record", SCRIPT)
    assert found is not None and found.loader is not None
    script = importlib.util.module_from_spec(found)
    found.loader.exec_module(script)
    monkeypatch.setitem(script.ACTIVATIONS, "softmax", lambda x: script.softmax(x, axis=0))
    compared, wrong = script.check(KEPT)
    assert compared == 10 and 0 < wrong < compared  # layers without that activation stay right


@pytest.mark.slow
@pytest.mark.jax
@pytest.mark.tensorflow
@pytest.mark.parametrize(("one", "other"), [("jax", "tensorflow"), ("tensorflow", "jax")])
def test_everything_agrees(tmp_path: Path, one: str, other: str) -> None:
    """By the command, which replaces its processes: TensorFlow never frees what it has compiled."""
    command = [sys.executable, "-m", "nnspec.cli.main", "conformance", "--jobs", "2"]
    answers, facts = tmp_path / "answers", tmp_path / "facts.json"
    subprocess.run([*command, "--backend", one, "--record", answers], check=True)
    subprocess.run([*command, "--backend", other, "--against", answers, "--json", facts], check=True)
    found = json.loads(facts.read_text())["outcomes"]
    assert len(found) > 2000 and {outcome["status"] for outcome in found} == {"passed"}
