"""Cases of layers and models: a spec, input shapes and how the inputs are drawn."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from nnspec.layers.base import Activation, DType, Layer, Param
from nnspec.layers.embedding import Embedding
from nnspec.model import Input, Model, Node
from nnspec.spec import Spec, changed_fields, dump
from nnspec.vocabulary import node_name
from nnspec_conformance.draws import HALF, Array, generator, limits, rounded, signed

# The sizes a case is evaluated at: the first everywhere, the others where a check asks for further batch sizes.
BATCHES = (6, 3, 1)
# h of the central differences, relative to the scale of the inputs: a hundredth of the 0.1 that probabilities and
# standard deviations in the cases come down to, on which their logarithms and quotients vary.
STEP = 1e-3
Shapes = tuple[int, ...] | tuple[tuple[int, ...], ...]
# One dtype for all inputs, or one for each.
DTypes = tuple[DType, ...] | DType


@dataclass(frozen=True, eq=False)
class Point:
    """Everything a case is evaluated on: inputs, variables, cotangents and the state of the random streams."""

    inputs: dict[str, Array]
    variables: dict[str, Array]
    cotangents: dict[str, Array]
    seed: int
    step: int


@dataclass(frozen=True, eq=False)
class Case:
    """A layer or a model with the shapes and the kind of its inputs.

    Attributes:
        spec: the layer or the model.
        shape: the input's shape without the batch axis, or one shape per input; a model declares its own.
        id: what tells the case from others of the same spec; the spec's class and changed fields come first.
        offset, scale: inputs are normal with this mean and standard deviation.
        dtype: the dtype of the inputs, or one for each of them; only "float" has gradients with respect to them.
        integers: what inputs of integers are drawn from, the end excluded; unless given, the ids of the tables they
            are looked up in, or ±1000.
        slopes: pairs (x, y′(x)) of an elementwise layer at the points where two pieces meet, as its docstring says.
            The check "kinks" asks for exactly these; random inputs keep away from these points.
        kinks: further points that random inputs keep away from, because no derivative of some order exists there.
        levels: inputs are permutations of these values along the case's axis (with a small jitter), where random
            ones would come near a kink that depends on several elements.
        apart: inputs after the first differ from it by at least half the scale, elementwise.
        nonzero: inputs are at least half the scale away from zero.
        distinct: no two elements of an input are nearly equal in an example: they are equally spaced, in random order.
        extremes: outputs and gradients are finite for all inputs up to ``ceiling``, however large or small.
        masked: an input of −∞ takes its element out, as long as one along the axis is left.
    """

    spec: Layer
    shape: Shapes = ()
    _: KW_ONLY
    id: str = ""
    offset: float = 0.0
    scale: float = 1.0
    dtype: DTypes = "float"
    integers: tuple[int, int] | None = None
    slopes: tuple[tuple[float, float], ...] = ()
    kinks: tuple[float, ...] = ()
    levels: tuple[float, ...] = ()
    apart: bool = False
    nonzero: bool = False
    distinct: bool = False
    extremes: bool = False
    ceiling: float = np.inf
    masked: bool = False

    @cached_property
    def name(self) -> str:
        """The full id: class, changed fields, shapes where they are not the usual ones, and what ``id`` adds."""
        return describe(self.spec, self.id)

    @cached_property
    def model(self) -> Model:
        """The case as a model whose names begin with the case's, so that several cases fit into one compiled call."""
        return _prefixed(_as_model(self.spec, self.shape, self.dtype), re.sub(r"\W+", "_", self.name).strip("_") + "_")

    @cached_property
    def params(self) -> dict[str, Param]:
        """The variables by canonical name."""
        return self.model.params()

    @property
    def classes(self) -> set[type[Any]]:
        """Classes that a backend must realize for this case."""
        return set(_classes(self.model))

    @property
    def random(self) -> bool:
        """Whether training draws masks."""
        return any(node.layer.random for _, node in self.model.walk())

    @property
    def drops(self) -> bool:
        """Whether training draws masks that drop something."""
        rates = ("rate", "dropout_rate", "recurrent_dropout_rate")
        layers = [node.layer for _, node in self.model.walk() if "dropout" in node.layer.random]
        return any(getattr(layer, rate, 0) for layer in layers for rate in rates)

    @property
    def stateful(self) -> bool:
        """Whether training updates statistics."""
        return any(param.kind == "statistic" for param in self.params.values())

    @property
    def elementwise(self) -> bool:
        """Whether an element of the output depends on one element of the input alone."""
        return isinstance(self.spec, Activation) and not hasattr(self.spec, "axis")

    @property
    def modes(self) -> tuple[bool, ...]:
        """The values of ``training`` in which the case differs."""
        return (False, True) if self.random or self.stateful else (False,)

    @property
    def floats(self) -> list[str]:
        """Names of the inputs that have gradients."""
        return [name for name, declared in self.model.inputs.items() if declared.dtype == "float"]

    @cached_property
    def float_outputs(self) -> frozenset[str]:
        """Names of the outputs that can be differentiated; booleans and integers cannot."""
        inputs, inferred = self.model.inputs, self.model.infer()
        kinds = {name: inferred[name].dtype if name in inferred else inputs[name].dtype for name in self.model.outputs}
        return frozenset(name for name, kind in kinds.items() if kind == "float")

    @property
    def differentiable(self) -> bool:
        """Whether there is anything that has gradients, inputs of floats or parameters, and outputs of floats."""
        return bool(self.float_outputs and (self.floats or self.parameters)) and self.model.has_derivative

    @property
    def parameters(self) -> list[str]:
        """Names of the variables that have gradients."""
        return [name for name, param in self.params.items() if param.kind == "parameter"]

    @property
    def step(self) -> float:
        """h of the central differences with respect to inputs: larger where it divides the rounding of large inputs."""
        return STEP * min(self.scale, 1.0) * (10 if abs(self.offset) > 10 * self.scale else 1)

    def point(self, dtype: str, draw: int = 0, batch: int = BATCHES[0]) -> Point:
        """Inputs, variables and cotangents of a draw, rounded to ``dtype``."""
        inputs: dict[str, Array] = {}
        for name, declared in self.model.inputs.items():
            inputs[name] = self._input(name, declared, draw, batch, inputs, dtype)
        shapes = [value.shape for value in inputs.values()]
        cotangents = {
            name: signed(generator(self.name, "cotangent", name, draw, batch), shape)  # type: ignore[arg-type]
            for name, shape in self.model.output_shapes(*shapes).items()
            if name in self.float_outputs
        }
        variables = {name: _variable(self.name, name, param, draw) for name, param in self.params.items()}
        # The same for all cases: those that are evaluated in one model share its random state.
        state = generator("random state", draw)
        return Point(
            {name: rounded(value, dtype) for name, value in inputs.items()},
            {name: rounded(value, dtype) for name, value in variables.items()},
            {name: rounded(value, dtype) for name, value in cotangents.items()},
            int(state.integers(2**63)),
            int(state.integers(1, 1000)),
        )

    def _input(self, name: str, declared: Input, draw: int, batch: int, before: dict[str, Array], dtype: str) -> Array:
        assert declared.shape is not None, "the inputs of a case have shapes"
        rng = generator(self.name, "input", name, draw, batch)
        shape = (batch, *(size or 1 for size in declared.shape))
        if declared.dtype == "int32":
            return rng.integers(*(self.integers or whole(self.model, name)), shape, dtype=np.int32)
        if declared.dtype == "bool":
            return rng.random(shape) < 0.5
        if self.levels:
            return self._levels(rng, shape)
        if self.distinct:
            return self._distinct(rng, shape, dtype)
        if self.nonzero:
            return self.scale * signed(rng, shape)
        if self.apart and before:
            first = next(iter(before.values()))
            # Where this input is one element for several of the first, above or below all of them.
            axes = tuple(i for i, size in enumerate(shape) if size == 1)
            high, low = first.max(axes, keepdims=True), first.min(axes, keepdims=True)
            distance = self.scale * signed(rng, shape)
            apart: Array = np.where(distance > 0, high, low) + distance
            return apart
        return self._away(self.offset + self.scale * rng.standard_normal(shape), dtype)

    def _levels(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        axis = getattr(self.spec, "axis", -1)
        base = np.broadcast_to(np.array(self.levels), (*np.delete(np.array(shape), axis), shape[axis]))
        jitter = 0.2 * self.step * rng.uniform(-1, 1, base.shape)
        return np.moveaxis(rng.permuted(base + jitter, axis=-1), -1, axis)

    def _distinct(self, rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Array:
        """Numbers an eighth of the scale apart, in half precision by as many roundings more as keep them apart."""
        spacing = self.scale / 8 + (2 * float(limits(dtype).eps) * abs(self.offset) if dtype in HALF else 0.0)
        places = np.broadcast_to(np.arange(math.prod(shape[1:])), (shape[0], math.prod(shape[1:])))
        values: Array = self.offset + spacing * (rng.permuted(places, axis=-1) - places.shape[1] // 2 + 0.5)
        return values.reshape(shape)

    def _away(self, values: Array, dtype: str) -> Array:
        """The values moved at least five steps away from kinks, clear of central differences (three steps).

        In half precision by a rounding more, which may be larger than a step.
        """
        for kink in sorted({*(x for x, _ in self.slopes), *self.kinks}):
            margin = 5 * self.step + (float(limits(dtype).eps) * abs(kink) if dtype in HALF else 0.0)
            distance = values - kink
            side = np.where(distance < 0, -1.0, 1.0)
            values = np.where(np.abs(distance) < margin, kink + side * (margin + np.abs(distance)), values)
        return values


class AsNamed(Case):
    """A model as a case of its own, under the names that it has."""

    @cached_property
    def model(self) -> Model:
        assert isinstance(self.spec, Model)
        return self.spec


def whole(model: Model, name: str) -> tuple[int, int]:
    """What an input of integers is drawn from, the end excluded: ids of all tables that they are looked up in."""
    tables = [node.layer.num_embeddings for node in _readers(model, name) if isinstance(node.layer, Embedding)]
    return (0, min(tables)) if tables else (-1000, 1000)


def _readers(model: Model, name: str) -> Iterator[Node]:
    """The nodes that read an input, those of nested models too."""
    for node in model.nodes:
        if name not in node.inputs:
            continue
        if not isinstance(node.layer, Model):
            yield node
            continue
        for inner, given in zip(node.layer.inputs, node.inputs, strict=True):
            if given == name:
                yield from _readers(node.layer, inner)


def describe(spec: Spec, extra: str = "") -> str:
    """An id for a spec: ``LayerNorm-use_bias=False-large mean`` (a model is named by ``extra`` alone)."""
    if isinstance(spec, Model):
        return extra
    changed = {name: value for name, value in changed_fields(spec).items() if "\n" not in str(value)}  # a program
    fields = [f"{name}={_short(value)}" for name, value in changed.items()]
    return "-".join([type(spec).__name__, *fields, *([extra] if extra else [])])


def _short(value: Any) -> str:
    text = str(dump(value))
    return re.sub(r"[^\w.,:+=-]+", "", text) or repr(value)


def each(dtype: DTypes, count: int) -> tuple[DType, ...]:
    """The dtype of each of so many inputs."""
    return dtype if isinstance(dtype, tuple) else (dtype,) * count


def _as_model(spec: Layer, shape: Shapes, dtype: DTypes) -> Model:
    """A layer by itself as a model of one node; a model stays as it is."""
    shapes = [shape] if not shape or isinstance(shape[0], int) else list(shape)
    if isinstance(spec, Model):
        return spec.with_inputs(*shapes) if shape else spec
    names = ["x"] if len(shapes) == 1 else [f"x{i + 1}" for i in range(len(shapes))]
    kinds = each(dtype, len(names))
    inputs = {name: Input(tuple(given), kind) for name, given, kind in zip(names, shapes, kinds, strict=True)}  # type: ignore[arg-type]
    node = Node(node_name(type(spec)), spec, tuple(names))
    return Model(inputs, (node,), (node.name,))


def _prefixed(model: Model, prefix: str) -> Model:
    """The same graph with ``prefix`` before the names of its inputs and nodes."""
    nodes = tuple(
        Node(
            prefix + n.name,
            n.layer,
            tuple(prefix + i for i in n.inputs),
            None if n.shares is None else prefix + n.shares,
        )
        for n in model.nodes
    )
    return Model(
        {prefix + name: given for name, given in model.inputs.items()}, nodes, tuple(prefix + o for o in model.outputs)
    )


def joined(cases: list[Case]) -> Model:
    """The cases' graphs side by side in one model, without a connection: one compilation for all of them."""
    models = [case.model for case in cases]
    return Model(
        {name: given for model in models for name, given in model.inputs.items()},
        tuple(node for model in models for node in model.nodes),
        tuple(name for model in models for name in model.outputs),
    )


def _classes(spec: Spec) -> Iterator[type[Any]]:
    """The classes of a layer and of all layers within it (initializers draw on the host and need no backend)."""
    if isinstance(spec, Model):
        for _, node in spec.walk():
            yield from _classes(node.layer) if not isinstance(node.layer, Model) else ()
        return
    yield type(spec)
    for field in dataclasses.fields(spec):
        value = getattr(spec, field.name)
        if isinstance(value, Layer):
            yield from _classes(value)


def _variable(case: str, name: str, param: Param, draw: int) -> Array:
    """A random value for a variable, never 0 or 1; variances (statistics that start at one) are positive."""
    rng = generator(case, "variable", name, draw)
    if param.kind == "statistic":
        return rng.uniform(1.2, 2.5, param.shape) if type(param.init).__name__ == "Ones" else signed(rng, param.shape)
    fan_in = math.prod(param.shape[:-1]) if len(param.shape) > 1 else 1
    return signed(rng, param.shape) * (0.9 / math.sqrt(fan_in))
