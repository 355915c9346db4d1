"""Models opened: the calls of all layers in one list, with nested models' own in their place."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nnspec.layers.base import DType, Param, Shape
from nnspec.model import Inferred, Model


@dataclass(frozen=True)
class Call:
    """One call of a layer that is no model.

    Attributes:
        path: where it stands: ``encoder/dense``.
        owner: the path under which its variables are kept, another one where a layer is shared.
        layer: the layer.
        inputs: the paths, or the model's inputs, whose values it takes.
        shapes: of the inputs, where those of the model's are known.
        output: the output's shape, likewise.
        dtype: the output's.
        params: its variables by their own names (``kernel``), likewise.
    """

    path: str
    owner: str
    layer: Any
    inputs: tuple[str, ...]
    shapes: tuple[Shape, ...] = ()
    output: Shape = ()
    dtype: DType = "float"
    params: Mapping[str, Param] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class Opened:
    """A model without nesting.

    Attributes:
        calls: in the order in which they are computed.
        values: the path of every node, also of those that are models, and every input -> the call (or the input)
            whose value it has.
    """

    calls: tuple[Call, ...]
    values: Mapping[str, str]


def opened(model: Model, *shapes: Shape) -> Opened:
    """The calls of a model's layers.

    Args:
        shapes: of the inputs, batch axis included; without them the declared ones, where all are.
    """
    declared = bool(shapes) or all(given.shape is not None for given in model.inputs.values())
    values = {name: name for name in model.inputs}
    made = tuple(_walk(model, "", "", dict(values), values, model.infer(*shapes) if declared else {}))
    return Opened(made, values)


def _walk(
    model: Model,
    prefix: str,
    owner_prefix: str,
    known: dict[str, str],
    values: dict[str, str],
    inferred: Mapping[str, Inferred],
) -> Iterator[Call]:
    """The calls of a model; ``known`` maps names in it to the paths that give their values, and grows."""
    for node in model.nodes:
        path, owner = prefix + node.name, owner_prefix + node.owner
        inputs = tuple(known[name] for name in node.inputs)
        here = inferred.get(node.name)
        if isinstance(node.layer, Model):
            inner = dict(zip(node.layer.inputs, inputs, strict=True))
            within = node.layer.infer(*here.inputs) if here is not None else {}
            yield from _walk(node.layer, f"{path}/", f"{owner}/", inner, values, within)
            known[node.name] = inner[node.layer.outputs[0]]
        else:
            found = () if here is None else (here.inputs, here.output, here.dtype, here.params)
            yield Call(path, owner, node.layer, inputs, *found)
            known[node.name] = path
        values[path] = known[node.name]
