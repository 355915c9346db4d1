"""Class weights, ignored labels, focal losses and log-probabilities against PyTorch and the papers' formulas."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from scipy import special

import nnspec as nn
from nnspec.errors import DataError, ShapeError, SpecError
from nnspec.reference.losses import per_position, value

RNG = np.random.default_rng(31)
X = RNG.normal(size=(6, 4)) * 2
IDS = np.array([0, 3, 1, -1, 2, -1])
SOFT = RNG.dirichlet(np.ones(4), 6)
C = (0.5, 2.0, 1.25, 0.7)
torch: Any = pytest.importorskip("torch")
functional = torch.nn.functional


def reduced(spec: Any, outputs: Any, targets: Any, weights: Any = None) -> float:
    return spec.result(*value(spec, outputs, targets, weights))


def tensors(*arrays: Any) -> Any:
    return [torch.from_numpy(np.asarray(a)) for a in arrays]


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("weights", [None, C])
def test_ignored_class_ids_and_class_weights(weights: Any, smoothing: float) -> None:
    x, ids = tensors(X, IDS)
    options = {"weight": None if weights is None else torch.tensor(weights, dtype=x.dtype), "ignore_index": -1}

    def oracle(reduction: str) -> Any:
        return functional.cross_entropy(x, ids, label_smoothing=smoothing, reduction=reduction, **options).numpy()

    def spec(reduction: Any) -> nn.SoftmaxCrossEntropy:
        return nn.SoftmaxCrossEntropy(smoothing, class_weights=weights, ignore_label=-1, reduction=reduction)

    np.testing.assert_allclose(per_position(spec("sum"), X, IDS), oracle("none"), rtol=1e-13)
    assert reduced(spec("sum"), X, IDS) == pytest.approx(oracle("sum"), rel=1e-14)
    assert reduced(spec("weighted_mean"), X, IDS) == pytest.approx(oracle("mean"), rel=1e-14)
    assert reduced(spec("mean"), X, IDS) == pytest.approx(oracle("sum") / 4, rel=1e-14)


def test_sample_weights_of_ignored_positions_count_nowhere() -> None:
    spec = nn.SoftmaxCrossEntropy(class_weights=C, ignore_label=-1, reduction="weighted_mean")
    w = RNG.uniform(0.5, 2.0, 6)
    kept = IDS >= 0
    own = np.array(C)[IDS[kept]] * w[kept]
    nll = -special.log_softmax(X, -1)[np.arange(6), IDS][kept]
    assert reduced(spec, X, IDS, w) == pytest.approx((own * nll).sum() / own.sum(), rel=1e-14)


def test_class_weights_of_distributions() -> None:
    x, y = tensors(X, SOFT)
    expected = functional.cross_entropy(x, y, torch.tensor(C, dtype=x.dtype), reduction="none").numpy()
    spec = nn.SoftmaxCrossEntropy(class_weights=C, ignore_label=0)  # a distribution has no label to ignore
    np.testing.assert_allclose(per_position(spec, X, SOFT), expected, rtol=1e-13)
    weighted = nn.SoftmaxCrossEntropy(class_weights=C, reduction="weighted_mean")
    assert reduced(weighted, X, SOFT) == pytest.approx(expected.sum() / (SOFT @ C).sum(), rel=1e-14)


def test_an_ignored_label_may_be_a_class() -> None:
    x, ids = tensors(X, IDS % 4)
    expected = functional.cross_entropy(x, ids, ignore_index=2).numpy()
    assert reduced(nn.SoftmaxCrossEntropy(ignore_label=2), X, IDS % 4) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("weight", [3.0, C])
def test_pos_weight(weight: Any) -> None:
    x, y = tensors(X, SOFT)
    expected = functional.binary_cross_entropy_with_logits(
        x, y, pos_weight=torch.tensor(weight, dtype=x.dtype), reduction="none"
    ).numpy()
    np.testing.assert_allclose(per_position(nn.BinaryCrossEntropy(pos_weight=weight), X, SOFT), expected, rtol=1e-12)
    from_p = nn.BinaryCrossEntropy(from_probabilities=True, pos_weight=weight)
    np.testing.assert_allclose(per_position(from_p, special.expit(X), SOFT), expected, rtol=1e-10)


def test_ignored_elements() -> None:
    y = np.array([[1.0, -1.0], [0.0, 1.0]])
    spec = nn.BinaryCrossEntropy(ignore_label=-1)
    x, target = tensors(X[:2, :2], y)
    expected = functional.binary_cross_entropy_with_logits(x, target, reduction="none").numpy()
    expected[0, 1] = 0
    np.testing.assert_allclose(per_position(spec, X[:2, :2], y), expected, rtol=1e-13)
    assert reduced(spec, X[:2, :2], y) == pytest.approx(expected.sum() / 3, rel=1e-14)
    assert math.isnan(reduced(spec, X[:2, :2], np.full((2, 2), -1.0)))


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint64", "bool"])
def test_a_label_that_targets_cannot_be_is_ignored_nowhere(dtype: str) -> None:
    ids = (IDS % 2).astype(dtype)
    for plain in (nn.BinaryCrossEntropy(), nn.SoftmaxCrossEntropy()) if dtype != "bool" else (nn.BinaryCrossEntropy(),):
        x = X[:, 0] if plain.targets == "values" else X
        for label in (-1, 200, 300) if dtype != "int8" else (200, -300):
            spec = dataclasses.replace(plain, ignore_label=label)
            assert value(spec, x, ids) == value(plain, x, ids)
    spec = nn.BinaryCrossEntropy(ignore_label=1)
    assert value(spec, X[:, 0], ids) == value(spec, X[:, 0], ids.astype(float))


def test_labels_have_32_bits() -> None:
    with pytest.raises(SpecError, match="ignore_label: input should be less than or equal to 2147483647"):
        nn.SoftmaxCrossEntropy(ignore_label=2**31)


def test_negative_log_likelihood() -> None:
    logs = special.log_softmax(X, -1)
    x, ids = tensors(logs, IDS)
    expected = functional.nll_loss(x, ids, torch.tensor(C, dtype=x.dtype), ignore_index=-1).numpy()
    spec = nn.NegativeLogLikelihood(C, -1, reduction="weighted_mean")
    assert reduced(spec, logs, IDS) == pytest.approx(expected, rel=1e-14)
    assert per_position(nn.NegativeLogLikelihood(), np.array([[-np.inf, 0.0]]), np.array([1]))[0] == 0


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("alpha", [None, 0.25])
def test_binary_focal(alpha: Any, gamma: float) -> None:
    y = (SOFT > 0.25) / 1.0
    p = special.expit(X)
    sure = np.where(y == 1, p, 1 - p)  # of the paper: p_t
    balance = 1 if alpha is None else np.where(y == 1, alpha, 1 - alpha)
    expected = -balance * (1 - sure) ** gamma * np.log(sure)
    np.testing.assert_allclose(per_position(nn.BinaryFocalCrossEntropy(gamma, alpha), X, y), expected, rtol=1e-10)
    from_p = nn.BinaryFocalCrossEntropy(gamma, alpha, from_probabilities=True)
    np.testing.assert_allclose(per_position(from_p, p, y), expected, rtol=1e-10)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_categorical_focal(gamma: float) -> None:
    p = special.softmax(X, -1)
    expected = -(np.array(C) * SOFT * (1 - p) ** gamma * np.log(p)).sum(-1)
    spec = nn.CategoricalFocalCrossEntropy(gamma, class_weights=C)
    np.testing.assert_allclose(per_position(spec, X, SOFT), expected, rtol=1e-12)
    from_p = nn.CategoricalFocalCrossEntropy(gamma, from_probabilities=True, class_weights=C)
    np.testing.assert_allclose(per_position(from_p, 3 * p, SOFT), expected, rtol=1e-12)


def test_focal_losses_without_gamma_are_cross_entropies() -> None:
    ids = IDS % 4
    for focal, plain, targets in (
        (nn.CategoricalFocalCrossEntropy(0.0, 0.1), nn.SoftmaxCrossEntropy(0.1), ids),
        (nn.BinaryFocalCrossEntropy(0.0, label_smoothing=0.1), nn.BinaryCrossEntropy(0.1), SOFT),
    ):
        np.testing.assert_allclose(per_position(focal, X, targets), per_position(plain, X, targets), rtol=1e-13)


def test_kl_divergence_of_log_targets() -> None:
    logs = special.log_softmax(X, -1)
    x, y = tensors(logs, np.log(SOFT))
    expected = functional.kl_div(x, y, log_target=True, reduction="none").sum(-1).numpy()
    np.testing.assert_allclose(per_position(nn.KLDivergence(log_targets=True), X, np.log(SOFT)), expected, rtol=1e-12)
    from_p = nn.KLDivergence(from_probabilities=True, log_targets=True)
    np.testing.assert_allclose(per_position(from_p, special.softmax(X, -1), np.log(SOFT)), expected, rtol=1e-10)
    certain = np.array([[-np.inf, 0.0]])
    assert per_position(nn.KLDivergence(log_targets=True), np.array([[1.0, 1.0]]), certain)[0] == pytest.approx(
        math.log(2)
    )
    assert nn.KLDivergence(log_targets=True).target_bounds() == (-math.inf, math.inf)
    assert nn.KLDivergence().target_bounds() == (0, math.inf)


def test_generalized_kl_divergence() -> None:
    y = RNG.uniform(0, 3, X.shape)
    y[0, 1] = 0
    expected = special.kl_div(y, np.exp(X)).sum(-1)
    np.testing.assert_allclose(per_position(nn.GeneralizedKLDivergence(), X, y), expected, rtol=1e-13)
    measure = nn.GeneralizedKLDivergence(log_input=False)
    np.testing.assert_allclose(per_position(measure, np.exp(X), y), expected, rtol=1e-13)
    own = per_position(nn.GeneralizedKLDivergence(), np.log(SOFT), SOFT)
    np.testing.assert_allclose(own, 0, atol=1e-15)


@pytest.mark.parametrize("epsilon1", [2.0, -1.0, 0.0])
def test_poly_cross_entropy(epsilon1: float) -> None:
    x, y = tensors(X, SOFT)
    plain = functional.cross_entropy(x, y, torch.tensor(C, dtype=x.dtype), reduction="none").numpy()
    p = special.softmax(X, -1)
    expected = plain + epsilon1 * (np.array(C) * SOFT * (1 - p)).sum(-1)
    spec = nn.PolyCrossEntropy(epsilon1, class_weights=C)
    np.testing.assert_allclose(per_position(spec, X, SOFT), expected, rtol=1e-13)
    from_p = nn.PolyCrossEntropy(epsilon1, from_probabilities=True, class_weights=C)
    np.testing.assert_allclose(per_position(from_p, 3 * p, SOFT), expected, rtol=1e-12)
    # Of the paper: −ln p + ε₁ · (1 − p), for class ids.
    ids = IDS % 4
    own = p[np.arange(6), ids]
    np.testing.assert_allclose(
        per_position(nn.PolyCrossEntropy(epsilon1), X, ids), -np.log(own) + epsilon1 * (1 - own), rtol=1e-13
    )


@pytest.mark.parametrize("q", [0.2, 0.7, 1.0])
def test_generalized_cross_entropy(q: float) -> None:
    ids = IDS % 4
    p = special.softmax(X, -1)
    expected = (1 - p[np.arange(6), ids] ** q) / q
    np.testing.assert_allclose(per_position(nn.GeneralizedCrossEntropy(q), X, ids), expected, rtol=1e-12)
    from_p = nn.GeneralizedCrossEntropy(q, from_probabilities=True)
    np.testing.assert_allclose(per_position(from_p, p, ids), expected, rtol=1e-12)
    weighted = nn.GeneralizedCrossEntropy(q, class_weights=C)
    np.testing.assert_allclose(per_position(weighted, X, SOFT), (np.array(C) * SOFT * (1 - p**q) / q).sum(-1))


def test_generalized_cross_entropy_lies_between_two_losses() -> None:
    ids = IDS % 4
    near = per_position(nn.GeneralizedCrossEntropy(1e-9), X, ids)
    np.testing.assert_allclose(near, per_position(nn.SoftmaxCrossEntropy(), X, ids), rtol=1e-7)
    distance = np.abs(special.softmax(X, -1) - np.eye(4)[ids]).sum(-1) / 2
    np.testing.assert_allclose(per_position(nn.GeneralizedCrossEntropy(1.0), X, ids), distance, rtol=1e-12)
    with pytest.raises(SpecError, match="q: input should be less than or equal to 1"):
        nn.GeneralizedCrossEntropy(1.5)


def test_what_does_not_fit() -> None:
    with pytest.raises(ShapeError, match="class_weights holds 2 numbers, for 4 classes"):
        value(nn.SoftmaxCrossEntropy(class_weights=(1.0, 2.0)), X, IDS % 4)
    with pytest.raises(ShapeError, match="pos_weight holds 2 numbers, for 4 classes"):
        value(nn.BinaryCrossEntropy(pos_weight=(1.0, 2.0)), X, SOFT)
    with pytest.raises(DataError, match="class id -1 is not one of 4 classes"):
        value(nn.SoftmaxCrossEntropy(ignore_label=5), X, IDS)
    with pytest.raises(SpecError, match="class_weights"):
        nn.SoftmaxCrossEntropy(class_weights=(1.0, 0.0))
