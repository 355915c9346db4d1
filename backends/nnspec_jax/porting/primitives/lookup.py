"""Elements at computed ids, of each example's own values or of a table that is the same for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import nnspec
from nnspec.porting.assembly import Value
from nnspec_jax.porting.convert import Context, Free, Layout
from nnspec_jax.porting.primitives.alignment import as_value
from nnspec_jax.porting.primitives.operands import (
    BATCH,
    FREE,
    Operand,
    call,
    layout,
    permuted,
    place,
    places,
    refuse,
    reshaped,
    step,
)
from nnspec_jax.porting.primitives.variables import variable


@dataclass(frozen=True)
class Gather:
    """How a gather goes from an operand's axes to its result's, as JAX sees them.

    Attributes:
        chosen: the operand's axes that the ids choose from, of which one element each is taken.
        windows: the other axes, which are taken as they are.
        paired: operand's axis -> the ids' axis that goes along with it.
        offsets: where the windows stand in the result.
        rank: of the result.
    """

    chosen: tuple[int, ...]
    windows: tuple[int, ...]
    paired: dict[int, int]
    offsets: tuple[int, ...]
    rank: int

    @property
    def of_ids(self) -> tuple[int, ...]:
        """Where the axes of the ids stand in the result."""
        return tuple(axis for axis in range(self.rank) if axis not in self.offsets)


def as_parameters(context: Context, x: Operand | Free) -> Value:
    """An operand as a value."""
    return variable(context, x) if isinstance(x, Free) else as_value(context, x)


def in_order(
    context: Context, value: Value, named: Sequence[tuple[str, int]], x: Value | None, how: Gather, ids: Value | None
) -> Value:
    """A node with its axes in the order in which JAX has those of the result.

    ``named`` says of the node's axes behind the batch what each is: an axis of the node of x, or of that of the ids.
    """
    wanted: list[tuple[str, int]] = []
    like = FREE
    for axis in range(how.rank):
        source: Value | None
        if axis in how.offsets:
            name, source, own = "x", x, how.windows[how.offsets.index(axis)]
        else:
            name, source, own = "ids", ids, how.of_ids.index(axis)
        if source is None:
            wanted.append((name, own if name == "ids" else own + 1))
            continue
        seen = layout(context, source)
        if own == seen.axis:
            like = Layout(axis, seen.before, seen.after)
            wanted += [(name, own + 1 + i) for i in range(len(seen.joined))]
        else:
            wanted.append((name, place(context, source, own, "takes from")))
    return permuted(context, value, [named.index(entry) + 1 for entry in wanted], like)


def by_ids(context: Context, x: Operand | Free, how: Gather, ids: Value) -> Value:
    """Elements at places that are computed."""
    seen = layout(context, ids)
    names = [("ids", axis) for axis in range(1, len(context.shapes[ids]))]
    table = not isinstance(x, Value) or layout(context, x).axis is None
    if table and not how.paired:
        return _from_table(context, x, how, ids, names)
    value = as_parameters(context, x)
    of = layout(context, value)
    if of.axis is None or how.paired.get(of.axis) != seen.axis or (of, seen) != (BATCH, BATCH):
        refuse(context, "the ids and what they choose from do not have the batch as the first axis of both")
    if len(how.paired) > 1:
        return _along(context, value, how, ids)
    (axis,) = places(context, value, how.chosen, "chooses from")
    made = call(context, nnspec.Take(axis=axis), value, ids, like=BATCH)
    order = [("x", i) for i in range(1, axis)] + names + [("x", i) for i in range(axis + 1, len(context.shapes[value]))]
    return in_order(context, made, order, value, how, ids)


def _from_table(context: Context, x: Operand | Free, how: Gather, ids: Value, names: list[tuple[str, int]]) -> Value:
    """Rows of a table that is the same for all examples."""
    (chosen,) = how.chosen
    if isinstance(x, Free) and x.turned is None and x.array.ndim == 2 and chosen == 0:
        layer = nnspec.Embedding(*x.array.shape)
        variables = {"embedding": x.array}
        made = call(context, layer, ids, like=layout(context, ids), variables=variables, owner=x.owner)
        return in_order(context, made, [*names, ("x", 2)], None, how, ids)
    value = as_parameters(context, x)
    made = call(context, nnspec.Take(axis=chosen + 1), value, ids, like=layout(context, ids))
    count = len(context.shapes[value])
    order = [("x", i) for i in range(1, chosen + 1)] + names + [("x", i) for i in range(chosen + 2, count)]
    return in_order(context, made, order, None, how, ids)


def _along(context: Context, x: Value, how: Gather, ids: Value) -> Value:
    """``take_along_axis``: ids of the operand's shape but along the axis that they choose from."""
    (chosen,) = how.chosen
    own = context.shapes[ids]
    free = [axis for axis in range(len(own)) if axis not in how.paired.values()]
    if len(free) > 1:
        refuse(context, "take_along_axis with ids of more axes than the operand has no counterpart")
    wide = [own[how.paired[axis]] if axis in how.paired else 1 for axis in range(1, len(context.shapes[x]))]
    wide[chosen - 1] = own[free[0]] if free else 1
    order = [how.paired[axis] for axis in range(1, len(context.shapes[x])) if axis in how.paired]
    sequence = sorted([*order, *free])
    wanted = [
        how.paired[axis] if axis in how.paired else free[0]
        for axis in range(1, len(context.shapes[x]))
        if axis in how.paired or (axis == chosen and free)
    ]
    turned = permuted(context, ids, [sequence.index(axis) + 1 for axis in wanted])
    spread = reshaped(context, turned, wide)
    full = [context.shapes[x][axis] if axis in how.windows else wide[axis - 1] for axis in range(1, len(wide) + 1)]
    if tuple(full) != tuple(wide):
        spread = step(context, nnspec.BroadcastTo(tuple(int(size or 0) for size in full)), spread)
    made = call(context, nnspec.TakeAlongAxis(chosen), x, spread, like=BATCH)
    if not free:
        made = call(context, nnspec.Squeeze(chosen), made, like=BATCH)
    named: list[tuple[str, int]] = []
    for axis in range(1, len(context.shapes[x])):
        if axis in how.paired:
            named.append(("ids", how.paired[axis]))
        elif axis == chosen:
            named += [("ids", free[0])] if free else []
        else:
            named.append(("x", axis))
    return in_order(context, made, named, x, how, ids)


def unwrapped(context: Context, ids: Value) -> Value:
    """Ids before negative ones were counted from the end, which ``Take`` does by itself."""
    made = context.assembly.made(ids)
    if made is None or not isinstance(made.layer, nnspec.Where):
        return ids
    condition, _, otherwise = made.inputs
    negative = context.assembly.made(condition)
    is_test = negative is not None and isinstance(negative.layer, nnspec.Less) and negative.layer.value == 0
    return otherwise if is_test and negative is not None and negative.inputs == (otherwise,) else ids
