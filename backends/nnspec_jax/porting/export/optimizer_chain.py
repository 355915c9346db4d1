"""Optimizers of the spec as expressions of Optax: a chain of its own transformations, and of few that it lacks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import singledispatch
from typing import Any

from nnspec import adaptive, factored, optimizers as specs, steps, wrappers
from nnspec.errors import PortError
from nnspec.optimizers import Clip, OptimizerBase
from nnspec_jax.porting.export.optimizer_rates import call, rate
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
        late: whether it stands behind the learning rate, and holds that itself.
        fields: slot of the spec -> field of a state.
        scale: what is given the learning rate.
    """

    before: tuple[str, ...]
    rate: str
    after: tuple[str, ...] = ()
    flips: bool = True
    decay: float = 0.0
    late: bool = False
    fields: Mapping[str, str] = field(default_factory=dict)
    scale: str = "optax.scale_by_learning_rate"

    def expressions(self, mask: str) -> tuple[str, ...]:
        """The transformations in order.

        Args:
            mask: what ``mask=`` is given where some parameters do not decay; "" where all do.
        """
        masked = f", mask={mask}" if mask else ""
        decay = (f"optax.add_decayed_weights({expression(self.decay)}{masked})",) if self.decay else ()
        flip = "" if self.flips else ", flip_sign=False"
        rate = f"{self.scale}({self.rate}{flip})"
        if not (self.decay and self.late):
            return (*self.before, *decay, rate, *self.after)
        if "(" in self.rate or not self.rate:
            raise PortError("weight decay beside a velocity that holds the learning rate, which changes")
        late = f"optax.add_decayed_weights(-{self.rate} * {expression(self.decay)}{masked})"
        return (*self.before, rate, *self.after, late)


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
    why = _OTHERS.get(type(spec))
    raise PortError(f"{type(spec).__name__} has no source of Optax's transformations{f': {why}' if why else ''}")


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
def _yogi(spec: adaptive.Yogi) -> Chain:
    numbers = {"b1": spec.b1, "b2": spec.b2, "eps": spec.epsilon}
    start = {"initial_accumulator_value": spec.initial_accumulator}
    return _made(spec, call("optax.scale_by_yogi", **numbers, **start), fields=_MOMENTS)


@chain.register
def _adan(spec: adaptive.Adan) -> Chain:
    if spec.factor != "1 - b2":
        raise PortError("Adan: Optax's has factor 1 - b2")
    numbers = {"b1": spec.b1, "b2": spec.b2, "b3": spec.b3, "eps": spec.epsilon, "eps_root": spec.epsilon_root}
    fields = {"m": "m", "difference": "v", "v": "n", "gradient": "g"}
    return _made(spec, call("optax.scale_by_adan", **numbers), fields=fields)


@chain.register
def _novograd(spec: adaptive.NovoGrad) -> Chain:
    if spec.weight_decay and spec.decay == "kernels":
        raise PortError("NovoGrad: decay of some parameters, within the momentum")
    decay = {"weight_decay": float(spec.weight_decay)} if spec.weight_decay else {}
    made = call("optax.scale_by_novograd", b1=spec.b1, b2=spec.b2, eps=spec.epsilon, **decay)
    return replace(_made(spec, made, fields=_MOMENTS), decay=0.0)


@chain.register
def _adafactor(spec: factored.Adafactor) -> Chain:
    numbers = {"decay_rate": spec.decay_rate, "epsilon": spec.epsilon}
    before = [call("optax.scale_by_factored_rms", min_dim_size_to_factor=spec.min_size_to_factor, **numbers)]
    if spec.clip_threshold is not None:
        before.append(call("optax.clip_by_block_rms", spec.clip_threshold))
    after = (call("optax.scale_by_param_block_rms", spec.epsilon_scale),) if spec.scale_parameter else ()
    fields = {"row": "v_row", "column": "v_col", "v": "v"}
    relative = {"scale": "scale_by_relative_step"} if spec.relative_step else {}
    return _made(spec, *before, after=after, late=True, fields=fields, **relative)


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


@chain.register
def _lars(spec: adaptive.LARS) -> Chain:
    if spec.weight_decay and not spec.joint_norm:
        raise PortError("LARS: Optax's has joint_norm")
    mask = ", mask=decays" if spec.decay == "kernels" else ""
    decay = (f"optax.add_decayed_weights({expression(float(spec.weight_decay))}{mask})",) if spec.weight_decay else ()
    ratio = call("optax.scale_by_trust_ratio", trust_coefficient=spec.trust_coefficient, eps=spec.epsilon)
    after = (call("optax.trace", spec.momentum), "optax.scale(-1.0)")
    made = _made(spec, *decay, ratio, after=after, flips=False, fields={"velocity": "trace"})
    return replace(made, decay=0.0)


# Why some have none: what Optax has of that name is something else, or nothing.
_OTHERS: dict[type[Any], str] = {
    factored.SM3: "nnx.Optimizer keeps its lists of sums as single variables, which files of arrays do not hold",
    factored.Muon: "Optax's averages gradients and corrects for the start, this one adds them up",
    steps.FTRL: "Optax has none",
    steps.Rprop: "Optax's takes each step one update late",
    wrappers.EMA: "Optax averages gradients and updates, and nothing that would take the place of parameters",
    wrappers.LossScale: "Optax scales no losses: a training loop does",
}


def demand_shapes(spec: OptimizerBase, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Refuse an optimizer that takes other rows and columns of these parameters than Optax does.

    Raises:
        PortError: naming one.
    """
    if isinstance(spec, factored.Adafactor):
        largest = replace(spec, axes="largest")
        for name, shape in shapes.items():
            if set(spec.factored(shape) or ()) != set(largest.factored(shape) or ()):
                raise PortError(f"Adafactor: Optax takes the two largest axes of {name} for rows and columns")


def fields_of(made: Chain, spec: OptimizerBase, shape: tuple[int, ...]) -> Mapping[str, str]:
    """The fields that hold the slots of a parameter of this shape.

    Adafactor's rows and columns change places where the second axis is the shorter one: the formula is the same.
    """
    if isinstance(spec, factored.Adafactor) and spec.factored(shape) != replace(spec, axes="largest").factored(shape):
        return {**made.fields, "row": made.fields["column"], "column": made.fields["row"]}
    return made.fields


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
    why = _OTHERS.get(type(spec))
    raise PortError(f"{type(spec).__name__} has no source of Optax's transformations{f': {why}' if why else ''}")


def is_frozen(spec: OptimizerBase) -> bool:
    return isinstance(spec, steps.Frozen)
