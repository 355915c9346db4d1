"""Keras's optimizer for each class of the spec, where it has one of equal formula."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nnspec import adaptive, factored, optimizers as specs, steps
from nnspec.errors import PortError
from nnspec.schedules import Schedule
from nnspec_tensorflow.startup import keras

_of = keras.optimizers
Options = dict[str, Any]


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


MAKERS: dict[Any, Callable[[Any, Options], Any]] = {
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
