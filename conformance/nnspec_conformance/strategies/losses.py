"""Cases of losses: each kind of targets that a loss takes, with and without weights."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from nnspec.losses import (
    BinaryCrossEntropy,
    BinaryFocalCrossEntropy,
    BinarySparsemaxLoss,
    ContrastiveMargin,
    Dice,
    GaussianNLL,
    GeneralizedDice,
    GeneralizedKLDivergence,
    Hinge,
    InfoNCE,
    KLDivergence,
    Loss,
    MeanSquaredLogarithmicError,
    PoissonNLL,
    SoftmaxCrossEntropy,
    SquaredHinge,
    TripletMargin,
    Tversky,
)
from nnspec_conformance.losses import LossCase
from nnspec_conformance.strategies.fields import of_kind

SIZES = st.integers(1, 5)
# Losses whose targets are in [0, 1].
OF_SHARES = (
    *(BinaryCrossEntropy, BinaryFocalCrossEntropy, BinarySparsemaxLoss),
    *(ContrastiveMargin, Dice, GeneralizedDice, Tversky),
)


@st.composite
def cases(draw: st.DrawFn) -> LossCase:
    """Losses on outputs of rank 1 to 4."""
    spec = draw(of_kind("loss"))
    categorical = spec.axes == 1 or isinstance(spec, GeneralizedDice) or getattr(spec, "per_class", False)
    shape = tuple(draw(st.lists(SIZES, min_size=int(categorical), max_size=3)))
    if classes := of_each_class(spec):
        shape = (*shape[: len(shape) - spec.axes], classes)
    targets = draw(_targets(spec))
    if targets == "sparse" and shape[-1] == 1:  # half of its classes have probability zero
        targets = "soft"
    if isinstance(spec, InfoNCE) or targets == "groups":
        shape = (draw(SIZES),)
    if isinstance(spec, TripletMargin | ContrastiveMargin):
        shape = (*shape[:1], 3 if isinstance(spec, TripletMargin) else 2, draw(SIZES))
    if targets == "sequences":
        shape = (draw(SIZES), getattr(spec, "blank", 0) + draw(SIZES))
    if isinstance(spec, GaussianNLL):
        shape = (*shape, 2 * draw(SIZES))
    logits = not positive(spec)
    maskable = (
        isinstance(spec, SoftmaxCrossEntropy | KLDivergence)
        and logits
        and shape[-1] > 2
        and not getattr(spec, "label_smoothing", 0)
    )
    return LossCase(
        spec,
        shape,
        targets,
        probabilities=not logits,
        extremes=not isinstance(spec, GaussianNLL | GeneralizedKLDivergence | PoissonNLL),  # of exponentials
        masked=maskable and draw(st.booleans()),
        weights=draw(st.sampled_from([None, "example", "position", "mask", "nothing"])),
        scale=draw(st.sampled_from([1.0, 0.1, 5.0])),
    )


def of_each_class(spec: Loss) -> int:
    """For how many classes a loss has a number each; 0 if it has none."""
    numbers = getattr(spec, "class_weights", None) or getattr(spec, "pos_weight", None)
    return len(numbers) if isinstance(numbers, tuple) else 0


def positive(spec: Loss) -> bool:
    """Whether outputs are above 0, and not scores of any size."""
    log_input: bool = getattr(spec, "log_input", True)
    from_probabilities: bool = getattr(spec, "from_probabilities", False)
    return from_probabilities or not log_input or isinstance(spec, MeanSquaredLogarithmicError)


def _targets(spec: Loss) -> SearchStrategy[Any]:
    if spec.targets == "labels":
        return st.sampled_from(["ids", "one_hot", "soft", "sparse", "unnormalized"])
    if spec.targets in ("groups", "sequences"):
        return st.just(spec.targets)
    if isinstance(spec, KLDivergence | GeneralizedKLDivergence):
        return st.sampled_from(["soft", "sparse", "unnormalized"])
    if isinstance(spec, Hinge | SquaredHinge):
        return st.just("unit" if spec.binary_targets else "signs")
    if isinstance(spec, TripletMargin):
        return st.just("signs")
    if isinstance(spec, MeanSquaredLogarithmicError | PoissonNLL):
        return st.just("counts")
    return st.just("unit" if isinstance(spec, OF_SHARES) else "values")
