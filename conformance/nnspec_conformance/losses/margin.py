"""Cases of losses of margins."""

from __future__ import annotations

from nnspec.losses.margin import BinarySparsemaxLoss, CategoricalHinge, Hinge, SparsemaxLoss, SquaredHinge
from nnspec_conformance.losses.base import LossCase, LossExample

_LEVELS = (0.4, -0.7, 1.6, 2.5, -0.2)
CASES = [
    LossCase(Hinge(), (5,), "signs", levels=_LEVELS),
    LossCase(Hinge(0.6, reduction="weighted_mean"), (3, 5), "signs", levels=_LEVELS, weights="position"),
    LossCase(Hinge(0.0), (5,), "signs", levels=_LEVELS, id="perceptron"),
    LossCase(Hinge(binary_targets=True), (4,), "unit", weights="example"),
    LossCase(Hinge(), (4,), "signs", id="anywhere"),
    LossCase(SquaredHinge(), (5,), "signs"),
    LossCase(SquaredHinge(0.9, reduction="sum"), (5,), "signs", levels=_LEVELS, weights="example"),
    LossCase(SquaredHinge(binary_targets=True), (2, 3), "unit"),
    LossCase(CategoricalHinge(), (5,), "ids", scale=2.0),
    LossCase(CategoricalHinge(0.3), (2, 4), "one_hot", weights="example"),
    LossCase(CategoricalHinge(rival="masked", reduction="weighted_mean"), (4,), "ids", weights="example"),
    LossCase(CategoricalHinge(0.5, rival="masked"), (3, 4), "soft", scale=2.0),
    LossCase(SparsemaxLoss(), (5,), "ids", scale=2.0),
    LossCase(SparsemaxLoss(reduction="weighted_mean"), (2, 3), "soft", weights="example"),
    LossCase(SparsemaxLoss(), (2, 4), "unnormalized"),
    LossCase(BinarySparsemaxLoss(), (5,), "unit", scale=2.0),
    LossCase(BinarySparsemaxLoss(reduction="sum"), (2, 3), "unit", weights="position"),
]

EXAMPLES = [
    LossExample(
        Hinge(),
        ((1.0, -1.0, 0.5, -2.0),),
        ((1.0, -1.0, -1.0, -1.0),),
        id="at the margin",
        value=1.5 / 4,
        gradient=((0.0, 0.0, 0.25, 0.0),),
    ),
    LossExample(
        Hinge(0.0),
        ((0.0, -0.5),),
        ((1.0, 1.0),),
        id="on the plane",
        value=0.25,
        gradient=((0.0, -0.5),),
    ),
    LossExample(
        # Classes 0 and 2 are equal rivals of class 1, of which the first has the derivative; the second row has its
        # margin exactly.
        CategoricalHinge(),
        ((0.5, 0.5, 0.5), (1.0, 2.0, 0.0)),
        ((0.0, 1.0, 0.0), (0.0, 1.0, 0.0)),
        id="ties",
        value=0.5,
        gradient=((0.5, -0.5, 0.0), (0.0, 0.0, 0.0)),
    ),
    LossExample(
        # All other scores are below 0, which is the rival: the product 0 · x of the target's own class.
        CategoricalHinge(rival="masked"),
        ((0.25, -1.0, -2.0),),
        ((1.0, 0.0, 0.0),),
        id="no rival",
        value=0.75,
        gradient=((-1.0, 0.0, 0.0),),
    ),
    LossExample(
        # The rival is found before the margin is added, in which float32 could not tell the scores apart.
        CategoricalHinge(2.0**20, rival="masked"),
        ((2.0**-6, 2.0**-5, -1.0),),
        ((0.0, 0.0, 1.0),),
        id="scores below the margin's last place",
        value=2.0**20 + 2.0**-5 + 1,
        gradient=((0.0, 1.0, -1.0),),
    ),
    LossExample(
        # The first row has its margin of 1 exactly; of the second two classes are as likely.
        SparsemaxLoss(),
        ((2.0, 1.0, 0.0), (0.5, 0.5, -3.0)),
        ((1.0, 0.0, 0.0), (1.0, 0.0, 0.0)),
        id="at the margin",
        value=0.125,
        gradient=((0.0, 0.0, 0.0), (-0.25, 0.25, 0.0)),
    ),
    LossExample(
        BinarySparsemaxLoss(),
        ((1.0, -1.0, 0.0, 3.0, 1.0),),
        ((1.0, 1.0, 0.5, 0.0, 0.0),),
        id="at the bounds",
        value=(0.0 + 1.0 + 0.0 + 3.0 + 1.0) / 5,
        gradient=((0.0, -0.2, 0.0, 0.2, 0.2),),
    ),
]
