"""Cases of training: a small network with a loss, an optimizer, clipping and metrics that go together."""

from __future__ import annotations

from hypothesis import strategies as st

from nnspec.layers.linear import Dense
from nnspec.losses import (
    ContrastiveMargin,
    GaussianNLL,
    GeneralizedKLDivergence,
    InfoNCE,
    KLDivergence,
    Loss,
    TripletMargin,
)
from nnspec.metrics import Metric
from nnspec.model import Model, Node
from nnspec_conformance.strategies.fields import of_kind
from nnspec_conformance.strategies.losses import of_each_class, positive
from nnspec_conformance.strategies.model import models
from nnspec_conformance.strategies.optimizers import clips, optimizers
from nnspec_conformance.training import TrainingCase


@st.composite
def cases(draw: st.DrawFn) -> TrainingCase:
    """Networks with one output, trained for some updates."""
    loss = draw(of_kind("loss").filter(_on_logits))
    body = draw(models(nodes=4, one_output=True))
    last = body.nodes[-1]
    # A linear head: its outputs are logits or values of any size, as losses expect.
    features = of_each_class(loss) or (4 if isinstance(loss, GaussianNLL) else draw(st.integers(2, 4)))
    head = Node("head", Dense(features), (last.name,))
    rank = len(body.output_shape(*((None, *(given.shape or ())) for given in body.inputs.values())))
    model = Model(body.inputs, (*body.nodes, head), ("head",)) if rank > 1 else body
    most = 0 if isinstance(loss, GaussianNLL) else 2  # its outputs hold more than what metrics compare
    metrics = of_kind("metric").filter(lambda metric: _fits(metric, loss))
    return TrainingCase(
        "fuzz",
        model,
        loss,
        draw(optimizers()),
        clip=draw(st.none() | clips()),
        metrics=tuple(draw(st.lists(metrics, max_size=most, unique_by=type))),
        weights=draw(st.booleans()),
        updates=draw(st.integers(1, 6)),
    )


def _fits(metric: Metric, loss: Loss) -> bool:
    """Whether a metric takes the loss's targets, ignored ones too, and is about no class that there may not be."""
    if metric.targets != loss.targets or getattr(metric, "class_id", None) is not None:
        return False
    return loss.targets == "labels" or not metric.axes or getattr(loss, "ignore_label", None) is None


# Losses of other outputs or targets than training cases have.
_OTHERS = (ContrastiveMargin, GeneralizedKLDivergence, InfoNCE, KLDivergence, TripletMargin)


def _on_logits(loss: Loss) -> bool:
    """Whether a loss takes outputs of any size, and the targets that training cases have."""
    return not positive(loss) and not isinstance(loss, _OTHERS) and loss.targets in ("labels", "values")
