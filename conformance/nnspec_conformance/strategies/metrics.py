"""Cases of metrics: each kind of targets that a metric takes, with ties and weights."""

from __future__ import annotations

from hypothesis import strategies as st

from nnspec.metrics import AUC, BinaryAccuracy
from nnspec_conformance.metrics import MetricCase
from nnspec_conformance.strategies.fields import of_kind


@st.composite
def cases(draw: st.DrawFn) -> MetricCase:
    """Metrics on outputs of rank 1 to 4."""
    spec = draw(of_kind("metric"))
    labels = spec.targets == "labels"
    decides = isinstance(spec, AUC | BinaryAccuracy) or getattr(spec, "threshold", None) is not None
    kinds = ["ids", "one_hot", "soft"] if labels else ["binary", "soft"] if decides else ["values"]
    shape = draw(st.lists(st.integers(1, 5), min_size=spec.axes, max_size=3))
    picked = getattr(spec, "class_id", None)
    if picked is not None:
        shape = [*shape[:-1], picked + 1 + draw(st.integers(0, 2))]
    return MetricCase(
        spec,
        tuple(shape),
        draw(st.sampled_from(kinds)),
        ties=draw(st.booleans()),
        weights=draw(st.sampled_from([None, "example", "position", "mask", "nothing"])),
    )
