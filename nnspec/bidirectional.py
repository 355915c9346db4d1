"""Recurrent layers that go through time in both directions: a short form of a graph, as ``Sequential`` is."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, get_args

from nnspec.errors import SpecError
from nnspec.graph import Input, Node
from nnspec.layers.base import Layer
from nnspec.layers.recurrence import Recurrence
from nnspec.layers.scaling import Rescaling
from nnspec.model import Model
from nnspec.ops import Add, Concat, Multiply, Slice
from nnspec.spec import parse, shown
from nnspec.vocabulary import tag_of

Merge = Literal["concat", "sum", "mul", "ave"]
_MERGES: dict[str, Layer] = {"concat": Concat(), "sum": Add(), "mul": Multiply(), "ave": Add()}
# What both directions have in common: what they take, and what they give.
_COMMON = ("return_sequences", "return_state", "initial_state", "mask")


def Bidirectional(  # noqa: N802 - it reads as a class, as in Keras, and makes a Model
    layer: Any, merge: Merge = "concat", backward: Any = None, *, name: str | None = None
) -> Model:
    """A recurrent layer and one that goes backwards, on the same sequence, and what they give together.

    The model has the inputs x, then ``forward_state`` and ``backward_state`` where the layers start from states, and
    ``mask`` where they have masks; its nodes are ``forward``, ``backward`` and ``merged``. With ``return_sequences``
    both are in the order of x: what belongs to the same step is merged. For the two sequences apart, or for states,
    write the two nodes yourself, with ``reverse`` and a Slice of ``step: -1``.

    Args:
        layer: any recurrent layer, or its short form.
        merge: "concat" along the last axis, "sum", "mul" (their product) or "ave" (their mean).
        backward: the layer that goes backwards, with ``reverse``; ``layer`` with ``reverse`` unless given.
        name: the name of the model as a node of another.

    Source: Schuster & Paliwal 1997, doi:10.1109/78.650093; ``keras.layers.Bidirectional``.

    Raises:
        SpecError: the layers are not recurrent, or differ in what they take or give.
    """
    forward = _recurrent(layer, "layer")
    if forward.reverse:
        raise SpecError("the layer goes forwards; give the one with reverse as backward", ("layer", "reverse"))
    back = dataclasses.replace(forward, reverse=True) if backward is None else _recurrent(backward, "backward")
    if not back.reverse:
        raise SpecError("the layer goes backwards: set reverse", ("backward", "reverse"))
    for field in _COMMON:
        if getattr(forward, field, False) != getattr(back, field, False):
            raise SpecError(f"both directions have the same {field}", ("backward", field))
    if merge not in tuple(_MERGES):
        raise SpecError(f"expected one of {', '.join(get_args(Merge))}, got {shown(merge)}", ("merge",))
    inputs = {"x": Input()}
    further: dict[str, tuple[str, ...]] = {"forward": ("x",), "backward": ("x",)}
    if forward.initial_state:
        inputs |= {f"{direction}_state": Input() for direction in further}
        further = {direction: (*given, f"{direction}_state") for direction, given in further.items()}
    if forward.mask:
        inputs["mask"] = Input(dtype="bool")
        further = {direction: (*given, "mask") for direction, given in further.items()}
    layers = {"forward": forward, "backward": back}
    nodes = [Node(at, dataclasses.replace(layers[at], name=None), given) for at, given in further.items()]
    last = "backward"
    if forward.return_sequences:
        nodes.append(Node("turned", Slice(step=-1, axis=1), ("backward",)))
        last = "turned"
    pair = ("forward", last)
    if merge == "ave":
        nodes += [Node("sum", Add(), pair), Node("merged", Rescaling(0.5), ("sum",))]
    else:
        nodes.append(Node("merged", _MERGES[merge], pair))
    return Model(inputs, tuple(nodes), ("merged",), name=name)


def _recurrent(layer: Any, field: str) -> Any:
    try:
        made = parse("layer", layer)
    except SpecError as error:
        raise error.under(field) from None
    if not isinstance(made, Recurrence):
        raise SpecError(f"expected a recurrent layer, got {tag_of(type(made))}", (field,))
    return made
