"""An optimizer."""

from __future__ import annotations

from nnspec.optimizers import Optimizer
from nnspec.spec import Fraction, Rate, spec


@spec
class Signum(Optimizer):
    """The sign of a running average: average ← momentum · average + (1 − momentum) · g, u = sign(average), sign 0 = 0.

    Source: Bernstein et al. 2018, arXiv:1802.04434.
    """

    learning_rate: Rate = 1e-3
    momentum: Fraction = 0.9

    def slots(self) -> dict[str, float]:
        return {"average": 0.0}
