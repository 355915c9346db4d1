"""A graph of the spec, made of a traced model: each equation by its conversion, or by what is within it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeGuard

import jax
import numpy as np
from jax.extend.core import Literal

from nnspec.backends import Array
from nnspec.errors import PortError, SpecError
from nnspec.layers.parameter import Parameter
from nnspec.porting.assembly import Assembly, Value
from nnspec_jax.porting.control import Place, branch, inner, line_of, named, named_within, names_of
from nnspec_jax.porting.convert import (
    CALLS,
    PARAMETRIC,
    PRIMITIVES,
    Context,
    Conversion,
    Free,
    Layout,
    NoConversionError,
)
from nnspec_jax.porting.items import Constant, Item, Made, Own, bound, grows, viewed
from nnspec_jax.porting.layered import Layers
from nnspec_jax.porting.loops import Loops


class Graph(Layers, Loops):
    """Makes nodes of a jaxpr's equations, of which it knows two forms, for two sizes of the batch.

    Attributes:
        assembly: collects the nodes.
        shapes, dtypes, layouts: of values, as :class:`Context` has them.
        places: by the number of each value the equation it stands for, the number of its result, and its layout.
        notes: what the model's user should know.
        initial: whether variables are the model's as it was given.
    """

    def __init__(self, batch: tuple[int, int], *, initial: bool = True) -> None:
        self.initial = initial
        self.assembly = Assembly()
        self.batch = batch
        self.shapes: dict[Value, tuple[int | None, ...]] = {}
        self.dtypes: dict[Value, Any] = {}
        self.layouts: dict[Value, Layout] = {}
        self.places: dict[int, tuple[Place, int, Layout]] = {}
        self.notes: dict[str, None] = {}
        self._anchor: Value | None = None
        self._numbers: dict[tuple[str, ...], int] = {}
        self._parameters: dict[Any, Value] = {}
        self._owners: dict[Any, Any] = {}
        self._here: tuple[str, ...] = ()
        self._within: list[Any] = []

    def input(self, name: str, shape: tuple[int, ...], dtype: Any) -> Made:
        """An input of the model, of an array of this shape, batch axis included."""
        value = self.assembly.input(name, shape[1:], dtype)
        self.shapes[value], self.dtypes[value] = (None, *shape[1:]), dtype
        self._anchor = self._anchor or value
        return Made(value)

    def value(self, item: Item) -> Value:
        """The node that gives an item."""
        if isinstance(item, Made):
            return item.value
        if isinstance(item, Constant):
            array = self._constant(item)
            if not grows(item):
                return self._context().constant(array)
            made = self._context().constant(array[0])
            self.layouts.pop(made, None)
            return made
        if item.owner not in self._parameters:
            if item.array.dtype.kind in "iub":
                raise NoConversionError("a parameter of whole numbers")
            *scope, name = names_of(item.path, self._numbers)
            layer = Parameter(tuple(item.array.shape), trainable=item.trainable)
            context = self._context(tuple(scope), name, f"{'.'.join(item.path)} (parameter)")
            if self._anchor is None:
                raise NoConversionError("a model without inputs")
            made = context.call(layer, self._anchor, variables={"value": item.array}, owner=item.owner)
            self.layouts[made] = Layout(None)
            self._parameters[item.owner] = made
        return self._parameters[item.owner]

    def output(self, item: Item, number: int) -> Value:
        """The node that gives an output, with the batch as its first axis."""
        value = self.value(item)
        layout = self.layouts.get(value, Layout())
        if layout != Layout():
            how = "is the same for all examples" if layout.axis is None else "has the batch as another axis"
            self.notes[f"Output {number} {how} in the original; here the batch is its first axis."] = None
        return value

    def settle(self, outputs: Sequence[Value]) -> None:
        """Make the graph simpler once it is whole; nothing to do for models whose layers are known."""

    def run(
        self,
        pair: tuple[Any, Any],
        constants: tuple[Sequence[Any], Sequence[Any]],
        given: Sequence[Item],
        *,
        needed: Sequence[bool] | None = None,
        place: Place = (),
        scope: tuple[str, ...] = (),
    ) -> list[Item]:
        """What a jaxpr gives of these items.

        Args:
            pair: the jaxpr, for the two sizes of the batch.
            constants: the arrays that it holds.
            given: what it is applied to.
            needed: which of its results are asked for; the others are arbitrary.
            place: where it is.
            scope: the module around it.
        """
        one, two = pair
        env: dict[Any, Item] = {}
        for var, a, b in zip(one.constvars, *constants, strict=True):
            env[var] = Constant(a, b)
        env.update(zip(one.invars, given, strict=True))
        if len(one.eqns) != len(two.eqns):
            raise PortError(f"{named(scope)}computes another graph for another size of the batch")
        wanted = [True] * len(one.outvars) if needed is None else list(needed)
        alive = _alive(one, wanted)

        def read(a: Any, b: Any) -> Item:
            return Constant(a.val, b.val) if isinstance(a, Literal) else env[a]

        for i, (equation, other) in enumerate(zip(one.eqns, two.eqns, strict=True)):
            asked = alive[i]
            if asked is None:
                continue
            if equation.primitive.name != other.primitive.name:
                raise PortError(f"{named(scope)}computes another graph for another size of the batch")
            items = [read(a, b) for a, b in zip(equation.invars, other.invars, strict=True)]
            within = named_within(equation) or scope
            self._within.append(equation)
            try:
                made = self._equation((equation, other), items, asked, (*place, i), within)
            finally:
                self._within.pop()
            env.update((var, item) for var, item in zip(equation.outvars, made, strict=True))
        outs = zip(one.outvars, two.outvars, wanted, strict=True)
        return [read(a, b) if asked else Constant(None, None) for a, b, asked in outs]

    def _equation(
        self, pair: tuple[Any, Any], items: list[Item], asked: list[bool], place: Place, scope: tuple[str, ...]
    ) -> list[Item]:
        equation = pair[0]
        name = equation.primitive.name
        self._here = scope
        if name == "random_bits" and any(item.drawn for item in items if isinstance(item, Constant)):
            raise PortError(
                f"{named(scope)}draws random numbers ({self._line()}), which the spec's own layers do by streams of "
                "their own: give them as an input, or leave them to nnx.Dropout"
            )
        if all(isinstance(item, Constant) and not item.drawn for item in items):
            return _computed(pair, items)
        if name == "flax_layer":
            return self._layer(pair, items, asked, place)
        view = viewed(name, equation, items) if items else None
        if view is not None:
            return view
        if name == "scan":
            return self._scan(pair, items, asked, place, scope)
        if name == "while":
            return self._while(pair, items, asked, place, scope)
        if name == "cond":
            one, two = branch(pair, items[0], lambda: f"{named(scope)}{self._line()}: ")
            return self.run(
                (one.jaxpr, two.jaxpr), (one.consts, two.consts), items[1:], needed=asked, place=place, scope=scope
            )
        function, what = PRIMITIVES.get(name), name
        parts = inner(pair)
        if parts is not None:
            what, function = equation.params.get("name") or name, None
            if (any(isinstance(item, Made) for item in items) and parts.by_jax) or _drawing(items):
                function = CALLS.get(what)
        if function is not None:
            try:
                return self._primitive(function, what, pair, items, place, scope)
            except NoConversionError:
                pass
        if parts is not None:
            return self.run(parts.jaxprs, parts.constants, items, needed=asked, place=place, scope=scope)
        if all(isinstance(item, Constant) for item in items):
            return _computed(pair, items)
        raise PortError(
            f"{named(scope)}{name} ({self._line()}) has no counterpart in nnspec on inputs of the shapes "
            f"{', '.join(str(tuple(var.aval.shape)) for var in equation.invars)}: write it with other "
            "operations, or in a module that has a conversion"
        )

    def _primitive(
        self,
        function: Conversion,
        name: str,
        pair: tuple[Any, Any],
        items: list[Item],
        place: Place,
        scope: tuple[str, ...],
    ) -> list[Item]:
        equation = pair[0]
        where = ".".join(scope)
        context = self._context(names_of(scope, self._numbers), "", f"{where} ({name})" if where else name)
        operands: list[Any] = []
        if not any(isinstance(item, Made) for item in items) and any(isinstance(item, Own) for item in items):
            # Zeros for each example, say, that meet a variable: a state that a recurrence begins with.
            items = [Made(self.value(x)) if isinstance(x, Constant) and _per_example(x) else x for x in items]
        for item in items:
            if isinstance(item, Constant):
                operands.append(self._operand(item))
            elif _is_free(item) and function in PARAMETRIC and any(isinstance(x, Made) for x in items):
                operands.append(_free(item))
            else:
                operands.append(self.value(item))
        try:
            made = function(context, dict(equation.params), *operands)
        except SpecError as error:
            raise PortError(f"{named(scope)}{name} ({self._line()}): {error}") from error
        except PortError as error:
            line = self._line()
            raise error if line in str(error) else PortError(f"{error} ({line})") from error
        values = [made] if isinstance(made, Value) else list(made)
        self._note_places(values, place, equation, name, scope)
        return [Made(value) for value in values]

    def _note_places(
        self,
        values: Sequence[Value],
        place: Place,
        equation: Any,
        name: str,
        scope: tuple[str, ...],
        asked: Sequence[bool] | None = None,
    ) -> None:
        for i, (value, var) in enumerate(zip(values, equation.outvars, strict=False)):
            if asked is not None and not asked[i]:
                continue
            self.places.setdefault(value.index, (place, i, self.layouts.get(value, Layout())))
            seen = self.seen(value)
            if seen is not None and seen != tuple(var.aval.shape):
                raise PortError(
                    f"{named(scope)}{name} ({self._line()}) became a node that gives {seen} in the place of "
                    f"{tuple(var.aval.shape)}: please report this"
                )

    def seen(self, value: Value) -> tuple[int, ...] | None:
        """The shape in which JAX sees a value; None where it is not known."""
        shape, layout = self.shapes.get(value), self.layouts.get(value, Layout())
        if shape is None or None in shape[1:]:
            return None
        rest = [size for size in shape[1:] if size is not None]
        if layout.axis is None:
            return tuple(rest)
        joined = self.batch[0] * layout.before * layout.after
        return (*rest[: layout.axis], joined, *rest[layout.axis + len(layout.joined) :])

    def _context(
        self,
        scope: tuple[str, ...] = (),
        name: str = "",
        origin: str = "",
        owner: Any = None,
        asked: tuple[bool, ...] = (),
    ) -> Context:
        return Context(
            self.assembly,
            scope,
            name,
            origin,
            shapes=self.shapes,
            dtypes=self.dtypes,
            layouts=self.layouts,
            batch=self.batch[0],
            anchor=self._anchor,
            owner=owner,
            owners=self._owners,
            asked=asked,
            notes=self.notes,
            initial=self.initial,
        )

    def _place(self) -> str:
        """Where the equation is that is being converted, for errors."""
        name = self._within[-1].primitive.name if self._within else "the output"
        return f"{named(self._here)}{name} ({self._line()}): "

    def _line(self) -> str:
        """The line of the model that the equation comes from, or the one around it."""
        for equation in reversed(self._within):
            found = line_of(equation)
            if found:
                return found
        return "somewhere"

    def _operand(self, item: Constant) -> Any:
        """A constant for an equation, which looks itself where the batch is."""
        if item.drawn or np.shape(item.one) != np.shape(item.two):
            return item.one if item.drawn else np.asarray(item.one)
        return self._constant(item)

    def _constant(self, item: Constant) -> Array:
        """A constant's numbers, with one row in the place of the batch.

        Raises:
            PortError: they depend on the size of the batch.
        """
        one, two = np.asarray(item.one), np.asarray(item.two)
        if one.shape == two.shape:
            if not np.array_equal(one, two, equal_nan=one.dtype.kind == "f"):
                raise PortError(f"{self._place()}a constant depends on the size of the batch: give it as an input")
            return one
        rows = one[:1]
        if not grows(item) or not np.array_equal(np.broadcast_to(rows, one.shape), one):
            raise PortError(f"{self._place()}a constant differs from example to example: give it as an input")
        return rows


def _is_free(item: Item) -> TypeGuard[Own]:
    return isinstance(item, Own) and not item.whole


def _per_example(item: Constant) -> bool:
    return not item.drawn and np.ndim(item.one) > 0 and np.shape(item.one) != np.shape(item.two) and grows(item)


def _free(own: Own) -> Free:
    turned = None if own.turned is None else Free(np.asarray(own.turned.array), own.turned.owner)
    return Free(np.asarray(own.array), own.owner, turned)


def _drawing(items: Sequence[Item]) -> bool:
    """Whether something is drawn from the model's generator."""
    return any(isinstance(item, Constant) and item.drawn for item in items)


def _computed(pair: tuple[Any, Any], items: Sequence[Item]) -> list[Item]:
    """What an equation gives of constants."""
    results = []
    for i, equation in enumerate(pair):
        operands = [(item.one, item.two)[i] for item in items if isinstance(item, Constant)]
        with jax.enable_x64(True):
            results.append(bound(equation, operands))
    return [Constant(a, b, _drawing(items)) for a, b in zip(*results, strict=True)]


def _alive(jaxpr: Any, wanted: Sequence[bool]) -> list[list[bool] | None]:
    """For each equation which of its results lead to one that is wanted; None where none does."""
    asked = {var for var, want in zip(jaxpr.outvars, wanted, strict=True) if want and not isinstance(var, Literal)}
    alive: list[list[bool] | None] = []
    for equation in reversed(jaxpr.eqns):
        outs = [var in asked for var in equation.outvars]
        alive.append(outs if any(outs) else None)
        if any(outs):
            asked.update(var for var in equation.invars if not isinstance(var, Literal))
    return alive[::-1]
