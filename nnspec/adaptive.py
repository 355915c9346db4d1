"""Optimizers that adapt the rate of each parameter, or of each tensor: Adam's relatives, and others.

As in :mod:`nnspec.optimizers` g is the (clipped) gradient, t = 1, 2, … the number of the update, η = schedule(t − 1),
and w ← w − η · (u + weight_decay · w) unless a docstring says otherwise. m̂ = m/(1 − b1ᵗ) and v̂ = v/(1 − b2ᵗ).
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field

from nnspec.optimizers import Optimizer
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
