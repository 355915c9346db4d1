"""Cases of metrics: each kind of targets that a metric takes, with ties and weights."""

from __future__ import annotations

from hypothesis import strategies as st

from nnspec.metrics import BinaryAccuracy
from nnspec_conformance.metrics import MetricCase
from nnspec_conformance.strategies.fields import of_kind


@st.composite
def cases(draw: st.DrawFn) -> MetricCase:
    """Metrics on outputs of rank 1 to 4."""
    spec = draw(of_kind("metric"))
    labels = spec.targets == "labels"
    kinds = ["ids", "one_hot", "soft"] if labels else ["values"]
    return MetricCase(
        spec,
        tuple(draw(st.lists(st.integers(1, 5), min_size=int(labels), max_size=3))),
        draw(st.sampled_from(["binary", "soft"] if isinstance(spec, BinaryAccuracy) else kinds)),
        ties=draw(st.booleans()),
        weights=draw(st.sampled_from([None, "example", "position", "mask", "nothing"])),
    )
