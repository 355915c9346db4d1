"""Schedules: the learning rate as a function of the update step, which counts from 0.

Each docstring gives η(s) for step s. Values are computed in float64 by the reference and in at least float32 in a
compiled step.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from nnspec.errors import SpecError
from nnspec.spec import (
    AnySchedule,
    Fraction,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Probability,
    Rate,
    Spec,
    spec,
)


@spec
class Schedule(Spec):
    """Base of all schedules."""

    kind: ClassVar[str] = "schedule"


@spec
class ConstantSchedule(Schedule):
    """η(s) = value."""

    value: NonNegativeFloat


@spec
class StepDecay(Schedule):
    """η(s) = initial · factor^⌊s / every⌋."""

    initial: NonNegativeFloat
    every: PositiveInt
    factor: PositiveFloat = 0.1


@spec
class Piecewise(Schedule):
    """η(s) = values[i] with i the number of boundaries ≤ s: the new value holds from its boundary on."""

    boundaries: tuple[PositiveInt, ...]
    values: tuple[NonNegativeFloat, ...]

    def __post_init__(self) -> None:
        if len(self.values) != len(self.boundaries) + 1:
            raise SpecError(
                f"{len(self.boundaries)} boundaries need {len(self.boundaries) + 1} values, got {len(self.values)}",
                ("values",),
            )
        if list(self.boundaries) != sorted(set(self.boundaries)):
            raise SpecError(f"boundaries must increase, got {list(self.boundaries)}", ("boundaries",))


@spec
class ExponentialDecay(Schedule):
    """η(s) = initial · decay_rate^(s / decay_steps), or with ⌊s / decay_steps⌋ if ``staircase``; at least ``end``."""

    initial: NonNegativeFloat
    decay_steps: PositiveInt
    decay_rate: PositiveFloat
    staircase: bool = False
    end: NonNegativeFloat = 0.0


@spec
class PolynomialDecay(Schedule):
    """η(s) = (initial − end) · (1 − min(s, decay_steps)/decay_steps)^power + end."""

    initial: NonNegativeFloat
    decay_steps: PositiveInt
    end: NonNegativeFloat = 0.0
    power: PositiveFloat = 1.0


@spec
class LinearDecay(Schedule):
    """η(s) = initial + (end − initial) · min(s, decay_steps)/decay_steps."""

    initial: NonNegativeFloat
    decay_steps: PositiveInt
    end: NonNegativeFloat = 0.0


@spec
class CosineDecay(Schedule):
    """η(s) = end + (initial − end) · (1 + cos(π · min(s, decay_steps)/decay_steps))/2.

    Source: Loshchilov & Hutter 2017 (SGDR), arXiv:1608.03983, one cycle.
    """

    initial: NonNegativeFloat
    decay_steps: PositiveInt
    end: NonNegativeFloat = 0.0


@spec
class CosineRestarts(Schedule):
    """Cosine decay with warm restarts.

    Cycle i = 0, 1, … lasts first_steps · t_mulⁱ steps (t_mul is a whole number) and goes from initial · m_mulⁱ down to
    ``end``; a step at a boundary opens the new cycle. η = end + (initial·m_mulⁱ − end) · (1 + cos(π · f))/2 with f the
    share of the cycle that has passed.
    Source: Loshchilov & Hutter 2017 (SGDR), arXiv:1608.03983, eq. 5.
    """

    initial: NonNegativeFloat
    first_steps: PositiveInt
    t_mul: PositiveInt = 2
    m_mul: PositiveFloat = 1.0
    end: NonNegativeFloat = 0.0


@spec
class OneCycle(Schedule):
    """One cycle: from peak/div_factor up to peak in the first ``warmup_fraction`` of total_steps, then down to end.

    With a = warmup_fraction · total_steps: for s ≤ a from peak/div_factor to peak at p = s/a, beyond from peak to
    peak/(div_factor · final_div_factor) at p = min((s − a)/(total_steps − a), 1); between two values x and z "cosine"
    goes z + (x − z) · (1 + cos(πp))/2, "linear" x + (z − x) · p.
    Source: Smith & Topin 2018, arXiv:1708.07120; the parameters are PyTorch's (whose last step is total_steps − 1).
    """

    peak: PositiveFloat
    total_steps: PositiveInt
    warmup_fraction: Fraction = 0.3
    div_factor: PositiveFloat = 25.0
    final_div_factor: PositiveFloat = 1e4
    anneal: Literal["cosine", "linear"] = "cosine"


@spec
class Warmup(Schedule):
    """Linear warm-up joined to any schedule.

    η(s) = start + (after(0) − start) · s/warmup_steps for s < warmup_steps, after(s − warmup_steps) from there on.
    Source: Goyal et al. 2017, arXiv:1706.02677.
    """

    after: AnySchedule
    warmup_steps: PositiveInt
    start: NonNegativeFloat = 0.0

    def __post_init__(self) -> None:
        if isinstance(self.after, ReduceOnPlateau):
            raise SpecError("ReduceOnPlateau goes outside: put the warm-up into its learning_rate", ("after",))


@spec
class WarmupCosine(Schedule):
    """Linear warm-up from ``start`` to ``peak``, then cosine decay to ``end``; decay_steps includes the warm-up.

    η(s) = start + (peak − start) · s/warmup_steps for s < warmup_steps, then
    end + (peak − end) · (1 + cos(π · min(s − warmup_steps, n)/n))/2 with n = decay_steps − warmup_steps.
    """

    peak: NonNegativeFloat
    warmup_steps: NonNegativeInt
    decay_steps: PositiveInt
    start: NonNegativeFloat = 0.0
    end: NonNegativeFloat = 0.0

    def __post_init__(self) -> None:
        if self.warmup_steps >= self.decay_steps:
            raise SpecError(
                f"decay_steps includes the warm-up: {self.decay_steps} must be above warmup_steps {self.warmup_steps}",
                ("decay_steps",),
            )


@spec
class InverseSquareRoot(Schedule):
    """η(s) = peak · min((s + 1)/w, √(w/(s + 1))) with w = warmup_steps.

    Source: Vaswani et al. 2017, arXiv:1706.03762.
    """

    peak: NonNegativeFloat
    warmup_steps: PositiveInt


@spec
class ReduceOnPlateau(Schedule):
    """max(learning_rate(s) · scale, minimum), where scale starts at 1 and falls by ``factor`` on plateaus.

    After each epoch the trainer compares ``monitor`` with the best value so far. It counts as better if it is below
    best − min_delta (threshold "absolute") or below best · (1 − min_delta) ("relative"); for metrics where more is
    better, above with the signs turned. After ``patience`` epochs in a row without an improvement, scale ← scale ·
    factor from the next epoch on, and the following ``cooldown`` epochs are not counted. scale is the variable
    ``optimizer/learning_rate_scale``.
    """

    learning_rate: Rate
    factor: Probability = 0.1
    patience: PositiveInt = 10
    min_delta: NonNegativeFloat = 1e-4
    threshold: Literal["absolute", "relative"] = "absolute"
    cooldown: NonNegativeInt = 0
    minimum: NonNegativeFloat = 0.0
    monitor: str = "val_loss"

    def __post_init__(self) -> None:
        if isinstance(self.learning_rate, ReduceOnPlateau):
            raise SpecError("ReduceOnPlateau cannot hold another one", ("learning_rate",))
