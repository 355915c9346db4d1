"""Stand-ins for Keras's optimizers and schedules."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import numpy as np

import nnspec as nn
from nnspec.backends import Array
from nnspec.optimizers import Optimizer
from tests.peers.driver import Namespace
from tests.peers.outcome import NotExpressible, NoValues
from tests.peers.subjects import Subject

# Trajectories have this many updates. Those to come are taken to repeat the last gradients, as tests mostly do, so that
# one trajectory serves several calls.
UPDATES = 8
STEPS = 4096


class KerasOptimizer:
    """One of our optimizers behind Keras's ``apply_gradients``: after each call the variables are where ours are.

    The trajectory is computed from the start, with all gradients so far.
    """

    def __init__(self, subject: Subject, spec: Any, clip: nn.Clip | None) -> None:
        self.subject, self.spec, self.clip = subject, spec, clip
        self.start: list[Array] = []
        self.gradients: list[list[Array]] = []
        self.path: dict[str, Array] | None = None
        self.excluded: set[int] = set()
        self.excluded_names: list[str] = []

    @property
    def gradient_accumulation_steps(self) -> int | None:
        return self.spec.every if isinstance(self.spec, nn.GradientAccumulation) else None

    @property
    def _iterations(self) -> int:
        return len(self.gradients)

    @property
    def iterations(self) -> int:
        return int(self.spec.counted(len(self.gradients)))

    @property
    def _accumulated_gradients(self) -> list[Array]:
        assert self.path is not None
        return [self.path[f"optimizer/w{i}/gradient_sum"][len(self.gradients) - 1] for i in range(len(self.start))]

    @property
    def variables(self) -> list[Any]:
        return [self.iterations, self.spec.learning_rate]

    def build(self, variables: list[Any]) -> None:
        """Nothing is to be made: slots are part of the trajectory."""

    def exclude_from_weight_decay(self, var_list: Any = None, var_names: Any = None) -> None:
        self.excluded |= {id(variable) for variable in var_list or ()}
        self.excluded_names += var_names or ()

    def apply(self, gradients: Any, variables: Any) -> None:
        variables = list(variables)
        if self.start and len(variables) != len(self.start):
            raise NotExpressible("parameters that join later")
        if not self.gradients:
            self.start = [np.array(variable) for variable in variables]
        given = [np.array(gradient, np.float32) for gradient in gradients]
        if not self.gradients or not all(map(np.array_equal, given, self.gradients[-1])):
            self.path = None
        self.gradients.append(given)
        if len(self.gradients) > UPDATES:
            raise NotExpressible(f"more than {UPDATES} updates")
        for variable, value in zip(variables, self._values(variables), strict=True):
            variable.assign(value)

    def apply_gradients(self, pairs: Any) -> None:
        gradients, variables = zip(*pairs, strict=True)
        self.apply(gradients, variables)

    def _clip_gradients(self, gradients: list[Any]) -> list[Array]:
        """What is left of gradients: minus the first update of plain descent at a rate of 1."""
        given = {f"w{i}": np.array(g, np.float32)[None] for i, g in enumerate(gradients)}
        zeros = {name: np.zeros_like(g[0]) for name, g in given.items()}
        moved = self.subject.optimize(nn.SGD(1.0), zeros, given, clip=self.clip)
        return [-moved[name][0] for name in given]

    def _values(self, variables: list[Any]) -> list[Array]:
        names = [f"w{i}" for i in range(len(variables))]
        if self.path is None:
            self.path = self._trajectory(names, variables)
        path, last = self.path, len(self.gradients) - 1
        return [path[name][last] for name in names]

    def _trajectory(self, names: list[str], variables: list[Any]) -> dict[str, Array]:
        steps = [*self.gradients, *([self.gradients[-1]] * (UPDATES - len(self.gradients)))]
        gradients = {name: np.stack([step[i] for step in steps]) for i, name in enumerate(names)}
        kept = [name for name, variable in zip(names, variables, strict=True) if not self._excluded(variable)]
        spec = self.spec if len(kept) == len(names) else _of_kernels(self.spec)
        parameters = dict(zip(names, self.start, strict=True))
        return self.subject.optimize(spec, parameters, gradients, clip=self.clip, decayed=frozenset(kept))

    def _excluded(self, variable: Any) -> bool:
        return id(variable) in self.excluded or any(re.search(name, variable.name) for name in self.excluded_names)

    def __getattr__(self, name: str) -> Any:
        raise NoValues(name)


def _of_kernels(spec: Any) -> Any:
    """The optimizer with decay of those parameters alone that are named."""
    if isinstance(spec, nn.GradientAccumulation):
        return dataclasses.replace(spec, optimizer=_of_kernels(spec.optimizer))
    return dataclasses.replace(spec, decay="kernels")


def _sgd(*, momentum: float = 0.0, nesterov: bool = False, **options: Any) -> Optimizer:
    if nesterov:
        return nn.Nesterov(momentum=momentum, learning_rate_in_velocity=True, **options)
    if momentum:
        return nn.Momentum(momentum=momentum, learning_rate_in_velocity=True, **options)
    return nn.SGD(**options)


def _moments(cls: Any, **fixed: Any) -> Any:
    """What has two betas and an epsilon."""

    def make(
        *,
        learning_rate: Any = 1e-3,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **options: Any,
    ) -> Optimizer:
        options = {**fixed, **({"amsgrad": "raw"} if amsgrad else {}), **options}
        spec: Optimizer = cls(learning_rate, b1=beta_1, b2=beta_2, epsilon=epsilon, **options)
        return spec

    return make


def _lion(*, learning_rate: Any = 1e-3, beta_1: float = 0.9, beta_2: float = 0.99, **options: Any) -> Optimizer:
    if not 0 < beta_1 <= 1:
        raise NoValues("a beta that Keras refuses")
    return nn.Lion(learning_rate, beta_1, beta_2, **options)


def _adadelta(*, learning_rate: Any = 1e-3, rho: float = 0.95, epsilon: float = 1e-7, **options: Any) -> Optimizer:
    return nn.AdaDelta(learning_rate, rho, epsilon, **options)


def _adagrad(*, learning_rate: Any = 1e-3, initial_accumulator_value: float = 0.1, **options: Any) -> Optimizer:
    return nn.AdaGrad(learning_rate, initial_accumulator=initial_accumulator_value, **options)


def _rmsprop(**options: Any) -> Optimizer:
    return nn.RMSProp(learning_rate_in_velocity=True, **options)


def _adafactor(
    *,
    learning_rate: Any = 1e-3,
    beta_2_decay: float = -0.8,
    epsilon_1: float = 1e-30,
    epsilon_2: float = 1e-3,
    clip_threshold: float = 1.0,
    relative_step: bool = True,
    **options: Any,
) -> Optimizer:
    # Keras bounds the rate by 1/√t in any case.
    return nn.Adafactor(learning_rate, -beta_2_decay, epsilon_1, epsilon_2, clip_threshold, **options)


def _ftrl(
    *,
    learning_rate: Any = 1e-3,
    learning_rate_power: float = -0.5,
    initial_accumulator_value: float = 0.1,
    l1_regularization_strength: float = 0.0,
    l2_regularization_strength: float = 0.0,
    l2_shrinkage_regularization_strength: float = 0.0,
    beta: float = 0.0,
    **options: Any,
) -> Optimizer:
    strengths = (l1_regularization_strength, l2_regularization_strength, l2_shrinkage_regularization_strength)
    if min(initial_accumulator_value, -learning_rate_power, *strengths) < 0:
        raise NoValues("numbers that both refuse")
    return nn.FTRL(learning_rate, -learning_rate_power, initial_accumulator_value, *strengths, beta, **options)


def _schedule_free(*, warmup_steps: int = 0, **options: Any) -> Optimizer:
    if warmup_steps or options.get("weight_decay"):
        raise NotExpressible("its warm-up from a first step above 0, and decay of the weights themselves")
    spec: Optimizer = _moments(nn.ScheduleFreeAdamW)(**{"learning_rate": 0.0025, "epsilon": 1e-8, **options})
    return spec


OPTIMIZERS = {
    "SGD": _sgd,
    "Adam": _moments(nn.Adam, epsilon_mode="hat"),
    "AdamW": _moments(nn.AdamW, epsilon_mode="hat", weight_decay=0.004),
    "Adamax": _moments(nn.Adamax, epsilon_in_maximum=False),
    "Nadam": _moments(nn.NAdam, momentum_decay=1.0),
    "Lamb": _moments(nn.LAMB, decay_in_ratio=False),
    "Lion": _lion,
    "Adadelta": _adadelta,
    "Adagrad": _adagrad,
    "Adafactor": _adafactor,
    "Ftrl": _ftrl,
    "RMSprop": _rmsprop,
    "ScheduleFreeAdamW": _schedule_free,
}
CLIPS = {"clipnorm": "norm", "clipvalue": "value", "global_clipnorm": "global_norm"}
LACKING = {
    "use_ema": "moving averages of weights",
    "loss_scale_factor": "loss scaling",
}


def optimizers(subject: Subject) -> dict[str, Any]:
    """The globals of Keras's tests of optimizers."""

    def optimizer(make: Any) -> Any:
        def construct(**options: Any) -> KerasOptimizer:
            for option, reason in LACKING.items():
                if options.pop(option, None):
                    raise NotExpressible(reason)
            given = {ours: float(options.pop(theirs)) for theirs, ours in CLIPS.items() if options.get(theirs)}
            if len(given) > 1:
                raise NoValues("contradicting arguments")
            if callable(options.get("learning_rate")):
                raise NotExpressible("rates by a function of one's own")
            options = {name: float(x) if type(x) is int else x for name, x in options.items() if name != "name"}
            steps = options.pop("gradient_accumulation_steps", None)
            if steps and not isinstance(options.get("learning_rate", 0.0), float):
                raise NotExpressible("rates by the number of batches where gradients accumulate")
            spec = make(**options) if not steps else nn.GradientAccumulation(make(**options), int(steps))
            return KerasOptimizer(subject, spec, nn.Clip(**given) if given else None)

        return construct

    found = {name: optimizer(make) for name, make in OPTIMIZERS.items()}
    return {**found, "optimizers": Namespace(**found)}


class KerasSchedule:
    """One of our schedules as a function of a step."""

    def __init__(self, subject: Subject, spec: Any) -> None:
        # All rates at once: a test asks for many of them, one at a time.
        self.rates = subject.schedule(spec, np.arange(STEPS))

    def __call__(self, step: Any) -> Any:
        # Before the first step there is none; tests that go there expect the first rate.
        return self.rates[max(int(np.asarray(step)), 0)]

    def __getattr__(self, name: str) -> Any:
        raise NoValues(name)


def schedules(subject: Subject) -> dict[str, Any]:
    """The globals of Keras's tests of schedules."""

    def schedule(make: Any) -> Any:
        return lambda *args, name=None, **options: KerasSchedule(subject, make(*args, **options))

    def exponential(initial_learning_rate: Any, decay_steps: int, decay_rate: float, staircase: bool = False) -> Any:
        return nn.ExponentialDecay(initial_learning_rate, decay_steps, decay_rate, staircase)

    def piecewise(boundaries: list[int], values: list[float]) -> Any:
        # Keras holds the old value at the boundary itself.
        return nn.Piecewise(tuple(b + 1 for b in boundaries), tuple(map(float, values)))

    def polynomial(
        initial_learning_rate: float,
        decay_steps: int,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
    ) -> Any:
        return nn.PolynomialDecay(initial_learning_rate, decay_steps, end_learning_rate, power, cycle)

    def inverse_time(initial_learning_rate: Any, decay_steps: int, decay_rate: float, staircase: bool = False) -> Any:
        return nn.InverseTimeDecay(initial_learning_rate, decay_steps, decay_rate, staircase)

    def cosine(
        initial_learning_rate: float,
        decay_steps: int,
        alpha: float = 0.0,
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ) -> Any:
        initial = float(initial_learning_rate)
        if warmup_target is None:
            return nn.CosineDecay(initial, decay_steps, alpha * initial)
        total = warmup_steps + decay_steps  # Keras does not count the warm-up
        return nn.WarmupCosine(warmup_target, warmup_steps, total, start=initial, end=alpha * warmup_target)

    def restarts(
        initial_learning_rate: float, first_decay_steps: int, t_mul: float = 2.0, m_mul: float = 1.0, alpha: float = 0.0
    ) -> Any:
        if int(t_mul) != t_mul:
            raise NotExpressible("cycles that grow by a fraction")
        if alpha and m_mul != 1:
            raise NotExpressible("an end that falls with the cycles")
        initial = float(initial_learning_rate)
        return nn.CosineRestarts(initial, first_decay_steps, int(t_mul), m_mul, alpha * initial)

    found = Namespace(
        ExponentialDecay=schedule(exponential),
        PiecewiseConstantDecay=schedule(piecewise),
        PolynomialDecay=schedule(polynomial),
        CosineDecay=schedule(cosine),
        CosineDecayRestarts=schedule(restarts),
        InverseTimeDecay=schedule(inverse_time),
    )
    return {"schedules": found}
