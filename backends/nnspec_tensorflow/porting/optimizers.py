"""Keras's optimizers in the spec's words: each class with the options that pin its conventions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nnspec import adaptive, factored, optimizers as specs, steps, wrappers
from nnspec.errors import PortError, SpecError
from nnspec.optimizers import Clip, OptimizerBase
from nnspec.schedules import Schedule
from nnspec_tensorflow.porting import rates
from nnspec_tensorflow.startup import keras

_of = keras.optimizers
Rate = Schedule | float


@dataclass(frozen=True)
class Kind:
    """One of Keras's classes.

    Attributes:
        make: the optimizer of the spec, without decay, from Keras's and its learning rate.
        slots: of each slot of the spec the attribute that holds the variables.
        per_tensor: whether an update depends on where one tensor ends and the next begins.
    """

    make: Callable[[Any, Any], specs.Optimizer]
    slots: Mapping[str, str]
    per_tensor: bool = False


SCHEDULE_FREE = (
    "Keras's update on TensorFlow takes z as it is after the update where the formula, and Keras on JAX, take that of "
    "before (it keeps a reference for a copy): no other framework goes on like that"
)
_MOMENTS = {"m": "_momentums", "v": "_velocities"}


def _betas(o: Any) -> dict[str, Any]:
    return {"b1": float(o.beta_1), "b2": float(o.beta_2)}


def _sgd(o: Any, rate: Any) -> specs.Optimizer:
    if not o.momentum:
        return specs.SGD(rate) if rate else steps.Frozen()
    kind = specs.Nesterov if o.nesterov else specs.Momentum
    return kind(rate, float(o.momentum), learning_rate_in_velocity=True)


def _adam(o: Any, rate: Any) -> specs.Optimizer:
    kind = specs.AdamW if isinstance(o, _of.AdamW) else specs.Adam
    amsgrad: Any = "raw" if o.amsgrad else None
    return kind(rate, **_betas(o), epsilon=float(o.epsilon), epsilon_mode="hat", amsgrad=amsgrad, weight_decay=0.0)


def _rmsprop(o: Any, rate: Any) -> specs.Optimizer:
    return specs.RMSProp(
        rate,
        float(o.rho),
        float(o.epsilon),
        centered=bool(o.centered),
        momentum=float(o.momentum),
        epsilon_in_root=True,
        learning_rate_in_velocity=bool(o.momentum),
    )


def _adafactor(o: Any, rate: Any) -> specs.Optimizer:
    if o.weight_decay:
        raise SpecError("weight_decay: Keras takes the size of the weights after their decay, the spec before")
    # Keras bounds the rate by 1/√t in any case.
    return factored.Adafactor(
        rate, -float(o.beta_2_decay), float(o.epsilon_1), float(o.epsilon_2), float(o.clip_threshold)
    )


def _ftrl(o: Any, rate: Any) -> specs.Optimizer:
    return steps.FTRL(
        rate,
        power=-float(o.learning_rate_power),
        initial_accumulator=float(o.initial_accumulator_value),
        l1=float(o.l1_regularization_strength),
        l2=float(o.l2_regularization_strength),
        l2_shrinkage=float(o.l2_shrinkage_regularization_strength),
        beta=float(o.beta),
    )


def _muon(o: Any, rate: Any) -> specs.Optimizer:
    return factored.Muon(
        rate,
        float(o.momentum),
        bool(o.nesterov),
        int(o.ns_steps),
        (float(o.muon_a), float(o.muon_b), float(o.muon_c)),
        1e-7,
        scaling="none" if o.rms_rate is None else "rms",
        rms=0.2 if o.rms_rate is None else float(o.rms_rate),
        adam_ratio=float(o.adam_lr_ratio),
        b1=float(o.adam_beta_1),
        b2=float(o.adam_beta_2),
        adam_epsilon=float(o.epsilon),
        epsilon_mode="hat",
    )


KINDS: dict[Any, Kind] = {
    _of.SGD: Kind(_sgd, {"velocity": "momentums"}),
    _of.Adam: Kind(_adam, {**_MOMENTS, "v_max": "_velocity_hats"}),
    _of.AdamW: Kind(_adam, {**_MOMENTS, "v_max": "_velocity_hats"}),
    _of.Adamax: Kind(
        lambda o, rate: adaptive.Adamax(rate, **_betas(o), epsilon=float(o.epsilon), epsilon_in_maximum=False),
        {"m": "_m", "v": "_u"},
    ),
    _of.Nadam: Kind(
        lambda o, rate: adaptive.NAdam(rate, **_betas(o), epsilon=float(o.epsilon), momentum_decay=1.0), _MOMENTS
    ),
    _of.Adadelta: Kind(
        lambda o, rate: adaptive.AdaDelta(rate, float(o.rho), float(o.epsilon)),
        {"gradient_square": "_accumulated_grads", "update_square": "_accumulated_delta_vars"},
    ),
    _of.Adagrad: Kind(
        lambda o, rate: specs.AdaGrad(rate, float(o.epsilon), float(o.initial_accumulator_value)),
        {"accumulator": "_accumulators"},
    ),
    _of.RMSprop: Kind(_rmsprop, {"v": "_velocities", "velocity": "_momentums", "mean": "_average_gradients"}),
    _of.Lion: Kind(lambda o, rate: adaptive.Lion(rate, **_betas(o)), {"m": "_momentums"}),
    _of.Lamb: Kind(
        lambda o, rate: adaptive.LAMB(rate, **_betas(o), epsilon=float(o.epsilon), decay_in_ratio=False),
        _MOMENTS,
        per_tensor=True,
    ),
    _of.Ftrl: Kind(_ftrl, {"accumulator": "_accumulators", "linear": "_linears"}),
    _of.Adafactor: Kind(_adafactor, {"row": "_r", "column": "_c", "v": "_v"}, per_tensor=True),
    _of.Muon: Kind(_muon, {"m": "momentums", "v": "adam_velocities"}, per_tensor=True),
}


def kind_of(optimizer: Any) -> Kind:
    """What is known of an optimizer's class.

    Raises:
        PortError: nothing; it is not one of Keras's own.
    """
    if isinstance(optimizer, _of.ScheduleFreeAdamW):
        raise PortError(f"ScheduleFreeAdamW: {SCHEDULE_FREE}")
    found = KINDS.get(type(optimizer))
    if found is None:
        raise PortError(f"the optimizer is a {type(optimizer).__name__}, which is not one of Keras's own")
    return found


def plain(optimizer: Any, *, exact: bool) -> specs.Optimizer:
    """The optimizer alone: without what the base class of all of them adds, and without decay.

    Args:
        optimizer: Keras's.
        exact: see :func:`nnspec_tensorflow.porting.rates.read`.

    Raises:
        PortError: the spec cannot say it, naming the option.
    """
    name = type(optimizer).__name__
    rate = rates.read(optimizer._learning_rate, name, exact=exact)
    try:
        return kind_of(optimizer).make(optimizer, rate)
    except SpecError as error:
        raise PortError(f"{name}: {error}") from error


def of_variable(base: specs.Optimizer, optimizer: Any, variable: Any) -> specs.Optimizer:
    """The optimizer of one variable: with its decay, if it has any."""
    adam = isinstance(optimizer, _of.Muon) and optimizer._should_use_adamw(variable)
    decay = optimizer.adam_weight_decay if adam else optimizer.weight_decay
    if not decay or not optimizer._use_weight_decay(variable):
        return base
    return replace(base, weight_decay=float(decay))


def clip_of(optimizer: Any) -> Clip | None:
    """The clipping of gradients."""
    for theirs, ours in (("clipnorm", "norm"), ("global_clipnorm", "global_norm"), ("clipvalue", "value")):
        bound = getattr(optimizer, theirs)
        if bound and bound > 0:
            return Clip(**{ours: float(bound)})
    return None


def wrapped(inner: OptimizerBase, optimizer: Any) -> OptimizerBase:
    """An optimizer of the spec with what Keras's base class does around it.

    Raises:
        PortError: the spec cannot say it, naming the option.
    """
    name = type(optimizer).__name__
    try:
        if optimizer.gradient_accumulation_steps:
            if clip_of(optimizer) is not None:
                raise SpecError("clipping: Keras clips the mean of accumulated gradients, the spec that of each batch")
            if isinstance(optimizer._learning_rate, _of.schedules.LearningRateSchedule):
                raise SpecError("its schedule counts batches where gradients accumulate, the spec's counts updates")
            inner = wrappers.GradientAccumulation(inner, int(optimizer.gradient_accumulation_steps))
        if optimizer.use_ema:
            if optimizer.ema_overwrite_frequency:
                raise SpecError("ema_overwrite_frequency: the spec's averages never replace what is trained")
            inner = wrappers.EMA(inner, float(optimizer.ema_momentum))
        if optimizer.loss_scale_factor is not None:
            inner = wrappers.LossScale(inner, float(optimizer.loss_scale_factor), growth_interval=None)
    except SpecError as error:
        raise PortError(f"{name}: {error}") from error
    return inner


def scaled(inner: OptimizerBase, optimizer: Any) -> OptimizerBase:
    """An optimizer of the spec within a ``LossScaleOptimizer``."""
    try:
        return wrappers.LossScale(inner, float(optimizer.initial_scale), int(optimizer.dynamic_growth_steps), 2.0, 0.5)
    except SpecError as error:
        raise PortError(f"LossScaleOptimizer: {error}") from error


def excluding(optimizer: specs.Optimizer, names: list[str]) -> specs.Optimizer:
    """Muon with these matrices left to Adam; others as they are."""
    if not isinstance(optimizer, factored.Muon) or not names:
        return optimizer
    return replace(optimizer, exclude=(f"^({'|'.join(map(re.escape, names))})$",))


def product(spec: adaptive.NAdam, step: int) -> float:
    """Π(step), which Keras's Nadam keeps in a variable."""
    decay = spec.momentum_decay or 0.0
    t = np.arange(1, step + 1, dtype=np.float64)
    return float(np.prod(spec.b1 * (1 - 0.5 * 0.96 ** (t * decay))))
