"""Optimizers of the spec as stock Keras optimizers with their state."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from nnspec import adaptive, factored, optimizers as specs, wrappers
from nnspec.backends import Array
from nnspec.errors import PortError
from nnspec.layers.base import Param
from nnspec.optimizers import OptimizerBase, slot_name
from nnspec.porting.optimizer import of_kernels, scale_of, slots_of, step_of, trained
from nnspec.porting.port import OptimizerState
from nnspec.schedules import ReduceOnPlateau, Schedule
from nnspec_tensorflow.porting import rates
from nnspec_tensorflow.porting.export.optimizer_classes import MAKERS, Options
from nnspec_tensorflow.porting.optimizer_state import innermost, places
from nnspec_tensorflow.porting.optimizers import SCHEDULE_FREE, product
from nnspec_tensorflow.porting.trainables import Trainables, by_parameter
from nnspec_tensorflow.startup import keras, tf

_of = keras.optimizers


def realize(state: OptimizerState, trainables: Trainables, params: Mapping[str, Param]) -> Any:
    """A Keras optimizer with the state, built for the variables that it trains.

    Args:
        state: what is written.
        trainables: how the parameters lie in the variables.
        params: the model's variables as declared.

    Raises:
        PortError: stock Keras has no such optimizer, or has it in another convention, named.
    """
    maker = _Maker(state, trainables, params)
    made = maker.made(state.optimizer, {})
    made.build(trainables.variables)
    _assign(made, state, trainables, params)
    return made


class _Maker:
    """Makes Keras's optimizers of one state."""

    def __init__(self, state: OptimizerState, trainables: Trainables, params: Mapping[str, Param]) -> None:
        self.state, self.trainables, self.params = state, trainables, trained(params)
        self.kernels = of_kernels(params)
        self.paths = {name: self._variable(name).path for name in trainables.numbers}

    def _variable(self, name: str) -> Any:
        return self.trainables.variables[self.trainables.holders(name)[0]]

    def made(self, spec: OptimizerBase, around: Options) -> Any:
        """An optimizer with what stands around it as options."""
        match spec:
            case wrappers.EMA() if not around:
                if spec.debias:
                    raise PortError("EMA: Keras's averages have no debias")
                return self.made(spec.optimizer, {"use_ema": True, "ema_momentum": spec.momentum})
            case wrappers.GradientAccumulation() if "loss_scale_factor" not in around:
                if self.state.clip is not None:
                    raise PortError("clip: Keras clips the mean of accumulated gradients, not that of each batch")
                if isinstance(spec.learning_rate, Schedule):
                    raise PortError("learning_rate: Keras's schedules count batches where gradients accumulate")
                return self.made(spec.optimizer, {**around, "gradient_accumulation_steps": spec.every})
            case wrappers.LossScale() if not around:
                return self._scaled(spec)
            case wrappers.MultiOptimizer() | specs.Optimizer():
                return self._parted(spec, around)
        raise PortError(f"Keras has no {type(spec).__name__} around an optimizer")

    def _scaled(self, spec: wrappers.LossScale) -> Any:
        inner = self.made(spec.optimizer, {})
        if spec.growth_interval is None:
            if isinstance(inner, _of.MultiOptimizer):
                raise PortError("LossScale: Keras has no fixed factor around a MultiOptimizer")
            inner.loss_scale_factor = spec.initial_scale
            return inner
        if (spec.growth_factor, spec.backoff_factor) != (2.0, 0.5):
            raise PortError("LossScale: Keras's factors are 2 and 1/2")
        return _of.LossScaleOptimizer(inner, spec.initial_scale, spec.growth_interval)

    def _parted(self, spec: OptimizerBase, around: Options) -> Any:
        """One optimizer for all variables, or several where they differ: in decay alone, too.

        Keras's files do not say which variables an optimizer leaves from decay, but which of several optimizers each
        variable has.
        """
        chosen: dict[Any, list[str]] = {}
        for name in self.trainables.numbers:
            own: Any = spec.of(name)
            if own.decay == "kernels" and own.weight_decay:
                decay = own.weight_decay if name in self.kernels else 0.0
                own = replace(own, weight_decay=decay, decay="all")
            chosen.setdefault(own, []).append(name)
        default = max(chosen, key=lambda own: len(chosen[own]))
        if len(chosen) == 1:
            return self._plain(default, around, chosen[default])
        if around:
            raise PortError(f"several optimizers, or decay of some parameters: Keras has no {next(iter(around))} there")
        if self.state.clip is not None and self.state.clip.global_norm is not None:
            raise PortError("clip: Keras's MultiOptimizer clips the gradients of each part by themselves")
        found = {own: self._plain(own, {}, names) for own, names in chosen.items()}
        patterns = {
            "|".join(dict.fromkeys(re.escape(self.paths[name]) for name in names)): found[own]
            for own, names in chosen.items()
            if own != default
        }
        return _of.MultiOptimizer(_of.OptimizerMap(found[default], patterns))

    def _plain(self, spec: Any, around: Options, names: Any) -> Any:
        if isinstance(spec, adaptive.ScheduleFreeAdamW):
            raise PortError(f"ScheduleFreeAdamW: {SCHEDULE_FREE}")
        make = MAKERS.get(type(spec))
        if make is None:
            raise PortError(f"Keras has no optimizer that is a {type(spec).__name__}")
        options: Options = {"learning_rate": self._rate(spec), **around}
        if spec.weight_decay:
            options["weight_decay"] = spec.weight_decay
        clip = self.state.clip
        if clip is not None:
            options |= {"clipnorm": clip.norm, "global_clipnorm": clip.global_norm, "clipvalue": clip.value}
        if isinstance(spec, factored.Muon):
            options |= self._excluded_of_muon(spec, names)
        return make(spec, options)

    def _excluded_of_muon(self, spec: factored.Muon, names: Any) -> Options:
        """Which matrices Adam has."""
        matrices = [name for name in names if len(self.params[name].shape) == 2]
        adam = [name for name in matrices if "v" in spec.slots_of(name, self.params[name].shape)]
        patterns = [f"^{re.escape(self.paths[name])}$" for name in adam]
        return {"exclude_layers": patterns, "exclude_embeddings": False, "adam_weight_decay": spec.weight_decay or None}

    def _rate(self, spec: Any) -> Any:
        rate = spec.learning_rate
        if isinstance(rate, ReduceOnPlateau):  # in Keras a callback changes the rate
            if isinstance(rate.learning_rate, Schedule):
                raise PortError("learning_rate: Keras's ReduceLROnPlateau changes rates that are numbers alone")
            return max(float(rate.learning_rate) * scale_of(self.state), rate.minimum)
        return rates.written(rate)


def notes(state: OptimizerState) -> tuple[str, ...]:
    """What is by nature another thing in Keras, a sentence each."""
    found = []
    if isinstance(state.optimizer.learning_rate, ReduceOnPlateau):
        found.append(
            "The learning rate is what plateaus have made of it: in Keras the callback ReduceLROnPlateau goes on."
        )
    return tuple(found)


# -- the state --------------------------------------------------------------------------------------------------------


def _assign(made: Any, state: OptimizerState, trainables: Trainables, params: Mapping[str, Param]) -> None:
    """Write slots and counts into a built optimizer."""
    slots, step = slots_of(state), step_of(state)
    for slot, variables in places(made, trainables).items():
        given = {n: np.asarray(x) for n, x in by_parameter(slots, slot).items() if n in trainables.numbers}
        given = {name: _signed(state, name, slot, value) for name, value in given.items()}
        spread = trainables.spread({n: x for n, x in given.items() if x.shape == trainables.numbers[n].shape})
        special = {trainables.alone(name): x for name, x in given.items() if x.shape != trainables.numbers[name].shape}
        for i, variable in enumerate(variables):
            if variable is None or variable.dtype == "int32":  # Adafactor's stand-ins
                continue
            value = special[i] if i in special else spread[i]
            if tuple(variable.shape) == value.shape:
                variable.assign(tf.cast(value, variable.dtype))
    for o in innermost(made):
        if not o.built:
            continue
        o._iterations.assign(step)
        if isinstance(o, _of.Nadam):
            spec = next(each for each in wrappers.held(state.optimizer) if isinstance(each, adaptive.NAdam))
            o._u_product.assign(product(spec, int(spec.counted(int(o.iterations)))))
        if isinstance(o, _of.Adafactor):
            _combine(o)
    if isinstance(made, _of.LossScaleOptimizer):
        made.dynamic_scale.assign(float(slots[slot_name("", "loss_scale")]))
        made.step_counter.assign(int(slots[slot_name("", "finite_updates")]))
    if isinstance(made, _of.MultiOptimizer):
        made._iterations.assign(step)


def _signed(state: OptimizerState, name: str, slot: str, value: Array) -> Array:
    """A velocity as Keras has it: with the learning rate in it, and for SGD with the other sign."""
    own = state.optimizer.of(name)
    for each in wrappers.held(own):
        in_it = getattr(each, "learning_rate_in_velocity", True)
        if slot == "velocity" and isinstance(each, specs.Optimizer) and not in_it:
            rate = float(each.learning_rate)
            return value * value.dtype.type(-rate if not isinstance(each, specs.RMSProp) else rate)
    return value


def _combine(optimizer: Any) -> None:
    """Adafactor's product of rows and columns, which Keras keeps, too."""
    for r, c, v in zip(optimizer._r, optimizer._c, optimizer._v, strict=True):
        if len(v.shape) > 1:
            row, column = np.asarray(r), np.asarray(c)
            if row.mean(-1, keepdims=True).all():
                v.assign((row / row.mean(-1, keepdims=True))[..., None] * column[..., None, :])
