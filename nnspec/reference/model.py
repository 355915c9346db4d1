"""Running a model, and its first variables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

# The families are imported because they register their layers.
from nnspec.errors import SpecError, did_you_mean
from nnspec.layers.base import Shape
from nnspec.model import Model
from nnspec.random import key_of
from nnspec.reference import (  # noqa: F401
    activation,
    arrangement,
    attention,
    color,
    contraction,
    convolution,
    convolutional_recurrent,
    cumulative,
    dropout,
    elementwise,
    embedding,
    filtering,
    geometry,
    histogram,
    indexing,
    linear,
    logic,
    lookup,
    masking,
    normalization,
    ops,
    padding,
    parameter,
    pooling,
    positions,
    recurrent,
    reductions,
    resampling,
    scaling,
    shape,
    sorting,
    spectra,
    stablehlo,
    time_distributed,
    tokens,
    tones,
    transposed_convolution,
    warping,
    weight_normalization,
)
from nnspec.reference.base import Array, Scope, State, apply, computing, rounded
from nnspec.reference.initializers import draw
from nnspec.reference.random import streams


@dataclass(frozen=True)
class Result:
    """What a run gives.

    Attributes:
        outputs: by the names of the output nodes.
        updates: the new values of statistics, by canonical name; empty in inference mode.
        nodes: the value of every node by path, those of nested models after ``/``.
        masks: the keep-masks that were used, by the path of the node.
    """

    outputs: dict[str, Array]
    updates: dict[str, Array]
    nodes: dict[str, Array]
    masks: dict[str, NDArray[np.bool_]]


def run(
    model: Model,
    variables: Mapping[str, Array],
    inputs: Mapping[str, Array],
    *,
    training: bool = False,
    seed: int = 0,
    step: int = 0,
    dtype: DTypeLike = np.float64,
    constants: dict[str, Any] | None = None,
    disturbed: Callable[[str, Array], Array] | None = None,
) -> Result:
    """The model's outputs for these inputs, in this float type.

    bfloat16 and float16 are computed in float32 and rounded after each layer. Nothing given is changed.

    Args:
        variables: by canonical name; those that are not the model's own (``random/step``) are not read.
        inputs: by name, each with the batch axis.
        seed, step: what keep-masks are drawn from in training mode.
        constants: for runs whose differences shall be gradients: a dict that the run where the gradient is asked for
            fills with what gradients take for constants, and that the others read.
        disturbed: gives what becomes of the value of each node, by its path and the value: how far errors of one layer
            spread through the others can be asked so.

    Raises:
        ShapeError: the inputs do not fit the model.
        SpecError: an input or a variable is missing or has another shape than the model's.
        BackendError: a layer is not registered.
    """
    state = State(variables, np.dtype(dtype), training, seed, step, constants=constants, disturbed=disturbed)
    for name in model.inputs:
        if name not in inputs:
            raise SpecError(f"the input {name!r} is missing{did_you_mean(name, inputs)}")
    given = {
        name: rounded(inputs[name], state.dtype if declared.dtype == "float" else declared.dtype)
        for name, declared in model.inputs.items()
    }
    for name, param in model.params(*(x.shape for x in given.values())).items():
        if name not in variables:
            raise SpecError(f"the variable {name!r} is missing{did_you_mean(name, variables)}")
        if np.shape(variables[name]) != param.shape:
            got = list(np.shape(variables[name]))
            raise SpecError(f"the variable {name!r} has shape {list(param.shape)}, got {got}")
    values = _evaluate(model, given, state, "", "")
    return Result({name: values[name] for name in model.outputs}, state.updates, state.nodes, state.masks)


def _evaluate(model: Model, inputs: Mapping[str, Array], state: State, path: str, owner: str) -> dict[str, Array]:
    """The values of a model's inputs and nodes by name. ``path`` leads to the nodes, ``owner`` to their variables."""
    values = dict(inputs)
    for node in model.nodes:
        given = [values[name] for name in node.inputs]
        here, mine = path + node.name, owner + node.owner
        if isinstance(node.layer, Model):
            nested = dict(zip(node.layer.inputs, given, strict=True))
            inner = _evaluate(node.layer, nested, state, f"{here}/", f"{mine}/")
            value = inner[node.layer.outputs[0]]
        else:
            scope = Scope(state, mine, here, state.calls[mine])
            value = np.asarray(apply(node.layer, scope, *(_computed(x, state) for x in given)))
            if value.dtype == computing(state.dtype):
                value = rounded(value, state.dtype)
            if state.disturbed is not None:
                value = state.disturbed(here, value)
            state.calls[mine] += 1
        state.nodes[here] = values[node.name] = value
    return values


def _computed(x: Array, state: State) -> Array:
    return x.astype(computing(state.dtype), copy=False) if x.dtype == state.dtype else x


def initial_variables(model: Model, seed: int, dtype: DTypeLike, *shapes: Shape) -> dict[str, Any]:
    """All variables of a model before training: drawn in float64, then rounded to ``dtype``.

    Args:
        shapes: of the inputs, batch axis included, where the model does not declare them.

    Returns:
        The model's variables by canonical name in the order of its nodes, then ``random/seed`` (uint32, (2,): low and
        high word) and ``random/step`` (uint32, ()).

    Raises:
        ShapeError: the shapes are not known or do not fit.
        SpecError: two random streams of the model coincide.
    """
    streams(model, *shapes)
    variables = {}
    for name, param in model.params(*shapes).items():
        try:
            values = draw(param.init, param.shape if param.drawn is None else param.drawn, seed, name)
            variables[name] = rounded(values.reshape(param.shape), dtype)
        except SpecError as error:
            raise error.under(*name.split("/")) from None
    return {**variables, "random/seed": key_of(seed), "random/step": np.zeros((), np.uint32)}
