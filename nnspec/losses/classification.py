"""Losses of classes: cross-entropies and divergences of distributions."""

from __future__ import annotations

import math
from typing import ClassVar

from nnspec.losses.base import Loss
from nnspec.spec import Margin, PositiveFloat, Probability, spec


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
    axes: ClassVar[int] = 1
    bounds: ClassVar[tuple[float, float]] = (0.0, math.inf)
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

    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    label_smoothing: Probability = 0.0
    from_probabilities: bool = False
    epsilon: Margin = 1e-7


@spec
class KLDivergence(Loss):
    """Kullback–Leibler divergence from the outputs' distribution to the targets', along the last axis.

    l = Σₖ yₖ · (ln yₖ − log_softmax(x)ₖ)       for logits x, the default
    l = Σₖ yₖ · (ln yₖ − ln qₖ)                 for probabilities: q = min(max(p, ε), 1), ε = ``epsilon``

    with 0 · ln 0 = 0. Targets: a distribution y of x's shape. A clipped probability has gradient 0, at the bounds too.
    A logit of −∞ takes its class out, where the target is 0, as in :class:`SoftmaxCrossEntropy`.
    """

    axes: ClassVar[int] = 1
    bounds: ClassVar[tuple[float, float]] = (0.0, math.inf)
    from_probabilities: bool = False
    epsilon: PositiveFloat = 1e-7
