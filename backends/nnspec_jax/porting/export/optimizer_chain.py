"""Optimizers of the spec as expressions of Optax: a chain of its own transformations, and of few that it lacks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import singledispatch
from typing import Any

from nnspec import adaptive, optimizers as specs, schedules, steps, wrappers
from nnspec.errors import PortError
from nnspec.optimizers import Clip, OptimizerBase
from nnspec_jax.porting.export.written import expression

# Slot of the spec -> field of Optax's states, of each class.
_MOMENTS = {"m": "mu", "v": "nu", "v_max": "nu_max"}


@dataclass(frozen=True)
class Chain:
    """What is written for an optimizer.

    Attributes:
        before: transformations of gradients, in order: before the decay and the learning rate.
        after: those that follow the learning rate.
        flips: whether the learning rate turns the sign.
        rate: the learning rate, an expression.
        decay: weight decay.
        fields: slot of the spec -> field of a state.
    """

    before: tuple[str, ...]
    rate: str
    after: tuple[str, ...] = ()
    flips: bool = True
    decay: float = 0.0
    late: bool = False
    fields: Mapping[str, str] = field(default_factory=dict)

    def expressions(self, mask: str) -> tuple[str, ...]:
        """The transformations in order.

        Args:
            mask: what ``mask=`` is given where some parameters do not decay; "" where all do.
        """
        masked = f", mask={mask}" if mask else ""
        decay = (f"optax.add_decayed_weights({expression(self.decay)}{masked})",) if self.decay else ()
        flip = "" if self.flips else ", flip_sign=False"
        rate = f"optax.scale_by_learning_rate({self.rate}{flip})"
        if not (self.decay and self.late):
            return (*self.before, *decay, rate, *self.after)
        if "(" in self.rate or not self.rate:
            raise PortError("weight decay beside a velocity that holds the learning rate, which changes")
        late = f"optax.add_decayed_weights(-{self.rate} * {expression(self.decay)}{masked})"
        return (*self.before, rate, *self.after, late)


def call(function: str, *arguments: Any, **options: Any) -> str:
    """``function(arguments, option=...)``."""
    parts = [*map(expression, arguments), *(f"{name}={expression(value)}" for name, value in options.items())]
    return f"{function}({', '.join(parts)})"


def clipping(clip: Clip) -> str:
    """The transformation that clips gradients.

    Raises:
        PortError: Optax has none for it.
    """
    if clip.global_norm is not None:
        return call("optax.clip_by_global_norm", clip.global_norm)
    if clip.value is not None:
        return call("optax.clip", clip.value)
    return call("clip_each_by_norm", clip.norm)


@singledispatch
def chain(spec: OptimizerBase) -> Chain:
    """What is written for an optimizer.

    Raises:
        PortError: nothing that is as short as Optax's own.
    """
    raise PortError(f"{type(spec).__name__} has no source of Optax's transformations")


def _made(spec: Any, *before: str, fields: Mapping[str, str] | None = None, **more: Any) -> Chain:
    return Chain(before, rate(spec.learning_rate), decay=float(spec.weight_decay), fields=fields or {}, **more)


@chain.register
def _sgd(spec: specs.SGD) -> Chain:
    return _made(spec)


@chain.register(specs.Momentum)
@chain.register(specs.Nesterov)
def _momentum(spec: specs.Momentum | specs.Nesterov) -> Chain:
    options = {"nesterov": True} if isinstance(spec, specs.Nesterov) else {}
    trace, fields = call("optax.trace", spec.momentum, **options), {"velocity": "trace"}
    if spec.learning_rate_in_velocity:
        return _made(spec, after=(trace,), late=True, fields=fields)
    return _made(spec, trace, fields=fields)


@chain.register(specs.Adam)
@chain.register(specs.AdamW)
def _adam(spec: specs.Adam) -> Chain:
    numbers = {"b1": spec.b1, "b2": spec.b2, "eps": spec.epsilon}
    if spec.epsilon_mode == "hat":
        options = {"amsgrad": True} if spec.amsgrad else {}
        return _made(spec, call("scale_by_adam_hat", **numbers, **options), fields=_MOMENTS)
    if spec.amsgrad == "raw":
        raise PortError("Adam: Optax's amsgrad is the corrected one")
    function = "optax.scale_by_amsgrad" if spec.amsgrad else "optax.scale_by_adam"
    return _made(spec, call(function, **numbers), fields=_MOMENTS)


@chain.register
def _adagrad(spec: specs.AdaGrad) -> Chain:
    numbers = {"initial_accumulator_value": spec.initial_accumulator, "eps": spec.epsilon}
    return _made(spec, call("optax.scale_by_rss", **numbers), fields={"accumulator": "sum_of_squares"})


@chain.register
def _rmsprop(spec: specs.RMSProp) -> Chain:
    function = "optax.scale_by_stddev" if spec.centered else "optax.scale_by_rms"
    scale = call(function, decay=spec.rho, eps=spec.epsilon, eps_in_sqrt=spec.epsilon_in_root)
    fields = {"v": "nu", "mean": "mu", "velocity": "trace"}
    trace = (call("optax.trace", spec.momentum),) if spec.momentum else ()
    if spec.learning_rate_in_velocity and trace:
        return _made(spec, scale, after=(*trace, "optax.scale(-1.0)"), flips=False, late=True, fields=fields)
    return _made(spec, scale, *trace, fields=fields)


@chain.register
def _adamax(spec: adaptive.Adamax) -> Chain:
    function = "optax.scale_by_adamax" if spec.epsilon_in_maximum else "scale_by_adamax_eps_outside"
    return _made(spec, call(function, b1=spec.b1, b2=spec.b2, eps=spec.epsilon), fields=_MOMENTS)


@chain.register
def _nadam(spec: adaptive.NAdam) -> Chain:
    numbers = {"b1": spec.b1, "b2": spec.b2, "eps": spec.epsilon}
    if spec.momentum_decay is None:
        return _made(spec, call("optax.scale_by_adam", **numbers, nesterov=True), fields=_MOMENTS)
    return _made(spec, call("scale_by_nadam", **numbers, momentum_decay=spec.momentum_decay), fields=_MOMENTS)


@chain.register
def _radam(spec: adaptive.RAdam) -> Chain:
    if spec.epsilon_mode == "hat":
        raise PortError("RAdam: Optax's has epsilon_mode paper")
    numbers = {"b1": spec.b1, "b2": spec.b2, "eps": spec.epsilon, "threshold": spec.threshold}
    return _made(spec, call("optax.scale_by_radam", **numbers), fields=_MOMENTS)


@chain.register
def _adabelief(spec: adaptive.AdaBelief) -> Chain:
    numbers = {"b1": spec.b1, "b2": spec.b2, "eps": spec.epsilon, "eps_root": spec.epsilon_root}
    return _made(spec, call("optax.scale_by_belief", **numbers), fields=_MOMENTS)


@chain.register
def _lion(spec: adaptive.Lion) -> Chain:
    return _made(spec, call("optax.scale_by_lion", b1=spec.b1, b2=spec.b2), fields=_MOMENTS)


@chain.register
def _adadelta(spec: adaptive.AdaDelta) -> Chain:
    fields = {"gradient_square": "e_g", "update_square": "e_x"}
    return _made(spec, call("optax.scale_by_adadelta", rho=spec.rho, eps=spec.epsilon), fields=fields)


@chain.register
def _lamb(spec: adaptive.LAMB) -> Chain:
    adam = call("optax.scale_by_adam", b1=spec.b1, b2=spec.b2, eps=spec.epsilon)
    if spec.weight_decay and not spec.decay_in_ratio:
        raise PortError("LAMB: Optax's has decay_in_ratio")
    if spec.weight_decay and spec.decay == "kernels":
        raise PortError("LAMB: decay of some parameters, within the ratio")
    decay = (call("optax.add_decayed_weights", spec.weight_decay),) if spec.weight_decay else ()
    made = _made(spec, adam, *decay, "optax.scale_by_trust_ratio()", fields=_MOMENTS)
    return replace(made, decay=0.0)


# -- learning rates ---------------------------------------------------------------------------------------------------


@singledispatch
def rate(spec: Any) -> str:
    """A learning rate as an expression: a number, or a schedule.

    Raises:
        PortError: Optax has no such schedule.
    """
    raise PortError(f"Optax has no schedule that is a {type(spec).__name__}")


@rate.register(float)
@rate.register(int)
def _number(spec: float) -> str:
    return expression(float(spec))


@rate.register
def _constant(spec: schedules.ConstantSchedule) -> str:
    return expression(float(spec.value))


@rate.register
def _exponential(spec: schedules.ExponentialDecay) -> str:
    options: dict[str, Any] = {"staircase": True} if spec.staircase else {}
    if spec.end:
        options |= {"end_value": spec.end}
    return call("optax.exponential_decay", spec.initial, spec.decay_steps, spec.decay_rate, **options)


@rate.register
def _steps(spec: schedules.StepDecay) -> str:
    return call("optax.exponential_decay", spec.initial, spec.every, spec.factor, staircase=True)


@rate.register
def _piecewise(spec: schedules.Piecewise) -> str:
    parts = ", ".join(call("optax.constant_schedule", value) for value in spec.values)
    return f"optax.join_schedules([{parts}], {expression(list(spec.boundaries))})"


@rate.register
def _polynomial(spec: schedules.PolynomialDecay) -> str:
    if spec.cycle:
        raise PortError("Optax's polynomial_schedule has no cycle")
    return call("optax.polynomial_schedule", spec.initial, spec.end, spec.power, spec.decay_steps)


@rate.register
def _linear(spec: schedules.LinearDecay) -> str:
    return call("optax.linear_schedule", spec.initial, spec.end, spec.decay_steps)


@rate.register
def _inverse_time(spec: schedules.InverseTimeDecay) -> str:
    share = f"step {'//' if spec.staircase else '/'} {spec.decay_steps}"
    return f"lambda step: {expression(spec.initial)} / (1.0 + {expression(spec.decay_rate)} * ({share}))"


@rate.register
def _cosine(spec: schedules.CosineDecay) -> str:
    if not spec.initial:
        raise PortError("a cosine from 0")
    options = {"exponent": spec.exponent} if spec.exponent != 1 else {}
    return call("optax.cosine_decay_schedule", spec.initial, spec.decay_steps, spec.end / spec.initial, **options)


@rate.register
def _warmup_cosine(spec: schedules.WarmupCosine) -> str:
    options: dict[str, Any] = {"end_value": spec.end}
    if spec.exponent != 1:
        options["exponent"] = spec.exponent
    numbers = (spec.start, spec.peak, spec.warmup_steps, spec.decay_steps)
    return call("optax.warmup_cosine_decay_schedule", *numbers, **options)


@rate.register
def _warmup(spec: schedules.Warmup) -> str:
    from nnspec.reference.schedules import value

    line = call("optax.linear_schedule", spec.start, float(value(spec.after, 0)), spec.warmup_steps)
    after = rate(spec.after)
    rest = after if "(" in after else f"optax.constant_schedule({after})"
    return f"optax.join_schedules([{line}, {rest}], [{spec.warmup_steps}])"


def parts(spec: OptimizerBase, names: Any) -> dict[OptimizerBase, list[str]]:
    """The optimizers of a model, each with the parameters that it has, that of the most of them first."""
    found: dict[OptimizerBase, list[str]] = {}
    for name in names:
        found.setdefault(spec.of(name), []).append(name)
    return dict(sorted(found.items(), key=lambda item: -len(item[1])))


def plain(spec: OptimizerBase) -> tuple[OptimizerBase, int]:
    """The optimizer within, and how many batches' gradients it gathers.

    Raises:
        PortError: something else stands around it.
    """
    if isinstance(spec, wrappers.GradientAccumulation):
        return spec.optimizer, spec.every
    if isinstance(spec, wrappers.MultiOptimizer | specs.Optimizer):
        return spec, 1
    raise PortError(f"{type(spec).__name__} has no source of Optax's transformations")


def is_frozen(spec: OptimizerBase) -> bool:
    return isinstance(spec, steps.Frozen)
