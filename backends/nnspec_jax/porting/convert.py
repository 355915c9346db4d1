"""Flax's modules and JAX's primitives in the spec's words: one function for each, in files named as the families.

A marked leaf module is converted by its class::

    @convert.register(nnx.Linear)
    def linear(module, context, inputs):
        spec = nnspec.Dense(module.out_features, use_bias=module.use_bias)
        return context.call(spec, inputs, variables={"kernel": module.kernel, "bias": module.bias})

and a primitive between them by its name, with the parameters of its equation::

    @primitive("tanh")
    def tanh(context, params, x):
        return context.call(nnspec.Tanh(), x)

A function of JAX's own that is compiled by itself (``jax.nn.gelu``) is looked up among :data:`CALLS` by its name; what
has nothing there, or raises :class:`NoConversionError`, is replaced by the equations within.

An operand is a :class:`Value` or a NumPy array, which is a constant. Equations among constants alone are computed,
never converted. The nodes of a value have the batch axis first, whatever JAX makes of it: see :class:`Layout`.

Functions registered with ``parameters=True`` get parameters as they lie in the module, as :class:`Free`; all others get
a Value of the layout ``None`` for them, a node of the layer ``Parameter``.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import singledispatch
from typing import Any

import numpy as np

from nnspec.backends import Array
from nnspec.layers.base import DType, Layer
from nnspec.layers.parameter import Parameter
from nnspec.logic import AsType
from nnspec.porting.assembly import Assembly, Value


class NoConversionError(Exception):
    """Raised by a conversion for what it does not know: modules and calls are then descended into."""


@dataclass(frozen=True, eq=False)
class Free:
    """Parameters, or a view of them, where an array is expected.

    Attributes:
        array: the numbers.
        owner: what identifies them: layers that are given the same share their variables.
        turned: what this is the transpose of, two axes exchanged, where it is one.
    """

    array: Array
    owner: Hashable
    turned: Free | None = None


@dataclass(frozen=True)
class Layout:
    """Where JAX has the batch of a value, whose node has it first, then the other axes in JAX's order.

    An array that JAX sees as (time, batch, features) is the layout 1 of a node (batch, time, features); one that it
    sees as (batch · time, features) is ``Layout(0, after=time)`` of the same node. What only moves the batch is no
    node.

    Attributes:
        axis: the axis that has the batch; None for a value that is made of variables alone, which JAX sees without the
            node's first axis.
        before: the size of what is joined with the batch in this axis and stands before it, an axis of the node.
        after: likewise of what stands behind it.
    """

    axis: int | None = 0
    before: int = 1
    after: int = 1

    @property
    def joined(self) -> tuple[int, ...]:
        """The axes of the node that JAX sees as one with the batch."""
        return tuple(size for size in (self.before, self.after) if size > 1)


@dataclass(frozen=True)
class Context:
    """Where in the model a module or an equation stands, and what collects its nodes.

    Attributes:
        assembly: collects the graph.
        scope: the names of the modules around it, the outermost first.
        name: its own name, that of the node which gives its result.
        origin: ``encoder.dense (nnx.Linear)``.
        shapes: the whole shape of each value's node, batch axis (None) included; what is not there is a constant.
        dtypes: what each value's node gives; of one that is not here, "float".
        layouts: how JAX sees the values that it does not see as their nodes are.
        batch: the size of the batch in the parameters of equations.
        owner: what identifies the module's variables.
        owners: the layer that has the variables of each owner.
        asked: which of the module's results anything is made of.
        notes: what the model's user should know.
        initial: whether variables are the model's as it was given, not what an update or a gradient made of them.
        anchor: the model's first input, from which free variables and constants take the size of the batch.
    """

    assembly: Assembly
    scope: tuple[str, ...] = ()
    name: str = ""
    origin: str = ""
    shapes: dict[Value, tuple[int | None, ...]] = field(default_factory=dict)
    dtypes: dict[Value, DType] = field(default_factory=dict)
    layouts: dict[Value, Layout] = field(default_factory=dict)
    batch: Any = None
    anchor: Value | None = None
    owner: Hashable | None = None
    owners: dict[Hashable, Layer] = field(default_factory=dict)
    asked: tuple[bool, ...] = ()
    notes: dict[str, None] = field(default_factory=dict)
    initial: bool = True

    def note(self, text: str) -> None:
        """Tell the model's user something, once: a sentence."""
        self.notes[text] = None

    def call(
        self,
        layer: Layer,
        *inputs: Value,
        variables: Mapping[str, Any] | None = None,
        owner: Hashable | None = None,
        part: str | None = None,
    ) -> Value:
        """A node for the module or equation, or with ``part`` one of several that it consists of.

        Its shape and dtype are noted.

        Args:
            layer: the layer of the spec.
            inputs: what it is called on.
            variables: Flax's variables or arrays by the layer's own names, in the canonical layout.
            owner: what identifies the variables, where they are not the module's.
            part: ``transpose``, say.
        """
        arrays = {name: np.asarray(value) for name, value in (variables or {}).items()}
        name = "_".join(filter(None, (self.name, part))) or None
        if arrays and owner is None and self.owner is not None:
            owner = self.owner if part is None else (self.owner, part)
        if owner is not None and not layer.shares_with(self.owners.setdefault(owner, layer)):
            self.note(f"{self.origin} is used in several ways, which have variables of their own here.")
            owner = (owner, repr(layer))
        value = self.assembly.call(
            layer, *inputs, name=name, scope=self.scope, owner=owner, variables=arrays, origin=self.origin
        )
        if all(given in self.shapes for given in inputs):
            self.shapes[value] = layer.output_shape(*(self.shapes[given] for given in inputs))
            self.dtypes[value] = layer.output_dtype(*(self.dtypes.get(given, "float") for given in inputs))
        return value

    def constant(self, array: Any) -> Value:
        """A node that gives each example the same array, which is without the batch axis; its layout is ``None``."""
        given = np.asarray(array)
        numbers = given.astype(np.float32) if given.dtype.kind in "biu" else given
        if self.anchor is None:
            raise NoConversionError("a constant in a model without inputs")
        layer = Parameter(numbers.shape, trainable=False)
        value = self.call(layer, self.anchor, variables={"value": numbers}, part="constant")
        if given.dtype.kind in "biu":
            value = self.call(AsType("bool" if given.dtype.kind == "b" else "int32"), value, part="constant")
        self.layouts[value] = Layout(None)
        return value


@singledispatch
def convert(module: Any, context: Context, *args: Any, **kwargs: Any) -> Value | Sequence[Value]:
    """The nodes that compute what a Flax module does; gives their results."""
    raise NoConversionError(type(module).__name__)


Conversion = Callable[..., Value | Sequence[Value]]

# Other methods of modules than __call__ that stand for one node: as convert's functions.
METHODS: dict[tuple[type[Any], str], Conversion] = {}

PRIMITIVES: dict[str, Conversion] = {}
CALLS: dict[str, Conversion] = {}
# Those of either that take Free.
PARAMETRIC: set[Conversion] = set()


def primitive(*names: str, parameters: bool = False) -> Callable[[Conversion], Conversion]:
    """Register a function for JAX's primitives of these names.

    Args:
        names: of primitives.
        parameters: whether it takes :class:`Free`.
    """
    return _registration(PRIMITIVES, names, parameters)


def call(*names: str, parameters: bool = False) -> Callable[[Conversion], Conversion]:
    """Register a function for JAX's own compiled functions of these names: ``params["jaxpr"]`` is what they do.

    Args:
        names: of functions of ``jax`` and ``jax.numpy``; one of the user's that happens to be named so is not meant.
        parameters: whether it takes :class:`Free`.
    """
    return _registration(CALLS, names, parameters)


def converts(*methods: tuple[type[Any], str]) -> Callable[[Conversion], Conversion]:
    """Register a function for methods of modules: ``@converts((nnx.Embed, "attend"))``."""

    def register(function: Conversion) -> Conversion:
        METHODS.update(dict.fromkeys(methods, function))
        return function

    return register


def _registration(
    table: dict[str, Conversion], names: Sequence[str], parameters: bool
) -> Callable[[Conversion], Conversion]:
    def register(function: Conversion) -> Conversion:
        for name in names:
            table[name] = function
        if parameters:
            PARAMETRIC.add(function)
        return function

    return register
