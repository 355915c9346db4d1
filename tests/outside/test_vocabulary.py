"""A package of someone else's that is installed: its words work in files, in training and in the suite, as ours do.

The package is ``tests/outside/vocabulary``, installed into an environment of its own and found by its entry point.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from safetensors.numpy import load_file

from tests.conftest import missing
from tests.outside.environment import Environment, environment

PROJECT = Path(__file__).parent / "vocabulary"
SPEC = """\
nnspec: 1
model:
  input: [64]
  layers:
    - Dense: {features: 12, use_bias: false}
    - PowerNorm: {momentum: 0.9, scale_init: {constant: 0.7}}
    - hat
    - Dense: {features: 8, activation: {hat: {peak: 2.0}}}
    - Dense: 1
loss: {Expectile: {tau: 0.7}}
metrics: [mae]
optimizer:
  Signum: {learning_rate: {WarmupCosine: {peak: 0.01, warmup_steps: 5, decay_steps: 60}}, momentum: 0.8}
data: {sklearn: digits, standardize: true, validation_split: 0.15}
training: {epochs: 2, batch_size: 128, seed: 0}
"""
# Several command lines in one process: importing the frameworks takes longer than all else.
PROGRAM = "import json, sys; from nnspec.cli.main import run; sys.exit(max(map(run, json.loads(sys.argv[1]))))"


@pytest.fixture(scope="module")
def extras(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment in which nnspec-extras is installed."""
    return environment(tmp_path_factory.mktemp("extras"), PROJECT)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "spec.yaml").write_text(SPEC)
    return tmp_path


def skip_unless(*backends: str) -> None:
    for name in backends:
        if reason := missing(name):
            pytest.skip(reason)


def run(extras: Environment, cwd: Path, *commands: list[str], **variables: str) -> str:
    done = extras.run("-W", "error", "-c", PROGRAM, json.dumps(commands), cwd=cwd, **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_commands_that_need_no_framework(extras: Environment, place: Path) -> None:
    """In one process: the summary, the schema, and what is said of a name that is nearly one of theirs."""
    (place / "wrong.yaml").write_text(SPEC.replace("PowerNorm", "PowrNorm"))
    program = (
        "import sys; from nnspec.cli.main import run;"
        "commands = [['summary', 'spec.yaml'], ['schema', '--out', 'schema.json'], ['summary', 'wrong.yaml']];"
        "found = [run(command) for command in commands];"
        "print(found, [n for n in ('numpy', 'jax', 'tensorflow') if n in sys.modules])"
    )
    done = extras.run("-W", "error", "-c", program, cwd=place)
    assert done.stdout.splitlines()[-1:] == ["[0, 0, 2] []"], done.stdout + done.stderr
    row = next(line for line in done.stdout.splitlines() if "PowerNorm" in line)
    assert re.search(r"power_norm .*PowerNorm\(momentum=0\.9, scale_init=.*\(batch, 12\) +12 +12 ", row)
    assert "hat(peak=2.0)" in done.stdout
    assert "wrong.yaml:6: model.layers[1]: unknown layer 'PowrNorm'; did you mean 'PowerNorm'?" in done.stderr
    definitions = json.loads((place / "schema.json").read_text())["$defs"]
    for kind, name in [("layer", "PowerNorm"), ("layer", "hat"), ("loss", "Expectile"), ("optimizer", "Signum")]:
        assert name in definitions[kind]["anyOf"][-1]["properties"]


@pytest.mark.slow
def test_training_on_both_backends(extras: Environment, place: Path) -> None:
    """Trained on each, evaluated on the other from its checkpoint, and the same in float64."""
    skip_unless("jax", "tensorflow")
    names = ("jax", "tensorflow")
    train = [["train", "spec.yaml", "--backend", name, "--out", name, "--json"] for name in names]
    evaluate = [["evaluate", name, "--backend", other, "--json"] for name, other in (names, names[::-1])]
    compare = ["compare", "spec.yaml", "--dtype", "float64", "--steps", "30", "--json"]
    *_, first, second, compared = _objects(run(extras, place, *train, *evaluate, compare))
    for name, found in zip(names, (first, second), strict=True):
        history = [json.loads(line) for line in (place / name / "metrics.jsonl").read_text().splitlines()]
        assert history[-1]["loss"] < 0.7 * history[0]["loss"]
        assert min(epoch["val_loss"] for epoch in history) == pytest.approx(found["loss"], rel=1e-4)
        written = yaml.safe_load((place / name / "spec.yaml").read_text())
        assert written["optimizer"] == yaml.safe_load(SPEC)["optimizer"]
        assert json.loads((place / name / "environment.json").read_text())["versions"]["nnspec-extras"] == "1.0"
        kept = load_file(place / name / "checkpoints" / "last.safetensors")
        assert np.all(kept["power_norm/power"] != 1.0)
        assert np.any(kept["optimizer/power_norm/scale/average"] != 0.0)
    assert compared["first_difference"] is None
    assert max(compared["max_relative_difference"].values()) < 1e-11


def _objects(printed: str) -> list[Any]:
    """The JSON objects that stand one after the other in what commands printed."""
    found, rest = [], printed.strip()
    while rest:
        value, end = json.JSONDecoder().raw_decode(rest)
        found.append(value)
        rest = rest[end:].strip()
    return found


def conformance(
    extras: Environment, cwd: Path, *arguments: str, status: int = 0, **variables: str
) -> tuple[str, dict[str, Any]]:
    """What the suite prints, and its facts."""
    command = ["conformance", "--json", "facts.json", *arguments]
    done = extras.nnspec(*command, cwd=cwd, **variables)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout, json.loads((cwd / "facts.json").read_text())


@pytest.mark.slow
def test_its_cases_are_asked_by_the_suite(extras: Environment, place: Path) -> None:
    skip_unless("jax")
    printed, facts = conformance(extras, place, "--backend", "jax", "--dtype", "float64", "-k", "extras")
    outcomes = facts["outcomes"]
    assert len(outcomes) > 25
    assert {found["status"] for found in outcomes} == {"passed"}, printed
    asked = {(found["check"], found["case"].split("-")[0]) for found in outcomes}
    assert asked >= {
        *(("forward", "PowerNorm"), ("gradients", "PowerNorm"), ("state", "PowerNorm"), ("extremes", "PowerNorm")),
        *(("kinks", "Hat"), ("loss", "Expectile"), ("loss kinks", "Expectile"), ("optimizer", "Signum")),
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", ["jax", "tensorflow"])
def test_every_check_of_its_cases_passes(extras: Environment, place: Path, name: str) -> None:
    skip_unless(name)
    printed, facts = conformance(extras, place, "--backend", name, "--all", "-k", "extras")
    assert len(facts["outcomes"]) > 75
    assert {found["status"] for found in facts["outcomes"]} == {"passed"}, printed
    assert {found["dtype"] for found in facts["outcomes"]} == {"float64", "float32"}


# Mistakes in the package's realizations: file, what stands there, what stands there instead, and who is guilty.
MISTAKES = [
    ("jax", "jnp.sqrt(power + self.spec.epsilon)", "(jnp.sqrt(power) + self.spec.epsilon)", "PowerNorm"),
    ("jax", "jnp.where(e >= 0, spec.tau", "jnp.where(e <= 0, spec.tau", "Expectile"),
    ("jax", "jnp.where(x <= peak,", "jnp.where(x < peak,", "Hat"),
    ("jax", "return jax.tree.map(jnp.sign, average)", "return jax.tree.map(jnp.sign, gradients)", "Signum"),
]


@pytest.mark.parametrize(
    ("file", "right", "wrong", "guilty"),
    [
        pytest.param(*mistake, id=mistake[-1], marks=[pytest.mark.slow] if index else [])
        for index, mistake in enumerate(MISTAKES)
    ],
)
def test_mistakes_in_its_realizations_are_caught(
    extras: Environment, place: Path, file: str, right: str, wrong: str, guilty: str
) -> None:
    skip_unless("jax")
    shutil.copytree(PROJECT / "nnspec_extras", place / "nnspec_extras")
    source = place / "nnspec_extras" / f"{file}.py"
    assert source.read_text().count(right) == 1
    source.write_text(source.read_text().replace(right, wrong))
    chosen = f"extras and {guilty} and not transfer"
    _, facts = conformance(
        extras, place, *("--backend", "jax", "--quick", "-k", chosen), status=1, PYTHONPATH=str(place)
    )
    assert any(found["status"] == "failed" and guilty in found["case"] for found in facts["outcomes"])


def test_nothing_of_it_is_unproven(extras: Environment, place: Path) -> None:
    """The question that its author asks in tests: has each class a case, and does each field change in one."""
    program = "from nnspec_conformance.outside import forgotten; print(forgotten())"
    done = extras.run("-c", program, cwd=place)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


@pytest.mark.slow
def test_a_backend_that_it_does_not_realize_is_told(extras: Environment, place: Path) -> None:
    """Training refuses, naming the node and the package; the suite counts its cases as not implemented."""
    skip_unless("jax")
    shutil.copytree(PROJECT / "nnspec_extras", place / "nnspec_extras")
    source = place / "nnspec_extras" / "vocabulary.py"
    source.write_text(source.read_text().replace('"jax": ("nnspec_extras.jax",), ', ""))
    done = extras.nnspec("train", "spec.yaml", "--backend", "jax", "--out", "run", cwd=place, PYTHONPATH=str(place))
    assert done.returncode == 2, done.stdout + done.stderr
    assert re.fullmatch(
        r"error: power_norm: the jax backend has no realization of PowerNorm; nnspec-extras 1\.0 \(entry point "
        r"extras = nnspec_extras\.vocabulary:VOCABULARY\) brings PowerNorm, and nothing that realizes it there",
        done.stderr.strip(),
    )
    assert not (place / "run").exists()
    _, facts = conformance(extras, place, "--backend", "jax", "--quick", "-k", "extras", PYTHONPATH=str(place))
    assert {found["status"] for found in facts["outcomes"]} == {"not implemented"}


def test_a_suite_that_cannot_ask_everything_asks_nothing(extras: Environment, place: Path) -> None:
    shutil.copytree(PROJECT / "nnspec_extras", place / "nnspec_extras")
    (place / "nnspec_extras" / "cases.py").write_text("import not_there_at_all\n")
    done = extras.nnspec("conformance", "--quick", "-k", "Dense", "--list", cwd=place, PYTHONPATH=str(place))
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.strip() == (
        "error: the cases nnspec_extras.cases of nnspec-extras 1.0 (entry point extras = "
        "nnspec_extras.vocabulary:VOCABULARY) cannot be imported: ModuleNotFoundError: No module named "
        "'not_there_at_all'"
    )
