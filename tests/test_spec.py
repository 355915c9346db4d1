"""Specs: strict, frozen, and the same after writing and reading."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

import nnspec as nn
from nnspec import document, vocabulary
from nnspec.errors import SpecError
from nnspec.spec import dump, parse
from tests.strategies import of_kind

_EVERY = [
    (kind, tag)
    for kind in vocabulary.KINDS
    for tag in vocabulary.tags(kind)
    if vocabulary.find(kind, tag) is not nn.Model
]
# Fields that exclude each other, which no schema says; any other refusal is a mistake of the schema or of the reader.
EXCLUDING = (
    *("is above", "is not below", "boundaries", "includes the warm-up", "goes outside", "cannot hold another"),
    *("one for each axis of the window", "causal padding is for one axis", "cannot be cut into"),
    *("has no meaning in mode", "not both", "takes mean and var together", "each once", "is for the method"),
    *("is for other methods", "expected more than the lower bound", "steps of some length"),
    *("there is no mask: set mask", "give one of them", "the largest output decides", "cannot stand within"),
    *("cannot divide", "number of buckets", "two buckets", "expected a step from", "expected an equation"),
    *("masked steps keep the state", "draws at random", "expected RotaryPositions", "the layer has one input"),
    *("name the layer around it", "a distance beyond", "plateaus act on", "layers of its own"),
    *("nothing of scores is dropped", "the lowest value before the highest", "stands in the vocabulary twice"),
    *("expected a TokenMasking", "expected less than the", "expected a range within", "is for the mode constant"),
    *("nothing is decided together", "expected odd numbers", "the smaller number first", "nothing is left of an image"),
    *("samples of a frame", "expected ids below num_embeddings", "the lower end first", "that mask_fraction leaves"),
    *("one for each sample of a frame", "stands in the vocabulary, too", "a salt belongs to"),
    *("which has no losses", "nothing to minimize", "weights for the losses of", "give a list of", "is listed twice"),
    *("of the program:",),
)


@pytest.mark.parametrize(("kind", "tag"), _EVERY)
@settings(max_examples=15)
@given(data=st.data())
def test_written_and_read_again(kind: str, tag: str, data: st.DataObject) -> None:
    """What the schema accepts is read; what is written is short, plain, and reads back equal from YAML and JSON."""
    written = data.draw(of_kind(kind, tag))
    try:
        spec = parse(kind, written)
    except SpecError as error:
        if any(words in str(error) for words in EXCLUDING):
            return
        raise
    short = dump(spec)
    assert parse(kind, short) == spec
    assert dump(parse(kind, short)) == short
    for source in ("spec.yaml", "spec.json"):
        assert parse(kind, document.loads(document.dumps(short, source), source).data) == spec
    assert hash(spec) == hash(parse(kind, short))


@pytest.mark.parametrize(
    ("spec", "short"),
    [
        (nn.GELU(), "gelu"),
        (nn.GELU(approximate=True), {"gelu": {"approximate": True}}),
        (nn.Dense(10), {"Dense": 10}),
        (nn.Dense(10, "gelu"), {"Dense": {"features": 10, "activation": "gelu"}}),
        (nn.Dense(10, name="out"), {"Dense": {"features": 10, "name": "out"}}),
        (nn.Dropout(0.3), {"Dropout": 0.3}),
        (nn.Huber(2.0), {"Huber": {"delta": 2.0}}),
        (nn.Reshape((2, -1)), {"Reshape": [2, -1]}),
        (nn.SGD(nn.ConstantSchedule(0.1)), {"SGD": {"learning_rate": {"ConstantSchedule": 0.1}}}),
        (nn.PReLU(), "PReLU"),
        (nn.PReLU(slope_init=nn.Zeros()), {"PReLU": {"slope_init": "zeros"}}),
    ],
)
def test_short_forms(spec: Any, short: Any) -> None:
    assert dump(spec) == short
    assert parse(spec.kind, short) == spec
    assert json.loads(json.dumps(short)) == short


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Dense(True), "features: expected an integer, got True"),
        (lambda: nn.Dense("512"), "features: expected an integer, got '512'"),
        (lambda: nn.Dense(0), "features: input should be greater than 0, got 0"),
        (lambda: nn.Dense(5.0), "features: expected an integer, got 5.0"),
        (lambda: nn.Dense(), "Dense needs the field 'features'"),
        (lambda: nn.Dense(5, units=3), r"Dense has no field 'units' \(fields: .*features"),
        (lambda: nn.Dense(5, kernel_initializer="zeros"), "did you mean 'kernel_init'"),
        (lambda: nn.Dense(5, use_bias="yes"), "use_bias: expected true or false, got 'yes'.*YAML 1.2"),
        (lambda: nn.Dense(5, use_bias=1), "use_bias: expected true or false, got 1"),
        (lambda: nn.Dense(5, "rleu"), "activation: unknown activation 'rleu'; did you mean 'relu'"),
        (lambda: nn.Dense(5, kernel_init={"normal": {"stddev": -1.0}}), "kernel_init.normal.stddev: .* got -1.0"),
        (
            lambda: nn.Dense(5, kernel_init={"normal": 1, "zeros": 2}),
            "one name with its fields, got a mapping of normal",
        ),
        (lambda: nn.Dense(5, kernel_init=3), "kernel_init: expected an initializer, got 3"),
        (lambda: nn.Dropout(1.0), "rate: input should be less than 1, got 1.0"),
        (lambda: nn.Dropout(float("nan")), "rate: expected a finite number, got nan"),
        (lambda: nn.Adam(float("inf")), "learning_rate: expected a learning rate >= 0 or a schedule, got inf"),
        (lambda: nn.Adam(True), "learning_rate: expected a learning rate >= 0 or a schedule, got True"),
        (lambda: nn.Adam("fast"), "learning_rate: unknown schedule 'fast'"),
        (lambda: nn.Reshape((2, "a")), r"shape\[1\]: expected an integer, got 'a'"),
        (lambda: nn.Piecewise((3, 2), (1.0, 0.5, 0.1)), r"boundaries: boundaries must increase, got \[3, 2\]"),
        (lambda: nn.WarmupCosine(1.0, 10, 5), "decay_steps: decay_steps includes the warm-up: 5 must be above"),
        (lambda: nn.Uniform(1.0, -1.0), "minimum: minimum 1.0 is above maximum -1.0"),
        (lambda: nn.Clip(), "give one of global_norm, norm and value, got 0"),
        (lambda: nn.Clip(1.0, 2.0), "give one of global_norm, norm and value, got 2"),
        (lambda: nn.Input((0,)), r"shape\[0\]: sizes are positive or null, got 0"),
        (lambda: nn.HardSigmoid("keras3"), "convention: input should be 'relu6' or 'keras2', got 'keras3'"),
        (lambda: nn.GELU(1, 2, 3), "GELU takes 1 positional value"),
    ],
)
def test_errors_name_the_place_and_what_is_right(make: Any, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        make()


def test_specs_are_frozen() -> None:
    layer = nn.Dense(3)
    with pytest.raises(dataclasses.FrozenInstanceError):
        layer.features = 4  # type: ignore[misc]
    assert dataclasses.replace(layer, features=4) == nn.Dense(4)
    with pytest.raises(SpecError, match="features"):
        dataclasses.replace(layer, features="4")
