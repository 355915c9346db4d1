"""The state of a live Keras optimizer under the spec's names, and the optimizer itself as a subject."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nnspec.adaptive import NAdam
from nnspec.backends import Array, Arrays
from nnspec.errors import PortError
from nnspec.layers.base import Param
from nnspec.optimizers import OptimizerBase, slot_name
from nnspec.porting.optimizer import of_decay, of_kernels, parted, started, trained, whole
from nnspec.porting.port import OptimizerState
from nnspec.steps import Frozen
from nnspec.wrappers import held
from nnspec_tensorflow.porting.optimizers import (
    KINDS,
    clip_of,
    excluding,
    kind_of,
    of_variable,
    plain,
    product,
    scaled,
    wrapped,
)
from nnspec_tensorflow.porting.trainables import Trainables
from nnspec_tensorflow.startup import keras

_of = keras.optimizers


def read(optimizer: Any, trainables: Trainables, params: Mapping[str, Param], variables: Arrays) -> OptimizerState:
    """A Keras optimizer with its state in nnspec's terms.

    Args:
        optimizer: built or not.
        trainables: how the model's parameters lie in the variables that it trains.
        params: the model's variables as declared.
        variables: the model's variables.

    Raises:
        PortError: the spec cannot say it, naming the option.
    """
    from nnspec_tensorflow.porting.optimizer_subject import KerasOptimizerSubject

    parameters = {name: np.asarray(variables[name]) for name in trained(params)}
    spec = spec_of(optimizer, trainables, parameters, of_kernels(params))
    if _built(optimizer):
        slots, step = slots_of(optimizer, trainables, spec, parameters), int(innermost(optimizer)[0]._iterations)
    else:
        slots, step = started(spec, parameters), 0
    clips = {clip_of(each) for each in innermost(optimizer)}
    if len(clips) > 1:
        raise PortError("the optimizers of a MultiOptimizer clip gradients in different ways")
    if trainables.frozen and any(clip is not None and clip.global_norm is not None for clip in clips):
        raise PortError("global_clipnorm is of the gradients that are trained, the spec's of all: some are not trained")
    state = OptimizerState(spec, dict(whole(spec, slots, step, parameters)), clips.pop())
    return OptimizerState(
        spec, state.variables, state.clip, KerasOptimizerSubject(optimizer, trainables, state, parameters)
    )


def innermost(optimizer: Any) -> list[Any]:
    """The optimizers that make updates: itself, what a ``LossScaleOptimizer`` holds, or all of a ``MultiOptimizer``."""
    if isinstance(optimizer, _of.LossScaleOptimizer):
        return innermost(optimizer.inner_optimizer)
    if isinstance(optimizer, _of.MultiOptimizer):
        return list(optimizer.optimizers)
    return [optimizer]


def _built(optimizer: Any) -> bool:
    return bool(optimizer.built and (not isinstance(optimizer, _of.LossScaleOptimizer) or _built(inner(optimizer))))


def inner(optimizer: Any) -> Any:
    return optimizer.inner_optimizer


def spec_of(
    optimizer: Any, trainables: Trainables, parameters: Arrays, kernels: frozenset[str] = frozenset()
) -> OptimizerBase:
    """The optimizer of the spec.

    Raises:
        PortError: the spec cannot say it.
    """
    if isinstance(optimizer, _of.LossScaleOptimizer):
        return scaled(spec_of(optimizer.inner_optimizer, trainables, parameters, kernels), optimizer)
    each: dict[str, OptimizerBase] = {}
    bases: dict[int, Any] = {}
    exact = any(variable.dtype == "float64" for variable in trainables.variables)
    own = {id(o): o for o in innermost(optimizer)}
    if isinstance(optimizer, _of.MultiOptimizer):
        _demand_plain(optimizer)
    for key, o in own.items():
        if kind_of(o).per_tensor or (clip_of(o) is not None and getattr(o, "clipnorm", None)):
            trainables.demand_tensors(type(o).__name__ if kind_of(o).per_tensor else "clipnorm")
        bases[key] = plain(o, exact=exact)
    adam = [
        name
        for name in trainables.numbers
        if len(parameters[name].shape) == 2 and _by_adam(responsible(optimizer, trainables, name), trainables, name)
    ]
    for name in parameters:
        if name not in trainables.numbers:
            each[name] = Frozen()
            continue
        o = responsible(optimizer, trainables, name)
        made = {of_variable(bases[id(o)], o, trainables.variables[i]) for i in trainables.holders(name)}
        if len(made) > 1:
            raise PortError(f"{name} is made of variables of which some decay and others do not")
        each[name] = excluding(made.pop(), adam)
    _demand_ranks(own.values(), trainables, parameters)
    found = parted(of_decay(each, kernels))
    return found if isinstance(optimizer, _of.MultiOptimizer) else wrapped(found, optimizer)


def responsible(optimizer: Any, trainables: Trainables, name: str) -> Any:
    """Keras's optimizer of a parameter."""
    if not isinstance(optimizer, _of.MultiOptimizer):
        return optimizer
    found = {id(o): o for o in (optimizer._optimizer_map(trainables.variables[i]) for i in trainables.holders(name))}
    if len(found) > 1:
        raise PortError(f"{name} is made of variables that have different optimizers")
    return next(iter(found.values()))


def _by_adam(optimizer: Any, trainables: Trainables, name: str) -> bool:
    if not isinstance(optimizer, _of.Muon):
        return False
    return any(optimizer._should_use_adamw(trainables.variables[i]) for i in trainables.holders(name))


def _demand_ranks(optimizers: Any, trainables: Trainables, parameters: Arrays) -> None:
    """What is a matrix for Muon or Adafactor is one in the spec."""
    if not any(isinstance(o, _of.Muon | _of.Adafactor) for o in optimizers):
        return
    for name in trainables.numbers:
        if parameters[name].ndim > 1 and trainables.alone(name) is None:
            raise PortError(f"{name} lies otherwise in Keras, and the optimizer tells its axes apart")


def _demand_plain(optimizer: Any) -> None:
    """Refuse in a MultiOptimizer what the spec has around all parts alone."""
    for o in optimizer.optimizers:
        for option in ("use_ema", "gradient_accumulation_steps"):
            if getattr(o, option):
                raise PortError(f"MultiOptimizer: {option} of one of its optimizers; the spec has it around all")
        if o.global_clipnorm:
            raise PortError("MultiOptimizer: global_clipnorm is of the gradients of each part, the spec's of all")
    if optimizer.loss_scale_factor is not None:
        raise PortError("MultiOptimizer: loss_scale_factor: the spec has no such part")


# -- slots ------------------------------------------------------------------------------------------------------------


def places(optimizer: Any, trainables: Trainables) -> dict[str, list[Any]]:
    """For each slot the variable that belongs to each of the variables that are trained; None for one without."""
    found: dict[str, list[Any]] = {}

    def note(slot: str, o: Any, values: Sequence[Any]) -> None:
        row = found.setdefault(slot, [None] * len(trainables.variables))
        for i, variable in enumerate(trainables.variables):
            at = o._trainable_variables_indices.get(o._var_key(variable))
            if at is not None and at < len(values):
                row[i] = values[at]

    for o in innermost(optimizer):
        if not o.built:  # a part of a MultiOptimizer that no variable belongs to
            continue
        for slot, attribute in KINDS[type(o)].slots.items():
            note(slot, o, getattr(o, attribute, ()))
        if o.use_ema:
            note("average", o, o._model_variables_moving_average)
        if o.gradient_accumulation_steps:
            note("gradient_sum", o, o._accumulated_gradients)
    return found


def slots_of(optimizer: Any, trainables: Trainables, spec: OptimizerBase, parameters: Arrays) -> dict[str, Array]:
    """The slots of a built optimizer by canonical name, in the canonical layout."""
    found: dict[str, Array] = {}
    for slot, values in places(optimizer, trainables).items():
        names = [n for n in parameters if n in trainables.numbers and slot in spec.slots_of(n, parameters[n].shape)]
        same = [
            v is not None and tuple(v.shape) == tuple(w.shape)
            for v, w in zip(values, trainables.variables, strict=True)
        ]
        gathered = trainables.gather([v if fits else None for v, fits in zip(values, same, strict=True)])
        for name in names:
            if all(same[i] for i in trainables.holders(name)):
                found[slot_name(name, slot)] = np.asarray(gathered[name], _dtype(values, trainables, name), order="C")
            elif (alone := trainables.alone(name)) is not None and values[alone] is not None:
                found[slot_name(name, slot)] = np.asarray(values[alone])
    if isinstance(optimizer, _of.LossScaleOptimizer):
        found[slot_name("", "loss_scale")] = np.asarray(optimizer.dynamic_scale)
        found[slot_name("", "finite_updates")] = np.asarray(optimizer.step_counter, np.float32)
    if not int(innermost(optimizer)[0]._iterations):
        # Keras sets averages with the first update.
        start = started(spec, parameters)
        found |= {name: value for name, value in start.items() if name.endswith("/average")}
    _demand_product(optimizer, spec)
    return found


def _dtype(values: Sequence[Any], trainables: Trainables, name: str) -> Any:
    return np.asarray(values[trainables.holders(name)[0]]).dtype


def _demand_product(optimizer: Any, spec: OptimizerBase) -> None:
    """Nadam's product of momenta follows from the step alone, unless someone has set one of them."""
    for o in innermost(optimizer):
        if isinstance(o, _of.Nadam) and o.built:
            nadam = next(each for each in held(spec) if isinstance(each, NAdam))
            step = int(o.iterations)
            expected, kept = product(nadam, step), float(o._u_product)
            if abs(expected - kept) > 1e-3 * max(abs(expected), 1e-30):
                raise PortError(
                    f"Nadam: its product of momenta is {kept:.6g}, which after {step} updates is {expected:.6g}"
                )
