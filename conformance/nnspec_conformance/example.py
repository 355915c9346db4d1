"""Examples: exact inputs with the outputs and gradients that the docstrings give for them, worked out by hand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from nnspec.layers.base import Layer
from nnspec_conformance.case import Case, Point, describe
from nnspec_conformance.draws import Array, rounded

Rows = tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Example:
    """A layer on given inputs.

    Attributes:
        spec: the layer.
        inputs: one array per input (nested tuples, the batch axis first).
        id: what the example shows.
        gradients: by input, the gradient for ``cotangents``.
        cotangents: those of the output; all ones unless given.
        output: the output, where it is worth stating.
        variables, parameter_gradients: by the layer's own names.
    """

    spec: Layer
    inputs: tuple[Rows, ...]
    _: KW_ONLY
    id: str
    gradients: tuple[Rows, ...] = ()
    cotangents: Rows | None = None
    output: Rows | None = None
    variables: Mapping[str, Rows] = field(default_factory=dict)
    parameter_gradients: Mapping[str, Rows] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return describe(self.spec, self.id)

    @property
    def classes(self) -> set[type[Any]]:
        return self.case.classes

    @cached_property
    def case(self) -> Case:
        """The layer as a case with the inputs' shapes."""
        return Case(self.spec, tuple(np.shape(x)[1:] for x in self.inputs), id=re.sub(r"\W+", "_", self.id))

    def point(self, dtype: str) -> Point:
        """The given inputs, variables and cotangents; variables that are not given are random."""
        arrays = [np.array(x, np.float64) for x in self.inputs]
        inputs = dict(zip(self.case.model.inputs, arrays, strict=True))
        (shape,) = self.case.model.output_shapes(*(x.shape for x in arrays)).values()
        ones = np.ones(tuple(size or 1 for size in shape))
        cotangents = ones if self.cotangents is None else np.array(self.cotangents, np.float64)
        drawn = self.case.point(dtype)
        given = {self._full(name): rounded(np.array(v, np.float64), dtype) for name, v in self.variables.items()}
        return Point(
            {name: rounded(value, dtype) for name, value in inputs.items()},
            {**drawn.variables, **given},
            {self.case.model.outputs[0]: rounded(cotangents, dtype)},
            drawn.seed,
            drawn.step,
        )

    def expected_gradients(self) -> dict[str, Array]:
        """Gradients by input and by parameter, under the names of the case."""
        by_input = dict(zip(self.case.model.inputs, self.gradients, strict=False))
        by_parameter = {self._full(name): value for name, value in self.parameter_gradients.items()}
        return {name: np.array(value, np.float64) for name, value in {**by_input, **by_parameter}.items()}

    def _full(self, name: str) -> str:
        return f"{self.case.model.nodes[-1].name}/{name}"
