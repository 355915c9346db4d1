"""Cases of losses of classes."""

from __future__ import annotations

import math

from nnspec.losses.classification import (
    BinaryCrossEntropy,
    BinaryFocalCrossEntropy,
    CategoricalFocalCrossEntropy,
    GeneralizedCrossEntropy,
    GeneralizedKLDivergence,
    KLDivergence,
    NegativeLogLikelihood,
    PolyCrossEntropy,
    SoftmaxCrossEntropy,
)
from nnspec_conformance.losses.base import MASKS, REDUCTIONS, LossCase, LossExample

_CE, _BCE, _KL = SoftmaxCrossEntropy, BinaryCrossEntropy, KLDivergence
_NLL, _Focal, _BinaryFocal = NegativeLogLikelihood, CategoricalFocalCrossEntropy, BinaryFocalCrossEntropy
_GKL, _Poly, _GCE = GeneralizedKLDivergence, PolyCrossEntropy, GeneralizedCrossEntropy
_WEIGHTS = (0.5, 2.0, 1.25, 0.7)
# Sums of these are 1, and ε = 0.2 clips the first two from below and none (or, for elements, the last) from above.
_CLIPPED = (0.03, 0.12, 0.35, 0.5)
_CLIPPED_ELEMENTS = (0.05, 0.12, 0.4, 0.6, 0.9, 0.97)

CASES = [
    LossCase(_CE(), (5,), "ids"),
    LossCase(_CE(), (5,), "one_hot"),
    LossCase(_CE(), (5,), "soft"),
    LossCase(_CE(), (5,), "sparse"),
    LossCase(_CE(), (5,), "unnormalized"),
    LossCase(_CE(), (2, 3, 4), "ids", id="rank 4"),
    LossCase(_CE(), (5,), "soft", scale=20.0, id="wide"),
    LossCase(_CE(label_smoothing=0.1), (5,), "ids"),
    LossCase(_CE(label_smoothing=0.3), (5,), "one_hot"),
    LossCase(_CE(label_smoothing=0.1), (5,), "unnormalized"),
    LossCase(_CE(label_smoothing=1.0), (5,), "ids"),
    LossCase(_CE(), (5,), "ids", weights="example"),
    LossCase(_CE(), (3, 4), "ids", weights="example", id="rank 3"),
    LossCase(_CE(reduction="weighted_mean"), (3, 4), "soft", weights="position"),
    LossCase(_CE(reduction="weighted_mean"), (5,), "ids"),
    LossCase(_CE(reduction="sum"), (5,), "one_hot", weights="example"),
    LossCase(_CE(reduction="sum"), (5,), "soft"),
    LossCase(_CE(from_probabilities=True), (5,), "ids", probabilities=True),
    LossCase(_CE(from_probabilities=True), (5,), "unnormalized", probabilities=True, weights="example"),
    LossCase(_CE(0.1, from_probabilities=True), (3, 4), "one_hot", probabilities=True),
    LossCase(
        _CE(from_probabilities=True, epsilon=0.2), (4,), "soft", probabilities=True, levels=_CLIPPED, id="clipped"
    ),
    LossCase(_BCE(), (), "unit", id="rank 1"),
    LossCase(_BCE(), (5,), "unit"),
    LossCase(_BCE(), (5,), "unit", scale=20.0, id="wide"),
    LossCase(_BCE(0.2), (3, 4), "unit"),
    LossCase(_BCE(), (5,), "unit", weights="example"),
    LossCase(_BCE(reduction="weighted_mean"), (5,), "unit", weights="position"),
    LossCase(_BCE(reduction="sum"), (5,), "unit", weights="example"),
    LossCase(_BCE(from_probabilities=True), (5,), "unit", probabilities=True),
    LossCase(_BCE(0.1, from_probabilities=True), (5,), "unit", probabilities=True, weights="example"),
    LossCase(
        _BCE(from_probabilities=True, epsilon=0.2),
        (6,),
        "unit",
        probabilities=True,
        levels=_CLIPPED_ELEMENTS,
        id="clipped",
    ),
    LossCase(_CE(), (5,), "ids", masked=True),
    LossCase(_CE(), (3, 5), "soft", masked=True, weights="example"),
    LossCase(_CE(reduction="sum"), (4,), "unnormalized", masked=True),
    *(
        LossCase(_CE(reduction=reduction), (3, 4), "ids", weights=weights)
        for reduction in REDUCTIONS
        for weights in MASKS
    ),
    LossCase(_BCE(reduction="weighted_mean"), (4,), "unit", weights="mask"),
    LossCase(_KL(), (3, 4), "soft", weights="mask"),
    LossCase(_KL(), (5,), "soft", masked=True),
    LossCase(_KL(), (5,), "soft"),
    LossCase(_KL(), (5,), "sparse"),
    LossCase(_KL(), (3, 4), "unnormalized", weights="example"),
    LossCase(_KL(), (5,), "soft", scale=20.0, id="wide"),
    LossCase(_KL(reduction="weighted_mean"), (5,), "sparse", weights="position"),
    LossCase(_KL(reduction="sum"), (5,), "soft"),
    LossCase(_KL(from_probabilities=True), (5,), "soft", probabilities=True),
    LossCase(_KL(from_probabilities=True), (5,), "sparse", probabilities=True, weights="example"),
    LossCase(
        _KL(from_probabilities=True, epsilon=0.2), (4,), "soft", probabilities=True, levels=_CLIPPED, id="clipped"
    ),
    LossCase(_KL(log_targets=True), (2, 4), "values", weights="example"),
    LossCase(_KL(from_probabilities=True, log_targets=True), (4,), "values", probabilities=True),
    LossCase(_GKL(), (5,), "sparse", extremes=False),
    LossCase(_GKL(reduction="sum"), (2, 4), "unnormalized", weights="example", extremes=False),
    LossCase(_GKL(log_input=False, epsilon=0.2), (4,), "sparse", probabilities=True, levels=_CLIPPED, id="clipped"),
    LossCase(_CE(class_weights=_WEIGHTS), (4,), "ids"),
    LossCase(_CE(0.2, class_weights=_WEIGHTS, reduction="weighted_mean"), (3, 4), "ids", weights="example"),
    LossCase(_CE(class_weights=_WEIGHTS, reduction="weighted_mean"), (4,), "soft"),
    LossCase(_CE(ignore_label=-1), (3, 4), "ids", weights="example"),
    LossCase(_CE(0.1, class_weights=_WEIGHTS, ignore_label=2, reduction="weighted_mean"), (4,), "ids"),
    LossCase(_CE(from_probabilities=True, ignore_label=255, reduction="sum"), (4,), "ids", probabilities=True),
    LossCase(_BCE(pos_weight=2.7), (4,), "unit"),
    LossCase(_BCE(0.1, pos_weight=_WEIGHTS), (2, 4), "unit", weights="example", scale=10.0),
    LossCase(_BCE(from_probabilities=True, pos_weight=0.3), (4,), "unit", probabilities=True),
    LossCase(_BCE(ignore_label=-1, pos_weight=2.0, reduction="weighted_mean"), (5,), "unit", weights="position"),
    LossCase(_NLL(), (5,), "ids"),
    LossCase(_NLL(), (3, 4), "sparse", masked=True),
    LossCase(_NLL(_WEIGHTS, ignore_label=-1, reduction="weighted_mean"), (3, 4), "ids", weights="position"),
    LossCase(_Focal(), (5,), "ids"),
    LossCase(_Focal(), (5,), "soft", masked=True),
    LossCase(_Focal(0.5, 0.1, class_weights=_WEIGHTS, reduction="weighted_mean"), (4,), "ids", scale=3.0),
    LossCase(_Focal(0.0, ignore_label=-1), (4,), "ids", id="cross-entropy"),
    LossCase(
        _Focal(1.5, from_probabilities=True, epsilon=0.2),
        (4,),
        "soft",
        probabilities=True,
        levels=_CLIPPED,
        id="clipped",
    ),
    LossCase(_Poly(), (5,), "ids"),
    LossCase(_Poly(-1.0, 0.1, class_weights=_WEIGHTS, reduction="weighted_mean"), (3, 4), "ids", weights="example"),
    LossCase(_Poly(0.5, ignore_label=-1), (4,), "ids", scale=10.0),
    LossCase(_Poly(3.0), (5,), "soft", masked=True),
    LossCase(
        _Poly(0.7, from_probabilities=True, epsilon=0.2),
        (4,),
        "soft",
        probabilities=True,
        levels=_CLIPPED,
        id="clipped",
    ),
    LossCase(_GCE(), (5,), "ids", scale=10.0),
    LossCase(_GCE(0.7, class_weights=_WEIGHTS, reduction="weighted_mean"), (2, 4), "soft", weights="example"),
    LossCase(_GCE(1.0, ignore_label=-1), (3, 4), "ids"),
    LossCase(_GCE(0.1), (5,), "sparse", masked=True),
    LossCase(
        _GCE(0.3, from_probabilities=True, epsilon=0.2),
        (4,),
        "soft",
        probabilities=True,
        levels=_CLIPPED,
        id="clipped",
    ),
    LossCase(_BinaryFocal(), (5,), "unit"),
    LossCase(_BinaryFocal(alpha=0.25, reduction="weighted_mean"), (2, 3), "unit", weights="example", scale=5.0),
    LossCase(_BinaryFocal(0.0, 0.7, ignore_label=-1), (4,), "unit"),
    LossCase(_BinaryFocal(0.5, label_smoothing=0.2), (4,), "unit"),
    LossCase(
        _BinaryFocal(3.0, from_probabilities=True, epsilon=0.2),
        (6,),
        "unit",
        probabilities=True,
        levels=_CLIPPED_ELEMENTS,
        id="clipped",
    ),
]

_LOG_EPSILON = math.log(1e-7)
_LOG_REST = math.log1p(-1e-7)
EXAMPLES = [
    LossExample(
        _BCE(),
        ((0.0, -0.0),),
        ((1.0, 0.25),),
        id="logits of zero",
        value=math.log(2),
        gradient=((-0.25, 0.125),),
    ),
    LossExample(
        _BCE(from_probabilities=True),
        ((0.0, 1.0, 0.0, 1.0),),
        ((0.0, 1.0, 1.0, 0.0),),
        id="probabilities of 0 and 1",
        value=-(2 * _LOG_REST + 2 * _LOG_EPSILON) / 4,
        gradient=((0.0, 0.0, 0.0, 0.0),),
    ),
    LossExample(
        _BCE(from_probabilities=True, epsilon=0.25),
        ((0.25, 0.75, 0.5, 0.5),),
        ((1.0, 1.0, 1.0, 0.0),),
        id="probabilities at the bounds",
        value=(math.log(4) + math.log(4 / 3) + 2 * math.log(2)) / 4,
        gradient=((0.0, 0.0, -0.5, 0.5),),
    ),
    LossExample(
        _CE(from_probabilities=True),
        ((0.0, 1.0), (0.0, 2.0)),
        ((0.0, 1.0), (1.0, 0.0)),
        id="probabilities of 0 and 1",
        value=-(_LOG_REST + _LOG_EPSILON) / 2,
        gradient=((0.0, 0.0), (0.0, 0.0)),
    ),
    LossExample(
        # q = (1/4, 1/4, 1/2), the first two at the bound: only the third is differentiated, through the sum as well.
        _CE(from_probabilities=True, epsilon=0.25),
        ((1.0, 1.0, 2.0),),
        ((0.25, 0.25, 0.5),),
        id="probabilities at the bound",
        value=0.5 * math.log(4) + 0.5 * math.log(2),
        gradient=((0.125, 0.125, -0.125),),
    ),
    LossExample(
        _KL(from_probabilities=True),
        ((0.0, 1.0), (1.0, 0.0)),
        ((0.0, 1.0), (0.0, 1.0)),
        id="probabilities of 0 and 1",
        value=-_LOG_EPSILON / 2,
        gradient=((0.0, 0.0), (0.0, 0.0)),
    ),
    LossExample(
        _KL(from_probabilities=True, epsilon=0.25),
        ((0.25, 0.5, 1.0),),
        ((0.5, 0.25, 0.25),),
        id="probabilities at the bounds",
        value=0.5 * math.log(2) + 0.25 * math.log(0.5) + 0.25 * math.log(0.25),
        gradient=((0.0, -0.5, 0.0),),
    ),
    LossExample(
        # A measure of 0 that is expected, one at the bound, and one that is not expected at all.
        _GKL(log_input=False, epsilon=0.25),
        ((0.0, 0.25, 0.5),),
        ((0.0, 1.0, 0.0),),
        id="measures at the bound",
        value=0.25 + math.log(4) - 0.75 + 0.5,
        gradient=((0.0, 0.0, 1.0),),
    ),
    LossExample(
        _GKL(),
        ((-math.inf, 0.0, 0.0),),
        ((0.0, 1.0, 0.5),),
        id="logarithm of 0",
        value=-0.5 * math.log(2) + 0.5,
        gradient=((0.0, 0.0, 0.5),),
    ),
    LossExample(
        # Sure and wrong: the loss is at its largest, and does not pull.
        _GCE(0.5),
        ((0.0, 2000.0),),
        ((1.0, 0.0),),
        id="sure and wrong",
        value=2.0,
        gradient=((0.0, 0.0),),
    ),
    LossExample(
        _CE(),
        ((0.0, 0.0),),
        ((3.0, 1.0),),
        id="unnormalized by hand",
        value=4 * math.log(2),
        gradient=((-1.0, 1.0),),
    ),
    LossExample(
        # The second example has no class that counts: all but it are divided by, and its gradient is 0.
        _CE(ignore_label=-1, class_weights=(1.0, 3.0)),
        ((0.0, 0.0), (5.0, 1.0), (0.0, 0.0)),
        (1, -1, 0),
        id="ignored",
        value=2 * math.log(2),
        gradient=((0.75, -0.75), (0.0, 0.0), (-0.25, 0.25)),
    ),
    LossExample(
        _BCE(pos_weight=3.0, ignore_label=-1),
        ((0.0, 0.0, 4.0),),
        ((1.0, 0.0, -1.0),),
        id="ignored",
        value=2 * math.log(2),
        gradient=((-0.75, 0.25, 0.0),),
    ),
    LossExample(
        # Sure and right: nothing is left, whatever the power.
        _BinaryFocal(0.5),
        ((2000.0, -2000.0, 0.0),),
        ((1.0, 0.0, 1.0),),
        id="sure",
        value=math.sqrt(0.5) * math.log(2) / 3,
        gradient=((0.0, 0.0, -(0.25 * math.sqrt(2) * math.log(2) / 2 + math.sqrt(0.5) * 0.5) / 3),),
    ),
    LossExample(
        _Focal(0.5),
        ((2000.0, 0.0), (0.0, -2000.0)),
        ((1.0, 0.0), (1.0, 0.0)),
        id="sure",
        value=0.0,
        gradient=((0.0, 0.0), (0.0, 0.0)),
    ),
]
