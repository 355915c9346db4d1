"""Losses.

A loss gives one value per position (per element for elementwise losses, per position without the class axis for
categorical ones) and reduces them over all positions of the batch, with sample weights w that broadcast from the
front (w of shape (batch,) weighs every position of its example):

* ``reduction="mean"``: Σ w·l / number of positions (Keras's rule: gradients keep the scale of an unweighted batch),
* ``reduction="weighted_mean"``: Σ w·l / Σ w (scikit-learn's and PyTorch's class-weight rule); where all weights are 0,
  the loss and its gradient are NaN,
* ``reduction="sum"``: Σ w·l.

The loss of an epoch is the same quotient over all of its examples.
"""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar, Literal

from nnspec.spec import Margin, PositiveFloat, Probability, Spec, spec

Reduction = Literal["mean", "weighted_mean", "sum"]


@spec
class Loss(Spec):
    """Base of all losses."""

    kind: ClassVar[str] = "loss"
    # What the targets are: "labels" (class ids or one distribution per position) or "values" (of the outputs' shape).
    targets: ClassVar[str] = "values"
    reduction: Reduction = dataclasses.field(default="mean", kw_only=True)

    def result(self, total: float, count: float) -> float:
        """The reduced loss from Σ w·l and its count: positions, Σ w, or anything for a sum."""
        if self.reduction == "sum":
            return total
        return total / count if count else math.nan


@spec
class SoftmaxCrossEntropy(Loss):
    """Cross-entropy of softmax outputs along the last axis.

    l = −Σₖ yₖ · log_softmax(x)ₖ        for logits x (..., classes), the default
    l = −Σₖ yₖ · ln qₖ                  for probabilities: q = min(max(p / Σp, ε), 1 − ε), ε = ``epsilon``

    Targets: class ids (...,) of an integer dtype, taken as one-hot, or a distribution y (..., classes), which need not
    sum to one (∂l/∂x = softmax(x) · Σy − y). Label smoothing α: y ← y · (1 − α) + α / classes.
    A clipped probability has gradient 0, at the bounds too; the division by Σp is differentiated.
    A logit of −∞ takes its class out, where the target (after smoothing) is 0: its gradient is 0, and the loss is as if
    the class did not exist.
    """

    targets: ClassVar[str] = "labels"
    label_smoothing: Probability = 0.0
    from_probabilities: bool = False
    epsilon: Margin = 1e-7


@spec
class BinaryCrossEntropy(Loss):
    """Binary cross-entropy per element, for one or for many labels.

    l = max(x, 0) − x·y + ln(1 + e^(−|x|))                          for logits x, the default
    l = −y ln q − (1 − y) ln(1 − q), q = min(max(p, ε), 1 − ε)      for probabilities p, ε = ``epsilon``

    Targets: y of x's shape, in [0, 1]. Label smoothing α: y ← y · (1 − α) + α / 2. For logits ∂l/∂x = σ(x) − y
    everywhere; a clipped probability has gradient 0, at the bounds too.
    """

    label_smoothing: Probability = 0.0
    from_probabilities: bool = False
    epsilon: Margin = 1e-7


@spec
class MeanSquaredError(Loss):
    """l = (x − y)² per element."""


@spec
class MeanAbsoluteError(Loss):
    """l = |x − y| per element; ∂l/∂x = 0 where x = y."""


@spec
class Huber(Loss):
    """l = e²/2 for |e| ≤ delta, delta · (|e| − delta/2) else, e = x − y, per element. Source: Huber 1964."""

    delta: PositiveFloat = 1.0


@spec
class KLDivergence(Loss):
    """Kullback–Leibler divergence from the outputs' distribution to the targets', along the last axis.

    l = Σₖ yₖ · (ln yₖ − log_softmax(x)ₖ)       for logits x, the default
    l = Σₖ yₖ · (ln yₖ − ln qₖ)                 for probabilities: q = min(max(p, ε), 1), ε = ``epsilon``

    with 0 · ln 0 = 0. Targets: a distribution y of x's shape. A clipped probability has gradient 0, at the bounds too.
    A logit of −∞ takes its class out, where the target is 0, as in :class:`SoftmaxCrossEntropy`.
    """

    from_probabilities: bool = False
    epsilon: PositiveFloat = 1e-7
