"""ONNX's node cases: which there are, and what becomes of them."""

from __future__ import annotations

import warnings
from collections import defaultdict
from functools import cache
from typing import Any

import numpy as np
from onnx.backend.test.case.node import collect_testcases
from onnx.backend.test.runner import Runner

from tests.peers.onnx_backend import backend_of
from tests.peers.onnx_operators import OPERATORS
from tests.peers.outcome import NotExpressible, Outcome
from tests.peers.subjects import Subject

# The training operators continue from given slots; what they compute has no counterpart in at least one option.
TRAINING = {
    "Adagrad": "epsilon outside of the root, decay inside of the gradient",
    "Adam": "decay inside of the gradient; no bias correction while the count of updates is 0",
    "Momentum": "decay inside of the gradient",
}
# Beside ONNX's own tolerance: an operator rounds a few times, a loss once for each position that it sums.
ROUNDINGS = 32
# Why later outputs have no counterpart, by operator: a case that asks for them passes in part.
LATER_OUTPUTS = {
    "Attention": "keys, values and scores are no outputs",
    "LSTM": "the last cell state is no output",
    "LayerNormalization": "the mean and the inverse standard deviation are no outputs",
    "MaxPool": "the indices of maxima are no output",
}


@cache
def cases() -> dict[str, list[Any]]:
    """All cases of one node, by operator. What ONNX spells out in other operators ("expanded") stands for itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = collect_testcases(None)
    by_operator = defaultdict(list)
    for case in found:
        if len(case.model.graph.node) == 1 and "_expanded" not in case.name:
            by_operator[case.model.graph.node[0].op_type].append(case)
    return dict(sorted(by_operator.items()))


def operators() -> list[str]:
    """The operators that have a counterpart, whole or in part."""
    return [*sorted({*OPERATORS, *TRAINING})]


def without_counterpart() -> list[str]:
    return [operator for operator in cases() if operator not in OPERATORS and operator not in TRAINING]


def judge(operator: str, subject: Subject) -> list[Outcome]:
    """Every case of an operator on a subject, under ONNX's own tolerances."""
    return [_judge(operator, case, subject) for case in cases()[operator]]


def _judge(operator: str, case: Any, subject: Subject) -> Outcome:
    name = case.name.removeprefix("test_")
    if operator in TRAINING:
        return Outcome(operator, name, "not expressible", TRAINING[operator])
    rep = backend_of(subject)
    error, lacking = 0.0, ""
    try:
        for inputs, expected in case.data_sets:
            got = list(rep.prepare(case.model).run(inputs))
            wanted = list(expected)
            if operator in LATER_OUTPUTS and len(got) < len(wanted):
                wanted, lacking = wanted[: len(got)], LATER_OUTPUTS[operator]
            Runner.assert_similar_outputs(wanted, got, rtol=case.rtol, atol=case.atol)
            near = max(relative(g, w) for g, w in zip(got, wanted, strict=True))
            limit = max(ROUNDINGS, inputs[1].size if operator.endswith("Loss") else 0) * 2.0**-24
            precision = np.asarray(wanted[0]).dtype
            assert near <= limit or precision.itemsize < 4, f"within ONNX's tolerance, but {near:.1e} from its value"
            error = max(error, near)
    except NotExpressible as reason:
        return Outcome(operator, name, "not expressible", str(reason))
    except AssertionError as failure:
        return Outcome(operator, name, "failed", " ".join(str(failure).split())[:300])
    return Outcome(operator, name, "in part" if lacking else "passed", lacking, error)


def relative(got: Any, wanted: Any) -> float:
    """The largest difference over the largest finite magnitude that was expected; infinities must be equal."""
    a, b = np.broadcast_arrays(np.asarray(got, np.float64), np.asarray(wanted, np.float64))
    finite = np.isfinite(b)
    scale = float(np.max(np.abs(b), initial=0.0, where=finite))
    difference = float(np.max(np.abs(a[finite] - b[finite]), initial=0.0))
    return difference / scale if scale else difference
