"""The table of names is complete and consistent, and unknown names are met with the nearest one."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from typing import Any

import pytest

import nnspec
from nnspec import vocabulary
from nnspec.errors import SpecError
from nnspec.model import Model
from nnspec.spec import Spec, dump, parse

# Modules whose classes stand in files without a name of their own, or that hold no specs.
_WITHOUT_NAMES = {
    *("Augmentation", "Clip", "Constraint", "Data", "EarlyStopping", "Experiment", "Input", "OptimizerBase", "Penalty"),
    "Training",
}


def _spec_classes() -> dict[str, type[Any]]:
    """All classes of the package that derive from Spec, by name, without the private and the abstract ones."""
    found: dict[str, type[Any]] = {}
    for info in pkgutil.walk_packages(nnspec.__path__, "nnspec."):
        if info.name.startswith(("nnspec.cli", "nnspec.reference", "nnspec.training", "nnspec.__main__")):
            continue
        for name, value in vars(importlib.import_module(info.name)).items():
            if inspect.isclass(value) and issubclass(value, Spec) and value.__module__ == info.name:
                found[name] = value
    bases = {base for cls in found.values() for base in (cls.kind.title(), "Spec", "Layer")}
    return {name: cls for name, cls in found.items() if not name.startswith("_") and name not in bases}


def test_every_spec_class_is_in_the_table() -> None:
    assert set(_spec_classes()) - _WITHOUT_NAMES == set(vocabulary.class_names())


@pytest.mark.parametrize("name", vocabulary.class_names())
def test_the_table_leads_to_the_class(name: str) -> None:
    cls = vocabulary.load(name)
    tag = vocabulary.tag_of(cls)
    assert cls.__name__ == name
    assert vocabulary.find(cls.kind, tag) is cls
    assert name in vocabulary.class_names(cls.kind)
    assert _spec_classes()[name] is cls


def test_names_are_unique_where_they_may_stand() -> None:
    # Whatever stands for a layer (layers, activations, operations) must be told apart by its name alone.
    accepted = ["layer", "activation", "operation"]
    classes = [vocabulary.load(name) for kind in accepted for name in vocabulary.class_names(kind)]
    tags = [vocabulary.tag_of(cls) for cls in classes]
    assert len(tags) == len(set(tags))
    nodes = [vocabulary.node_name(cls) for cls in classes]
    assert len(nodes) == len(set(nodes))


@pytest.mark.parametrize(
    ("name", "node"),
    [("BatchNorm", "batch_norm"), ("PReLU", "prelu"), ("Dense", "dense"), ("GELU", "gelu"), ("Add", "add")],
)
def test_node_names(name: str, node: str) -> None:
    assert vocabulary.node_name(vocabulary.load(name)) == node


@pytest.mark.parametrize("name", vocabulary.class_names())
def test_every_class_explains_itself(name: str) -> None:
    cls = vocabulary.load(name)
    documented = cls.__doc__ or ""
    assert documented.strip() and not documented.startswith(f"{name}(")


@pytest.mark.parametrize(
    ("kind", "wrong", "right"),
    [
        ("layer", "Dens", "Dense"),
        ("layer", "dense", "Dense"),
        ("layer", "BatchNormalization", "BatchNorm"),
        ("layer", "GroupNormalization", "GroupNorm"),
        ("layer", "Conv2DTranspose", "ConvTranspose"),
        ("layer", "Conv2D", "Conv"),
        ("layer", "gru", "GRU"),
        ("layer", "SUM", "sum"),
        ("activation", "ELU", "elu"),
        ("layer", "batch_norm", "BatchNorm"),
        ("layer", "Relu", "relu"),
        ("activation", "leakyrelu", "leaky_relu"),
        ("activation", "sigmoidd", "sigmoid"),
        ("initializer", "HeNormal", "he_normal"),
        ("optimizer", "adamw", "AdamW"),
        ("optimizer", "RMSprop", "RMSProp"),
        ("loss", "SoftmaxCrossEntrpy", "SoftmaxCrossEntropy"),
        ("metric", "Accuracy", "accuracy"),
        ("schedule", "cosine_decay", "CosineDecay"),
    ],
)
def test_unknown_names_are_met_with_the_nearest(kind: str, wrong: str, right: str) -> None:
    with pytest.raises(SpecError, match=f"unknown {kind} '{wrong}'; did you mean '{right}'"):
        parse(kind, wrong)


def test_far_names_are_met_with_all() -> None:
    with pytest.raises(SpecError, match=r"unknown loss 'xyz' \(known: .*BinaryCrossEntropy, .*SoftmaxCrossEntropy.*\)"):
        parse("loss", "xyz")


def test_a_spec_of_another_kind_is_refused() -> None:
    with pytest.raises(SpecError, match="expected an activation, got the layer Dense"):
        nnspec.Dense(3, activation=nnspec.Dense(3))
    with pytest.raises(SpecError, match="expected a loss, got the metric MSE"):
        parse("loss", nnspec.MSE())


def test_a_model_is_a_layer() -> None:
    model = nnspec.Sequential(["relu"], [3])
    assert parse("layer", model) is model
    assert parse("layer", dump(model)) == model
    assert isinstance(parse("layer", {"Sequential": ["relu"]}), Model)
