"""Which optimizer of the spec a transformation of Optax is, parameter by parameter, and where its slots are."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nnspec.backends import Array, Arrays
from nnspec.errors import PortError
from nnspec.optimizers import Adam, AdamW, Clip, Optimizer, OptimizerBase, slot_name
from nnspec.porting.optimizer import of_decay, parted
from nnspec.steps import Frozen
from nnspec.wrappers import GradientAccumulation
from nnspec_jax.porting.optax_chains import Found
from nnspec_jax.porting.optax_parts import REMEDY, Whole, taken_apart
from nnspec_jax.porting.optax_places import Places, named
from nnspec_jax.porting.optax_rules import Rule, rule


@dataclasses.dataclass(frozen=True)
class Recognized:
    """What a transformation is.

    Attributes:
        optimizer: of the spec.
        clip: what happens to gradients first.
        slots: by name.
        rounds: what Optax computes in float32, a sentence.
    """

    optimizer: OptimizerBase
    clip: Clip | None
    slots: dict[str, Array]
    rounds: str


def recognized(
    transformation: Any, state: Any, places: Places, parameters: Arrays, native: Any, kernels: frozenset[str]
) -> Recognized:
    """A transformation with its state, by the functions that made its parts.

    Args:
        native: the tree that it is given for parameters.
        kernels: the parameters that decay where an optimizer says "kernels".

    Raises:
        PortError: the spec has none like it.
    """
    made = taken_apart(transformation, state)
    each: dict[str, OptimizerBase] = {}
    slots: dict[str, Array] = {}
    clips, rounding = [], ""
    trained_names = places.gather(named(native))
    for found, names in _rules(made, places, native):
        chain = found.chain
        if chain.per_tensor:
            places.demand_tensors(in_order=chain.in_order)
        clips.append(found.clip)
        rounding = rounding or found.rounds
        decays = _decaying(found, places, native)
        for name in names:
            decay = found.decay if decays.get(name, True) else 0.0
            each[name] = _with_decay(chain.optimizer, decay) if found.decay else chain.optimizer
        for slot, (tree, sign) in chain.slots.items():
            gathered = places.gather(named(tree))
            slots |= {slot_name(n, slot): gathered[n] * gathered[n].dtype.type(sign) for n in names if n in gathered}
        slots |= _of_tensors(chain, names, places, parameters)
    for name in parameters:
        if name not in trained_names:
            each[name] = Frozen()
    lacking = [name for name in parameters if name not in each]
    if lacking:
        raise PortError(f"no transformation updates {lacking[0]}")
    spec = parted(of_decay({name: each[name] for name in parameters}, kernels))
    if len(set(clips)) > 1:
        raise PortError(f"parts that clip in different ways: {REMEDY}")
    if made.every > 1:
        if clips and clips[0] is not None:
            raise PortError("MultiSteps clips the mean of gradients, the spec each batch's")
        spec = GradientAccumulation(spec, made.every)
        count = int(made.gathered.mini_step)
        gathered = places.gather(named(made.gathered.acc_grads))
        slots |= {slot_name(n, "gradient_sum"): x * x.dtype.type(count) for n, x in gathered.items()}
        rounding = "Optax's MultiSteps weighs gradients in float32"
    return Recognized(spec, clips[0] if clips else None, slots, rounding)


def _of_tensors(chain: Found, names: Sequence[str], places: Places, parameters: Arrays) -> dict[str, Array]:
    """The slots that each tensor has as a whole."""
    trees = {slot: named(tree) for slot, tree in chain.tensors.items()}
    found = {}
    for name in names:
        own = places.tensor(name)
        for slot, declared in chain.optimizer.slots_of(name, parameters[name].shape).items():
            if slot in trees:
                axis = slot.removeprefix("accumulator_")  # SM3 has a list of them
                value = trees[slot][own if axis == slot else f"{own}.{axis}"]
                found[slot_name(name, slot)] = np.asarray(value).reshape(declared.shape)
    return found


def _with_decay(optimizer: Optimizer, decay: float) -> OptimizerBase:
    if type(optimizer) is Adam:
        numbers = {f.name: getattr(optimizer, f.name) for f in dataclasses.fields(optimizer)}
        return AdamW(**{**numbers, "weight_decay": decay})
    return dataclasses.replace(optimizer, weight_decay=decay)


def _rules(made: Whole, places: Places, native: Any) -> Iterator[tuple[Rule, list[str]]]:
    """Each chain with the parameters that it updates."""
    every = list(places.gather(named(native)))
    (first, *rest) = made.parts or (None,)
    if first is None or first.name != "partition" or rest:
        yield rule(made.parts), every
        return
    labels = first.options["param_labels"]
    labels = named(labels(native) if callable(labels) else labels)
    for label, transformation in first.options["transforms"].items():
        own = {name: np.full(shape, labels.get(name) == label) for name, shape in _shaped(places)}
        names = [name for name, there in places.gather(own).items() if there.all() and name in every]
        if not names:
            continue
        state = first.state.inner_states[label]
        parts = tuple(taken_apart(transformation, getattr(state, "inner_state", state)).parts)
        if [part.name for part in parts] == ["set_to_zero"]:
            yield Rule(Found(Frozen()), None, 0.0, None), names
            continue
        found = rule(parts)
        if found.clip is not None and found.clip.global_norm is not None:
            raise PortError(f"clip_by_global_norm of a part: {REMEDY}")
        yield found, names


def _shaped(places: Places) -> Iterator[tuple[str, tuple[int, ...]]]:
    return zip(places.names, places.shapes, strict=True)


def _decaying(found: Rule, places: Places, native: Any) -> dict[str, bool]:
    """Which parameters decay, where a mask says so."""
    if found.mask is None:
        return {}
    mask = found.mask(native) if callable(found.mask) else found.mask
    told = named(mask)
    own = {
        name: np.full(shape, bool(told[name] if name in told else next(iter(told.values()), True)))
        for name, shape in _shaped(places)
    }
    result = {}
    for name, there in places.gather(own).items():
        if there.any() != there.all():
            raise PortError(f"{name} is made of parameters of which some decay and others do not")
        result[name] = bool(there.all())
    return result
