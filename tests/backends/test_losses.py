"""Gradients of losses: the formulas of the docstrings, the kinks, weights and reductions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import special

import nnspec as nn
from nnspec.backends import Backend, FloatType
from nnspec.errors import DataError, ShapeError
from nnspec.reference import losses as reference, metrics as reference_metrics

RNG = np.random.default_rng(11)
X = RNG.normal(size=(5, 3, 4)) * 3
P = RNG.uniform(0.01, 0.99, X.shape)
Y = RNG.uniform(0.1, 2.0, X.shape)
IDS = RNG.integers(0, 4, X.shape[:-1])
W = RNG.uniform(0.5, 2.0, X.shape[0])


def gradient(
    backend: Backend, spec: Any, outputs: Any, targets: Any, weights: Any = None, dtype: FloatType = "float64"
) -> Any:
    return backend.loss(spec, np.asarray(outputs), np.asarray(targets), weights, dtype=dtype)[1]


# Loss, outputs, targets, ∂Σl/∂outputs by hand.
GRADIENTS: list[Any] = [
    pytest.param(nn.SoftmaxCrossEntropy(), X, Y, special.softmax(X, -1) * Y.sum(-1, keepdims=True) - Y, id="soft"),
    pytest.param(nn.SoftmaxCrossEntropy(), X, IDS, special.softmax(X, -1) - np.eye(4)[IDS], id="class ids"),
    pytest.param(
        nn.SoftmaxCrossEntropy(0.2), X, IDS, special.softmax(X, -1) - (np.eye(4)[IDS] * 0.8 + 0.05), id="smoothed"
    ),
    pytest.param(nn.BinaryCrossEntropy(), X, P, special.expit(X) - P, id="binary"),
    pytest.param(nn.BinaryCrossEntropy(from_probabilities=True), P, Y, (1 - Y) / (1 - P) - Y / P, id="probabilities"),
    pytest.param(nn.MeanSquaredError(), X, Y, 2 * (X - Y), id="squared"),
    pytest.param(nn.MeanAbsoluteError(), X, Y, np.sign(X - Y), id="absolute"),
    pytest.param(nn.Huber(1.5), X, Y, np.clip(X - Y, -1.5, 1.5), id="huber"),
    pytest.param(nn.KLDivergence(), X, Y, special.softmax(X, -1) * Y.sum(-1, keepdims=True) - Y, id="kl"),
    pytest.param(nn.KLDivergence(from_probabilities=True), P, Y, -Y / P, id="kl of probabilities"),
]


@pytest.mark.parametrize(("spec", "outputs", "targets", "expected"), GRADIENTS)
def test_gradients_by_hand(backend: Backend, spec: Any, outputs: Any, targets: Any, expected: Any) -> None:
    positions = reference.per_position(spec, outputs, targets).size
    found = gradient(backend, spec, outputs, targets)
    np.testing.assert_allclose(found, expected / positions, rtol=1e-12, atol=1e-15)
    w = W[:, None, None]
    summed = type(spec)(**{**vars(spec), "reduction": "sum"})
    np.testing.assert_allclose(gradient(backend, summed, outputs, targets, W), w * expected, rtol=1e-12, atol=1e-14)
    averaged = type(spec)(**{**vars(spec), "reduction": "weighted_mean"})
    weight = W.sum() * positions / len(W)
    np.testing.assert_allclose(
        gradient(backend, averaged, outputs, targets, W), w * expected / weight, rtol=1e-12, atol=1e-15
    )


EPS = 1e-7
AT_KINKS: list[Any] = [
    pytest.param(nn.MeanAbsoluteError(), [[1.0, -2.0]], [[1.0, -2.0]], [[0.0, 0.0]], id="absolute, no error"),
    pytest.param(nn.Huber(1.0), [[1.0, -1.0, 0.0]], [[0.0, 0.0, 0.0]], [[1.0, -1.0, 0.0]], id="huber at delta"),
    pytest.param(nn.BinaryCrossEntropy(), [[0.0]], [[0.25]], [[0.25]], id="binary at 0"),
    pytest.param(
        nn.BinaryCrossEntropy(from_probabilities=True),
        [[EPS, 1 - EPS, 0.0, 1.0]],
        [[0.3, 0.3, 0.3, 0.3]],
        [[0.0, 0.0, 0.0, 0.0]],
        id="binary at the bounds",
    ),
    pytest.param(
        nn.KLDivergence(from_probabilities=True),
        [[EPS, 1.0, 0.0, 0.5]],
        [[0.3, 0.3, 0.2, 0.25]],
        [[0.0, 0.0, 0.0, -0.5]],
        id="kl at the bounds",
    ),
    pytest.param(
        nn.SoftmaxCrossEntropy(from_probabilities=True), [[0.0, 2.0]], [[0.5, 0.5]], [[0.0, 0.0]], id="certain"
    ),
    pytest.param(nn.KLDivergence(), [[0.0, 0.0]], [[0.0, 1.0]], [[0.5, -0.5]], id="kl with a zero"),
]


@pytest.mark.parametrize(("spec", "outputs", "targets", "expected"), AT_KINKS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_kinks(backend: Backend, spec: Any, outputs: Any, targets: Any, expected: Any, dtype: FloatType) -> None:
    found = gradient(backend, type(spec)(**{**vars(spec), "reduction": "sum"}), outputs, targets, dtype=dtype)
    np.testing.assert_array_equal(found, np.asarray(expected, found.dtype))


@pytest.mark.parametrize(("dtype", "huge"), [("float64", 1e200), ("float32", 1e30), ("bfloat16", 1e30)])
@pytest.mark.parametrize(
    "spec", [nn.SoftmaxCrossEntropy(), nn.BinaryCrossEntropy(), nn.Huber(), nn.MeanAbsoluteError()]
)
def test_huge_outputs_have_finite_gradients(backend: Backend, spec: Any, dtype: FloatType, huge: float) -> None:
    outputs = np.array([[huge, -huge], [-huge, -huge], [0.0, huge]])
    assert (abs(gradient(backend, spec, outputs, np.full((3, 2), 0.5), dtype=dtype).astype(float)) <= 1).all()


def test_masked_logits(backend: Backend) -> None:
    value, found = backend.loss(
        nn.SoftmaxCrossEntropy(), np.array([[0.0, -np.inf, 0.0]]), np.array([2]), dtype="float64"
    )
    assert value == pytest.approx(np.log(2))
    np.testing.assert_allclose(found, [[0.5, 0.0, -0.5]])


def test_half_precision_losses_are_float32(backend: Backend) -> None:
    value, found = backend.loss(nn.MeanSquaredError(), np.ones((3, 700)), np.zeros((3, 700)), dtype="bfloat16")
    assert (value.dtype, value, found.dtype.name) == (np.float32, 1.0, "bfloat16")


def test_boolean_targets_and_a_label_to_ignore(backend: Backend) -> None:
    truths = Y > 1
    for label in (-1, 0, 1):
        spec = nn.BinaryCrossEntropy(ignore_label=label)
        found = backend.loss(spec, X, truths, dtype="float64")[0]
        assert found == pytest.approx(spec.result(*reference.value(spec, X, truths / 1.0)), rel=1e-14)


@pytest.mark.parametrize("spec", [nn.Dice(from_probabilities=True), nn.Tversky(from_probabilities=True)])
def test_whole_images_are_summed_in_full_precision(backend: Backend, spec: Any) -> None:
    # Equal numbers, added one by one, are rounded in the same direction again and again.
    p = np.full((3, 100, 100), 0.3, np.float32)
    y = np.ones_like(p)
    common, a, b = (np.sum(part, axis=(1, 2), dtype=np.float64) for part in (p * y, p, y))
    expected = 1 - (2 * common + 1) / (a + b + 1)
    if isinstance(spec, nn.Tversky):
        expected = 1 - (common + 1) / (common + (a - common) / 2 + (b - common) / 2 + 1)
    assert backend.loss(spec, p, y, dtype="float32")[0] == pytest.approx(expected.mean(), rel=5e-7)


METRICS = [nn.Accuracy(), nn.TopKAccuracy(2), nn.BinaryAccuracy(0.4), nn.MSE(), nn.RMSE(), nn.MAE()]


@pytest.mark.parametrize("spec", METRICS, ids=lambda spec: type(spec).__name__)
@pytest.mark.parametrize("weights", [None, W])
def test_metrics_are_the_references(backend: Backend, spec: Any, weights: Any) -> None:
    outputs = np.round(X)  # with ties
    targets = IDS if spec.targets == "labels" else np.round(Y)
    found = backend.metric(spec, outputs, targets, weights, dtype="float64")
    np.testing.assert_allclose(found, reference_metrics.value(spec, outputs, targets, weights), rtol=1e-14)


def test_what_does_not_fit_is_refused(backend: Backend) -> None:
    for targets, weights, error, message in [
        (np.array([0, 4]), None, DataError, "class id 4 is not one of 3 classes"),
        (np.array([0, -1]), None, DataError, "class id -1"),
        (np.array([[0], [1]]), None, ShapeError, "class ids"),
        (np.ones((2, 2)), None, ShapeError, "targets of shape"),
        (np.array([0, 1]), np.ones(3), ShapeError, "weights of shape"),
        (np.array(["a", "b"]), None, ShapeError, "expected numbers"),
    ]:
        with pytest.raises(error, match=message):
            backend.loss(nn.SoftmaxCrossEntropy(), np.zeros((2, 3)), targets, weights, dtype="float32")
