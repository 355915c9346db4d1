"""Optimizers. g is the (clipped) gradient, t = 1, 2, … the number of the update, η = schedule(t − 1).

Every optimizer makes a direction u from g and its slots and then

    w ← w − η · (u + weight_decay · w)          (decoupled decay, Loshchilov & Hutter 2019, arXiv:1711.05101)

where decay applies to all parameters (``decay="all"``) or to kernels only (``decay="kernels"``: none on biases and on
the scales and biases of norms). Slots start at zero unless a docstring says otherwise.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from nnspec.errors import SpecError
from nnspec.spec import Fraction, NonNegativeFloat, PositiveFloat, Rate, Spec, spec
from nnspec.vocabulary import tag_of

if TYPE_CHECKING:
    from nnspec.layers.base import Param


@spec
class Clip(Spec):
    """Clipping of gradients before the optimizer sees them; one of the three is given.

    global_norm: all gradients are divided by n/c where n, the Euclidean norm of all of them together, is above c, and
        untouched otherwise. Source: Pascanu et al. 2013, arXiv:1211.5063.
    norm: the same for each parameter's gradient by itself.
    value: each element is cut to [−c, c].
    """

    global_norm: PositiveFloat | None = None
    norm: PositiveFloat | None = None
    value: PositiveFloat | None = None

    def __post_init__(self) -> None:
        given = [f for f in (self.global_norm, self.norm, self.value) if f is not None]
        if len(given) != 1:
            raise SpecError(f"give one of global_norm, norm and value, got {len(given)} of them")


@dataclasses.dataclass(frozen=True)
class Slot:
    """One slot of one parameter.

    Attributes:
        shape: the parameter's own, or another one.
        start: the value that all of it starts at; None for the parameter's own values.
    """

    shape: tuple[int, ...]
    start: float | None = 0.0


def slot_name(parameter: str, slot: str) -> str:
    """The canonical name of a slot; that of one which all parameters share has ``""`` for the parameter."""
    return f"optimizer/{parameter}/{slot}" if parameter else f"optimizer/{slot}"


class OptimizerBase(Spec):
    """Base of optimizers, and of what stands around them."""

    kind: ClassVar[str] = "optimizer"
    #: Whether an update asks for the value of the loss.
    needs_value: ClassVar[bool] = False
    #: Whether an update whose gradients are not all finite is left out.
    leaves_out: ClassVar[bool] = False

    if TYPE_CHECKING:  # fields, or those of the optimizer within

        @property
        def learning_rate(self) -> Any: ...

        @property
        def weight_decay(self) -> float: ...

        @property
        def decay(self) -> Literal["all", "kernels"]: ...

    @property
    def averages(self) -> bool:
        """Whether other parameters than those that are trained are evaluated."""
        return False

    def slots(self) -> dict[str, float]:
        """Name of each slot that is as large as its parameter -> the value it starts at."""
        return {}

    def slots_of(self, name: str, shape: tuple[int, ...]) -> dict[str, Slot]:
        """All slots of the parameter of that name and shape, by their names."""
        return {slot: Slot(shape, start) for slot, start in self.slots().items()}

    def shared_slots(self) -> dict[str, float]:
        """Name of each slot that all parameters share, a number in float32 at least -> the value it starts at."""
        return {}

    def of(self, name: str) -> OptimizerBase:
        """The optimizer of the parameter of that name: itself, unless each part of a model has one of its own."""
        return self

    def check_names(self, names: Collection[str]) -> None:
        """Refuse what is said of parameters by their names where none of these is meant.

        Raises:
            SpecError: its path leads on from this optimizer.
        """

    def counted(self, step: Any) -> Any:
        """What the schedule takes for the step after so many updates: an integer, or an array of some framework."""
        return step

    def evaluated(self, w: Any, slots: Mapping[str, Any], step: int) -> Any:
        """What is evaluated, and kept when training ends, in place of a parameter, after so many updates."""
        return w


@spec
class Optimizer(OptimizerBase):
    """Base of all optimizers."""

    learning_rate: Rate = 0.01
    weight_decay: NonNegativeFloat = dataclasses.field(default=0.0, kw_only=True)
    decay: Literal["all", "kernels"] = dataclasses.field(default="all", kw_only=True)


def demand_kernels(spec: Any, names: Iterable[str], decayed: frozenset[str] | None) -> None:
    """Refuse ``decay: kernels`` where nobody says which parameters are kernels.

    Raises:
        SpecError: ``decayed`` is needed for one of these parameters and not given.
    """
    own = map(spec.of, names)
    if decayed is None and any(each.weight_decay and each.decay == "kernels" for each in own):
        raise SpecError("decay: kernels needs the names of the kernels")


def demand_names(spec: Any, params: Mapping[str, Param]) -> None:
    """Refuse an optimizer that speaks of parameters that a model with these variables lacks.

    Raises:
        SpecError: with the place in a spec file.
    """
    try:
        spec.check_names([name for name, param in params.items() if param.kind == "parameter"])
    except SpecError as error:
        raise error.under("optimizer", tag_of(type(spec))) from None


def demand_value(spec: Any, value: Any) -> None:
    """Refuse an update without the loss's value for an optimizer that asks for it.

    Raises:
        SpecError: ``value`` is None.
    """
    if spec.needs_value and value is None:
        raise SpecError(f"{type(spec).__name__} asks for the value of the loss: train a model with it")


@spec
class SGD(Optimizer):
    """Stochastic gradient descent: u = g."""


@spec
class Momentum(Optimizer):
    """Heavy-ball momentum: v ← momentum · v + g, u = v. Source: Polyak 1964.

    ``learning_rate_in_velocity`` (Keras): v ← momentum · v − η · g, w ← w + v − η · weight_decay · w. The two differ
    as soon as η changes.
    """

    momentum: Fraction = 0.9
    learning_rate_in_velocity: bool = False

    def slots(self) -> dict[str, float]:
        return {"velocity": 0.0}


@spec
class Nesterov(Optimizer):
    """Nesterov momentum: v ← momentum · v + g, u = momentum · v + g. Source: Sutskever et al. 2013.

    ``learning_rate_in_velocity`` (Keras): v ← momentum · v − η · g,
    w ← w + momentum · v − η · g − η · weight_decay · w.
    """

    momentum: Fraction = 0.9
    learning_rate_in_velocity: bool = False

    def slots(self) -> dict[str, float]:
        return {"velocity": 0.0}


@spec
class Adam(Optimizer):
    """Adam.

    m ← b1·m + (1 − b1)·g,  v ← b2·v + (1 − b2)·g²,  m̂ = m/(1 − b1ᵗ),  v̂ = v/(1 − b2ᵗ)
    u = m̂ / (√v̂ + epsilon)                                  epsilon_mode="paper"
    u = (√(1 − b2ᵗ)/(1 − b1ᵗ)) · m / (√v + epsilon)          epsilon_mode="hat" (Keras; the paper's "epsilon hat")

    ``amsgrad``: the largest v so far, v_max ← max(v_max, v), in place of v in u ("raw": the paper, Keras, PyTorch), or
    v_max ← max(v_max, v̂) in place of v̂ ("corrected": Optax).

    Source: Kingma & Ba 2015, arXiv:1412.6980, algorithm 1 and the remark at the end of its section 2; AMSGrad: Reddi et
    al. 2018, arXiv:1904.09237.
    """

    learning_rate: Rate = 1e-3
    b1: Fraction = 0.9
    b2: Fraction = 0.999
    epsilon: PositiveFloat = 1e-8
    epsilon_mode: Literal["paper", "hat"] = "paper"
    amsgrad: Literal["raw", "corrected"] | None = None

    def __post_init__(self) -> None:
        if self.amsgrad == "corrected" and self.epsilon_mode == "hat":
            raise SpecError('amsgrad "corrected" is defined for epsilon_mode "paper" alone', ("amsgrad",))

    def slots(self) -> dict[str, float]:
        return {"m": 0.0, "v": 0.0} if self.amsgrad is None else {"m": 0.0, "v": 0.0, "v_max": 0.0}


@spec
class AdamW(Adam):
    """Adam with decoupled weight decay. Source: Loshchilov & Hutter 2019, arXiv:1711.05101."""

    weight_decay: NonNegativeFloat = dataclasses.field(default=1e-4, kw_only=True)


@spec
class AdaGrad(Optimizer):
    """a ← a + g², u = g / √(a + epsilon); a starts at ``initial_accumulator``. u = 0 where g = 0.

    Source: Duchi et al. 2011, JMLR 12; epsilon stands inside the root in Optax and in Keras.
    """

    epsilon: PositiveFloat = 1e-7
    initial_accumulator: NonNegativeFloat = 0.1

    def slots(self) -> dict[str, float]:
        return {"accumulator": self.initial_accumulator}


@spec
class RMSProp(Optimizer):
    """v ← rho·v + (1 − rho)·g², s = √(v + epsilon) (epsilon_in_root) or √v + epsilon, d = g/s.

    ``centered``: ḡ ← rho·ḡ + (1 − rho)·g and max(v − ḡ², 0) in place of v under the root (rounding can take the
    difference, a variance, below zero).
    Without momentum u = d; with it, velocity ← momentum · velocity + d, u = velocity
    (``learning_rate_in_velocity``, as Keras and Optax: velocity ← momentum · velocity + η · d,
    w ← w − velocity − η · weight_decay · w).

    Source: Tieleman & Hinton 2012; Graves 2013, arXiv:1308.0850 (centered, momentum).
    """

    learning_rate: Rate = 1e-3
    rho: Fraction = 0.9
    epsilon: PositiveFloat = 1e-7
    centered: bool = False
    momentum: Fraction = 0.0
    epsilon_in_root: bool = True
    learning_rate_in_velocity: bool = False

    def slots(self) -> dict[str, float]:
        made = {"v": 0.0}
        if self.centered:
            made["mean"] = 0.0
        if self.momentum:
            made["velocity"] = 0.0
        return made
