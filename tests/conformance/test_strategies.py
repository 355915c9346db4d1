"""The strategies draw valid cases of every class, and the reference decides which of them it can judge."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pytest

pytest.importorskip("hypothesis", reason="drawing cases needs Hypothesis")

from hypothesis import find, given, settings, strategies as st
from pydantic import Field

from nnspec import document
from nnspec.elementwise import Ceil, Floor, Round, Sign, Trunc
from nnspec.layers.activation import ReLU, Standardize
from nnspec.layers.augmentation import Augmentation
from nnspec.layers.linear import Dense
from nnspec.model import Model
from nnspec.ops import Divide
from nnspec.reference.initializers import draw as drawn
from nnspec.spec import AnyActivation, PositiveFloat, Spec, dump, parse, spec
from nnspec_conformance import casefile, soundness, strategies, suite
from nnspec_conformance.case import Case
from nnspec_conformance.losses import LossCase
from nnspec_conformance.strategies import activation, fields, layers, model, operations

KINDS = ("layer", "initializer", "loss", "metric", "optimizer", "schedule")
CLASSES = [cls for kind in KINDS for cls in fields.classes(kind)]


@settings(max_examples=60)
@given(strategies.cases())
def test_every_case_is_valid_and_survives_a_file(case: Any) -> None:
    data = casefile.dump(case)
    again = casefile.parse(document.loads(document.dumps(data)).data)
    assert casefile.dump(again) == data
    assert again.name == case.name
    assert "fuzz" in case.name
    if isinstance(case, Case):
        assert case.model == again.model
        for name, param in case.params.items():
            assert drawn(param.init, param.shape, 3, name).shape == param.shape
        point = case.point("float32")
        assert all(np.isfinite(np.asarray(value, np.float64)).all() for value in point.inputs.values())


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_class_has_a_strategy(cls: type[Any]) -> None:
    made: list[Spec] = []
    shape = (None, 3, 4)
    strategy = fields.hinted(cls)
    if cls in fields.classes("layer"):
        others = {
            "Matmul": (None, 4, 4),
            "Squeeze": (None, 3, 1),
            "ConvLSTM": (None, 3, 4, 2),
            "CenterCrop": (None, 3, 4, 2),
            "BroadcastTo": (None, 1, 4),
            **dict.fromkeys(layers.SPREADING, (None, 3, 4, 3)),
            "MelSpectrogram": (None, 8),
        }
        shape = others.get(cls.__name__, (None, 3, 4, 3) if issubclass(cls, Augmentation) else shape)
        shapes = [shape] * (1 if cls in operations.COMPARISONS else cls.arity or 2)
        if cls.__name__.startswith("Segment"):  # an id for each element
            shapes[1] = shape[:2]
        if cls.__name__ == "UpdateSlice":  # a place for each example
            shapes[2] = shape[:1]
        strategy = layers.layers(cls, *shapes, dtype=layers.dtypes(cls)[0])

    @settings(max_examples=15)
    @given(strategy)
    def draw(value: Any) -> None:
        assert type(value) is cls
        assert parse(cls.kind, dump(value)) == value
        made.append(value)

    draw()
    options = [f for f in dataclasses.fields(cls) if f.init and f.name != "name"]
    assert len({repr(value) for value in made}) > 1 or not options


def test_a_class_that_no_one_has_heard_of_has_one_too() -> None:
    @spec
    class Snake(Spec):
        kind: ClassVar[str] = "activation"
        frequency: PositiveFloat
        mode: Literal["plain", "shifted"] = "plain"
        order: Annotated[int, Field(ge=2, le=4)] = 3
        inner: AnyActivation = None
        weights: tuple[float, ...] = (1.0,)
        on: bool = True

    seen: list[Any] = []

    @settings(max_examples=60)
    @given(fields.specs(Snake))
    def draw(value: Any) -> None:
        assert value.frequency > 0 and 2 <= value.order <= 4
        seen.append(value)

    draw()
    assert {value.mode for value in seen} == {"plain", "shifted"}
    assert {value.on for value in seen} == {True, False}
    assert {value.order for value in seen} == {2, 3, 4}
    assert any(value.inner is not None for value in seen)


def test_slopes_at_kinks_are_those_of_the_listed_cases() -> None:
    compared = 0
    for _, case in suite.cases():
        if isinstance(case, Case) and case.elementwise and type(case.spec).__module__.startswith("nnspec."):
            assert set(activation.known(case.spec)["slopes"]) == set(case.slopes), case.name
            compared += bool(case.slopes)
    assert compared > 20


def test_models_branch_share_and_nest() -> None:
    """Each kind of graph is drawn."""
    seen: set[str] = set()

    @settings(max_examples=150)
    @given(model.models())
    def draw(drawn: Model) -> None:
        kinds = {
            "shares": any(node.shares for node in drawn.nodes),
            "nests": any(isinstance(node.layer, Model) for node in drawn.nodes),
            "joins": any(len(node.inputs) > 1 for node in drawn.nodes),
            "branches": len({name for node in drawn.nodes for name in node.inputs}) < len(drawn.nodes),
            "outputs": len(drawn.outputs) > 1,
            "inputs": len(drawn.inputs) > 1,
        }
        seen.update(kind for kind, found in kinds.items() if found)

    draw()
    assert seen == {"shares", "nests", "joins", "branches", "outputs", "inputs"}


def test_models_shrink_to_what_matters() -> None:
    chosen = settings(max_examples=300, deadline=None, database=None)
    smallest = find(model.models(), lambda drawn: bool(drawn.params()), settings=chosen)
    assert len(smallest.nodes) <= 2


def test_what_the_reference_cannot_judge_is_set_aside() -> None:
    assert soundness.prepared(Case(Dense(3), (4,))) is not None
    # The mean of equal numbers is off by a rounding, which such an epsilon makes large.
    assert soundness.prepared(Case(Standardize(epsilon=1e-300), (3,), offset=1e15, scale=1e-9)) is None
    assert not soundness.sound(Case(Divide(), ((4,), (4,)), offset=0.0, scale=0.0))


def test_kinks_within_reach_are_noticed() -> None:
    at_kink = Case(ReLU(), (24, 24))
    assert soundness.sound(at_kink) and not soundness.smooth(at_kink)
    assert soundness.smooth(Case(ReLU(), (24, 24), slopes=((0.0, 0.0),)))
    flat = Case(parse("layer", "selu"), (3,), offset=-20.0)  # slopes of 1e-9 drown in the rounding of −1.76
    assert soundness.sound(flat) and not soundness.smooth(flat)
    near = LossCase(parse("loss", "MeanAbsoluteError"), (5,), "values", scale=1e-3)
    assert not soundness.smooth(near)


def _bent(case: Case) -> bool:
    """Whether a case has kinks between slopes: steps have the slope 0 everywhere, of which differences say nothing."""
    return bool(case.slopes) and not isinstance(case.spec, Ceil | Floor | Round | Sign | Trunc)


@settings(max_examples=20)
@given(st.sampled_from([case for _, case in suite.cases() if isinstance(case, Case) and _bent(case)]))
def test_listed_cases_keep_their_distance_from_kinks(case: Case) -> None:
    assert soundness.sound(case)
    assert soundness.smooth(case)
