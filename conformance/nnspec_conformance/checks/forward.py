"""Is the output the spec's? In inference and, where it differs, in training."""

from __future__ import annotations

from nnspec_conformance import tolerances, truth
from nnspec_conformance.case import BATCHES, Case
from nnspec_conformance.result import Figure, compare
from nnspec_conformance.subject import Draw, Subject


def draws(dtype: str) -> range:
    """The draws a case is judged on: one in float64, several where rounding is estimated."""
    return range(1 if dtype == "float64" else tolerances.DRAWS)


def forward(subject: Subject, case: Case) -> list[Figure]:
    """Outputs against the reference."""
    return [f for draw in draws(subject.dtype) for f in outputs(subject, case, Draw(draw))]


def batches(subject: Subject, case: Case) -> list[Figure]:
    """Outputs at other batch sizes, 1 among them."""
    return [f for batch in BATCHES[1:] for f in outputs(subject, case, Draw(0, batch))]


def nodes(subject: Subject, case: Case) -> list[Figure]:
    """The value of every node of a graph, by its path."""
    figures = []
    for training in case.modes:
        got = subject.nodes(case, Draw(), training=training)
        want = truth.forward(case, subject.dtype, 0, BATCHES[0], training).nodes
        for name, value in want.items():
            if name not in got:
                figures.append(Figure(name, 1.0, 0.0, where="the node is missing"))
                continue
            # An inner node's own rounding is not measured: that of the outputs stands for it.
            rounding = max(truth.forward_rounding(case, subject.dtype, training).values(), default=0.0)
            figures.append(
                compare(
                    _what(name, training),
                    got[name],
                    value,
                    dtype=subject.dtype,
                    bound=tolerances.FORWARD.bound(subject.dtype),
                    rounding=rounding,
                )
            )
    return figures


def outputs(subject: Subject, case: Case, place: Draw, *, compiled: bool = True) -> list[Figure]:
    """Figures of the outputs at a place, in every mode in which the case differs."""
    figures = []
    for training in case.modes:
        got = subject.forward(case, place, training=training, compiled=compiled).outputs
        want = truth.forward(case, subject.dtype, place.draw, place.batch, training).outputs
        rounding = truth.forward_rounding(case, subject.dtype, training)
        for name, value in want.items():
            figures.append(
                compare(
                    _what(name, training),
                    got[name],
                    value,
                    dtype=subject.dtype,
                    bound=tolerances.FORWARD.bound(subject.dtype),
                    rounding=rounding.get(name, 0.0),
                )
            )
    return figures


def _what(name: str, training: bool) -> str:
    return f"{name} in training" if training else name
