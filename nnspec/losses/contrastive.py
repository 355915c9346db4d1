"""Contrastive losses: each example against others, of its batch or beside it."""

from __future__ import annotations

from typing import ClassVar

from nnspec.errors import ShapeError
from nnspec.layers.base import Shape, show
from nnspec.losses.base import Loss
from nnspec.spec import Fraction, NonNegativeFloat, PositiveFloat, spec

_ALONE = "of one output has no gradient: give it vectors of two features at least"


def _vectors(outputs: Shape, name: str) -> Shape:
    """The positions of losses of one vector per example."""
    if len(outputs) != 2:
        raise ShapeError(f"{name} takes one vector per example, got outputs {show(outputs)}")
    return outputs[:1]


def _beside(outputs: Shape, count: int, name: str, what: str) -> Shape:
    """The positions of losses of several vectors, which stand along the axis before the last."""
    if len(outputs) < 3 or outputs[-2] != count:
        raise ShapeError(
            f"{name} takes {what} along the axis before the last, got outputs {show(outputs)}: stack them with axis: -2"
        )
    return outputs[:-2]


@spec
class InfoNCE(Loss):
    """Cross-entropy of finding an example's own target among the targets of the whole batch.

    lᵢ = −ln softmax(sᵢ)ᵢ,  sᵢⱼ = cᵢⱼ / temperature

    with the cosine cᵢⱼ of output i and target j as in :class:`CosineDistance`, ε = ``epsilon``. With ``symmetric`` it
    is the mean of this and of finding the output among all outputs: −ln softmax over i of sᵢⱼ at i = j, as in CLIP.

    A value depends on the batch that its example is in: the loss of an epoch is one of batches of this size.

    Shapes: outputs and targets (batch, features), l (batch,). Source: van den Oord et al. 2018, arXiv:1807.03748;
    Radford et al. 2021, arXiv:2103.00020.

    Raises:
        ShapeError: outputs of other ranks.
    """

    alone: ClassVar[str] = _ALONE
    temperature: PositiveFloat = 0.1
    symmetric: bool = False
    epsilon: PositiveFloat = 1e-8

    def positions(self, outputs: Shape) -> Shape:
        return _vectors(outputs, "InfoNCE")


@spec
class NTXent(Loss):
    """Normalized temperature-scaled cross-entropy: of each example with the others of its group, against other groups.

    lᵢ = n/N · Σⱼ −ln(e^sᵢⱼ / (e^sᵢⱼ + Σₖ e^sᵢₖ)),  sᵢⱼ = cᵢⱼ / temperature

    over the examples j ≠ i of the group of i, each against all examples k of other groups, with the cosine cᵢⱼ of the
    outputs i and j as in :class:`CosineDistance`, ε = ``epsilon``. n is the number of examples and N that of pairs
    (i, j) in the batch, so that the mean over examples is one over pairs. Without any pair l is 0.

    A value depends on the batch that its example is in: the loss of an epoch is one of batches of this size.

    Shapes: outputs (batch, features), targets (batch,): ids of groups, any integers; l (batch,).
    Source: Chen et al. 2020, arXiv:2002.05709, with groups of any size.

    Raises:
        ShapeError: outputs of other ranks.
    """

    targets: ClassVar[str] = "groups"
    axes: ClassVar[int] = 1
    alone: ClassVar[str] = _ALONE
    temperature: PositiveFloat = 0.07
    epsilon: PositiveFloat = 1e-8

    def positions(self, outputs: Shape) -> Shape:
        return _vectors(outputs, "NTXent")

    def target_shape(self, outputs: Shape) -> Shape:
        return outputs[:-1]


@spec
class Circle(Loss):
    """Circle loss of each example with the others of its group, against those of other groups.

    lᵢ = ln(1 + Σⱼ e^(γ·(1 + m − cᵢⱼ)·(1 − m − cᵢⱼ)) · Σₖ e^(γ·max(0, cᵢₖ + m)·(cᵢₖ − m)))

    with γ = ``gamma``, m = ``margin``, over the examples j ≠ i of the group of i and all examples k of other groups,
    with the cosine cᵢⱼ of the outputs i and j as in :class:`CosineDistance`, ε = ``epsilon``. Where one of the sums is
    empty l is 0. Unless ``remove_diagonal``, j may be i. The factors (1 + m − cᵢⱼ) and max(0, cᵢₖ + m) are
    differentiated, as in Keras; the paper's code takes them as constants. ∂l/∂cᵢₖ is 0 where cᵢₖ = −m.

    With ``mean_of_positive``, Keras's rule, values are multiplied by n/n₊ for a ``reduction`` of mean: n₊ of the n
    examples have l > 0 in the float type of the loss, over which the mean is taken then.

    A value depends on the batch that its example is in: the loss of an epoch is one of batches of this size.

    Shapes: outputs (batch, features), targets (batch,): ids of groups, any integers; l (batch,).
    Source: Sun et al. 2020, arXiv:2002.10857.

    Raises:
        ShapeError: outputs of other ranks.
    """

    targets: ClassVar[str] = "groups"
    axes: ClassVar[int] = 1
    alone: ClassVar[str] = _ALONE
    gamma: PositiveFloat = 80.0
    margin: Fraction = 0.4
    remove_diagonal: bool = True
    mean_of_positive: bool = False
    epsilon: PositiveFloat = 1e-8

    def positions(self, outputs: Shape) -> Shape:
        return _vectors(outputs, "Circle")

    def target_shape(self, outputs: Shape) -> Shape:
        return outputs[:-1]


@spec
class TripletMargin(Loss):
    """A vector that shall be nearer to a second one than to a third, by a margin.

    l = max(0, margin + y · (d₁₂ − d₁₃)),  dᵢⱼ = √(Σ (xᵢ − xⱼ)² + ε),  ε = ``epsilon``

    With ``squared``, d is Σ (xᵢ − xⱼ)². Outputs hold anchor, positive and negative along the axis before the last, such
    as ``stack`` with ``axis: -2`` makes of three nodes. Targets: y = 1, or −1 where the third vector shall be the
    nearer one. ∂l/∂x = 0 where the maximum's arguments are equal.

    Shapes: outputs (..., 3, features), targets and l (...). Source: Schroff et al. 2015, arXiv:1503.03832;
    Balntas et al. 2016.

    Raises:
        ShapeError: not three vectors.
    """

    bounds: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    margin: NonNegativeFloat = 1.0
    squared: bool = False
    epsilon: PositiveFloat = 1e-6

    def positions(self, outputs: Shape) -> Shape:
        return _beside(outputs, 3, "TripletMargin", "anchor, positive and negative")

    def target_shape(self, outputs: Shape) -> Shape:
        return outputs[:-2]

    def choices(self) -> tuple[float, ...]:
        return (-1.0, 1.0)


@spec
class _BatchTriplet(Loss):
    """Base of triplet losses of the groups within a batch, which have fields of the same names."""

    targets: ClassVar[str] = "groups"
    axes: ClassVar[int] = 1
    margin: NonNegativeFloat = 1.0
    squared: bool = False
    epsilon: PositiveFloat = 1e-6

    def positions(self, outputs: Shape) -> Shape:
        return _vectors(outputs, type(self).__name__)

    def target_shape(self, outputs: Shape) -> Shape:
        return outputs[:-1]


@spec
class BatchHardTriplet(_BatchTriplet):
    """The triplet loss of each example with the farthest of its group and the nearest of all others in the batch.

    lᵢ = max(0, margin + maxⱼ dᵢⱼ − minₖ dᵢₖ)

    over the examples j ≠ i of the group of i and all examples k of other groups, with the distances and the options of
    :class:`TripletMargin`. Where there is no j or no k, l is 0. Of several as far, or as near, the first has the
    derivative.

    A value depends on the batch that its example is in: the loss of an epoch is one of batches of this size.

    Shapes: outputs (batch, features), targets (batch,): ids of groups, any integers; l (batch,).
    Source: Hermans, Beyer & Leibe 2017, arXiv:1703.07737.

    Raises:
        ShapeError: outputs of other ranks.
    """


@spec
class BatchSemiHardTriplet(_BatchTriplet):
    """The triplet loss of each example with each other one of its group, and the nearest of all others beyond that.

    lᵢ = n/N · Σⱼ max(0, margin + dᵢⱼ − dᵢₖ),  k the example of another group with the smallest dᵢₖ > dᵢⱼ

    over the examples j ≠ i of the group of i; where no example of another group is farther than j, k is the farthest of
    them, and where there is none at all the term is 0. n is the number of examples and N that of pairs (i, j) in the
    batch, so that the mean over examples is one over pairs. Distances and options are those of
    :class:`TripletMargin`. Of several as far, or as near, the first has the derivative.

    A value depends on the batch that its example is in: the loss of an epoch is one of batches of this size.

    Shapes: outputs (batch, features), targets (batch,): ids of groups, any integers; l (batch,).
    Source: Schroff et al. 2015, arXiv:1503.03832, as TensorFlow Addons' ``TripletSemiHardLoss``.

    Raises:
        ShapeError: outputs of other ranks.
    """


@spec
class ContrastiveMargin(Loss):
    """Two vectors that shall be near to each other, or apart by a margin.

    l = y · d² + (1 − y) · max(0, margin − d)²,  d = √(Σ (x₁ − x₂)²)

    Outputs hold the two along the axis before the last, such as ``stack`` with ``axis: -2`` makes of two nodes.
    Targets: y in [0, 1], 1 for a pair that belongs together (the paper has it the other way round, and both terms
    halved). ∂d/∂x = 0 where d = 0.

    Shapes: outputs (..., 2, features), targets and l (...). Source: Hadsell, Chopra & LeCun 2006.

    Raises:
        ShapeError: not two vectors.
    """

    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    margin: PositiveFloat = 1.0

    def positions(self, outputs: Shape) -> Shape:
        return _beside(outputs, 2, "ContrastiveMargin", "two vectors")

    def target_shape(self, outputs: Shape) -> Shape:
        return outputs[:-2]
