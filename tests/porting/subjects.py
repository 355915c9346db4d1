"""Subjects for tests: the NumPy reference, which no backend has a part in, with mistakes or without."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nnspec.backends import Array, Arrays, FloatType, Gradients
from nnspec.errors import UnsupportedError
from nnspec.model import Model
from nnspec.porting.chance import without_chance
from nnspec.reference.initializers import draw
from nnspec.reference.model import run


class ReferenceSubject:
    """The reference as a subject; without gradients.

    Attributes:
        hidden: nodes that it does not show.
    """

    label = "the NumPy reference"

    def __init__(
        self,
        model: Model,
        variables: Arrays,
        *,
        dtypes: tuple[FloatType, ...] = ("float64", "float32"),
        hidden: frozenset[str] = frozenset(),
    ) -> None:
        self.model, self.variables, self.dtypes, self.hidden = without_chance(model), variables, dtypes, hidden

    def nodes(self, inputs: Arrays, *, dtype: FloatType, training: bool = False) -> dict[str, Array]:
        found = run(self.model, self.variables, inputs, training=training, dtype=dtype).nodes
        return {path: value for path, value in found.items() if path not in self.hidden}

    def statistics(self, inputs: Arrays, *, dtype: FloatType) -> dict[str, Array]:
        return run(self.model, self.variables, inputs, training=True, dtype=dtype).updates

    def gradients(self, inputs: Arrays, cotangents: Arrays, *, dtype: FloatType, training: bool = False) -> Gradients:
        raise UnsupportedError("the reference has no gradients")


def random_variables(model: Model, seed: int = 0) -> dict[str, Any]:
    """Variables of a model as training leaves them: none of them 0 or 1, variances positive; in float32."""
    rng = np.random.default_rng(seed)
    made = {}
    for name, param in model.params().items():
        scale = np.asarray(draw(param.init, param.shape if param.drawn is None else param.drawn, seed, name))
        value = scale.reshape(param.shape) + 0.1 * rng.standard_normal(param.shape)
        made[name] = (rng.uniform(0.5, 2.0, param.shape) if name.endswith("/var") else value).astype(np.float32)
    return made


def changed(variables: Mapping[str, Array], name: str, value: Array) -> dict[str, Array]:
    """Variables of which one is another."""
    assert name in variables and np.shape(value) == np.shape(variables[name])
    assert not np.array_equal(value, variables[name])
    return {**variables, name: value}


def with_layer(model: Model, name: str, layer: Any) -> Model:
    """A model with another layer at a node."""
    import dataclasses

    nodes = tuple(dataclasses.replace(node, layer=layer) if node.name == name else node for node in model.nodes)
    assert nodes != model.nodes
    return dataclasses.replace(model, nodes=nodes)
