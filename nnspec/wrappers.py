"""Optimizers made of others. They stand around an optimizer, or around each other.

From outside to inside, after clipping: each takes the gradient that the one around it hands on, and what it makes of
the parameter is handed back. The learning rate and weight decay are those of the optimizer within. Slots of both stand
side by side, so that no wrapper stands within one of its own class.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from nnspec.errors import SpecError, did_you_mean
from nnspec.optimizers import OptimizerBase, Slot
from nnspec.spec import (
    AnyOptimizer,
    Fraction,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    Probability,
    demand_pattern,
    spec,
)
from nnspec.vocabulary import tag_of

Sizes = tuple[int, ...]


@spec
class _Wrapper(OptimizerBase):
    """Base of what stands around an optimizer."""

    #: The field of the optimizer within.
    within: ClassVar[str] = "optimizer"

    @property
    def inner(self) -> Any:
        """The optimizer within, or the one that stands for several."""
        return getattr(self, self.within)

    @property
    def inners(self) -> tuple[Any, ...]:
        """All optimizers within."""
        return (self.inner,)

    @property
    def learning_rate(self) -> Any:
        return self.inner.learning_rate

    @property
    def weight_decay(self) -> float:
        return float(self.inner.weight_decay)

    @property
    def decay(self) -> Literal["all", "kernels"]:
        return self.inner.decay  # type: ignore[no-any-return]

    def slots(self) -> dict[str, float]:
        """Name of each slot that is as large as its parameter and starts at a number -> that number."""
        return dict(self.inner.slots())

    def slots_of(self, name: str, shape: Sizes) -> dict[str, Slot]:
        return {**self.inner.slots_of(name, shape), **self.own_slots(shape)}

    def own_slots(self, shape: Sizes) -> dict[str, Slot]:
        """The slots that this one adds to those of the optimizer within."""
        return {}

    def of(self, name: str) -> Any:
        found = self.inner.of(name)
        return self if found is self.inner else dataclasses.replace(self, **{self.within: found})

    def check_names(self, names: Collection[str]) -> None:
        try:
            self.inner.check_names(names)
        except SpecError as error:
            raise error.under(self.within, tag_of(type(self.inner))) from None

    def counted(self, step: Any) -> Any:
        return self.inner.counted(step)

    @property
    def averages(self) -> bool:
        return any(inner.averages for inner in self.inners)

    def evaluated(self, w: Any, slots: Mapping[str, Any], step: int) -> Any:
        return self.inner.evaluated(w, slots, step)


def held(optimizer: Any) -> Iterator[Any]:
    """An optimizer and all that stand within it."""
    yield optimizer
    for inner in getattr(optimizer, "inners", ()):
        yield from held(inner)


def _stretches(names: Collection[str], count: int) -> list[str]:
    """The stretches of so many parts of names: of ``encoder/dense/kernel`` two of 2, say."""
    split = [name.split("/") for name in names]
    return sorted({"/".join(path[i : i + count]) for path in split for i in range(len(path) - count + 1)})


def _refuse(wrapper: _Wrapper, *classes: str) -> None:
    """Classes that cannot stand within this one; its own and LossScale are always among them."""
    own = type(wrapper).__name__
    for other in (each for inner in wrapper.inners for each in held(inner)):
        if other.needs_value or other.leaves_out or type(other).__name__ in (own, *classes):
            raise SpecError(f"{type(other).__name__} cannot stand within {own}")


@spec
class Lookahead(_Wrapper):
    """Fast weights of the optimizer within, and slow ones that follow them every ``period`` updates.

    w ← the optimizer's; at updates period, 2·period, …: slow ← slow + alpha · (w − slow), w ← slow

    Slot: slow, which starts at w. Source: Zhang et al. 2019, arXiv:1907.08610, algorithm 1.
    """

    optimizer: AnyOptimizer = "Adam"
    period: PositiveInt = 5
    alpha: Probability = 0.5

    def __post_init__(self) -> None:
        _refuse(self)

    def own_slots(self, shape: Sizes) -> dict[str, Slot]:
        return {"slow": Slot(shape, None)}


@spec
class EMA(_Wrapper):
    """An exponential moving average of the parameters, which is what training evaluates and keeps.

    w ← the optimizer's, average ← momentum · average + (1 − momentum) · w

    The average starts at w, as in Keras, or with ``debias`` at 0, and is then divided by 1 − momentum^t where it is
    used: validation losses and metrics, the best checkpoint and the net after training have it in the place of w. An
    engine goes on with w. In half precision what is below a ULP of the average is lost. Slot: average.

    Source: Polyak & Juditsky 1992; the correction is that of Adam's moments.
    """

    optimizer: AnyOptimizer = "Adam"
    momentum: Fraction = 0.99
    debias: bool = False

    def __post_init__(self) -> None:
        _refuse(self, "ScheduleFreeAdamW")

    @property
    def averages(self) -> bool:
        return True

    def own_slots(self, shape: Sizes) -> dict[str, Slot]:
        return {"average": Slot(shape, 0.0 if self.debias else None)}

    def evaluated(self, w: Any, slots: Mapping[str, Any], step: int) -> Any:
        if not self.debias:
            return slots["average"]
        return slots["average"] / (1 - self.momentum**step) if step else w


@spec
class GradientAccumulation(_Wrapper):
    """One update of the optimizer within for the mean gradient of every ``every`` batches.

    sum ← sum + g; at every ``every``-th batch the optimizer gets sum/every, and sum ← 0. In between w and the other
    slots stay as they are, and no weight decays.

    The optimizer's t, and its schedule, count its own updates: with s batches before, η = schedule(⌊s/every⌋). Clipping
    is that of each batch's gradient. Slot: gradient_sum.
    """

    optimizer: AnyOptimizer = "Adam"
    every: Annotated[int, Field(ge=2)] = 2

    def __post_init__(self) -> None:
        _refuse(self, "NoisySGD")

    def own_slots(self, shape: Sizes) -> dict[str, Slot]:
        return {"gradient_sum": Slot(shape)}

    def counted(self, step: Any) -> Any:
        return self.inner.counted(step // self.every)

    def evaluated(self, w: Any, slots: Mapping[str, Any], step: int) -> Any:
        return self.inner.evaluated(w, slots, step // self.every)


@spec
class GradientCentralization(_Wrapper):
    """Gradients without their mean, for the optimizer within.

    g ← g − mean of g over all axes but the last, which is what a kernel makes; with ``keep: first`` (Optax) over all
    but the first. Gradients of vectors and numbers stay as they are.

    Source: Yong et al. 2020, arXiv:2004.01461.
    """

    optimizer: AnyOptimizer = "Adam"
    keep: Literal["last", "first"] = "last"

    def __post_init__(self) -> None:
        _refuse(self)

    def axes(self, rank: int) -> Sizes:
        """The axes that the mean goes over; none where the gradient stays as it is."""
        if rank < 2:
            return ()
        return tuple(range(rank - 1)) if self.keep == "last" else tuple(range(1, rank))


@spec
class LossScale(_Wrapper):
    """Loss scaling: gradients of a loss that is made larger, so that 16 bits hold the small ones too.

    g = ∇(loss_scale · L) / loss_scale

    The division is in float32 at least, and comes before clipping. Where all elements of all gradients are finite, the
    optimizer within makes its update, and finite_updates ← finite_updates + 1; when that has come to
    ``growth_interval``, loss_scale ← growth_factor · loss_scale and finite_updates ← 0. Where one is not finite, the
    update is left out, loss_scale ← backoff_factor · loss_scale and finite_updates ← 0. The scale stays between 2⁻¹²⁶
    and 2¹²⁷. Without ``growth_interval`` (null) it stays what it is from the start, and updates are left out, too.

    An update that is left out is none: parameters, slots, the optimizer's t and its schedule stay as they are, and no
    weight decays; but statistics and ``random/step`` are those after the batch. The loss of the history is L, and its
    ``grad_norm`` is the mean of the norms of g over the updates that were made (NaN if none was). Powers of two for the
    scale and the factors change no gradient that is in range. Stands around all others; without an engine an optimizer
    gets gradients that are divided already. Slots, shared by all parameters: loss_scale, which starts at
    ``initial_scale``, finite_updates.

    Source: Micikevicius et al. 2018, arXiv:1710.03740; Keras's LossScaleOptimizer, PyTorch's GradScaler. Flax's
    DynamicScale makes the scale larger one update later.
    """

    optimizer: AnyOptimizer = "Adam"
    initial_scale: Annotated[float, Field(ge=2.0**-126, le=2.0**127)] = 2.0**15
    growth_interval: Annotated[int, Field(gt=0, lt=2**24)] | None = 2000
    growth_factor: Annotated[float, Field(gt=1)] = 2.0
    backoff_factor: Annotated[float, Field(gt=0, lt=1)] = 0.5
    leaves_out: ClassVar[bool] = True
    #: Between these the scale stays, in every dtype.
    bounds: ClassVar[tuple[float, float]] = (2.0**-126, 2.0**127)

    def __post_init__(self) -> None:
        _refuse(self)

    def shared_slots(self) -> dict[str, float]:
        return {} if self.growth_interval is None else {"loss_scale": self.initial_scale, "finite_updates": 0.0}


@spec
class SAM(_Wrapper):
    """Sharpness-aware minimization: the gradient is that of the point nearby where the loss is about largest.

    ε = rho · g/‖g‖,  g ← ∇L(w + ε)

    with the gradient g at w and the norm of all gradients together; where it is 0, ε is. ``adaptive`` (ASAM) measures ε
    by the size of w, s = |w| + eta elementwise: ε = rho · s² · g/‖s · g‖. w + ε is rounded to the dtype of w.

    Both gradients are of the same batch, with the same random bits and the same statistics from before. Loss, metrics
    and statistics of an update are those of the pass at w; clipping and ``grad_norm`` are about the gradient at w + ε.
    An update takes about twice as long. Where it stands among others does not matter; without an engine an optimizer
    gets the gradient at w + ε. No slots.

    Source: Foret et al. 2021, arXiv:2010.01412; adaptive: Kwon et al. 2021, arXiv:2102.11600, whose eta is 0.01.
    """

    optimizer: AnyOptimizer = "Adam"
    rho: PositiveFloat = 0.05
    adaptive: bool = False
    eta: NonNegativeFloat = 0.01

    def __post_init__(self) -> None:
        _refuse(self)
        if self.eta != 0.01 and not self.adaptive:
            raise SpecError("eta is of adaptive alone", ("eta",))


def sharpness(optimizer: Any) -> SAM | None:
    """The SAM in an optimizer, if there is one."""
    return next((each for each in held(optimizer) if isinstance(each, SAM)), None)


@spec
class MultiOptimizer(_Wrapper):
    """An optimizer for each part of a model.

    The w of each parameter is updated by the optimizer of the first of ``parts`` whose pattern, a regular expression,
    is found in its canonical name (``encoder/dense/kernel``), or else by ``default``. A pattern that is found in no
    parameter's name is an error. Each of them has slots, a schedule and a decay of its own; the learning rate of the
    history is that of ``default``, whose plateaus alone act.

    Source: Keras's class of this name, whose patterns match whole names, and ``optax.partition``.
    """

    within: ClassVar[str] = "default"
    default: AnyOptimizer = "Adam"
    parts: tuple[tuple[str, AnyOptimizer], ...] = ()

    def __post_init__(self) -> None:
        _refuse(self, "SAM")
        for i, (pattern, optimizer) in enumerate(self.parts):
            demand_pattern(pattern, "parts", i, 0)
            if type(optimizer.learning_rate).__name__ == "ReduceOnPlateau":
                raise SpecError("plateaus act on the rate of the default alone", ("parts", i, 1))

    @property
    def inners(self) -> tuple[Any, ...]:
        return (self.default, *(optimizer for _, optimizer in self.parts))

    def check_names(self, names: Collection[str]) -> None:
        for i, (pattern, _) in enumerate(self.parts):
            if not any(re.search(pattern, name) for name in names):
                hint = did_you_mean(pattern, _stretches(names, pattern.strip("/").count("/") + 1))
                hint = hint or f" (such as {next(iter(names), 'none')})"
                raise SpecError(f"{pattern!r} is found in no parameter's name{hint}", ("parts", i, 0))

    def part(self, name: str) -> int:
        """Which of ``inners`` the parameter of that name has."""
        return next((i for i, (pattern, _) in enumerate(self.parts, 1) if re.search(pattern, name)), 0)

    def of(self, name: str) -> Any:
        return self.inners[self.part(name)].of(name)

    def slots_of(self, name: str, shape: Sizes) -> dict[str, Slot]:
        return dict(self.of(name).slots_of(name, shape))
