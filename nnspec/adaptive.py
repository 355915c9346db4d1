"""Optimizers that adapt the rate of each parameter, or of each tensor: Adam's relatives, and others.

As in :mod:`nnspec.optimizers` g is the (clipped) gradient, t = 1, 2, … the number of the update, η = schedule(t − 1),
and w ← w − η · (u + weight_decay · w) unless a docstring says otherwise. m̂ = m/(1 − b1ᵗ) and v̂ = v/(1 − b2ᵗ).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from nnspec.optimizers import Optimizer, Slot
from nnspec.spec import Fraction, NonNegativeFloat, PositiveFloat, Rate, spec


@spec
class _Moments(Optimizer):
    """Base of what keeps averages of the gradient and of its size."""

    learning_rate: Rate = 1e-3
    b1: Fraction = 0.9
    b2: Fraction = 0.999

    def slots(self) -> dict[str, float]:
        return {"m": 0.0, "v": 0.0}


@spec
class Adamax(_Moments):
    """Adam with the largest gradient in place of the mean square.

    m ← b1·m + (1 − b1)·g
    v ← max(b2·v, |g| + epsilon),  u = m̂ / v               epsilon_in_maximum (Optax, PyTorch)
    v ← max(b2·v, |g|),            u = m̂ / (v + epsilon)   otherwise (Keras)

    Source: Kingma & Ba 2015, arXiv:1412.6980, algorithm 2, which has no epsilon.
    """

    epsilon: PositiveFloat = 1e-8
    epsilon_in_maximum: bool = True


@spec
class NAdam(_Moments):
    """Adam with Nesterov momentum.

    m ← b1·m + (1 − b1)·g,  v ← b2·v + (1 − b2)·g²
    u = (μ(t+1)·m/(1 − Π(t+1)) + (1 − μ(t))·g/(1 − Π(t))) / (√v̂ + epsilon) with Π(t) = μ(1)·…·μ(t) and

    μ(t) = b1 · (1 − ½ · 0.96^(t · momentum_decay)), or μ(t) = b1 where momentum_decay is None (Optax). The paper and
    PyTorch have momentum_decay 0.004, Keras has 1.

    Source: Dozat 2016, "Incorporating Nesterov momentum into Adam".
    """

    epsilon: PositiveFloat = 1e-8
    momentum_decay: PositiveFloat | None = 4e-3

    def product_terms(self) -> list[tuple[float, float]]:
        """(c, a) such that ln Π(t) = t · ln b1 − Σ c · (1 − e^(−a·t)), for any t without a product of t factors.

        With q = 0.96^momentum_decay, −Σᵢ ln(1 − qⁱ/2) is Σₖ 2⁻ᵏ/k · Σᵢ qᵏⁱ, whose inner sums are geometric.
        """
        if self.momentum_decay is None:
            return []
        rates = [-k * self.momentum_decay * math.log(0.96) for k in range(1, 56)]
        return [(0.5**k / k * math.exp(-a) / -math.expm1(-a), a) for k, a in enumerate(rates, 1)]


@spec
class RAdam(_Moments):
    """Adam that makes plain steps of momentum until its second moment rests on enough gradients.

    m ← b1·m + (1 − b1)·g,  v ← b2·v + (1 − b2)·g²
    ρ∞ = 2/(1 − b2) − 1,  ρ = ρ∞ − 2t·b2ᵗ/(1 − b2ᵗ),  r = √((ρ − 4)(ρ − 2)ρ∞ / ((ρ∞ − 4)(ρ∞ − 2)ρ))
    u = r · m̂ / (√v̂ + epsilon) where ρ > threshold, u = m̂ elsewhere.
    epsilon_mode "hat" (PyTorch): r · m̂ · √(1 − b2ᵗ) / (√v + epsilon).

    Source: Liu et al. 2020, arXiv:1908.03265; the threshold is 4 in the paper and 5 in its code, Optax and PyTorch.
    """

    epsilon: PositiveFloat = 1e-8
    threshold: Annotated[float, Field(ge=4)] = 5.0
    epsilon_mode: Literal["paper", "hat"] = "paper"


@spec
class AdaBelief(_Moments):
    """Adam with the mean square of what m did not expect.

    m ← b1·m + (1 − b1)·g,  v ← b2·v + (1 − b2)·(g − m)² + epsilon_root,  u = m̂ / (√v̂ + epsilon)

    Source: Zhuang et al. 2020, arXiv:2010.07468, where both epsilons are one; Optax has 1e-16 for both.
    """

    epsilon: PositiveFloat = 1e-16
    epsilon_root: NonNegativeFloat = 1e-16


@spec
class Lion(Optimizer):
    """u = sign(b1·m + (1 − b1)·g), then m ← b2·m + (1 − b2)·g. sign(0) = 0.

    Source: Chen et al. 2023, arXiv:2302.06675.
    """

    learning_rate: Rate = 1e-4
    b1: Fraction = 0.9
    b2: Fraction = 0.99

    def slots(self) -> dict[str, float]:
        return {"m": 0.0}


@spec
class AdaDelta(Optimizer):
    """Steps in the unit of the parameter.

    e ← rho·e + (1 − rho)·g²,  u = √(d + epsilon)/√(e + epsilon) · g,  then d ← rho·d + (1 − rho)·u²

    Slots: gradient_square e, update_square d. Source: Zeiler 2012, arXiv:1212.5701, which has no learning rate (η = 1).
    """

    learning_rate: Rate = 1.0
    rho: Fraction = 0.9
    epsilon: PositiveFloat = 1e-6

    def slots(self) -> dict[str, float]:
        return {"gradient_square": 0.0, "update_square": 0.0}


@spec
class LAMB(_Moments):
    """Adam with steps as long as the tensor they change is large.

    m ← b1·m + (1 − b1)·g,  v ← b2·v + (1 − b2)·g²,  d = m̂ / (√v̂ + epsilon)
    w ← w − η · r · (d + weight_decay · w),  r = ‖w‖/‖d + weight_decay · w‖          decay_in_ratio (the paper, Optax)
    w ← w − η · weight_decay · w,  then  w ← w − η · r · d,  r = ‖w‖/‖d‖             otherwise (Keras)

    Norms are those of each tensor, in Keras's form of what the decay has left of it; r = 1 where one of them is 0.
    Source: You et al. 2020, arXiv:1904.00962, algorithm 2.
    """

    epsilon: PositiveFloat = 1e-6
    decay_in_ratio: bool = True


@spec
class LARS(Optimizer):
    """Momentum with steps as long as the tensor they change is large.

    d = g + weight_decay · w,  v ← momentum · v + η · r · d,  w ← w − v
    r = trust_coefficient · ‖w‖ / (‖g‖ + weight_decay · ‖w‖ + epsilon)   (the paper)
    r = trust_coefficient · ‖w‖ / (‖d‖ + epsilon)                        joint_norm (Optax)

    Norms are those of each tensor; r = 1 where ‖w‖ is 0, or the other norms are.
    Source: You et al. 2017, arXiv:1708.03888, algorithm 1.
    """

    momentum: Fraction = 0.9
    trust_coefficient: PositiveFloat = 1e-3
    epsilon: NonNegativeFloat = 0.0
    joint_norm: bool = False

    def slots(self) -> dict[str, float]:
        return {"velocity": 0.0}


@spec
class Yogi(_Moments):
    """Adam whose v follows g² by steps of g²'s size, not of their distance.

    m ← b1·m + (1 − b1)·g,  v ← v − (1 − b2)·sign(v − g²)·g²,  u = m̂ / (√v̂ + epsilon), with sign(0) = 0

    m and v start at ``initial_accumulator``, as in Optax.
    Source: Zaheer et al. 2018, "Adaptive Methods for Nonconvex Optimization", algorithm 2, without m̂ and v̂.
    """

    learning_rate: Rate = 0.01
    epsilon: PositiveFloat = 1e-3
    initial_accumulator: NonNegativeFloat = 1e-6

    def slots(self) -> dict[str, float]:
        return {"m": self.initial_accumulator, "v": self.initial_accumulator}


@spec
class NovoGrad(_Moments):
    """Adam with one second moment for each tensor, and decay within the momentum.

    v ← b2·v + (1 − b2)·‖g‖², at the first update v = ‖g‖²
    m ← b1·m + g / (√v + epsilon) + weight_decay · w,  w ← w − η · m

    v is a number. Source: Ginsburg et al. 2019, arXiv:1905.11286, algorithm 1; Optax's b2 is 0.25.
    """

    b1: Fraction = 0.95
    b2: Fraction = 0.98
    epsilon: PositiveFloat = 1e-8

    def slots(self) -> dict[str, float]:
        return {"m": 0.0}

    def slots_of(self, name: str, shape: tuple[int, ...]) -> dict[str, Slot]:
        return {**super().slots_of(name, shape), "v": Slot(())}


@spec
class Adan(_Moments):
    """Adam with a Nesterov momentum made of the gradients' differences.

    Δ = g − g′ with the gradient g′ of the update before, at the first update Δ = 0
    m ← b1·m + (1 − b1)·g,  d ← b2·d + (1 − b2)·Δ,  v ← b3·v + (1 − b3)·(g + c·Δ)²
    u = (m̂ + c · d̂) / (√(v̂ + epsilon_root) + epsilon) with d̂ = d/(1 − b2ᵗ), v̂ = v/(1 − b3ᵗ)

    c is b2 (the paper, where β₂ is 1 − b2, and its code), or 1 − b2 with ``factor`` "1 - b2" (Optax).
    Slots: m, difference d, v, gradient g′.

    Source: Xie et al. 2022, arXiv:2208.06677, algorithm 1, where w ← (w − η·u)/(1 + η·weight_decay).
    """

    b1: Fraction = 0.98
    b2: Fraction = 0.92
    b3: Fraction = 0.99
    epsilon: PositiveFloat = 1e-8
    epsilon_root: NonNegativeFloat = 0.0
    factor: Literal["b2", "1 - b2"] = "b2"

    @property
    def weight(self) -> float:
        """c: how much a difference counts beside a gradient."""
        return self.b2 if self.factor == "b2" else 1 - self.b2

    def slots(self) -> dict[str, float]:
        return dict.fromkeys(("m", "difference", "v", "gradient"), 0.0)


@spec
class OptimisticAdam(_Moments):
    """Adam that takes its last direction back in part, as if it had known this one.

    d = m̂ / (√v̂ + epsilon), or with ``nesterov`` (b1·m/(1 − b1ᵗ⁺¹) + (1 − b1)·g/(1 − b1ᵗ)) / (√v̂ + epsilon)
    u = (alpha + beta) · d − beta · d′ with the d′ of the update before, at the first update d′ = d

    Slots: m and v as Adam's, direction d′.
    Source: Daskalakis et al. 2018, arXiv:1711.00141, algorithm 1, which has no Nesterov momentum; Optax has it.
    """

    alpha: NonNegativeFloat = 1.0
    beta: NonNegativeFloat = 1.0
    epsilon: PositiveFloat = 1e-8
    nesterov: bool = False

    def slots(self) -> dict[str, float]:
        return dict.fromkeys(("m", "v", "direction"), 0.0)


@spec
class ScheduleFreeAdamW(Optimizer):
    """AdamW on weights that are averaged as training goes on, in place of a rate that falls.

    v ← b2·v + (1 − b2)·g²,  z ← z − η · (g / (√v̂ + epsilon) + weight_decay · w)
    x ← (1 − 1/t) · x + (1/t) · z,  w ← (1 − b1) · z + b1 · x, where x is (w − (1 − b1)·z)/b1 before

    Gradients are taken at w. Training evaluates x and keeps it: validation losses and metrics, the best checkpoint and
    the net after training have it in the place of w, with which an engine goes on. Slots: z, which starts at w, and v.

    Source: Defazio et al. 2024, arXiv:2405.15682, algorithm 1, for weights 1/t as in its theorem 1 and Keras; its code
    and Optax weigh with squares of the rate (``weight_lr_power``), which is the same for a constant one.
    """

    learning_rate: Rate = 2.5e-3
    b1: Annotated[float, Field(gt=0, lt=1)] = 0.9
    b2: Fraction = 0.999
    epsilon: PositiveFloat = 1e-8

    def slots(self) -> dict[str, float]:
        return {"v": 0.0}

    def slots_of(self, name: str, shape: tuple[int, ...]) -> dict[str, Slot]:
        return {"z": Slot(shape, None), **super().slots_of(name, shape)}

    @property
    def averages(self) -> bool:
        return True

    def evaluated(self, w: Any, slots: Mapping[str, Any], step: int) -> Any:
        return (w - (1 - self.b1) * slots["z"]) / self.b1
