"""Marked layers in a graph: by their conversion, or by what is within them."""

from __future__ import annotations

from typing import Any

import jax

from nnspec.errors import PortError, SpecError
from nnspec.porting.assembly import Value
from nnspec_jax.porting.control import Place, names_of
from nnspec_jax.porting.convert import METHODS, Layout, NoConversionError, convert
from nnspec_jax.porting.items import Constant, Item, Made, Own, grows
from nnspec_jax.porting.marker import POINTWISE, Marked


class Layers:
    """What a graph does with calls of modules."""

    def _layer(self: Any, pair: tuple[Any, Any], items: list[Item], asked: list[bool], place: Place) -> list[Item]:
        marked: Marked = pair[0].params["marked"]
        states, given = items[: marked.states], items[marked.states :]
        kept = [states[i] for i in marked.kept]
        if not any(asked[: len(asked) - len(kept)]):
            return [*[Constant(None, None)] * (len(asked) - len(kept)), *kept]
        made = None
        if not any(isinstance(item, Made) or (isinstance(item, Own) and item.whole) for item in states):
            try:
                made = self._converted_layer(marked, states, given, pair, place, asked)
            except NoConversionError:
                made = None
        if made is None:
            closed = [equation.params["marked"].opened([var.aval for var in equation.invars]) for equation in pair]
            one, two = closed
            inside = self.run(
                (one.jaxpr, two.jaxpr), (one.consts, two.consts), items, needed=asked, place=place, scope=marked.path
            )
            made = inside[: len(inside) - len(kept)]
        return [*made, *kept]

    def _converted_layer(
        self: Any,
        marked: Marked,
        states: list[Item],
        given: list[Item],
        pair: tuple[Any, Any],
        place: Place,
        asked: list[bool],
    ) -> list[Item]:
        *scope, name = names_of(marked.path, self._numbers) or ("",)
        owners = list(dict.fromkeys(item.owner for item in states if isinstance(item, Own)))
        owner = None if not owners else owners[0] if len(owners) == 1 else tuple(owners)
        context = self._context(tuple(scope), name, marked.origin, owner, tuple(asked))
        module = marked.module.concrete(
            [item.array if isinstance(item, Own) else item.one for item in states if not isinstance(item, Made)]
        )
        computed = any(not isinstance(item, Constant) for item in given)
        # Of constants alone, those that have a row for each example are nodes: tokens that start each sequence, a state
        # of zeros.
        operands = [
            self._constant(item) if isinstance(item, Constant) and (computed or not grows(item)) else self.value(item)
            for item in given
        ]
        if operands and not any(isinstance(x, Value) for x in operands):
            raise NoConversionError(f"{marked.origin}: of constants alone")
        layout = self._layout(marked, [x for x in operands if isinstance(x, Value)])
        args, kwargs = marked.arguments.filled(operands)
        function: Any = convert.dispatch(marked.cls)
        if marked.method != "__call__":
            function = METHODS[marked.cls, marked.method]
        try:
            made = function(module, context, *args, **kwargs)
        except SpecError as error:
            raise PortError(f"{marked.origin}: {error}") from error
        values = jax.tree.leaves(made)
        for value in values:
            if layout != Layout():
                self.layouts[value] = layout
        self._note_places(values, place, pair[0], marked.origin, marked.path, asked)
        return [Made(value) for value in values]

    def _layout(self: Any, marked: Marked, values: list[Value]) -> Layout:
        """The layout of what a layer gives of these values."""
        layouts = {self.layouts.get(value, Layout()) for value in values}
        if layouts <= {Layout()}:
            return Layout()
        if len(layouts) == 1 and any(issubclass(marked.cls, cls) for cls in POINTWISE):
            return layouts.pop()
        if layouts == {Layout(None)}:
            return Layout(None)
        raise NoConversionError(f"{marked.origin}: the batch is not the first axis")
