"""Layers side by side as one net of the TensorFlow backend: one compilation for many cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import nnspec as nn
from nnspec.backends import FloatType
from nnspec.model import Input, Model, Node


def side_by_side(
    cases: Sequence[tuple[Any, Any]],
    dtype: FloatType,
    *,
    cotangents: Sequence[Any] | None = None,
    variables: Mapping[str, Any] | None = None,
    compiled: bool = True,
) -> list[tuple[Any, Any]]:
    """For each (layer, input): its output, and the gradient of Σ output · cotangent (1 if none is given) by the input.

    Case i is the node ``n<i>``, under whose name its variables are given.
    """
    arrays = {f"x{i}": np.asarray(x, np.float64) for i, (_, x) in enumerate(cases)}
    # All inputs have one batch size.
    rows = max(len(x) for x in arrays.values())
    padded = {name: np.resize(x, (rows, *x.shape[1:])) for name, x in arrays.items()}
    nodes = tuple(Node(f"n{i}", layer, (f"x{i}",)) for i, (layer, _) in enumerate(cases))
    model = Model({name: Input(x.shape[1:]) for name, x in arrays.items()}, nodes, tuple(n.name for n in nodes))
    net = nn.backend("tensorflow").build(model, variables, dtype=dtype)
    outputs = net.forward(padded, compiled=compiled)
    given = {}
    for i, (name, output) in enumerate(outputs.items()):
        towards = np.ones(output.shape) if cotangents is None else np.asarray(cotangents[i])
        given[name] = np.resize(towards, output.shape)
    gradients = net.gradients(padded, given, compiled=compiled).inputs
    return [(outputs[f"n{i}"][: len(x)], gradients[f"x{i}"][: len(x)]) for i, x in enumerate(arrays.values())]
