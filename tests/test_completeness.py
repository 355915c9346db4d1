"""Nothing of the vocabulary is forgotten: every class has a meaning, realizations, a case and a source."""

from __future__ import annotations

import re
from typing import Any

import pytest

from nnspec import backends, vocabulary
from nnspec.losses import Losses
from nnspec.model import Model
from nnspec_conformance import selection, suite

# Modules and functions that the reference registers classes with, by kind.
REFERENCES: dict[str, tuple[str, ...]] = {
    "layer": ("nnspec.reference.base", "apply"),
    "activation": ("nnspec.reference.base", "apply"),
    "operation": ("nnspec.reference.base", "apply"),
    "initializer": ("nnspec.reference.initializers", "draw"),
    "loss": ("nnspec.reference.losses", "loss"),
    "metric": ("nnspec.reference.metrics", "metric", "sums"),
    "mixing": ("nnspec.reference.mixing", "mix"),
    "optimizer": ("nnspec.reference.optimizers", "advance"),
    "schedule": ("nnspec.reference.schedules", "rate"),
}
# A formula, or the rule in words where there is no formula.
MEANING = re.compile(
    r"[=~←]|Σ|row-major|Share of|matrix|U\(|graph|joined|projection|normal of variance|max\(|[Mm]ean of"
)

# What the trainer reads between epochs, and no realization: tests/training has it.
OF_THE_TRAINER = {"factor", "patience", "min_delta", "threshold", "cooldown", "monitor"}


def classes(*kinds: str) -> list[Any]:
    found = [(kind, name) for kind in (kinds or vocabulary.KINDS) for name in vocabulary.class_names(kind)]
    return [pytest.param(kind, vocabulary.load(name), id=f"{kind}-{name}") for kind, name in found]


def test_every_kind_is_known_here() -> None:
    assert set(REFERENCES) == set(vocabulary.KINDS)


@pytest.mark.parametrize(("kind", "cls"), classes())
def test_every_class_has_a_reference(kind: str, cls: type[Any]) -> None:
    import importlib

    if cls in (Model, Losses):
        return  # run by nnspec.reference.model, node by node, and by nnspec.reference.objective, loss by loss
    module, *names = REFERENCES[kind]
    importlib.import_module("nnspec.reference.model")  # it imports the families, which register their layers
    functions = [getattr(importlib.import_module(module), name) for name in names]
    assert any(function.dispatch(cls) is not function.dispatch(object) for function in functions), (
        f"the reference has no realization of {cls.__name__}"
    )


@pytest.mark.parametrize("name", backends.registered())
def test_every_class_is_realized(name: str) -> None:
    if backends.missing_packages(name):
        pytest.skip(f"{name} is not installed")
    backend = backends.backend(name)
    lacking = [each for each in vocabulary.class_names() if backend.lacks(vocabulary.load(each))]
    assert not lacking, f"{name} has no realization of {', '.join(lacking)}"


def test_every_class_has_a_conformance_case() -> None:
    covered = suite.covered()
    forgotten = [name for name in vocabulary.class_names() if vocabulary.load(name) not in covered]
    assert not forgotten, f"no conformance case has {', '.join(forgotten)}"


def test_every_option_is_used_in_a_conformance_case() -> None:
    """Each field of each class stands in some case with a value that is not its default."""
    unused = sorted(suite.unused_options() - {f"ReduceOnPlateau.{name}" for name in OF_THE_TRAINER})
    assert not unused, f"no conformance case changes {', '.join(unused)}"


def test_every_class_of_cases_is_asked_in_float32_every_day() -> None:
    """By default pytest leaves most of float32 to the slow set, and of no class all of it; of float64 what is compiled
    once more for it, or asked of each backend by turns."""
    found = suite.items(["jax", "tensorflow"], ["float64", "float32"])
    everyday = selection.everyday(suite.CHECKS, found)
    waiting = {(item.dtype, item.check.name) for item in found if item.id not in everyday}
    by_turns = {
        *("forward", "gradients", "masks", "nodes", "loss", "optimizer"),
        *("kinks", "loss kinks", "metric", "divided", "evaluation"),
    }
    assert {check for dtype, check in waiting if dtype == "float64"} == by_turns | {
        *("NaN", "agreement", "batch of one", "batches", "training", "transfer"),
    }
    somewhere = {(item.dtype, item.check.name, item.case.name) for item in found if item.id in everyday}
    every = {("float64", item.check.name, item.case.name) for item in found if item.check.name in by_turns}
    missing = every - somewhere
    assert {check for _, check, _ in missing} == {"gradients"}  # of which half the cases wait
    assert len(missing) < 0.5 * len({key for key in every if key[1] == "gradients"})
    lower = [item for item in found if item.dtype == "float32" and hasattr(item.case, "spec")]
    asked = {type(item.case.spec) for item in lower}
    left = {type(item.case.spec) for item in lower if item.id in everyday}
    assert not asked - left
    assert len(everyday) < 0.65 * len(found)


@pytest.mark.parametrize(("kind", "cls"), classes())
def test_every_class_says_what_it_means(kind: str, cls: type[Any]) -> None:
    text = cls.__doc__ or ""
    assert not text.startswith(f"{cls.__name__}("), f"{cls.__name__} has no docstring of its own"
    assert MEANING.search(text) or "Source:" in text, f"the docstring of {cls.__name__} has neither formula nor source"


def test_case_files_are_named_as_the_spec() -> None:
    """Who knows where a class is in the spec knows where its cases are."""
    for module in (m for m in suite.FAMILIES if suite.family(m) not in ("model", "training", "random")):
        for case in module.CASES:
            home = suite.home(type(case.spec))
            assert home == suite.family(module), f"{case.name} belongs into {home}"
