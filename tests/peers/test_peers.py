"""Peers' own cases pass on the reference and on each backend, or say what the vocabulary lacks."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from nnspec.backends import Array, Backend, FloatType
from nnspec.metrics import Sums
from tests.peers import counts
from tests.peers.outcome import failures
from tests.peers.peers import PEERS, Peer, judged
from tests.peers.subjects import Realized, Reference, Subject, realized


@pytest.fixture(params=list(PEERS))
def peer(request: pytest.FixtureRequest) -> Peer:
    found = PEERS[request.param]
    if found.missing:
        pytest.skip(found.missing)
    return found


# Keras clips probabilities to 1 − 1e-7, which float32 rounds to 1 − 1.19e-7, and expects the logarithm of that.
FLOAT32_VALUES = {f"BinaryCrossentropyTest.test_{which}weighted" for which in ("un", "scalar_", "sample_")}


def check(peer: Peer, subject: Subject) -> None:
    outcomes = peer.outcomes(subject)
    known = FLOAT32_VALUES & {o.case for o in outcomes} if subject.dtype == "float64" else set()
    assert {o.case for o in outcomes if o.status == "failed"} == known, failures(outcomes)
    assert sum(o.status == "passed" for o in outcomes) >= {"onnx": 150, "keras": 150, "optax": 30}.get(peer.package, 3)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_reference(peer: Peer, dtype: FloatType) -> None:
    check(peer, Reference(dtype))


@pytest.mark.slow  # the suite holds backends to the reference, which is asked above
def test_backend(peer: Peer, backend: Backend) -> None:
    check(peer, realized(backend))


@pytest.mark.slow
def test_backend_compiled_in_float64(peer: Peer, backend: Backend) -> None:
    check(peer, Realized(backend, "float64", compiled=True))


@pytest.mark.parametrize("operator", ["RNN", "LSTM", "GRU", "GRU that resets after"])
def test_orders_of_gates(operator: str) -> None:
    """ONNX's cases of LSTM give all gates the same weights; its reference evaluator tells gates apart."""
    check_gates(operator, Reference())


def test_orders_of_gates_on_a_backend(backend: Backend) -> None:
    check_gates("LSTM", realized(backend))


def check_gates(operator: str, subject: Subject) -> None:
    onnx = pytest.importorskip("onnx")
    from onnx.reference import ReferenceEvaluator

    from tests.peers.onnx_backend import SpecRep

    kind = operator.split()[0]
    after = {} if operator == kind else {"linear_before_reset": 1}
    names, both = ["x", "w", "r", "b"], "bidirectional"
    node = onnx.helper.make_node(kind, names, ["y", "y_h"], hidden_size=3, direction=both, **after)
    rng, width = np.random.default_rng(5), 3 * {"RNN": 1, "LSTM": 4, "GRU": 3}[kind]
    shapes = [(5, 2, 4), (2, width, 4), (2, width, 3), (2, 2 * width)]
    inputs = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
    wanted = ReferenceEvaluator(node).run(None, dict(zip(names, inputs, strict=True)))
    for ours, theirs in zip(SpecRep(subject, node).run(inputs), wanted, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=32 * 2.0**-24)


@dataclasses.dataclass(frozen=True)
class Wrong(Reference):
    """A subject whose every answer is a little off: what a peer's case says about values must notice it."""

    name: str = "wrong"

    def forward(self, *args: Any, **kwargs: Any) -> tuple[Array, dict[str, Array]]:
        output, variables = super().forward(*args, **kwargs)
        return _off(output), variables

    def loss(self, *args: Any, **kwargs: Any) -> tuple[Array, Array]:
        value, gradient = super().loss(*args, **kwargs)
        return _off(value), gradient

    def metric(self, *args: Any, **kwargs: Any) -> Sums:
        *sums, last = super().metric(*args, **kwargs)
        return (*(_off(np.asarray(x, np.float64)) for x in sums), last)

    def schedule(self, *args: Any, **kwargs: Any) -> Array:
        return _off(super().schedule(*args, **kwargs))

    def optimize(self, *args: Any, **kwargs: Any) -> dict[str, Array]:
        return {name: _off(path) for name, path in super().optimize(*args, **kwargs).items()}

    def penalty(self, *args: Any, **kwargs: Any) -> Array:
        return _off(super().penalty(*args, **kwargs))

    def constrained(self, *args: Any, **kwargs: Any) -> Array:
        return _off(super().constrained(*args, **kwargs))

    def words(self, *args: Any, **kwargs: Any) -> Any:
        return super().words(*args, **kwargs) ^ np.uint32(1)


def _off(value: Array) -> Array:
    if np.asarray(value).dtype.kind in "bi":
        return ~np.asarray(value)
    # Neither a factor alone nor a sum alone: cases expect zeros, and compare two of our own values.
    with np.errstate(invalid="ignore"):
        return np.asarray(value) * 1.02 + 0.02 + 0.01 * np.abs(value) ** 1.5


# Cases that compare two answers of the subject with each other, or statistics of random numbers within wide bounds.
BLIND = {
    "LayerNormalizationTest.test_correctness",
    "LayerNormalizationTest.test_unsorted_axis",
    "RMSNormalizationTest.test_unsorted_axis",
    "GroupNormalizationTest.test_groups_instance_norm",
    "RegularizersTest.test_l1_with_negative_weights",
    *(f"RegularizersTest.test_l1l2_only_{which}" for which in ("l1", "l2")),
    *(f"CosineDistanceTest.test_axis{i}" for i in range(3)),
    "SigmoidFocalLossTest.test_focal_equals_ce",
    "SigmoidFocalLossTest.test_focal_gamma_zero_matches_binary_cross_entropy",
    *(f"GeneralizedKLDivergenceTest.test_axis{i}" for i in range(3)),
    *(f"PolyLossTest.test_axis{i}" for i in range(3)),
    *(f"PolyLossTest.test_equals_to_cross_entropy_when_eps0{i}" for i in range(5)),
    *(f"SoftmaxCrossEntropyTest.test_axis{i}" for i in range(3)),
    *(f"SoftmaxCrossEntropyWithIntegerLabelsTest.test_axis{i}" for i in range(3)),
    "SoftmaxCrossEntropyWithIntegerLabelsTest.test_consistent_with_softmax_cross_entropy_batched",
    "SoftmaxCrossEntropyWithIntegerLabelsTest.test_consistent_with_softmax_cross_entropy_scalar",
}


def test_cases_notice_wrong_values(peer: Peer) -> None:
    right = {(o.operator, o.case): o.status for o in peer.outcomes(Reference())}
    passed = [key for key, status in right.items() if status in ("passed", "in part")]
    wrong = {(o.operator, o.case): o.status for o in peer.outcomes(Wrong())}
    blind = {case for operator, case in passed if wrong[operator, case] != "failed"}
    assert blind == BLIND & {case for _, case in passed}
    assert len(passed) > len(blind)


@pytest.fixture
def page() -> Iterator[str]:
    reason = counts.unlike(counts.TARGET.read_text(encoding="utf-8")) if counts.TARGET.exists() else "no page yet"
    if reason:
        pytest.skip(reason)
    return counts.TARGET.read_text(encoding="utf-8")


@pytest.mark.slow
def test_page_is_current(page: str, both_backends: list[Backend]) -> None:
    assert counts.comparable(counts.render(both_backends)) == counts.comparable(page)


def test_operators_are_named_once(peer: Peer) -> None:
    names = peer.cases.operators()
    assert len(names) == len(set(names))
    assert not set(names) & set(peer.cases.without_counterpart())
    for operator in names[:3]:
        assert judged(peer, operator, Reference()), f"no case of {operator}"
