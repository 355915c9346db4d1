"""Losses against PyTorch, scikit-learn and their derivatives in closed form."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import special
from sklearn import metrics as sklearn_metrics

import nnspec as nn
from nnspec.errors import DataError, ShapeError
from nnspec.reference import derivative
from nnspec.reference.losses import per_position, value

RNG = np.random.default_rng(7)
X = RNG.normal(size=(6, 4)) * 3
IDS = np.array([0, 3, 1, 1, 2, 0])
SOFT = RNG.dirichlet(np.ones(4), 6)
WEIGHTS = RNG.uniform(0.1, 3.0, 6)


def reduced(spec: Any, outputs: Any, targets: Any, weights: Any = None) -> float:
    return spec.result(*value(spec, outputs, targets, weights))


@pytest.mark.parametrize("smoothing", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("targets", [IDS, SOFT], ids=["ids", "soft"])
def test_softmax_cross_entropy(targets: Any, smoothing: float) -> None:
    torch = pytest.importorskip("torch")
    spec = nn.SoftmaxCrossEntropy(label_smoothing=smoothing)
    expected = torch.nn.functional.cross_entropy(
        torch.from_numpy(X), torch.from_numpy(targets), label_smoothing=smoothing, reduction="none"
    ).numpy()
    np.testing.assert_allclose(per_position(spec, X, targets), expected, rtol=1e-13)
    assert reduced(spec, X, targets) == pytest.approx(expected.mean(), rel=1e-14)


def test_softmax_cross_entropy_over_positions() -> None:
    torch = pytest.importorskip("torch")
    x, ids = RNG.normal(size=(3, 5, 4)), RNG.integers(0, 4, (3, 5))
    expected = torch.nn.functional.cross_entropy(
        torch.from_numpy(np.moveaxis(x, -1, 1).copy()), torch.from_numpy(ids), reduction="none"
    ).numpy()
    found = per_position(nn.SoftmaxCrossEntropy(), x, ids)
    np.testing.assert_allclose(found, expected, rtol=1e-13)
    total, count = value(nn.SoftmaxCrossEntropy(), x, ids, np.array([0.5, 2.0, 1.0]))
    assert total == pytest.approx((expected.sum(1) * [0.5, 2.0, 1.0]).sum(), rel=1e-14)
    assert count == 15


def test_one_hot_targets_are_class_ids() -> None:
    one_hot = np.eye(4)[IDS]
    spec = nn.SoftmaxCrossEntropy(label_smoothing=0.1)
    np.testing.assert_array_equal(per_position(spec, X, one_hot), per_position(spec, X, IDS))
    np.testing.assert_array_equal(per_position(spec, X, one_hot.astype(bool)), per_position(spec, X, IDS))
    np.testing.assert_array_equal(per_position(spec, X, IDS.astype(np.uint8)), per_position(spec, X, IDS))


def test_cross_entropy_from_probabilities_is_log_loss() -> None:
    p = special.softmax(X, -1)
    spec = nn.SoftmaxCrossEntropy(from_probabilities=True, reduction="weighted_mean")
    expected = sklearn_metrics.log_loss(IDS, p, sample_weight=WEIGHTS, labels=range(4))
    assert reduced(spec, p, IDS, WEIGHTS) == pytest.approx(expected, rel=1e-13)
    scaled = p * RNG.uniform(0.5, 2.0, (6, 1))  # divided by their sum
    assert reduced(spec, scaled, IDS, WEIGHTS) == pytest.approx(expected, rel=1e-13)


def test_cross_entropy_clips_probabilities() -> None:
    p = np.array([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0]])
    spec = nn.SoftmaxCrossEntropy(from_probabilities=True, epsilon=1e-3)
    assert per_position(spec, p, np.array([0, 2])).tolist() == pytest.approx([-math.log(0.999), -math.log(1e-3)])
    smoothed = nn.SoftmaxCrossEntropy(label_smoothing=0.3, from_probabilities=True, epsilon=1e-3)
    expected = -(0.8 * math.log(0.999) + 0.2 * math.log(1e-3))
    assert per_position(smoothed, p, np.array([0, 2]))[0] == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("total", [1.0, 1.7])
def test_gradient_of_cross_entropy(total: float) -> None:
    y = SOFT * total
    found = derivative.gradient(lambda x: per_position(nn.SoftmaxCrossEntropy(), x, y).sum(), X)
    np.testing.assert_allclose(found, special.softmax(X, -1) * total - y, atol=1e-11)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_binary_cross_entropy(smoothing: float) -> None:
    torch = pytest.importorskip("torch")
    y = (RNG.uniform(size=X.shape) > 0.5).astype(float)
    smooth = torch.from_numpy(y * (1 - smoothing) + smoothing / 2)
    spec = nn.BinaryCrossEntropy(label_smoothing=smoothing)
    expected = torch.nn.functional.binary_cross_entropy_with_logits(
        torch.from_numpy(X), smooth, reduction="none"
    ).numpy()
    np.testing.assert_allclose(per_position(spec, X, y), expected, rtol=1e-13)
    np.testing.assert_array_equal(per_position(spec, X, y.astype(np.int32)), per_position(spec, X, y))
    np.testing.assert_array_equal(per_position(spec, X, y.astype(bool)), per_position(spec, X, y))
    p = special.expit(X)
    from_p = nn.BinaryCrossEntropy(label_smoothing=smoothing, from_probabilities=True)
    expected = torch.nn.functional.binary_cross_entropy(torch.from_numpy(p), smooth, reduction="none").numpy()
    np.testing.assert_allclose(per_position(from_p, p, y), expected, rtol=1e-12)


def test_binary_cross_entropy_clips_probabilities() -> None:
    spec = nn.BinaryCrossEntropy(from_probabilities=True, epsilon=0.125)
    found = per_position(spec, np.array([[0.0, 1.0, 0.0, 1.0]]), np.array([[1.0, 0.0, 0.0, 1.0]]))
    assert found[0].tolist() == pytest.approx([math.log(8), math.log(8), math.log(8 / 7), math.log(8 / 7)], rel=1e-15)


def test_gradient_of_binary_cross_entropy() -> None:
    y = RNG.uniform(size=X.shape)
    x = np.where(np.abs(X) < 0.1, 0.5, X)
    found = derivative.gradient(lambda x: per_position(nn.BinaryCrossEntropy(), x, y).sum(), x)
    np.testing.assert_allclose(found, special.expit(x) - y, atol=1e-11)


@pytest.mark.parametrize("delta", [0.5, 1.0, 2.5])
def test_huber(delta: float) -> None:
    torch = pytest.importorskip("torch")
    y = RNG.normal(size=X.shape)
    y[0] = X[0] - np.array([delta, -delta, 0.0, 2 * delta])  # at the seam too
    expected = torch.nn.functional.huber_loss(
        torch.from_numpy(X), torch.from_numpy(y), reduction="none", delta=delta
    ).numpy()
    np.testing.assert_allclose(per_position(nn.Huber(delta), X, y), expected, rtol=1e-13)


def test_squared_and_absolute_errors() -> None:
    y = RNG.normal(size=(6, 4))
    for spec, oracle in (
        (nn.MeanSquaredError(reduction="weighted_mean"), sklearn_metrics.mean_squared_error),
        (nn.MeanAbsoluteError(reduction="weighted_mean"), sklearn_metrics.mean_absolute_error),
    ):
        assert reduced(spec, X, y) == pytest.approx(oracle(y, X), rel=1e-14)
        assert reduced(spec, X, y, WEIGHTS) == pytest.approx(oracle(y, X, sample_weight=WEIGHTS), rel=1e-14)


def test_kl_divergence() -> None:
    torch = pytest.importorskip("torch")
    y = SOFT.copy()
    y[0] = [0.0, 0.25, 0.0, 0.75]
    logs = torch.log_softmax(torch.from_numpy(X), -1)
    expected = torch.nn.functional.kl_div(logs, torch.from_numpy(y), reduction="none").sum(-1).numpy()
    np.testing.assert_allclose(per_position(nn.KLDivergence(), X, y), expected, rtol=1e-12)
    p = special.softmax(X, -1)
    from_p = nn.KLDivergence(from_probabilities=True)
    np.testing.assert_allclose(per_position(from_p, p, y), special.rel_entr(y, p).sum(-1), rtol=1e-12)


def test_kl_divergence_clips_probabilities_from_below() -> None:
    spec = nn.KLDivergence(from_probabilities=True, epsilon=1e-3)
    found = per_position(spec, np.array([[1.0, 0.0]]), np.array([[0.25, 0.75]]))
    assert found[0] == pytest.approx(0.25 * math.log(0.25) + 0.75 * math.log(0.75 / 1e-3), rel=1e-14)


@pytest.mark.parametrize(
    ("reduction", "expected"),
    [("mean", (WEIGHTS * 3.0).sum() / 6), ("weighted_mean", 3.0), ("sum", (WEIGHTS * 3.0).sum())],
)
def test_reductions(reduction: Any, expected: float) -> None:
    spec = nn.MeanAbsoluteError(reduction=reduction)
    assert reduced(spec, np.full(6, 4.0), np.ones(6), WEIGHTS) == pytest.approx(expected, rel=1e-14)
    # Two axes: a weight weighs all of its example's elements.
    assert reduced(spec, np.full((6, 2), 4.0), np.ones((6, 2)), WEIGHTS) == pytest.approx(
        expected * (2 if reduction == "sum" else 1), rel=1e-14
    )


def test_weights_broadcast_from_the_front() -> None:
    x = RNG.normal(size=(2, 2, 3))
    y = np.zeros_like(x)
    w = np.array([[1.0, 2.0], [0.0, 0.5]])
    total, count = value(nn.MeanAbsoluteError(reduction="weighted_mean"), x, y, w)
    assert total == pytest.approx(sum(w[b, i] * abs(x[b, i, j]) for b, i, j in np.ndindex(x.shape)), rel=1e-14)
    assert count == pytest.approx(w.sum() * 3)


@pytest.mark.parametrize(
    ("spec", "outputs", "targets", "weights", "words"),
    [
        (nn.MeanSquaredError(), (6, 1), (6,), None, "targets of shape (6) are not of the outputs' shape (6, 1)"),
        (nn.MeanSquaredError(), (6,), (6, 1), None, "targets of shape (6, 1) are not of the outputs' shape (6)"),
        (nn.Huber(), (6, 2), (6, 2), (6, 1), "weights of shape (6, 1) are not for positions of shape (6, 2)"),
        (nn.Huber(), (6,), (6,), (6, 1), "weights of shape (6, 1) are not for positions of shape (6)"),
        (
            nn.SoftmaxCrossEntropy(),
            (6, 4),
            (6, 4),
            (6, 4),
            "weights of shape (6, 4) are not for positions of shape (6)",
        ),
        (
            nn.SoftmaxCrossEntropy(),
            (6, 4),
            (6, 3),
            None,
            "targets of shape (6, 3) are not of the outputs' shape (6, 4)",
        ),
        (nn.KLDivergence(), (6, 4), (6,), None, "targets of shape (6) are not of the outputs' shape (6, 4)"),
    ],
)
def test_shapes_that_do_not_fit(spec: Any, outputs: Any, targets: Any, weights: Any, words: str) -> None:
    with pytest.raises(ShapeError) as error:
        value(spec, np.ones(outputs), np.ones(targets), None if weights is None else np.ones(weights))
    assert words in str(error.value)


def test_class_ids_that_do_not_fit() -> None:
    with pytest.raises(ShapeError, match=r"class ids have shape \(6, 1\), outputs of shape \(6, 4\) need \(6\)$"):
        value(nn.SoftmaxCrossEntropy(), X, IDS[:, None])
    with pytest.raises(ShapeError, match="a distribution is of a float dtype"):
        value(nn.SoftmaxCrossEntropy(), X, np.eye(4, dtype=int)[IDS])
    for wrong in (4, -1):
        with pytest.raises(DataError, match=rf"class id {wrong} is not one of 4 classes \(0 to 3\)"):
            value(nn.SoftmaxCrossEntropy(), X, np.array([0, 1, 2, 3, 0, wrong]))


@pytest.mark.parametrize(
    ("spec", "targets"),
    [
        (nn.SoftmaxCrossEntropy(), np.array([0, 1])),
        (nn.SoftmaxCrossEntropy(label_smoothing=0.1), np.array([1, 1])),
        (nn.BinaryCrossEntropy(), np.array([[0.0, 1.0], [1.0, 0.0]])),
        (nn.KLDivergence(), np.array([[0.0, 1.0], [0.5, 0.5]])),
        (nn.Huber(), np.array([[1e4, -1e4], [0.0, 1.0]])),
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_huge_outputs_stay_finite(spec: Any, targets: Any, dtype: Any) -> None:
    x = np.array([[1e30, -1e30], [-1e30, 1e4]], dtype)
    assert np.isfinite(per_position(spec, x, targets)).all()


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_computed_in_float32_at_least(dtype: Any) -> None:
    x = X.astype(dtype)
    soft = SOFT.astype(dtype)
    for spec, targets in (
        (nn.SoftmaxCrossEntropy(), IDS),
        (nn.SoftmaxCrossEntropy(label_smoothing=0.1), soft),
        (nn.BinaryCrossEntropy(), soft),
        (nn.MeanSquaredError(), soft),
        (nn.MeanAbsoluteError(), soft),
        (nn.Huber(), soft),
        (nn.KLDivergence(), soft),
    ):
        found = per_position(spec, x, targets)
        exact_targets = targets if targets is IDS else soft.astype(float)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, per_position(spec, x.astype(float), exact_targets), rtol=1e-5, atol=1e-6)


def test_no_positions() -> None:
    total, count = value(nn.MeanSquaredError(), np.zeros((0, 3)), np.zeros((0, 3)))
    assert (total, count) == (0.0, 0.0)
    assert math.isnan(nn.MeanSquaredError().result(total, count))
