"""Losses.

A loss gives one value per position (per element for elementwise losses, per position without the class axis for
categorical ones) and reduces them over all positions of the batch, with sample weights w that broadcast from the
front (w of shape (batch,) weighs every position of its example):

* ``reduction="mean"``: Σ w·l / number of positions (Keras's rule: gradients keep the scale of an unweighted batch),
* ``reduction="weighted_mean"``: Σ w·l / Σ w (scikit-learn's and PyTorch's class-weight rule),
* ``reduction="sum"``: Σ w·l.

Where a divisor is 0, the loss and its gradient are NaN: of a batch whose weights are all 0 with "weighted_mean", and of
a batch of nothing but ignored positions with both means.

A position whose target is the loss's ``ignore_label`` is none: it adds nothing to any of these sums, nor to the number
of positions, nor to the metrics that are measured beside the loss. The ``class_weights`` c of a loss are factors of
its terms, and of w in the divisor Σ w: that of a position is Σₖ cₖ·yₖ, the weight of its class, before labels are
smoothed (PyTorch's rule for class ids).

The loss of an epoch is the same quotient over all of its examples.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nnspec.losses.base import Loss as Loss, Reduction as Reduction

if TYPE_CHECKING:  # at run time __getattr__ imports what is asked for
    from nnspec.losses.classification import (
        BinaryCrossEntropy as BinaryCrossEntropy,
        BinaryFocalCrossEntropy as BinaryFocalCrossEntropy,
        CategoricalFocalCrossEntropy as CategoricalFocalCrossEntropy,
        GeneralizedCrossEntropy as GeneralizedCrossEntropy,
        GeneralizedKLDivergence as GeneralizedKLDivergence,
        KLDivergence as KLDivergence,
        NegativeLogLikelihood as NegativeLogLikelihood,
        PolyCrossEntropy as PolyCrossEntropy,
        SoftmaxCrossEntropy as SoftmaxCrossEntropy,
    )
    from nnspec.losses.contrastive import (
        BatchHardTriplet as BatchHardTriplet,
        Circle as Circle,
        ContrastiveMargin as ContrastiveMargin,
        InfoNCE as InfoNCE,
        NTXent as NTXent,
        TripletMargin as TripletMargin,
    )
    from nnspec.losses.margin import (
        BinarySparsemaxLoss as BinarySparsemaxLoss,
        CategoricalHinge as CategoricalHinge,
        Hinge as Hinge,
        SparsemaxLoss as SparsemaxLoss,
        SquaredHinge as SquaredHinge,
    )
    from nnspec.losses.outputs import Losses as Losses
    from nnspec.losses.regression import (
        CosineDistance as CosineDistance,
        GaussianNLL as GaussianNLL,
        HalfSquaredError as HalfSquaredError,
        Huber as Huber,
        LogCosh as LogCosh,
        MeanAbsoluteError as MeanAbsoluteError,
        MeanAbsolutePercentageError as MeanAbsolutePercentageError,
        MeanSquaredError as MeanSquaredError,
        MeanSquaredLogarithmicError as MeanSquaredLogarithmicError,
        Pinball as Pinball,
        PoissonNLL as PoissonNLL,
    )
    from nnspec.losses.segmentation import Dice as Dice, GeneralizedDice as GeneralizedDice, Tversky as Tversky
    from nnspec.losses.sequences import CTC as CTC


def __getattr__(name: str) -> Any:
    from nnspec import vocabulary

    return vocabulary.attribute(__name__, "loss", name)
