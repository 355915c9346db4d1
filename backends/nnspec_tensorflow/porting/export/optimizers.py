"""Optimizers of the spec as stock Keras optimizers with their state."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from nnspec import adaptive, factored, optimizers as specs, steps, wrappers
from nnspec.backends import Array
from nnspec.errors import PortError
from nnspec.layers.base import Param
from nnspec.optimizers import OptimizerBase, slot_name
from nnspec.porting.optimizer import of_kernels, scale_of, slots_of, step_of, trained
from nnspec.porting.port import OptimizerState
from nnspec.schedules import ReduceOnPlateau, Schedule
from nnspec_tensorflow.porting import rates
from nnspec_tensorflow.porting.optimizer_state import innermost, places
from nnspec_tensorflow.porting.optimizers import SCHEDULE_FREE, product
from nnspec_tensorflow.porting.trainables import Trainables, by_parameter
from nnspec_tensorflow.startup import keras, tf

_of = keras.optimizers
Options = dict[str, Any]


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
        make = _MAKERS.get(type(spec))
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


# -- one function for each class --------------------------------------------------------------------------------------


def _need(spec: Any, **fields: Any) -> None:
    """Refuse a convention that Keras does not have."""
    for name, value in fields.items():
        if getattr(spec, name) != value:
            had = getattr(spec, name)
            raise PortError(f"{type(spec).__name__}: Keras has {name}={value!r}, which is {had!r} here")


def _betas(spec: Any) -> Options:
    return {"beta_1": spec.b1, "beta_2": spec.b2}


def _adam(spec: specs.Adam, options: Options) -> Any:
    _need(spec, epsilon_mode="hat")
    if spec.amsgrad is not None:
        _need(spec, amsgrad="raw")
    kind = _of.AdamW if isinstance(spec, specs.AdamW) else _of.Adam
    options = {**options, "weight_decay": spec.weight_decay} if kind is _of.AdamW else options
    return kind(**options, **_betas(spec), epsilon=spec.epsilon, amsgrad=spec.amsgrad is not None)


def _momentum(spec: Any, options: Options) -> Any:
    if spec.momentum and not spec.learning_rate_in_velocity and isinstance(spec.learning_rate, Schedule):
        _need(spec, learning_rate_in_velocity=True)
    return _of.SGD(**options, momentum=spec.momentum, nesterov=isinstance(spec, specs.Nesterov))


def _rmsprop(spec: specs.RMSProp, options: Options) -> Any:
    _need(spec, epsilon_in_root=True)
    if spec.momentum and isinstance(spec.learning_rate, Schedule):
        _need(spec, learning_rate_in_velocity=True)
    return _of.RMSprop(**options, rho=spec.rho, momentum=spec.momentum, epsilon=spec.epsilon, centered=spec.centered)


def _moments(kind: Any, **conventions: Any) -> Callable[[Any, Options], Any]:
    def make(spec: Any, options: Options) -> Any:
        _need(spec, **conventions)
        return kind(**options, **_betas(spec), epsilon=spec.epsilon)

    return make


def _adafactor(spec: factored.Adafactor, options: Options) -> Any:
    _need(spec, relative_step=True, scale_parameter=True, axes="last", min_size_to_factor=1, weight_decay=0.0)
    if spec.clip_threshold is None:
        raise PortError("Adafactor: Keras has a clip_threshold in any case")
    return _of.Adafactor(
        **options,
        beta_2_decay=-spec.decay_rate,
        epsilon_1=spec.epsilon,
        epsilon_2=spec.epsilon_scale,
        clip_threshold=spec.clip_threshold,
    )


def _ftrl(spec: steps.FTRL, options: Options) -> Any:
    return _of.Ftrl(
        **options,
        learning_rate_power=-spec.power,
        initial_accumulator_value=spec.initial_accumulator,
        l1_regularization_strength=spec.l1,
        l2_regularization_strength=spec.l2,
        l2_shrinkage_regularization_strength=spec.l2_shrinkage,
        beta=spec.beta,
    )


def _muon(spec: factored.Muon, options: Options) -> Any:
    _need(spec, epsilon=1e-7, epsilon_mode="hat")
    if spec.scaling == "shape":
        raise PortError('Muon: Keras has scaling="rms" or "none", which is "shape" here')
    a, b, c = spec.coefficients
    return _of.Muon(
        **{"weight_decay": None, **options},
        momentum=spec.momentum,
        nesterov=spec.nesterov,
        ns_steps=spec.iterations,
        muon_a=a,
        muon_b=b,
        muon_c=c,
        rms_rate=None if spec.scaling == "none" else spec.rms,
        adam_lr_ratio=spec.adam_ratio,
        adam_beta_1=spec.b1,
        adam_beta_2=spec.b2,
        epsilon=spec.adam_epsilon,
    )


_MAKERS: dict[Any, Callable[[Any, Options], Any]] = {
    specs.SGD: lambda spec, options: _of.SGD(**options),
    specs.Momentum: _momentum,
    specs.Nesterov: _momentum,
    specs.Adam: _adam,
    specs.AdamW: _adam,
    specs.AdaGrad: lambda spec, options: _of.Adagrad(
        **options, initial_accumulator_value=spec.initial_accumulator, epsilon=spec.epsilon
    ),
    specs.RMSProp: _rmsprop,
    adaptive.Adamax: _moments(_of.Adamax, epsilon_in_maximum=False),
    adaptive.NAdam: _moments(_of.Nadam, momentum_decay=1.0),
    adaptive.AdaDelta: lambda spec, options: _of.Adadelta(**options, rho=spec.rho, epsilon=spec.epsilon),
    adaptive.Lion: lambda spec, options: _of.Lion(**options, **_betas(spec)),
    adaptive.LAMB: _moments(_of.Lamb, decay_in_ratio=False),
    factored.Adafactor: _adafactor,
    factored.Muon: _muon,
    steps.FTRL: _ftrl,
    steps.Frozen: lambda spec, options: _of.SGD(0.0),
}


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
