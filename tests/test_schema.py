"""The JSON Schema says of spec files what the reader says."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from jsonschema import Draft202012Validator

import nnspec as nn
from nnspec import document, vocabulary
from nnspec.experiment import Experiment
from nnspec.schema import schema
from nnspec.spec import dump, parse
from tests.strategies import of_kind

SCHEMA = schema()
VALIDATOR = Draft202012Validator(SCHEMA)
EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.yaml"))

BASE: dict[str, Any] = {
    "nnspec": 1,
    "model": {"input": [4], "layers": [{"Dense": 3}, "relu", {"Dense": {"features": 3, "use_bias": False}}]},
    "loss": "SoftmaxCrossEntropy",
}


@cache
def of(kind: str) -> Draft202012Validator:
    """A validator of what stands where a ``kind`` is expected."""
    return Draft202012Validator({"$ref": f"#/$defs/{kind}", "$defs": SCHEMA["$defs"]})


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA == schema()


def test_examples_are_valid() -> None:
    assert EXAMPLES
    for path in EXAMPLES:
        assert not list(VALIDATOR.iter_errors(document.read(path).data)), path


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"optimizer": "Adam"},
        {"optimizer": {"Adam": None}},
        {"optimizer": {"Adam": {}}},
        {"optimizer": {"SGD": 0.1}},
        {"optimizer": {"SGD": {"learning_rate": {"CosineDecay": {"initial": 1, "decay_steps": 5}}}}},
        {"metrics": "accuracy"},
        {"metrics": ["accuracy", {"top_k_accuracy": 2}]},
        {"metrics": {"top_k_accuracy": {"k": 2}}},
        {"loss": {"Losses": {"losses": {"dense_1": ["Huber", {"LogCosh": None}]}, "weights": {"dense_1": [1, 0.5]}}}},
        {
            "loss": {"Losses": {"losses": {"dense_1": "SoftmaxCrossEntropy"}}},
            "metrics": {"dense_1": ["accuracy", {"top_k_accuracy": 2}]},
            "data": {"npz": "a.npz", "target": {"dense_1": "y"}, "weights": {"dense_1": "w"}, "one_hot": ["dense_1"]},
        },
        {"clip": {"value": 1}},
        {"clip": 1.0},
        {"clip": None},
        {"training": {"early_stopping": 3}},
        {"training": {"early_stopping": {"patience": 3}, "seed": 2**64 - 1}},
        {"data": {"npz": "a.npz", "inputs": {"input": "x"}}},
        {"data": {"csv": "a.csv", "target": ["a", "b"], "inputs": ["x"]}},
        {"model": ["relu", {"Dense": 3}]},
        {"model": "lenet"},
        {"model": {"mlp": [8, 3]}},
        {"model": {"resnet": {"depth": 20, "stem": "cifar", "kernel_init": {"normal": 0.1}}, "name": "trunk"}},
        {"model": {"layers": [{"Sequential": {"mlp": {"features": [8, 3], "norm": "BatchNorm"}}}, "relu"]}},
        {
            "model": {
                "layers": [{"Sequential": ["relu"]}, {"Model": {"input": [None], "layers": ["relu"]}}, {"Dense": 3}]
            }
        },
        {
            "model": {
                "inputs": {"x": [4], "y": {"shape": [2], "dtype": "int32"}, "z": None},
                "nodes": {"a": {"layer": "add", "inputs": ["x", "z"]}, "b": {"layer": {"Dense": 3}, "input": "a"}},
                "outputs": "b",
            }
        },
    ],
)
def test_accepted_by_both(changes: dict[str, Any]) -> None:
    written = {**BASE, **changes}
    assert not list(VALIDATOR.iter_errors(written))
    Experiment.from_file(written)


@pytest.mark.parametrize(
    "changes",
    [
        {"loss": None},
        {"loss": "SoftmaxCrossEntropie"},
        {"loss": ["SoftmaxCrossEntropy"]},
        {"loss": {"Huber": 1, "MeanSquaredError": None}},
        {"loss": {}},
        {"loss": "Losses"},
        {"loss": {"Losses": {"losses": {"dense_1": []}}}},
        {"loss": {"Losses": {"losses": {"dense_1": "Huber"}, "weights": {"dense_1": -1}}}},
        {"los": "Huber"},
        {"model": "relu"},
        {"model": {}},
        {"model": "mlp"},
        {"model": {"mlp": None}},
        {"model": {"resnets": 20}},
        {"model": {"resnet": {"dept": 20}}},
        {"model": {"resnet": {"version": 3}}},
        {"model": {"lenet": None, "mlp": [3]}},
        {"model": {"lenet": None, "layers": ["relu"]}},
        {"model": {"layers": []}},
        {"model": {"layers": [{"Dense": None}]}},
        {"model": {"layers": ["Dense"]}},
        {"model": {"layers": [{"Dense": "3"}]}},
        {"model": {"layers": [{"Dense": {"units": 3}}]}},
        {"model": {"layers": [{"Dense": {"features": 0}}]}},
        {"model": {"layers": [{"Dense": {"features": 3, "name": "a b"}}]}},
        {"model": {"layers": [{"Dense": {"features": 3, "activation": "Dense"}}]}},
        {"model": {"layers": [{"Dropout": 1}]}},
        {"model": {"layers": ["relu"], "input": [0]}},
        {"model": {"layers": ["relu"], "input": "wide"}},
        {"model": {"inputs": {"x": [3]}, "nodes": {"a": {"inputs": "x"}}, "outputs": "a"}},
        {"model": {"inputs": {"x": [3]}, "nodes": {"a b": {"layer": "relu", "inputs": "x"}}, "outputs": "a b"}},
        {"optimizer": {"SGD": -1}},
        {"optimizer": {"SGD": {"CosineDecay": {"initial": 1, "decay_steps": 5}}}},
        {"optimizer": {"SGD": {"learning_rate": {"CosineDecay": 1}}}},
        {"optimizer": "accuracy"},
        {"metrics": [3]},
        {"clip": {"global": 1}},
        {"clip": {"global_norm": 0}},
        {"data": {"sklearn": "mnist"}},
        {"data": {"sklearn": "iris", "validation_split": 1}},
        {"training": {"epochs": 0}},
        {"training": {"epochs": 1.5}},
        {"training": {"seed": 2**64}},
        {"training": {"dtype": "float31"}},
        {"training": {"shuffle": "no"}},
        {"training": None},
        {"training": {"early_stopping": {"min_delta": 1}}},
    ],
)
def test_refused_by_both(changes: dict[str, Any]) -> None:
    written = {**BASE, **changes}
    assert list(VALIDATOR.iter_errors(written))
    with pytest.raises(nn.SpecError):
        Experiment.from_file(written)


@pytest.mark.parametrize("missing", ["nnspec", "model", "loss"])
def test_what_must_be_there(missing: str) -> None:
    written = {**BASE, "metrics": ["accuracy"]}
    del written[missing]
    assert list(VALIDATOR.iter_errors(written))


def test_a_model_alone() -> None:
    assert not list(VALIDATOR.iter_errors({"nnspec": 1, "model": ["relu"]}))
    assert list(VALIDATOR.iter_errors({"nnspec": 2, "model": ["relu"]}))


@pytest.mark.parametrize("kind", vocabulary.KINDS)
@settings(max_examples=50)
@given(data=st.data())
def test_what_is_written_is_valid(kind: str, data: st.DataObject) -> None:
    """Short forms of random specs; the strategies are made from the schema, the dump is not."""
    try:
        spec = parse(kind, data.draw(of_kind(kind)))
    except nn.SpecError:
        return
    assert not list(of(kind).iter_errors(dump(spec)))


@pytest.mark.parametrize("kind", vocabulary.KINDS)
def test_every_name_is_offered(kind: str) -> None:
    forms = SCHEMA["$defs"][kind]["anyOf"]
    offered = set().union(*(form.get("properties", {}) for form in forms))
    assert offered == set(vocabulary.tags(kind))
    bare = set().union(*(form.get("enum", ()) for form in forms))
    for tag in vocabulary.tags(kind):
        try:
            parse(kind, tag)
        except nn.SpecError:
            assert tag not in bare
        else:
            assert tag in bare
