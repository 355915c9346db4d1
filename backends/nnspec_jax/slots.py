"""The slots in the states of the optimizers made here, under the spec's names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import optax

Tree = Any
# Slot of the spec -> field of Optax's states.
FIELDS = {
    **{"m": "mu", "v": "nu", "v_max": "nu_max", "mean": "mu", "velocity": "trace", "accumulator": "sum_of_squares"},
    **{"gradient_square": "e_g", "update_square": "e_x"},
}


class SlotState(NamedTuple):
    """``slots``: a tree as the parameters', with a dictionary of its slots in the place of each parameter."""

    slots: Tree


class WrappedState(NamedTuple):
    """The state of an optimizer made of others.

    ``count``: updates made. ``inner``: the states of those within. ``slots``: by slot, a tree as the parameters'.
    """

    count: jax.Array
    inner: tuple[Any, ...]
    slots: dict[str, Tree]


def _is_field(path: tuple[Any, ...], _: Any) -> bool:
    return isinstance(path[-1], optax.tree_utils.NamedTupleKey)


def updates_made(state: Tree) -> jax.Array:
    """The number of updates that an optimizer made here has made."""
    if isinstance(state, WrappedState):
        return state.count
    count: jax.Array = optax.tree_utils.tree_get(state, "DescentState").count
    return count


def get_slots(spec: Any, state: Tree) -> dict[str, dict[str, jax.Array]]:
    """The spec's slots out of the state of an optimizer made here: by slot, then by name of the parameters with one."""
    if isinstance(state, WrappedState):
        found = {slot: dict(tree) for slot, tree in state.slots.items()}
        for inner, held in zip(spec.inners, state.inner, strict=True):
            for slot, values in get_slots(inner, held).items():
                found[slot] = {**found.get(slot, {}), **values}
        return found
    own = optax.tree_utils.tree_get(state, "SlotState")
    if own is not None:
        names = dict.fromkeys(slot for held in own.slots.values() for slot in held)
        return {slot: {name: held[slot] for name, held in own.slots.items() if slot in held} for slot in names}
    fields = {slot: FIELDS.get(slot, slot) for slot in spec.slots()}
    return {slot: dict(optax.tree_utils.tree_get(state, fields[slot], filtering=_is_field)) for slot in fields}


def set_slots(state: Tree, slots: Mapping[str, Mapping[str, jax.Array]], step: jax.Array | None = None) -> Tree:
    """The state with these slots of its parameters replaced, and with that number of updates made."""
    if isinstance(state, WrappedState):
        own = {slot: _replaced(tree, slots.get(slot, {})) for slot, tree in state.slots.items()}
        inner = tuple(set_slots(held, slots, step) for held in state.inner)
        return WrappedState(state.count if step is None else step, inner, own)
    held = optax.tree_utils.tree_get(state, "SlotState")
    if held is not None:
        given = {name: {slot: x[name] for slot, x in slots.items() if name in x} for name in held.slots}
        merged = {name: _replaced(old, given[name]) for name, old in held.slots.items()}
        state = optax.tree_utils.tree_set(state, _is_field, slots=merged)
    for slot, values in {} if held is not None else slots.items():
        field = FIELDS.get(slot, slot)
        old = optax.tree_utils.tree_get(state, field, filtering=_is_field)
        if old is not None:
            state = optax.tree_utils.tree_set(state, _is_field, **{field: _replaced(old, values)})
    return state if step is None else optax.tree_utils.tree_set(state, _is_field, count=step)


def _replaced(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The entries, with those that are there taken from ``new`` where it has them."""
    return {name: new.get(name, value) for name, value in old.items()}
