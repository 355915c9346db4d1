"""An Optax optimizer of a Flax model, with its state, in nnspec's terms; and the original as a subject."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from nnspec.backends import Array, Arrays
from nnspec.errors import PortError
from nnspec.optimizers import OptimizerBase, slot_name
from nnspec.porting.optimizer import STEP, of_kernels, rates, trained, whole
from nnspec.porting.port import OptimizerState
from nnspec_jax.porting.importer import Imported
from nnspec_jax.porting.optax_parts import taken_apart
from nnspec_jax.porting.optax_places import Places, named
from nnspec_jax.porting.optax_recognition import recognized
from nnspec_jax.porting.optax_rules import rule
from nnspec_jax.slots import FIELDS

# What Optax's states call the number of updates.
_COUNTS = ("count", "t")


@dataclasses.dataclass(frozen=True)
class Given:
    """An optimizer as a user gives it.

    Attributes:
        spec: what the user says that it is.
        transformation: Optax's; None where only the state is known.
        state: Optax's state.
        step: how many updates it has made, where the state does not say.
    """

    spec: OptimizerBase | None
    transformation: Any
    state: Any
    step: int | None = None
    wrt: Any = nnx.Param

    @classmethod
    def of(cls, given: Any) -> Given:
        """An ``nnx.Optimizer``, a transformation with its state, or the spec's optimizer with a state or either.

        Raises:
            PortError: it is something else.
        """
        parts = given if isinstance(given, tuple) and not hasattr(given, "update") else (given,)
        spec = parts[0] if isinstance(parts[0], OptimizerBase) else None
        rest = parts[1:] if spec is not None else parts
        if len(rest) == 1 and isinstance(rest[0], nnx.Optimizer):
            own = rest[0]
            return cls(spec, own.tx, nnx.as_pure(own.opt_state), int(own.step.get_value()), own.wrt)
        if len(rest) == 2 and hasattr(rest[0], "update"):
            return cls(spec, rest[0], nnx.as_pure(rest[1]))
        if len(rest) == 1 and spec is not None:
            return cls(spec, None, nnx.as_pure(rest[0]))
        raise PortError(
            "optimizer is an nnx.Optimizer, or a transformation of Optax with its state, or an optimizer of nnspec "
            "with a state of Optax"
        )


def read(original: Any, called: Any, imported: Imported, module: Any, given: Any) -> OptimizerState:
    """The optimizer of a Flax model in nnspec's terms.

    Raises:
        PortError: it is none that nnspec knows, or its state is not that of this model.
    """
    it, places = Given.of(given), Places.of(original, called, imported)
    params = imported.assembled.model.params()
    parameters = {name: np.asarray(imported.assembled.variables[name]) for name in trained(params)}
    native = _parameters(module, it.wrt)
    if it.spec is not None:
        spec, clip, slots, rounds = it.spec, None, _slots_by_field(it, places, parameters), ""
        if it.transformation is not None:
            clip = _clip_of(it)
    else:
        found = recognized(it.transformation, it.state, places, parameters, native, of_kernels(params))
        spec, clip, slots, rounds = found.optimizer, found.clip, found.slots, found.rounds
    step = _step(it)
    variables = dict(whole(spec, slots, step, parameters))
    state = OptimizerState(spec, variables, clip)
    if it.transformation is None:
        return state
    return dataclasses.replace(state, subject=OptaxSubject(it, places, state, native, rounds))


def _parameters(module: Any, wrt: Any) -> Any:
    """The tree that the transformation is given for parameters."""
    if isinstance(module, tuple):
        return module[1].get("params", {})
    if isinstance(module, nnx.Module):
        return nnx.as_pure(nnx.state(module, wrt))
    return module.variables.get("params", {})


def _clip_of(it: Given) -> Any:
    try:
        return rule(taken_apart(it.transformation, it.state).parts).clip
    except PortError:
        return None


def _step(it: Given) -> int:
    counts = [
        int(leaf)
        for path, leaf in jax.tree_util.tree_flatten_with_path(it.state)[0]
        if getattr(path[-1], "name", None) in _COUNTS
    ]
    if isinstance(it.state, optax.MultiStepsState):
        every = taken_apart(it.transformation, it.state).every
        return int(it.state.gradient_step) * every + int(it.state.mini_step)
    if counts:
        return max(counts)
    return it.step or 0


def _slots_by_field(it: Given, places: Places, parameters: Arrays) -> dict[str, Array]:
    """The slots of an optimizer that the user names, by the names of the fields of Optax's states."""
    assert it.spec is not None
    trees: dict[str, Any] = {}

    def visit(node: Any) -> None:
        if isinstance(node, tuple) and hasattr(node, "_fields"):
            for name in node._fields:
                value = getattr(node, name)
                if jax.tree.leaves(value) and set(named(value)) <= set(places.names):
                    trees.setdefault(name, value)
                else:
                    visit(value)
        elif isinstance(node, tuple | list):
            for part in node:
                visit(part)
        elif isinstance(node, Mapping):
            for part in node.values():
                visit(part)

    visit(it.state)
    found: dict[str, Array] = {}
    for name, value in parameters.items():
        for slot in it.spec.slots_of(name, value.shape):
            field = FIELDS.get(slot, slot)
            if field not in trees:
                known = ", ".join(trees) or "none"
                raise PortError(f"{type(it.spec).__name__} has the slot {slot}, and no state has {field} (of {known})")
            gathered = places.gather(named(trees[field]))
            if name in gathered:
                found[slot_name(name, slot)] = gathered[name]
    return found


class OptaxSubject:
    """See :class:`nnspec.porting.port.OptimizerSubject`: the transformation itself, in float64."""

    def __init__(self, given: Given, places: Places, state: OptimizerState, native: Any, rounds: str) -> None:
        self.label = f"Optax {optax.__version__}"
        self.rounds = rounds
        self._given, self._places, self._state, self._native = given, places, state, native

    def update(self, parameters: Arrays, gradients: Sequence[Arrays]) -> dict[str, Array]:
        """Parameters and slots by canonical name after updates with these gradients."""
        transformation, places = _exact(self._given.transformation), self._places
        with jax.enable_x64(True):
            state = jax.tree.map(_wide, self._given.state)
            values = self._tree(places.spread(parameters))
            for given in gradients:
                updates, state = transformation.update(self._tree(places.spread(given)), state, values)
                values = optax.apply_updates(values, updates)
            after = places.gather({name: np.asarray(x) for name, x in named(values).items()})
            moved = dataclasses.replace(
                self._given, state=jax.tree.map(np.asarray, state), step=(self._given.step or 0) + len(gradients)
            )
            kept = {name: np.asarray(value) for name, value in parameters.items() if name not in after}
            if self._given.spec is not None:
                slots = _slots_by_field(moved, places, parameters)
            else:
                it = (self._given.transformation, moved.state)
                slots = recognized(*it, places, parameters, self._native, frozenset()).slots
        counts = {STEP: np.array(_step(moved))} if _counts(self._given) else {}
        return {**kept, **after, **slots, **counts}

    def _tree(self, arrays: Mapping[str, Array]) -> Any:
        """Arrays by Flax's names as the tree that the transformation takes."""
        leaves, structure = jax.tree_util.tree_flatten(self._native)
        names = list(named(self._native))
        assert len(leaves) == len(names)
        return jax.tree_util.tree_unflatten(structure, [jnp.asarray(arrays[name], jnp.float64) for name in names])

    def rates(self, steps: Sequence[int]) -> Array:
        """Learning rates after so many updates: those of the updates are Optax's own."""
        return rates(self._state, steps)


def _counts(it: Given) -> bool:
    known = it.step is not None or isinstance(it.state, optax.MultiStepsState)
    paths = [path for path, _ in jax.tree_util.tree_flatten_with_path(it.state)[0]]
    return known or any(getattr(path[-1], "name", None) in _COUNTS for path in paths if path)


def _exact(transformation: Any) -> Any:
    """A transformation that gathers gradients in float64, if it gathers any."""
    steps = getattr(transformation.update, "__self__", None)
    if not isinstance(steps, optax.MultiSteps):
        return transformation
    steps = copy.copy(steps)
    steps._accumulator_dtype = jnp.dtype("float64")
    return steps


def _wide(x: Any) -> Any:
    array = jnp.asarray(x)
    return array.astype(jnp.float64) if jnp.issubdtype(array.dtype, jnp.floating) else array
