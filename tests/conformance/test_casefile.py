"""Case files: every listed case survives its way through a file, bit for bit; nonsense is refused with its place."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnspec.errors import FileError, SpecError
from nnspec.layers.linear import Dense
from nnspec_conformance import casefile, suite
from nnspec_conformance.case import Case
from nnspec_conformance.example import Example
from nnspec_conformance.initializers import InitializerCase
from nnspec_conformance.losses import LossCase
from nnspec_conformance.metrics import MetricCase
from nnspec_conformance.optimizers import OptimizerCase
from nnspec_conformance.schedules import ScheduleCase
from nnspec_conformance.training import TrainingCase

LISTED = list({id(case): case for _, case in suite.cases()}.values())


def points(case: Any) -> list[Any]:
    """All numbers that a case is evaluated on."""
    match case:
        case Case() | Example():
            point = case.point("float32")
            expected = case.expected_gradients() if isinstance(case, Example) else {}
            return [*point.inputs.items(), *point.variables.items(), *point.cotangents.items(), *expected.items()]
        case LossCase() | MetricCase() | OptimizerCase():
            drawn = case.draw("float32")
            return [*drawn] if not isinstance(drawn[0], dict) else [list(part.items()) for part in drawn]
        case ScheduleCase():
            return [case.steps]
        case InitializerCase():
            return [case.seed, *points(case.case)]
        case TrainingCase():
            return [*case.data("train", "float32").items(), *case.slots("float32").items(), case.order(), case.decayed]
    return list(dataclasses.asdict(case).values())


@pytest.mark.parametrize("suffix", [pytest.param("yaml", marks=pytest.mark.slow), "json"])
def test_every_listed_case_survives_a_file(tmp_path: Path, suffix: str) -> None:
    assert {casefile.kind_of(case) for case in LISTED} == set(casefile.KINDS)
    for case in LISTED:
        path = tmp_path / f"case.{suffix}"
        casefile.write(path, case, check="forward", found=3)
        held = casefile.read(path)
        assert held.about == {"check": "forward", "found": 3}
        assert type(held.case) is type(case)
        assert held.case.name == case.name
        assert held.case.classes == case.classes
        assert casefile.dump(held.case) == casefile.dump(case)
        np.testing.assert_equal(points(held.case), points(case), err_msg=case.name)


def test_every_field_survives() -> None:
    case = Case(
        Dense(2),
        ((3,),),
        id="a: b",
        offset=-1.5,
        scale=0.1,
        dtype="float",
        slopes=((0.5, -0.0),),
        kinks=(1.0,),
        levels=(1 / 3, 2.0, -1e-300),
        apart=True,
        nonzero=True,
        extremes=True,
        ceiling=5.0,
    )
    got = casefile.parse(json.loads(json.dumps(casefile.dump(case))))
    for field in dataclasses.fields(Case):
        if field.name != "_":
            assert repr(getattr(got, field.name)) == repr(getattr(case, field.name))


def test_numbers_that_files_lack() -> None:
    case = Example(Dense(1), (((np.inf, -np.inf, np.nan),),), id="not finite")
    assert casefile.dump(case)["inputs"] == [[["inf", "-inf", "nan"]]]
    np.testing.assert_equal(casefile.parse(casefile.dump(case)).inputs, case.inputs)


GOOD: dict[str, Any] = {"nnspec_case": 1, "kind": "layer", "spec": {"Dense": 3}, "shape": [4]}
WRONG: dict[str, tuple[Any, str]] = {
    "a list": ([1], "no case file"),
    "a spec file": ({"nnspec": 1}, "no case file"),
    "newer": ({**GOOD, "nnspec_case": 2}, "upgrade nnspec"),
    "version": ({**GOOD, "nnspec_case": "one"}, "nnspec_case: the format version is a number"),
    "kind": ({**GOOD, "kind": "layr"}, "kind: unknown kind of case 'layr'; did you mean 'layer'"),
    "kind that is a list": ({**GOOD, "kind": ["layer"]}, "unknown kind of case"),
    "field": ({**GOOD, "shapes": [4]}, "no field 'shapes'; did you mean 'shape'"),
    "private field": ({**GOOD, "__class__": 1}, "no field '__class__'"),
    "no spec": ({"nnspec_case": 1, "kind": "layer"}, "needs the field 'spec'"),
    "class": ({**GOOD, "spec": {"os.system": "true"}}, "spec: unknown layer 'os.system'"),
    "option": ({**GOOD, "spec": {"Dense": {"features": 0}}}, "spec.Dense.features"),
    "kind of spec": ({**GOOD, "spec": "SGD"}, "spec: unknown layer 'SGD'"),
    "shape": ({**GOOD, "shape": "4"}, "shape: expected a list, got '4'"),
    "negative shape": ({**GOOD, "shape": [-4]}, "cannot be drawn|size"),
    "text for a number": ({**GOOD, "offset": "__import__('os')"}, "offset: expected a number"),
    "boolean for a number": ({**GOOD, "scale": True}, "scale: expected a number"),
    "dtype": ({**GOOD, "dtype": "object"}, "dtype: expected one of 'float', 'int32', 'bool'"),
    "pairs": ({**GOOD, "slopes": [[1.0]]}, r"slopes\[0\]: expected 2 values, got 1"),
    "levels": ({**GOOD, "levels": [1.0, 2.0]}, "cannot be drawn"),
    "memory": ({**GOOD, "shape": [10**12]}, "and 20,000,000 are the most"),
    "memory of variables": ({**GOOD, "spec": {"Dense": 10**12}}, "and 20,000,000 are the most"),
    "about": ({**GOOD, "about": "me"}, "about: expected a mapping"),
    "updates": ({"nnspec_case": 1, "kind": "training", "name": "x", "model": {"Sequential": {"input": [3], "layers": [{"Dense": 2}]}}, "loss": "MeanSquaredError", "optimizer": "SGD", "updates": 10**9}, "updates: expected 1 to"),  # noqa: E501
    "words": ({"nnspec_case": 1, "kind": "words", "name": "x", "count": 10**12}, "count: expected a whole number"),
    "mark": ({"nnspec_case": 1, "kind": "schedule", "spec": {"LinearDecay": {"initial": 1.0, "decay_steps": 2}}, "marks": [10**30]}, "cannot be drawn"),  # noqa: E501
    "clip": ({"nnspec_case": 1, "kind": "optimizer", "spec": "SGD", "clip": {"norm": 1.0, "value": 1.0}}, "clip: give one"),  # noqa: E501
    "metric": ({"nnspec_case": 1, "kind": "metric", "spec": "mse", "shape": [3], "targets": "idz"}, "targets: expected one of"),  # noqa: E501
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_nonsense_is_refused_with_its_place(what: str) -> None:
    data, reason = WRONG[what]
    with pytest.raises(SpecError, match=reason):
        casefile.parse(data)


def test_a_file_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "case.yaml"
    path.write_text("nnspec_case: 1\nkind: layer\nspec:\n  Dense:\n    features: -1\nshape: [4]\n")
    with pytest.raises(SpecError, match=r"case\.yaml:5: spec\.Dense\.features"):
        casefile.read(path)
    path.write_text("nnspec_case: 1\nkind: layer\nspec: !!python/object:os.system {}\n")
    with pytest.raises(SpecError, match=r"case\.yaml:3: tags make objects"):
        casefile.read(path)
    with pytest.raises(FileError, match="there is no file"):
        casefile.read(tmp_path / "none.yaml")


def test_what_is_no_case_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="a Dense cannot be written to a case file"):
        casefile.write(tmp_path / "case.yaml", Dense(3))
    assert not list(tmp_path.iterdir())
