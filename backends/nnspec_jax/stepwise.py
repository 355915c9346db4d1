"""Optimizers that are made parameter by parameter, with slots of any shape under the spec's own names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import optax

from nnspec import optimizers
from nnspec_jax.optimizers import DescentState, Names, Tree, decay_mask, in_float32
from nnspec_jax.realize import at_least_float32, build
from nnspec_jax.slots import SlotState


@jax.tree_util.register_pytree_node_class
class Assigned:
    """A parameter's new value, where other updates are what is added: ``optax.apply_updates`` takes it as it is.

    The difference to a value from which nothing of the old one is left would keep the old one's rounding.
    """

    __array_ufunc__ = None  # arrays of NumPy leave the sum to it, too

    def __init__(self, value: jax.Array) -> None:
        self.value = value

    def __radd__(self, parameter: Any) -> jax.Array:
        return self.value

    def tree_flatten(self) -> tuple[tuple[jax.Array], None]:
        return (self.value,), None

    @classmethod
    def tree_unflatten(cls, _: None, leaves: tuple[jax.Array]) -> Assigned:
        return cls(*leaves)


@dataclass(frozen=True)
class Update:
    """One parameter's update.

    Attributes:
        name: the parameter's canonical name.
        w, g: the parameter and its clipped gradient.
        decay: weight_decay · w where decay applies to this parameter, else 0.
        slots: by name.
        count: the number of the update, from 1, as an integer.
        eta: the learning rate.
    """

    name: str
    w: jax.Array
    g: jax.Array
    decay: Any
    slots: dict[str, jax.Array]
    count: jax.Array
    eta: jax.Array

    @property
    def t(self) -> jax.Array:
        """The number of the update in the parameter's dtype."""
        return self.count.astype(self.w.dtype)

    def exact(self, function: Callable[[jax.Array], jax.Array]) -> jax.Array:
        """What a function of t alone gives, computed in float64 (where x64 is off, too) and rounded once."""
        with jax.enable_x64(True):
            return function(self.count.astype(jnp.float64)).astype(self.w.dtype)

    def average(self, decay: float, slot: str, new: jax.Array) -> jax.Array:
        """decay · slot + (1 − decay) · new."""
        return decay * self.slots[slot] + (1.0 - decay) * new

    def down(self, direction: Any) -> jax.Array:
        """The change −η · (u + weight_decay · w)."""
        return -self.eta * (direction + self.decay)


# What is added to the parameter, or what it becomes, and its new slots.
Stepped = tuple[jax.Array | Assigned, dict[str, jax.Array]]


def by_parameter(
    spec: Any, dtype: Any, decayed: Names, advance: Callable[[Any, Update], Stepped]
) -> optax.GradientTransformationExtraArgs:
    """The optimizer that ``advance`` makes of the spec and of each parameter's :class:`Update`."""
    rate = build(spec.learning_rate, at_least_float32(dtype))

    def init(params: Tree) -> DescentState:
        def start(path: tuple[Any, ...], w: Any) -> dict[str, jax.Array]:
            held = spec.slots_of(name_of(path), jnp.shape(w)).items()
            return {slot: jnp.copy(w) if x.start is None else _filled(x, w) for slot, x in held}

        return DescentState(jnp.zeros((), jnp.int32), SlotState(jax.tree_util.tree_map_with_path(start, params)))

    def update(
        updates: Tree, state: DescentState, params: Tree = None, *, learning_rate_scale: Any = 1.0, **extra: Any
    ) -> tuple[Tree, DescentState]:
        eta, count = rate(state.count, learning_rate_scale), state.count + 1

        def step(path: tuple[Any, ...], w: jax.Array, g: jax.Array, decays: bool, slots: Any) -> Stepped:
            decay = spec.weight_decay * w if spec.weight_decay and decays else 0.0
            return advance(spec, Update(name_of(path), w, g, decay, slots, count, eta))

        mask = decay_mask(spec, params, decayed)
        made = jax.tree_util.tree_map_with_path(step, params, updates, mask, state.after.slots)
        changes, slots = (jax.tree.map(lambda _, pair, i=i: pair[i], params, made) for i in (0, 1))
        return changes, DescentState(count, SlotState(slots))

    return in_float32(optax.GradientTransformationExtraArgs(init, update))


def _filled(slot: optimizers.Slot, w: Any) -> jax.Array:
    return jnp.full(slot.shape, slot.start, jnp.asarray(w).dtype)


def name_of(path: tuple[Any, ...]) -> str:
    """The canonical name of a parameter by its path in a tree."""
    return "/".join(str(getattr(key, "key", getattr(key, "idx", getattr(key, "name", key)))) for key in path)
