"""Optimizers whose steps follow signs, norms, noise, or sums of gradients.

As in :mod:`nnspec.optimizers` g is the (clipped) gradient, t = 1, 2, … the number of the update, η = schedule(t − 1),
and w ← w − η · (u + weight_decay · w) unless a docstring says otherwise.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from nnspec.errors import SpecError
from nnspec.optimizers import Optimizer
from nnspec.spec import NonNegativeFloat, PositiveFloat, Rate, spec


@spec
class Rprop(Optimizer):
    """Steps whose size depends on the signs of gradients alone.

    s = sign(g) · sign(g′) with the gradient g′ of the update before, 0 at the first update
    step ← step · increase where s > 0, step · decrease where s < 0, within [min_step, max_step]; untouched where s = 0
    u = step · sign(g), and 0 where s < 0; there the next update takes g′ for 0

    ``step`` starts at ``initial_step``, which Optax and PyTorch call the learning rate; η multiplies it.
    Slots: step, and sign, that of g′.

    Source: Riedmiller & Braun 1993, "A direct adaptive method for faster backpropagation learning: the RPROP algorithm"
    (with no step after a change of sign, as in Riedmiller's later descriptions and PyTorch; Optax has each step one
    update late).
    """

    learning_rate: Rate = 1.0
    initial_step: PositiveFloat = 0.01
    increase: Annotated[float, Field(gt=1)] = 1.2
    decrease: Annotated[float, Field(gt=0, lt=1)] = 0.5
    min_step: PositiveFloat = 1e-6
    max_step: PositiveFloat = 50.0

    def __post_init__(self) -> None:
        if not self.min_step <= self.initial_step <= self.max_step:
            raise SpecError(f"expected a step from {self.min_step} to {self.max_step}, got {self.initial_step}")

    def slots(self) -> dict[str, float]:
        return {"step": self.initial_step, "sign": 0.0}


@spec
class Fromage(Optimizer):
    """Steps as long as the tensor they change is large, which then is made shorter.

    r = max(‖w‖, min_norm) / max(‖g‖, min_norm), and 1 where one of them is 0
    w ← (w − η · (r · g + weight_decay · w)) / √(1 + η²)

    Norms are those of each tensor.
    Source: Bernstein et al. 2020, arXiv:2002.03432, algorithm 1, which has no ``min_norm``.
    """

    min_norm: NonNegativeFloat = 1e-6


@spec
class NoisySGD(Optimizer):
    """Gradient descent on gradients with noise that fades.

    u = g + √(variance / t^decay_rate) · z

    z are standard normal numbers as those of a GaussianNoise, of the random stream ("<parameter>", "noise") of ``seed``
    at step t − 1 (:mod:`nnspec.random`). Clipping comes before.
    Source: Neelakantan et al. 2015, arXiv:1511.06807; Optax calls the variance eta and the rate gamma.
    """

    variance: NonNegativeFloat = 0.01
    decay_rate: NonNegativeFloat = 0.55
    seed: Annotated[int, Field(ge=0, le=2**64 - 1)] = 0


@spec
class OptimisticGradientDescent(Optimizer):
    """Gradient descent that takes its last gradient back in part, as if it had known this one.

    u = (alpha + beta) · g − beta · g′ with the gradient g′ of the update before, at the first update g′ = g

    Slot: gradient g′. Source: Daskalakis et al. 2018, arXiv:1711.00141, where alpha = beta = 1; Mokhtari et al. 2020,
    arXiv:1901.08511, section 4.
    """

    alpha: NonNegativeFloat = 1.0
    beta: NonNegativeFloat = 1.0

    def slots(self) -> dict[str, float]:
        return {"gradient": 0.0}


@spec
class FTRL(Optimizer):
    """Follow the (proximally) regularized leader: weights are made anew from sums, sparse ones with ``l1``.

    w ← w − η · weight_decay · w
    a′ = a + g²,  linear ← linear + g + 2·l2_shrinkage·w − ((a′^power − a^power)/η) · w
    w ← (clip(linear, −l1, l1) − linear) / (a′^power/η + 2·l2 + beta/η), 0 where |linear| ≤ l1,  a ← a′

    Of w before the first update nothing stays but its part in ``linear``. An update with η = 0, as warm-ups begin,
    leaves w and the slots as they are.
    Slots: accumulator a, which starts at ``initial_accumulator``, linear.

    Source: McMahan et al. 2013, "Ad click prediction: a view from the trenches", algorithm 1, for power = 1/2 without
    shrinkage and accumulators from 0; Keras's form, whose learning_rate_power is −power.
    """

    learning_rate: Rate = 1e-3
    power: NonNegativeFloat = 0.5
    initial_accumulator: NonNegativeFloat = 0.1
    l1: NonNegativeFloat = 0.0
    l2: NonNegativeFloat = 0.0
    l2_shrinkage: NonNegativeFloat = 0.0
    beta: NonNegativeFloat = 0.0

    def slots(self) -> dict[str, float]:
        return {"accumulator": self.initial_accumulator, "linear": 0.0}


@spec
class Frozen(Optimizer):
    """Parameters stay as they are: w ← w, as a part of a MultiOptimizer. Neither rate nor decay act. No slots."""

    learning_rate: Rate = 0.0


@spec
class PolyakSGD(Optimizer):
    """Gradient descent whose step follows how far the loss is above its minimum.

    γ = min((f − minimum) / (‖g‖² + epsilon), max_rate), 0 where the divisor is,  u = γ · g

    f is the reduced loss of the batch, and ‖g‖ the norm of all gradients together, after clipping. With ``positive``
    max(f − minimum, 0) stands in place of f − minimum. It asks for the loss's value: it trains models, and stands in no
    wrapper.

    Source: Loizou et al. 2021, arXiv:2002.10542, SPSmax with c = 1; ``positive`` is Optax's variant "sps+".
    """

    learning_rate: Rate = 1.0
    max_rate: PositiveFloat = 1.0
    minimum: float = 0.0
    epsilon: NonNegativeFloat = 0.0
    positive: bool = False
    needs_value: ClassVar[bool] = True
