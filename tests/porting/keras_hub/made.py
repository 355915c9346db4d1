"""Backbones of the catalogue, made with random weights."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from nnspec_tensorflow.startup import keras
from tests.porting.keras_hub.catalogue import Entry, Part

LENGTH = 6


def classes() -> dict[str, Any]:
    """All backbones of the installed KerasHub by the names of their classes, exported or not."""
    from keras_hub.src import models
    from keras_hub.src.models.backbone import Backbone

    for module in pkgutil.walk_packages(models.__path__, f"{models.__name__}."):
        if not module.name.endswith("_test"):
            importlib.import_module(module.name)
    return {cls.__name__: cls for cls in _below(Backbone)}


def _below(cls: Any) -> Iterator[Any]:
    for each in cls.__subclasses__():
        yield each
        yield from _below(each)


def random(entry: Entry) -> Any:
    """A model with random weights, none of which is 0 or 1."""
    model = _made(entry.part, classes())
    rng = np.random.default_rng(len(entry.name))
    for weight in model.weights:
        if "float" not in weight.dtype:
            continue
        noise = rng.normal(scale=0.2, size=weight.shape)
        variance = "variance" in weight.path
        weight.assign(rng.uniform(0.5, 1.5, weight.shape) if variance else np.asarray(weight) * 0.5 + noise)
    return model


def _made(part: Part, known: Mapping[str, Any]) -> Any:
    config = {name: _made(value, known) if isinstance(value, Part) else value for name, value in part.config.items()}
    return _class(part.name, known)(**config)


def _class(name: str, known: Mapping[str, Any]) -> Any:
    import keras_hub

    for where in (keras_hub.models, keras_hub.layers):
        if name not in known and hasattr(where, name):
            return getattr(where, name)
    return known[name]


def of_known_lengths(model: Any, entry: Entry) -> Any:
    """The backbone as a model whose inputs have lengths."""
    structure = _named(model.input)
    given = {}
    for name, tensor in structure.items():
        shape = entry.shapes.get(name) or tuple(LENGTH if size is None else size for size in tensor.shape[1:])
        given[name] = keras.Input(shape, name=name, dtype=tensor.dtype)
    taken: Any = given if isinstance(model.input, dict) else next(iter(given.values()))
    if isinstance(model.input, list):
        taken = list(given.values())
    made = model(taken)
    if entry.without:
        made = {name: tensor for name, tensor in made.items() if name not in entry.without}
    return keras.Model(given, made)


def _named(inputs: Any) -> dict[str, Any]:
    if isinstance(inputs, list):
        return {tensor.name: tensor for tensor in inputs}
    return inputs if isinstance(inputs, dict) else {"input": inputs}


def is_of_any_length(model: Any) -> bool:
    """Whether an axis behind the batch is of any length."""
    return any(None in tensor.shape[1:] for tensor in keras.tree.flatten(model.input))
