"""Optax's own tests of losses and schedules: which there are, and what becomes of them."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import jax
import numpy as np

import nnspec as nn
from nnspec.backends import Array
from nnspec.losses import Loss
from tests.peers import driver
from tests.peers.driver import Namespace
from tests.peers.outcome import NotExpressible, Outcome
from tests.peers.subjects import Subject, unreduced

STEPS = 4096


class _JAX:
    """JAX for a test module: compiling a stand-in leaves it as it is; differentiating one is beyond it."""

    def __init__(self) -> None:
        self.jit = lambda function, *args, **kwargs: function

    def __getattr__(self, name: str) -> Any:
        return getattr(jax, name)


def concrete(*values: Any) -> list[Array]:
    """Arrays; tracers of JAX's transformations are refused."""
    if any(isinstance(value, jax.core.Tracer) for value in values):
        raise NotExpressible("JAX's own transformations of the loss")
    return [np.asarray(value) for value in values]


def elementwise(subject: Subject, spec: Loss) -> Any:
    def loss(predictions: Any, targets: Any = None) -> Array:
        if targets is None:
            raise NotExpressible("a loss without targets")
        x, y = concrete(predictions, targets)
        x, y = (v.astype(np.float32).reshape(1, *v.shape) for v in (x, y))
        return unreduced(subject, spec, x, y, x.shape)[0]

    return loss


def along(subject: Subject, make: Any, *, ids: bool = False) -> Any:
    """Losses along an axis of classes."""

    def loss(first: Any, second: Any = None, axis: Any = -1, where: Any = None, labels: Any = None) -> Array:
        second = labels if second is None else second
        if where is not None:
            raise NotExpressible("masks of classes")
        if not isinstance(axis, int):
            raise NotExpressible("several axes at once")
        x, y = concrete(first, second)
        x = np.moveaxis(x.astype(np.float32), axis, -1)[None]
        y = y[None].astype(np.int32) if ids else np.moveaxis(y.astype(np.float32), axis, -1)[None]
        if np.isinf(x).any():
            raise NotExpressible("logits of −inf")
        return unreduced(subject, make(x), x, y, x.shape[:-1])[0]

    return loss


def kl_divergence(subject: Subject, *, log_targets: bool = False) -> Any:
    """Optax takes log-probabilities as they are; ours are made of logits, or probabilities of at most 1."""
    spec = nn.KLDivergence(from_probabilities=True, epsilon=1e-30, log_targets=log_targets)
    inner = along(subject, lambda x: spec)

    def loss(log_predictions: Any, targets: Any, axis: Any = -1, where: Any = None) -> Array:
        (x,) = concrete(log_predictions)
        if x.max() > 0:
            raise NotExpressible("log-probabilities above 0")
        return inner(np.exp(x), targets, axis, where)

    return loss


def poly(logits: Any, labels: Any, epsilon: float = 2.0, *, subject: Subject, **options: Any) -> Array:
    found: Array = along(subject, lambda x: nn.PolyCrossEntropy(float(epsilon)))(logits, labels, **options)
    return found


def ctc(logits: Any, logit_paddings: Any, labels: Any, label_paddings: Any, *, subject: Subject) -> Array:
    """Optax marks what pads, we count the steps and pad with the blank."""
    x, pads, ids, beyond = concrete(logits, logit_paddings, labels, label_paddings)
    counts = (pads == 0).sum(1, keepdims=True)
    targets = np.concatenate([counts, np.where(beyond == 0, ids, 0)], axis=1).astype(np.int32)
    return unreduced(subject, nn.CTC(step_counts=True), x.astype(np.float32), targets, x.shape[:1])


def ntxent(embeddings: Any, labels: Any, temperature: float = 0.07, *, subject: Subject) -> Array:
    x, groups = concrete(embeddings, labels)
    return subject.loss(nn.NTXent(float(temperature)), x.astype(np.float32), groups.astype(np.int32))[0]


def triplet(*vectors: Any, margin: float = 1.0, eps: float = 1e-6, subject: Subject) -> Array:
    x = np.stack(concrete(*vectors), axis=-2).astype(np.float32)
    spec = nn.TripletMargin(float(margin), epsilon=float(eps))
    return unreduced(subject, spec, x, np.ones(x.shape[:-2], np.float32), x.shape[:-2])


def focal(subject: Subject) -> Any:
    def loss(logits: Any, labels: Any, alpha: Any = None, gamma: float = 2.0) -> Array:
        if np.ndim(gamma) or (alpha is not None and (np.ndim(alpha) or alpha < 0)):
            raise NotExpressible("alpha and gamma by element, or below 0")
        spec = nn.BinaryFocalCrossEntropy(float(gamma), None if alpha is None else float(alpha))
        result: Array = elementwise(subject, spec)(logits, labels)
        return result

    return loss


def cosine(subject: Subject, form: Any) -> Any:
    """Optax's epsilon bounds squared norms, and is 0 unless given."""

    def loss(x: Any, y: Any, *, epsilon: float = 0.0, axis: Any = -1, where: Any = None) -> Array:
        bound = float(epsilon) ** 0.5 or 1e-15
        return along(subject, lambda x: nn.CosineDistance(form, bound))(x, y, axis, where)

    return loss


def losses(subject: Subject) -> dict[str, Any]:
    """The globals of Optax's tests of losses."""
    regression = Namespace(
        squared_error=elementwise(subject, nn.MeanSquaredError()),
        l2_loss=elementwise(subject, nn.HalfSquaredError()),
        log_cosh=elementwise(subject, nn.LogCosh()),
        cosine_distance=cosine(subject, "distance"),
        cosine_similarity=lambda *given, **options: -cosine(subject, "negative")(*given, **options),
        huber_loss=lambda x, y=None, delta=1.0: elementwise(subject, nn.Huber(delta=float(delta)))(x, y),
    )
    classification = Namespace(
        softmax_cross_entropy=along(subject, lambda x: nn.SoftmaxCrossEntropy()),
        softmax_cross_entropy_with_integer_labels=along(subject, lambda x: nn.SoftmaxCrossEntropy(), ids=True),
        hinge_loss=elementwise(subject, nn.Hinge()),
        multiclass_hinge_loss=along(subject, lambda x: nn.CategoricalHinge(), ids=True),
        perceptron_loss=elementwise(subject, nn.Hinge(0.0)),
        multiclass_perceptron_loss=along(subject, lambda x: nn.CategoricalHinge(0.0), ids=True),
        sigmoid_focal_loss=focal(subject),
        sigmoid_binary_cross_entropy=elementwise(subject, nn.BinaryCrossEntropy()),
        kl_divergence=kl_divergence(subject),
        kl_divergence_with_log_targets=kl_divergence(subject, log_targets=True),
        generalized_kl_divergence=along(subject, lambda x: nn.GeneralizedKLDivergence()),
        poly_loss_cross_entropy=functools.partial(poly, subject=subject),
        sparsemax_loss=elementwise(subject, nn.BinarySparsemaxLoss()),
        multiclass_sparsemax_loss=along(subject, lambda x: nn.SparsemaxLoss(), ids=True),
        ctc_loss=functools.partial(ctc, subject=subject),
    )
    return {
        "_regression": regression,
        "_classification": classification,
        "_self_supervised": Namespace(
            ntxent=functools.partial(ntxent, subject=subject),
            triplet_margin_loss=functools.partial(triplet, subject=subject),
        ),
        "jax": _JAX(),
    }


def schedules(subject: Subject) -> dict[str, Any]:
    """The globals of Optax's tests of schedules."""

    def need(condition: Any, reason: str) -> None:
        if not condition:
            raise NotExpressible(reason)

    def schedule(make: Any) -> Any:
        @functools.wraps(make)
        def construct(*args: Any, **options: Any) -> Any:
            spec = make(*args, **options)
            rates = subject.schedule(spec, np.arange(STEPS))

            def rate(count: Any) -> Any:
                (step,) = concrete(count)
                late = np.any(step >= STEPS)
                return subject.schedule(spec, np.atleast_1d(step)).reshape(step.shape) if late else rates[step]

            rate.spec = spec  # type: ignore[attr-defined]
            return rate

        return construct

    def after(start: float, begin: int, spec: Any) -> Any:
        """The first rate held for ``begin`` steps."""
        return nn.Warmup(spec, begin, start=start) if begin > 0 else spec

    def polynomial(
        init_value: float, end_value: float, power: float, transition_steps: int, transition_begin: int = 0
    ) -> Any:
        need(transition_steps > 0, "no steps at all, which is an error here")
        spec = nn.PolynomialDecay(float(init_value), transition_steps, float(end_value), float(power))
        return after(init_value, transition_begin, spec)

    def piecewise(init_value: float, boundaries_and_scales: dict[int, float]) -> Any:
        need(init_value >= 0, "negative rates")
        scales = itertools.accumulate(boundaries_and_scales.values(), lambda a, b: a * b, initial=init_value)
        return nn.Piecewise(tuple(boundaries_and_scales), tuple(scales))

    def exponential(
        init_value: float,
        transition_steps: int,
        decay_rate: float,
        transition_begin: int = 0,
        staircase: bool = False,
        end_value: float | None = None,
    ) -> Any:
        need(transition_steps > 0 and decay_rate > 0, "no steps or no rate at all, which is an error here")
        need(end_value is None or decay_rate < 1, "an end from above")
        spec = nn.ExponentialDecay(init_value, transition_steps, decay_rate, staircase, end_value or 0.0)
        return after(init_value, transition_begin, spec)

    def cosine(init_value: float, decay_steps: int, alpha: float = 0.0, exponent: float = 1.0) -> Any:
        return nn.CosineDecay(float(init_value), decay_steps, alpha * init_value, float(exponent))

    def warmup_cosine(
        init_value: float,
        peak_value: float,
        warmup_steps: int,
        decay_steps: int,
        end_value: float = 0.0,
        exponent: float = 1.0,
    ) -> Any:
        need(decay_steps > warmup_steps, "a decay of no steps, which is an error here")
        need(end_value >= 0, "negative rates")
        ends = float(init_value), float(end_value)
        return nn.WarmupCosine(float(peak_value), warmup_steps, decay_steps, *ends, float(exponent))

    def interpolated(
        interpolate_type: Any, init_value: float, boundaries_and_scales: dict[int, float] | None = None
    ) -> Any:
        pieces = sorted((boundaries_and_scales or {}).items())
        need(all(boundary > 0 for boundary, _ in pieces), "a value that step 0 jumps to")
        values = itertools.accumulate((scale for _, scale in pieces), lambda a, b: a * b, initial=float(init_value))
        return nn.PiecewiseInterpolate(tuple(boundary for boundary, _ in pieces), tuple(values), interpolate_type)

    def cosine_onecycle(
        transition_steps: int,
        peak_value: float,
        pct_start: float = 0.3,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
    ) -> Any:
        need(transition_steps > 0, "no steps at all, which is an error here")
        scales = {int(pct_start * transition_steps): div_factor, transition_steps: 1 / (div_factor * final_div_factor)}
        return interpolated("cosine", peak_value / div_factor, scales)

    def linear_onecycle(
        transition_steps: int,
        peak_value: float,
        pct_start: float = 0.3,
        pct_final: float = 0.85,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
    ) -> Any:
        need(transition_steps > 0, "no steps at all, which is an error here")
        warm, cool = int(pct_start * transition_steps), int(pct_final * transition_steps)
        scales = {warm: div_factor, cool: 1 / div_factor, transition_steps: 1 / final_div_factor}
        return interpolated("linear", peak_value / div_factor, scales)

    def sgdr(cosine_kwargs: Any) -> Any:
        cycles = [warmup_cosine(**given) for given in cosine_kwargs]
        return nn.Join(tuple(cycles), tuple(itertools.accumulate(cycle.decay_steps for cycle in cycles[:-1])))

    def join(schedules: Any, boundaries: Any) -> Any:
        return nn.Join(tuple(held.spec for held in schedules), tuple(boundaries))

    found = Namespace(
        constant_schedule=schedule(lambda value: nn.ConstantSchedule(float(value))),
        polynomial_schedule=schedule(polynomial),
        piecewise_constant_schedule=schedule(piecewise),
        exponential_decay=schedule(exponential),
        cosine_decay_schedule=schedule(cosine),
        warmup_cosine_decay_schedule=schedule(warmup_cosine),
        cosine_onecycle_schedule=schedule(cosine_onecycle),
        linear_onecycle_schedule=schedule(linear_onecycle),
        sgdr_schedule=schedule(sgdr),
        piecewise_interpolate_schedule=schedule(interpolated),
    )
    return {"_schedule": found, "_join": Namespace(join_schedules=schedule(join)), "jax": _JAX()}


_CLASSIFICATION = ("optax.losses._classification_test", losses)
_REGRESSION = ("optax.losses._regression_test", losses)
_SELF_SUPERVISED = ("optax.losses._self_supervised_test", losses)
_SCHEDULE = ("optax.schedules._schedule_test", schedules)
_JOIN = ("optax.schedules._join_test", schedules)
# What Optax calls it -> the module of its tests, the class of its tests, and the stand-ins.
CLASSES: dict[str, tuple[str, str, Any]] = {
    name: (module, f"{cls}Test", stand_ins)
    for (module, stand_ins), classes in {
        _CLASSIFICATION: {
            "softmax_cross_entropy": "SoftmaxCrossEntropy",
            "softmax_cross_entropy_with_integer_labels": "SoftmaxCrossEntropyWithIntegerLabels",
            "sigmoid_binary_cross_entropy": "SigmoidCrossEntropy",
            "kl_divergence": "KLDivergence",
            "hinge_loss": "Hinge",
            "sigmoid_focal_loss": "SigmoidFocalLoss",
            "perceptron_loss": "Perceptron",
            "poly_loss_cross_entropy": "PolyLoss",
            "sparsemax_loss": "Sparsemax",
            "generalized_kl_divergence": "GeneralizedKLDivergence",
            "kl_divergence_with_log_targets": "KLDivergenceWithLogTargets",
            "ctc_loss": "CTC",
        },
        _SELF_SUPERVISED: {"ntxent": "Ntxent", "triplet_margin_loss": "TripletMarginLoss"},
        _REGRESSION: {
            "squared_error": "SquaredError",
            "l2_loss": "L2Loss",
            "huber_loss": "HuberLoss",
            "log_cosh": "LogCosh",
            "cosine_distance": "CosineDistance",
        },
        _SCHEDULE: {
            "constant_schedule": "Constant",
            "polynomial_schedule": "Polynomial",
            "piecewise_constant_schedule": "PiecewiseConstant",
            "exponential_decay": "Exponential",
            "cosine_decay_schedule": "CosineDecay",
            "warmup_cosine_decay_schedule": "WarmupCosineDecay",
            "piecewise_interpolate_schedule": "PiecewiseInterpolate",
            "sgdr_schedule": "SGDR",
            "onecycle_schedule": "OneCycle",
        },
        _JOIN: {"join_schedules": "Join"},
    }.items()
    for name, cls in classes.items()
}
KNOWN: dict[str, str | None] = {}


def operators() -> list[str]:
    return list(CLASSES)


def judge(operator: str, subject: Subject) -> list[Outcome]:
    """Every test of a class of Optax's on a subject, under Optax's own tolerances."""
    module, cls, stand_ins = CLASSES[operator]
    return driver.judge(operator, module, cls, subject, stand_ins, KNOWN)


def without_counterpart() -> list[str]:
    """Classes of the same test modules that have none here."""
    taken = {(module, cls) for module, cls, _ in CLASSES.values()}
    found = []
    for module in dict.fromkeys(module for module, _, _ in CLASSES.values()):
        names = [n for n in vars(driver.loaded(module)) if n.endswith("Test")]
        found += [n.removesuffix("Test") for n in names if (module, n) not in taken]
    return found
