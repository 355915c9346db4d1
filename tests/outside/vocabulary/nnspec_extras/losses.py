"""A loss."""

from __future__ import annotations

from nnspec.losses import Loss
from nnspec.spec import Probability, spec


@spec
class Expectile(Loss):
    """Asymmetric squared error, minimal at the expectile ``tau`` of the targets.

    l = tau · e² for e ≥ 0, (1 − tau) · e² else, e = y − x, per element. Source: Newey & Powell 1987.
    """

    tau: Probability = 0.9
