"""Models without chance: what random layers do in inference, in training mode too."""

from __future__ import annotations

import dataclasses
from typing import Any

from nnspec.layers.base import Layer, Shape
from nnspec.model import Inferred, Model, Sequential

# Fields that say how much is dropped or added; at 0 a layer draws nothing.
_RATES = ("rate", "stddev", "dropout_rate", "recurrent_dropout_rate")


def without_chance(model: Model, *shapes: Shape) -> Model:
    """The same model, in which random layers drop nothing and add nothing.

    Two frameworks draw other masks, so that only such models can be compared in training mode. Nodes, variables and
    everything else keep their names and meanings; in inference the two models compute the same.

    Args:
        shapes: of the inputs, batch axis included, where the model does not declare them.
    """
    if not draws(model):
        return model
    inferred = model.infer(*shapes)
    nodes = tuple(dataclasses.replace(node, layer=_calm(node.layer, inferred[node.name])) for node in model.nodes)
    return dataclasses.replace(model, nodes=nodes)


def draws(model: Model) -> bool:
    """Whether training mode draws random numbers anywhere."""
    return any(node.layer.random for _, node in model.walk() if not isinstance(node.layer, Model))


def _calm(layer: Any, inferred: Inferred) -> Any:
    from nnspec.layers.activation import Identity
    from nnspec.layers.dropout import GaussianSample
    from nnspec.layers.geometry import RandomCrop
    from nnspec.ops import Slice

    if isinstance(layer, Model):
        return without_chance(layer, *inferred.inputs)
    if not layer.random:
        return layer
    fields = {field.name for field in dataclasses.fields(layer)}
    rates: dict[str, Any] = {name: 0.0 for name in _RATES if name in fields}
    if rates:
        if "at_least_one" in fields:  # TokenMasking takes a position at rate 0, too, unless it is told otherwise
            rates["at_least_one"] = False
        return dataclasses.replace(layer, **rates)
    if isinstance(layer, GaussianSample):
        return Slice(0, inferred.output[-1])
    return _middle(layer) if isinstance(layer, RandomCrop) else Identity()


def _middle(layer: Any) -> Layer:
    """The window in the middle, after padding."""
    from nnspec.layers.geometry import CenterCrop

    crop, pad = CenterCrop(layer.height, layer.width), layer.pad()
    return Sequential([pad, crop]) if any(map(any, pad.padding)) else crop
