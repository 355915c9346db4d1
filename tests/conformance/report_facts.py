"""Facts of a run as reports get them: real tests of the suite with made-up figures, and some that do not pass."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from nnspec_conformance import casefile, suite
from nnspec_conformance.deviations import Deviation
from nnspec_conformance.facts import Facts, Place
from nnspec_conformance.outcome import Outcome
from nnspec_conformance.result import Figure
from nnspec_conformance.suite import Item

HOSTILE = """<script>document.title = 'owned'</script></script><!-- "quoted" 'too' `code` | & {{ 7 * 7 }} \\u003c"""
BAD_FIGURE = Figure("y", 3.2e-5, 4e-7, 268.0, 3e-5, 0.12, "element [3, 1]: 0.7312 instead of 0.7301")
DEVIATION = Deviation(
    "jax", "gradients", "LayerNorm", ("float64",), "upstream", "rounds <twice>", "https://example.org/17"
)
PLACES = (
    Place("jax", {"jax": "0.10.2", "flax": "0.12.8"}, ("cpu:0",)),
    Place("tensorflow", {"tensorflow": "2.21.0"}, ("cpu:0", "gpu:0"), "gpu:0"),
)


def chosen(keep: Callable[[Item], bool] = lambda item: item.family in ("normalization", "losses")) -> list[Item]:
    return [item for item in suite.items(["jax", "tensorflow"], ["float64", "float32"]) if keep(item)]


def passed(item: Item) -> Outcome:
    """An outcome that passes, with figures that are the same each time."""
    rng = np.random.default_rng(sum(item.id.encode()))
    ulp = float(rng.choice([0.0, 0.4, 1.0, 3.5, 700.0, 2e5]))
    share = float(rng.uniform(0, 0.9))
    figure = Figure(
        "y", share * 1e-6, 1e-6, ulp, 1e-7, float(ulp == 0), f"element [{sum(item.id.encode()) % 7}]: 1 instead of 2"
    )
    return Outcome(
        backend=item.backend,
        dtype=item.dtype,
        family=item.family,
        check=item.check.name,
        case=item.case.name,
        status="passed",
        classes=tuple(sorted(cls.__name__ for cls in item.case.classes)),
        figures=(figure,),
        compared=3,
        ulp=ulp,
        nearness=share,
        equal=figure.equal,
        seconds=0.25,
    )


def facts(items: list[Item] | None = None, *changed: Outcome, **options: Any) -> Facts:
    """A run of these tests in which ``changed`` came out otherwise."""
    items = chosen() if items is None else items
    by_id = {outcome.id: outcome for outcome in changed}
    made = [by_id.pop(outcome.id, outcome) for outcome in map(passed, items)]
    return Facts(
        **{
            "command": "nnspec conformance --jobs 2",
            "started": "2026-11-22T10:40:39+00:00",
            "seconds": 99.4,
            "places": PLACES,
            "outcomes": (*made, *by_id.values()),
            "compilations": {"jax": 1226, "tensorflow": 1227},
            "cases": {item.case.name: casefile.dump(item.case) for item in items},
            "selection": {"dtypes": ["float64", "float32"], "extent": "standard", "expression": None, "device": None},
            **options,
        }
    )


def outcome(case: str = "LayerNorm-large mean", **changed: Any) -> Outcome:
    """A test that failed, or what else it is changed to."""
    made = {"backend": "jax", "dtype": "float64", "family": "normalization", "check": "forward", "status": "failed"}
    return Outcome(**{**made, "case": case, **changed})


def named(items: list[Item], name: str) -> Outcome:
    """The passing outcome of the test of this id."""
    return passed(next(item for item in items if item.id == name))


def planted() -> Facts:
    """A run with each outcome there is."""
    items = chosen()

    def of(name: str, **changed: Any) -> Outcome:
        return dataclasses.replace(named(items, name), **changed)

    failed = of(
        "jax-float32-normalization-forward-LayerNorm-large mean",
        status="failed",
        figures=(BAD_FIGURE, dataclasses.replace(BAD_FIGURE, what="mean")),
        ulp=BAD_FIGURE.ulp,
        nearness=80.0,
        message=f"LayerNorm-large mean on jax in float32 fails the check 'forward':\n  {BAD_FIGURE}",
    )
    nothing: dict[str, Any] = {"figures": (), "compared": 0, "ulp": 0.0, "nearness": 0.0, "equal": 1.0}
    return facts(
        items,
        failed,
        of(
            "tensorflow-float64-losses-loss-SoftmaxCrossEntropy-soft",
            status="error",
            message=f"TypeError: {HOSTILE}",
            **nothing,
        ),
        of(
            "jax-float64-normalization-gradients-LayerNorm",
            status="deviation",
            deviation=DEVIATION,
            message=str(DEVIATION),
        ),
        of("jax-float64-normalization-state-BatchNorm", status="stale", deviation=DEVIATION, message="it passes"),
        of(
            "tensorflow-float32-losses-loss-BinaryCrossEntropy-unit",
            status="not implemented",
            message="not implemented by tensorflow: BinaryCrossEntropy",
            **nothing,
        ),
        dataclasses.replace(
            failed,
            case=HOSTILE,
            family="<b>family</b>",
            check="'check'",
            figures=(Figure(HOSTILE, float("inf"), 0.0, float("inf"), float("inf"), 0.0, HOSTILE),),
            ulp=float("inf"),
            nearness=float("nan"),
        ),
        cases={**{item.case.name: casefile.dump(item.case) for item in items}, HOSTILE: {"about": HOSTILE}},
        platform=HOSTILE,
    )
