"""Losses of classes: cross-entropies and divergences of distributions."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar

from pydantic import Field

from nnspec.losses.base import Loss
from nnspec.spec import Margin, NonNegativeFloat, PositiveFloat, Probability, spec

# A factor for each class.
ClassWeights = tuple[PositiveFloat, ...]
# Targets that are integers have 32 bits on every device.
Label = Annotated[int, Field(ge=-(2**31), le=2**31 - 1)]
_ALONE = "of one output is always 0: give it one output per class, or use BinaryCrossEntropy"


@spec
class SoftmaxCrossEntropy(Loss):
    """Cross-entropy of softmax outputs along the last axis.

    l = −Σₖ cₖ · yₖ · log_softmax(x)ₖ        for logits x (..., classes), the default
    l = −Σₖ cₖ · yₖ · ln qₖ                  for probabilities: q = min(max(p / Σp, ε), 1 − ε), ε = ``epsilon``

    Targets: class ids (...,) of an integer dtype, taken as one-hot, or a distribution y (..., classes), which need not
    sum to one (∂l/∂x = softmax(x) · Σy − y). Label smoothing α: y ← y · (1 − α) + α / classes.
    A clipped probability has gradient 0, at the bounds too; the division by Σp is differentiated.
    A logit of −∞ takes its class out, where the target (after smoothing) is 0: its gradient is 0, and the loss is as if
    the class did not exist.

    c are the ``class_weights``, 1 unless given. Positions whose class id is ``ignore_label``, which need not be the id
    of a class, do not count.
    """

    targets: ClassVar[str] = "labels"
    axes: ClassVar[int] = 1
    bounds: ClassVar[tuple[float, float]] = (0.0, math.inf)
    alone: ClassVar[str] = _ALONE
    label_smoothing: Probability = 0.0
    from_probabilities: bool = False
    epsilon: Margin = 1e-7
    class_weights: ClassWeights | None = None
    ignore_label: Label | None = None

    def links(self) -> tuple[str, ...]:
        return ("softmax",)


@spec
class BinaryCrossEntropy(Loss):
    """Binary cross-entropy per element, for one or for many labels.

    l = max(x, 0) − x·y + ln(1 + e^(−|x|))                          for logits x, the default
    l = −y ln q − (1 − y) ln(1 − q), q = min(max(p, ε), 1 − ε)      for probabilities p, ε = ``epsilon``

    Targets: y of x's shape, in [0, 1]. Label smoothing α: y ← y · (1 − α) + α / 2. For logits ∂l/∂x = σ(x) − y
    everywhere; a clipped probability has gradient 0, at the bounds too.

    ``pos_weight``, a number or one for each element of the last axis, is a factor of y's term: of −y · ln σ(x), or
    −y · ln q. Elements whose target is ``ignore_label`` do not count.
    """

    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    label_smoothing: Probability = 0.0
    from_probabilities: bool = False
    epsilon: Margin = 1e-7
    pos_weight: PositiveFloat | ClassWeights | None = None
    ignore_label: Label | None = None

    def links(self) -> tuple[str, ...]:
        return ("sigmoid",)


@spec
class KLDivergence(Loss):
    """Kullback–Leibler divergence from the outputs' distribution to the targets', along the last axis.

    l = Σₖ yₖ · (ln yₖ − log_softmax(x)ₖ)       for logits x, the default
    l = Σₖ yₖ · (ln yₖ − ln qₖ)                 for probabilities: q = min(max(p, ε), 1), ε = ``epsilon``

    with 0 · ln 0 = 0. Targets: a distribution y of x's shape, or with ``log_targets`` its logarithms ln y. A clipped
    probability has gradient 0, at the bounds too. A logit of −∞ takes its class out, where the target is 0, as in
    :class:`SoftmaxCrossEntropy`.
    """

    axes: ClassVar[int] = 1
    bounds: ClassVar[tuple[float, float]] = (0.0, math.inf)
    alone: ClassVar[str] = _ALONE
    from_probabilities: bool = False
    epsilon: PositiveFloat = 1e-7
    log_targets: bool = False

    def target_bounds(self) -> tuple[float, float]:
        return (-math.inf, math.inf) if self.log_targets else self.bounds

    def links(self) -> tuple[str, ...]:
        return ("softmax",)


@spec
class GeneralizedKLDivergence(Loss):
    """Kullback–Leibler divergence of measures that need not sum to one, along the last axis.

    l = Σₖ (yₖ · (ln yₖ − xₖ) + e^xₖ − yₖ)          for logarithms x of the outputs' measure, the default
    l = Σₖ (yₖ · (ln yₖ − ln qₖ) + qₖ − yₖ)         with ``log_input: false``: q = max(x, ε), ε = ``epsilon``

    with 0 · ln 0 = 0: the Bregman divergence of Σ x ln x − x, also called convex. Targets: a measure y ≥ 0 of x's
    shape. An output that is clipped has gradient 0, at the bound too; one of −∞ is a measure of 0, where the target is
    0. Source: Bregman 1967; Boyd & Vandenberghe 2004, p. 90.
    """

    axes: ClassVar[int] = 1
    bounds: ClassVar[tuple[float, float]] = (0.0, math.inf)
    log_input: bool = True
    epsilon: PositiveFloat = 1e-7


@spec
class NegativeLogLikelihood(Loss):
    """Negative log-likelihood of log-probabilities, such as ``log_softmax`` gives: l = −Σₖ cₖ · yₖ · xₖ.

    Targets, class weights c and ``ignore_label`` as for :class:`SoftmaxCrossEntropy`; outputs are taken as they are,
    and 0 · −∞ is 0.
    """

    targets: ClassVar[str] = "labels"
    axes: ClassVar[int] = 1
    bounds: ClassVar[tuple[float, float]] = (0.0, math.inf)
    alone: ClassVar[str] = _ALONE
    class_weights: ClassWeights | None = None
    ignore_label: Label | None = None

    def links(self) -> tuple[str, ...]:
        return ("log_softmax",)


@spec
class CategoricalFocalCrossEntropy(Loss):
    """Cross-entropy along the last axis in which sure classes count less.

    l = −Σₖ cₖ · yₖ · (1 − pₖ)^γ · ln pₖ,  γ = ``gamma``

    with p = softmax(x) for logits x, the default, or p = q as for :class:`SoftmaxCrossEntropy`; targets, smoothing,
    class weights c (the paper's α) and ``ignore_label`` are as there. 0^γ is 0 with derivative 0 for γ > 0.
    Source: Lin et al. 2017, arXiv:1708.02002.
    """

    targets: ClassVar[str] = "labels"
    axes: ClassVar[int] = 1
    bounds: ClassVar[tuple[float, float]] = (0.0, math.inf)
    alone: ClassVar[str] = _ALONE
    gamma: NonNegativeFloat = 2.0
    label_smoothing: Probability = 0.0
    from_probabilities: bool = False
    epsilon: Margin = 1e-7
    class_weights: ClassWeights | None = None
    ignore_label: Label | None = None

    def links(self) -> tuple[str, ...]:
        return ("softmax",)


@spec
class BinaryFocalCrossEntropy(Loss):
    """Binary cross-entropy per element in which sure elements count less.

    l = a · r^γ · b,  r = y · (1 − p) + (1 − y) · p,  γ = ``gamma``

    with the binary cross-entropy b, p = σ(x) for logits x, the default, or p = q as for :class:`BinaryCrossEntropy`;
    targets y and smoothing are as there. a = α · y + (1 − α) · (1 − y) where α = ``alpha`` is given, else 1.
    0^γ is 0 with derivative 0 for γ > 0. Source: Lin et al. 2017, arXiv:1708.02002.
    """

    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    gamma: NonNegativeFloat = 2.0
    alpha: Probability | None = None
    label_smoothing: Probability = 0.0
    from_probabilities: bool = False
    epsilon: Margin = 1e-7
    ignore_label: Label | None = None

    def links(self) -> tuple[str, ...]:
        return ("sigmoid",)


@spec
class PolyCrossEntropy(Loss):
    """Cross-entropy along the last axis with another weight of its first polynomial term: Poly-1.

    l = −Σₖ cₖ · yₖ · (ln pₖ − ε₁ · (1 − pₖ)),  ε₁ = ``epsilon1``

    with p = softmax(x) for logits x, the default, or p = q as for :class:`SoftmaxCrossEntropy`; targets, smoothing,
    class weights c, ``epsilon`` and ``ignore_label`` are as there. Optax's ``epsilon`` is ``epsilon1`` here.
    Source: Leng et al. 2022, arXiv:2204.12511.
    """

    targets: ClassVar[str] = "labels"
    axes: ClassVar[int] = 1
    bounds: ClassVar[tuple[float, float]] = (0.0, math.inf)
    alone: ClassVar[str] = _ALONE
    epsilon1: float = 2.0
    label_smoothing: Probability = 0.0
    from_probabilities: bool = False
    epsilon: Margin = 1e-7
    class_weights: ClassWeights | None = None
    ignore_label: Label | None = None

    def links(self) -> tuple[str, ...]:
        return ("softmax",)


@spec
class GeneralizedCrossEntropy(Loss):
    """A loss between cross-entropy (q → 0) and mean absolute error (q = 1), for labels that may be wrong.

    l = Σₖ cₖ · yₖ · (1 − pₖ^q) / q

    along the last axis, with p = softmax(x) for logits x, the default, or p = the clipped probabilities of
    :class:`SoftmaxCrossEntropy`; targets, class weights c, ``epsilon`` and ``ignore_label`` are as there. A class whose
    target is 0 adds nothing. Source: Zhang & Sabuncu 2018, arXiv:1805.07836.
    """

    targets: ClassVar[str] = "labels"
    axes: ClassVar[int] = 1
    bounds: ClassVar[tuple[float, float]] = (0.0, math.inf)
    alone: ClassVar[str] = _ALONE
    q: Annotated[float, Field(gt=0, le=1)] = 0.5
    from_probabilities: bool = False
    epsilon: Margin = 1e-7
    class_weights: ClassWeights | None = None
    ignore_label: Label | None = None

    def links(self) -> tuple[str, ...]:
        return ("softmax",)
