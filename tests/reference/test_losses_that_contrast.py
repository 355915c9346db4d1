"""Contrastive losses against PyTorch, Keras's published figures and their definitions, written as loops."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

import nnspec as nn
from nnspec.errors import ShapeError, SpecError
from nnspec.reference.losses import per_position, value

RNG = np.random.default_rng(43)
X, Y = RNG.normal(size=(2, 6, 4))
GROUPS = np.array([5, 5, 5, -2, -2, 9])


@pytest.mark.parametrize("temperature", [0.07, 1.0])
def test_info_nce_is_a_cross_entropy_of_cosines(temperature: float) -> None:
    torch: Any = pytest.importorskip("torch")
    functional = torch.nn.functional
    x, y = (functional.normalize(torch.from_numpy(v), dim=-1) for v in (X, Y))
    scores, own = x @ y.T / temperature, torch.arange(6)
    one, other = (functional.cross_entropy(s, own, reduction="none").numpy() for s in (scores, scores.T))
    np.testing.assert_allclose(per_position(nn.InfoNCE(temperature), X, Y), one, rtol=1e-12)
    np.testing.assert_allclose(per_position(nn.InfoNCE(temperature, True), X, Y), (one + other) / 2, rtol=1e-12)
    assert value(nn.InfoNCE(), X, Y)[1] == 6


def test_info_nce_needs_vectors() -> None:
    with pytest.raises(ShapeError, match=r"one vector per example, got outputs \(2, 3, 4\)"):
        per_position(nn.InfoNCE(), np.zeros((2, 3, 4)), np.zeros((2, 3, 4)))
    model = nn.Sequential([nn.Dense(3)], input=[5, 2])
    with pytest.raises(SpecError, match="one vector per example"):
        nn.Experiment(model=model, loss=nn.InfoNCE(), optimizer=nn.SGD(0.1))


def cosine(a: Any, b: Any) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_ntxent_is_a_mean_over_pairs() -> None:
    terms: list[tuple[int, float]] = []
    for i in range(6):
        rivals = sum(math.exp(cosine(X[i], X[k]) / 0.3) for k in range(6) if GROUPS[k] != GROUPS[i])
        for j in range(6):
            if j != i and GROUPS[j] == GROUPS[i]:
                own = math.exp(cosine(X[i], X[j]) / 0.3)
                terms.append((i, -math.log(own / (own + rivals))))
    assert len(terms) == 8
    spec = nn.NTXent(0.3)
    assert spec.result(*value(spec, X, GROUPS)) == pytest.approx(np.mean([v for _, v in terms]), rel=1e-13)
    by_example = [6 / 8 * sum(v for of, v in terms if of == i) for i in range(6)]
    np.testing.assert_allclose(per_position(spec, X, GROUPS), by_example, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(per_position(spec, X, GROUPS + 2**24), by_example, rtol=1e-12, atol=1e-15)


def test_ntxent_of_pairs_is_a_cross_entropy() -> None:
    """Of SimCLR: two views of each of three images."""
    torch: Any = pytest.importorskip("torch")
    functional = torch.nn.functional
    z = functional.normalize(torch.from_numpy(X), dim=-1)
    scores = (z @ z.T / 0.5).fill_diagonal_(-torch.inf)
    expected = functional.cross_entropy(scores, torch.tensor([1, 0, 3, 2, 5, 4]), reduction="none").numpy()
    found = per_position(nn.NTXent(0.5), X, np.array([0, 0, 1, 1, 2, 2]))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("itself", [False, True])
def test_circle_by_its_definition(itself: bool) -> None:
    gamma, m = 6.0, 0.25
    expected = np.zeros(6)
    for i in range(6):
        c = [cosine(X[i], X[k]) for k in range(6)]
        same = [c[k] for k in range(6) if GROUPS[k] == GROUPS[i] and (k != i or itself)]
        other = [c[k] for k in range(6) if GROUPS[k] != GROUPS[i]]
        near = sum(math.exp(-gamma * max(1 + m - s, 0) * (s - (1 - m))) for s in same)
        far = sum(math.exp(gamma * max(s + m, 0) * (s - m)) for s in other)
        expected[i] = math.log(1 + near * far)
    spec = nn.Circle(gamma, m, remove_diagonal=not itself)
    np.testing.assert_allclose(per_position(spec, X, GROUPS), expected, rtol=1e-12)
    assert expected[5] == 0 or itself


def test_circle_of_keras() -> None:
    # Inputs and figures of Keras's own test, whose mean is over the four examples with a loss.
    x = np.array(
        [
            [0.70014004, -0.42008403, 0.14002801, 0.56011203],
            [0.17609018, 0.70436073, -0.52827054, 0.44022545],
            [-0.34050261, 0.25537696, -0.68100522, 0.59587957],
            [0.32163376, -0.75047877, 0.53605627, -0.21442251],
            [0.51261459, -0.34174306, 0.17087153, 0.76892189],
        ]
    )
    groups = np.array([1, 1, 2, 2, 3])
    for spec, figure in ((nn.Circle(mean_of_positive=True), 188.3883), (nn.Circle(256.0, 0.25), 652.7617 * 4 / 5)):
        assert spec.result(*value(spec, x, groups)) == pytest.approx(figure, abs=1e-3)
    summed = nn.Circle(mean_of_positive=True, reduction="sum")
    assert summed.result(*value(summed, x, groups)) == pytest.approx(188.3883 * 4, abs=1e-3)


@pytest.mark.parametrize("squared", [False, True])
def test_batch_hard_triplets(squared: bool) -> None:
    distances = metrics.pairwise_distances(X, metric="sqeuclidean" if squared else "euclidean")
    expected = np.zeros(6)
    for i, group in enumerate(GROUPS[:5]):
        farthest = max(distances[i, j] for j in range(6) if GROUPS[j] == group)
        expected[i] = max(0, 0.6 + farthest - min(distances[i, k] for k in range(6) if GROUPS[k] != group))
    spec = nn.BatchHardTriplet(0.6, squared=squared, epsilon=1e-30)
    np.testing.assert_allclose(per_position(spec, X, GROUPS), expected, rtol=1e-12)
    assert expected[5] == 0
    assert (expected[:5] > 0).any()


@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("margin", [0.3, 2.0])
def test_batch_semi_hard_triplets(squared: bool, margin: float) -> None:
    """TensorFlow Addons' ``triplet_semihard_loss``: its matrices, one row for each pair of examples."""
    x, groups = RNG.normal(size=(9, 3)), np.array([4, 4, 4, 7, 7, 1, 1, 1, 0])
    distances = metrics.pairwise_distances(x, metric="sqeuclidean" if squared else "euclidean")
    same = groups[:, None] == groups
    tiled = np.tile(distances, (9, 1))  # row 9 · p + a: of anchor a to all
    mask = np.tile(~same, (9, 1)) & (tiled > distances.T.reshape(-1, 1))
    top = tiled.max(1, keepdims=True)
    outside = np.min((tiled - top) * mask, 1, keepdims=True) + top
    outside = outside.reshape(9, 9).T
    low = distances.min(1, keepdims=True)
    inside = np.max((distances - low) * ~same, 1, keepdims=True) + low
    semi_hard = np.where(mask.any(1).reshape(9, 9).T, outside, np.tile(inside, (1, 9)))
    positives = same & ~np.eye(9, dtype=bool)
    expected = np.maximum((margin + distances - semi_hard) * positives, 0).sum() / positives.sum()
    spec = nn.BatchSemiHardTriplet(margin, squared=squared, epsilon=1e-30)
    assert spec.result(*value(spec, x, groups)) == pytest.approx(expected, rel=1e-12)
    by_example = np.maximum((margin + distances - semi_hard) * positives, 0).sum(1) * 9 / positives.sum()
    np.testing.assert_allclose(per_position(spec, x, groups), by_example, rtol=1e-12, atol=1e-13)
    assert (by_example[:8] > 0).any() and by_example[8] == 0


@pytest.mark.parametrize("squared", [False, True])
def test_triplet_margin(squared: bool) -> None:
    torch: Any = pytest.importorskip("torch")
    vectors = RNG.normal(size=(6, 3, 4))

    def distance(a: Any, b: Any) -> Any:
        return ((a - b) ** 2).sum(-1) if squared else (a - b).norm(dim=-1)

    expected = torch.nn.functional.triplet_margin_with_distance_loss(
        *torch.from_numpy(vectors).unbind(1), distance_function=distance, margin=0.7, reduction="none"
    ).numpy()
    spec = nn.TripletMargin(0.7, squared=squared, epsilon=1e-30)
    np.testing.assert_allclose(per_position(spec, vectors, np.ones(6)), expected, rtol=1e-13)
    exchanged = vectors[:, [0, 2, 1]]
    np.testing.assert_allclose(per_position(spec, exchanged, -np.ones(6)), expected, rtol=1e-13)
    near = per_position(nn.TripletMargin(epsilon=0.25), np.zeros((1, 3, 2)), np.ones(1))
    assert near.tolist() == [1.0]


def test_contrastive_margin() -> None:
    pairs = RNG.normal(size=(6, 2, 4))
    distances = np.linalg.norm(pairs[:, 0] - pairs[:, 1], axis=-1)
    alike = np.array([1, 0, 1, 0, 1, 0.25])
    # Of the paper, with Y = 1 for pairs that differ: (1 − Y)·D²/2 + Y·max(0, m − D)²/2, doubled.
    expected = 2 * (alike * distances**2 / 2 + (1 - alike) * np.maximum(0, 2.5 - distances) ** 2 / 2)
    np.testing.assert_allclose(per_position(nn.ContrastiveMargin(2.5), pairs, alike), expected, rtol=1e-13)
    assert value(nn.ContrastiveMargin(), pairs, alike)[1] == 6


@pytest.mark.parametrize(
    ("spec", "outputs", "targets", "words"),
    [
        (nn.NTXent(), (2, 3, 4), (2,), r"NTXent takes one vector per example, got outputs \(2, 3, 4\)"),
        (nn.Circle(), (2, 3), (2, 3), r"targets of shape \(2, 3\), outputs of shape \(2, 3\) need \(2\)"),
        (nn.TripletMargin(), (2, 2, 4), (2,), r"anchor, positive and negative along the axis before the last"),
        (nn.ContrastiveMargin(), (2, 4), (2,), r"two vectors along .*, got outputs \(2, 4\): stack them with axis: -2"),
        (nn.TripletMargin(), (2, 3, 4), (2, 1), r"targets of shape \(2, 1\), .* need \(2\)"),
    ],
)
def test_what_does_not_fit(spec: Any, outputs: Any, targets: Any, words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        per_position(spec, np.ones(outputs), np.ones(targets))
