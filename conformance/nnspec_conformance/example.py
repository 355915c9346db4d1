"""Examples: exact inputs with the outputs and gradients that the docstrings give for them, worked out by hand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from nnspec.layers.base import Layer
from nnspec_conformance.case import Case, DTypes, Point, describe, each
from nnspec_conformance.draws import Array, rounded

Rows = tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Example:
    """A layer on given inputs.

    Attributes:
        spec: the layer.
        inputs: one array per input (nested tuples, the batch axis first).
        id: what the example shows.
        gradients: by input of floats, the gradient for ``cotangents``.
        cotangents: those of the output; all ones unless given.
        output: the output, where it is worth stating.
        variables, parameter_gradients: by the layer's own names.
        dtype: of the inputs, or one for each of them; those that are no floats have no gradients.
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
    dtype: DTypes = "float"

    @property
    def name(self) -> str:
        return describe(self.spec, self.id)

    @property
    def classes(self) -> set[type[Any]]:
        return self.case.classes

    @cached_property
    def case(self) -> Case:
        """The layer as a case with the inputs' shapes."""
        shapes = tuple(np.shape(x)[1:] for x in self.inputs)
        return Case(self.spec, shapes, id=re.sub(r"\W+", "_", self.id), dtype=self.dtype)

    def point(self, dtype: str) -> Point:
        """The given inputs, variables and cotangents; variables that are not given are random."""
        kinds = each(self.dtype, len(self.inputs))
        arrays = [
            np.array(x, np.float64 if kind == "float" else kind) for x, kind in zip(self.inputs, kinds, strict=True)
        ]
        inputs = dict(zip(self.case.model.inputs, arrays, strict=True))
        (shape,) = self.case.model.output_shapes(*(x.shape for x in arrays)).values()
        ones = np.ones(tuple(size or 1 for size in shape))
        cotangents = ones if self.cotangents is None else np.array(self.cotangents, np.float64)
        drawn = self.case.point(dtype)
        given = {self._full(name): rounded(np.array(v, np.float64), dtype) for name, v in self.variables.items()}
        return Point(
            {name: rounded(value, dtype) for name, value in inputs.items()},
            {**drawn.variables, **given},
            {name: rounded(cotangents, dtype) for name in self.case.float_outputs},
            drawn.seed,
            drawn.step,
        )

    def expected_gradients(self) -> dict[str, Array]:
        """Gradients by input and by parameter, under the names of the case."""
        by_input = dict(zip(self.case.floats, self.gradients, strict=False))
        by_parameter = {self._full(name): value for name, value in self.parameter_gradients.items()}
        return {name: np.array(value, np.float64) for name, value in {**by_input, **by_parameter}.items()}

    def _full(self, name: str) -> str:
        return f"{self.case.model.nodes[-1].name}/{name}"
