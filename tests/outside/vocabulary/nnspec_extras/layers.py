"""A layer and an activation."""

from __future__ import annotations

from nnspec import Activation, Layer, Param
from nnspec.layers.base import Shape, known
from nnspec.spec import AnyInitializer, PositiveFloat, Probability, spec


@spec
class PowerNorm(Layer):
    """Normalization by the power of each feature, over all axes but the last; the mean stays.

    y = x / √(power + epsilon) · scale

    In training, power is the batch's mean of x², gradients flow through it, and the running power becomes
    momentum · running + (1 − momentum) · batch. In inference it is the running one, which starts at 1.

    Shapes: x, y (batch, ..., features); scale, power (features,).
    Source: after Shen et al. 2020, arXiv:2003.07845, section 4.1 (PN-V).
    """

    momentum: Probability = 0.99
    epsilon: PositiveFloat = 1e-5
    scale_init: AnyInitializer = "ones"

    def params(self, *shapes: Shape) -> dict[str, Param]:
        features = known(shapes[0][-1], "the last axis of PowerNorm's input")
        return {
            "scale": Param((features,), self.scale_init),
            "power": Param((features,), "ones", kind="statistic"),
        }


@spec
class Hat(Activation):
    """y = x for 0 < x ≤ peak, 2 · peak − x for peak < x < 2 · peak, 0 else.

    dy/dx is 0 at 0, 1 at ``peak`` and 0 at 2 · ``peak``.
    Source: Hong et al. 2022, arXiv:2208.04924 (peak = 1).
    """

    peak: PositiveFloat = 1.0
