"""Schedules: the learning rate as a function of the update step, which counts from 0.

Each docstring gives η(s) for step s. Values are computed in float64 by the reference and in at least float32 in a
compiled step.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

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


def _check_pieces(boundaries: tuple[int, ...], pieces: tuple[Any, ...], field: str) -> None:
    """One piece more than boundaries, which increase."""
    needed = len(boundaries) + 1
    if len(pieces) != needed:
        raise SpecError(f"{len(boundaries)} boundaries need {needed} {field}, got {len(pieces)}", (field,))
    if list(boundaries) != sorted(set(boundaries)):
        raise SpecError(f"boundaries must increase, got {list(boundaries)}", ("boundaries",))


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
        _check_pieces(self.boundaries, self.values, "values")


@spec
class ExponentialDecay(Schedule):
    """η(s) = initial · decay_rate^(s / decay_steps), or with ⌊s / decay_steps⌋ if ``staircase``; at least ``end``."""

    initial: NonNegativeFloat
    decay_steps: PositiveInt
    decay_rate: PositiveFloat
    staircase: bool = False
    end: NonNegativeFloat = 0.0


@spec
class InverseTimeDecay(Schedule):
    """η(s) = initial / (1 + decay_rate · s/decay_steps), or with ⌊s/decay_steps⌋ if ``staircase``.

    Source: Robbins & Monro 1951; the parameters are those of Keras.
    """

    initial: NonNegativeFloat
    decay_steps: PositiveInt
    decay_rate: NonNegativeFloat
    staircase: bool = False


@spec
class PolynomialDecay(Schedule):
    """η(s) = (initial − end) · (1 − min(s, decay_steps)/decay_steps)^power + end.

    ``cycle`` (Keras): η(s) = (initial − end) · (1 − s/(c · decay_steps))^power + end with c = max(⌈s/decay_steps⌉, 1).
    The rate is ``end`` at each multiple of decay_steps and jumps in the step after it, less high each time.
    """

    initial: NonNegativeFloat
    decay_steps: PositiveInt
    end: NonNegativeFloat = 0.0
    power: PositiveFloat = 1.0
    cycle: bool = False


@spec
class LinearDecay(Schedule):
    """η(s) = initial + (end − initial) · min(s, decay_steps)/decay_steps."""

    initial: NonNegativeFloat
    decay_steps: PositiveInt
    end: NonNegativeFloat = 0.0


@spec
class CosineDecay(Schedule):
    """η(s) = end + (initial − end) · ((1 + cos(π · min(s, decay_steps)/decay_steps))/2)^exponent.

    Source: Loshchilov & Hutter 2017 (SGDR), arXiv:1608.03983, one cycle; the exponent is Optax's.
    """

    initial: NonNegativeFloat
    decay_steps: PositiveInt
    end: NonNegativeFloat = 0.0
    exponent: PositiveFloat = 1.0


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
class Cyclic(Schedule):
    """Cycles between two rates: in each a line up from ``base`` to ``peak`` and a line down again.

    With n = steps_up + steps_down, c = ⌊s/n⌋ and p = s mod n: η(s) = base + (peak − base) · a · r, where
    r = p/steps_up for p ≤ steps_up and (n − p)/steps_down beyond, and a = 1 for mode "triangular", 2⁻ᶜ for
    "triangular2", gammaˢ with gamma ≤ 1 for "exp_range". Without ``steps_down`` both halves are equally long.
    Source: Smith 2017, arXiv:1506.01186.
    """

    base: NonNegativeFloat
    peak: NonNegativeFloat
    steps_up: PositiveInt
    steps_down: PositiveInt | None = None
    mode: Literal["triangular", "triangular2", "exp_range"] = "triangular"
    gamma: Annotated[float, Field(gt=0, le=1)] = 1.0

    def __post_init__(self) -> None:
        if self.gamma != 1 and self.mode != "exp_range":
            raise SpecError(f"gamma has no meaning in mode {self.mode!r}, only in exp_range", ("gamma",))


@spec
class PiecewiseInterpolate(Schedule):
    """From value to value, along lines or halves of cosines.

    values[0] belongs to step 0 and values[i] to boundaries[i − 1]. Between two of them, at the share p of the way from
    x to z, η = x + (z − x) · p for interpolation "linear" and z + (x − z) · (1 + cos(πp))/2 for "cosine"; after the
    last boundary η(s) = values[−1]. One cycle with a third phase: boundaries [warm, cool, n], values [low, peak, low,
    last].
    Source: Smith & Topin 2018, arXiv:1708.07120, in the form of Optax's ``piecewise_interpolate_schedule``.
    """

    boundaries: tuple[PositiveInt, ...]
    values: tuple[NonNegativeFloat, ...]
    interpolation: Literal["linear", "cosine"] = "linear"

    def __post_init__(self) -> None:
        _check_pieces(self.boundaries, self.values, "values")


@spec
class Join(Schedule):
    """One schedule after the other, each counting its steps from its own beginning.

    η(s) = schedules[i](s − bᵢ) with i the number of boundaries ≤ s, b₀ = 0 and bᵢ = boundaries[i − 1]: what follows
    holds from its boundary on. A number is a constant rate.
    """

    schedules: tuple[Rate, ...]
    boundaries: tuple[PositiveInt, ...]

    def __post_init__(self) -> None:
        _check_pieces(self.boundaries, self.schedules, "schedules")
        for i, held in enumerate(self.schedules):
            if isinstance(held, ReduceOnPlateau):
                raise SpecError("ReduceOnPlateau goes outside: put the rest into its learning_rate", ("schedules", i))


@spec
class WarmupStableDecay(Schedule):
    """Linear warm-up from ``start`` to ``peak``, a plateau, and a decay to ``end``.

    η(s) = start + (peak − start) · s/warmup_steps for s < warmup_steps, peak for the next stable_steps steps, then
    end + (peak − end) · d(p) with p = min((s − warmup_steps − stable_steps)/decay_steps, 1) and d(p) = 1 − p for shape
    "linear", (1 + cos(πp))/2 for "cosine", 1 − √p for "one_minus_sqrt".
    Source: Hu et al. 2024 (MiniCPM), arXiv:2404.06395; the shapes: Hägele et al. 2024, arXiv:2405.18392.
    """

    peak: NonNegativeFloat
    warmup_steps: NonNegativeInt
    stable_steps: NonNegativeInt
    decay_steps: PositiveInt
    start: NonNegativeFloat = 0.0
    end: NonNegativeFloat = 0.0
    shape: Literal["linear", "cosine", "one_minus_sqrt"] = "linear"


@spec
class BatchScaled(Schedule):
    """A schedule for one batch size used at another: η(s) = learning_rate(s) · f.

    f = batch_size/base_batch_size for rule "linear", √(batch_size/base_batch_size) for "square_root".
    Source: Goyal et al. 2017, arXiv:1706.02677 (linear); Krizhevsky 2014, arXiv:1404.5997 (square root).
    """

    learning_rate: Rate
    batch_size: PositiveInt
    base_batch_size: PositiveInt = 256
    rule: Literal["linear", "square_root"] = "linear"

    def __post_init__(self) -> None:
        if isinstance(self.learning_rate, ReduceOnPlateau):
            raise SpecError("ReduceOnPlateau goes outside: put this into its learning_rate", ("learning_rate",))

    @property
    def factor(self) -> float:
        """What the rate is multiplied by."""
        ratio = self.batch_size / self.base_batch_size
        return ratio if self.rule == "linear" else math.sqrt(ratio)


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
    end + (peak − end) · ((1 + cos(π · min(s − warmup_steps, n)/n))/2)^exponent with n = decay_steps − warmup_steps.
    """

    peak: NonNegativeFloat
    warmup_steps: NonNegativeInt
    decay_steps: PositiveInt
    start: NonNegativeFloat = 0.0
    end: NonNegativeFloat = 0.0
    exponent: PositiveFloat = 1.0

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
