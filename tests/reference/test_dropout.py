"""Dropout and noise: the bits of the generator, what becomes of the input, and when nothing does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec import random
from tests.reference.single import single, value

ROOT = Path(__file__).parents[2]
X = np.random.default_rng(3).normal(size=(20, 30))


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_dropout(dtype: Any) -> None:
    found = single(nn.Dropout(0.3), X, training=True, seed=11, step=4, dtype=dtype)
    words = random.words(11, random.stream_of("node", "dropout", 0), 4, X.size).reshape(X.shape)
    kept = words.astype(object) < 0.7 * 2**32
    np.testing.assert_array_equal(found.masks["node"], kept)
    wide = np.dtype(np.float64 if dtype == "float64" else np.float32)
    expected = np.where(kept, X.astype(dtype).astype(wide) / wide.type(0.7), 0).astype(dtype)
    np.testing.assert_array_equal(found.outputs["node"], expected)


def test_step_and_seed_change_the_mask() -> None:
    masks = [
        single(nn.Dropout(0.5), X, training=True, seed=seed, step=step).masks["node"].tobytes()
        for seed, step in ((0, 0), (0, 1), (1, 0))
    ]
    assert len(set(masks)) == 3


@pytest.mark.parametrize(("rate", "training"), [(0.4, False), (0.0, True), (0.0, False)])
def test_nothing_is_dropped(rate: float, training: bool) -> None:
    found = single(nn.Dropout(rate), X, training=training)
    np.testing.assert_array_equal(found.outputs["node"], X)
    assert found.masks == {}


def test_the_mean_is_kept() -> None:
    kept = value(nn.Dropout(0.25), np.ones((300, 300)), training=True, seed=5)
    assert set(np.unique(kept)) == {0.0, 1 / 0.75}
    assert abs(kept.mean() - 1) < 4 * np.sqrt(0.25 / 0.75 / kept.size)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Dropout(0.4, (1, -1)), (4, 1, 3, 1)),
        (nn.Dropout(0.4, (0,)), (1, 5, 3, 6)),
        (nn.SpatialDropout(0.4), (4, 1, 1, 6)),
        (nn.StochasticDepth(0.4), (4, 1, 1, 1)),
        (nn.AlphaDropout(0.4, (2,)), (4, 5, 1, 6)),
    ],
)
def test_a_mask_is_shared_along_axes(layer: Any, shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(4).normal(size=(4, 5, 3, 6))
    found = single(layer, x, training=True, seed=3)
    words = random.words(3, random.stream_of("node", "dropout", 0), 0, int(np.prod(shape))).reshape(shape)
    kept = words.astype(object) < 0.6 * 2**32
    np.testing.assert_array_equal(found.masks["node"], kept)
    if not isinstance(layer, nn.AlphaDropout):
        np.testing.assert_array_equal(found.outputs["node"], np.where(kept, x / (1 - 0.4), 0))
    np.testing.assert_array_equal(value(layer, x), x)


def test_a_mask_has_the_elements_of_its_input() -> None:
    """An axis without elements has none in the mask either; one of unknown size counts as 1."""
    x = np.zeros((0, 3))
    found = single(nn.Dropout(0.5), x, training=True)
    assert found.masks["node"].shape == x.shape
    assert nn.Dropout(0.5).mask_shape((None, 0, 3)) == (1, 0, 3)
    assert nn.Dropout(0.5, (1,)).mask_shape((4, 0, 3)) == (4, 1, 3)


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (nn.Dropout(0.4, (3,)), r"Dropout: axis 3 does not exist in input \(batch, 2, 4\)"),
        (nn.AlphaDropout(0.4, (1, -2)), r"AlphaDropout: axes \[1, -2\] name an axis .* twice"),
    ],
)
def test_axes_that_cannot_share_a_mask(layer: Any, reason: str) -> None:
    with pytest.raises(nn.ShapeError, match=reason):
        layer.output_shape((None, 2, 4))


def test_spatial_dropout_needs_positions() -> None:
    with pytest.raises(nn.ShapeError, match="SpatialDropout needs an axis between batch and channels"):
        nn.SpatialDropout(0.5).output_shape((None, 4))


def test_alpha_dropout() -> None:
    """PyTorch's formula on our mask, and the statistics that it is made for."""
    x = np.random.default_rng(4).normal(size=(300, 300))
    found = single(nn.AlphaDropout(0.2), x, training=True, seed=3)
    y, mask = found.outputs["node"], found.masks["node"]
    alpha = 1.7580993408473766  # torch/csrc: _alpha_dropout
    a = 1.0 / np.sqrt((alpha * alpha * 0.2 + 1) * (1 - 0.2))
    np.testing.assert_allclose(y, x * mask * a + np.where(mask, 0.0, -1.0) * alpha * a + alpha * a * 0.2, rtol=1e-12)
    assert abs(y.mean()) < 0.02 and abs(y.std() - 1) < 0.02
    np.testing.assert_array_equal(value(nn.AlphaDropout(0.0), x, training=True), x)


def test_gaussian_noise_is_normal() -> None:
    stats = pytest.importorskip("scipy.stats")
    z = value(nn.GaussianNoise(1.0), np.zeros((200, 500)), training=True, seed=5)
    assert stats.kstest(z.ravel(), "norm").pvalue > 0.01
    scaled = value(nn.GaussianNoise(0.25), np.full((200, 500), 3.0), training=True, seed=5)
    np.testing.assert_allclose(scaled, 3.0 + 0.25 * z, rtol=1e-15)
    product = value(nn.GaussianDropout(0.2), np.full((200, 500), 3.0), training=True, seed=5)
    np.testing.assert_allclose(product, 3.0 * (1 + 0.5 * z), rtol=1e-14)
    other = value(nn.GaussianNoise(1.0), np.zeros((200, 500)), training=True, seed=5, step=1)
    assert abs(np.corrcoef(z.ravel(), other.ravel())[0, 1]) < 0.02


def test_gaussian_noise_of_known_words() -> None:
    """The numbers of docs/randomness.md, from the words by Python's own normal distribution."""
    from statistics import NormalDist

    words = random.words(7, random.stream_of("node", "noise", 0), 2, 5)
    expected = [NormalDist().inv_cdf(((int(word) >> 9) + 0.5) / 2**23) for word in words]
    found = value(nn.GaussianNoise(1.0), np.zeros((1, 5)), training=True, seed=7, step=2)
    np.testing.assert_allclose(found[0], expected, rtol=1e-14)


def test_the_largest_normal_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of docs/randomness.md, where all bits of a word are 0 or 1."""
    special = pytest.importorskip("scipy.special")
    (told,) = re.findall(r"−Φ⁻¹\(2⁻²⁴\) ≈ ([0-9.]*[0-9])", (ROOT / "docs/randomness.md").read_text())
    largest = -special.ndtri(2.0**-24)
    assert f"{largest:.4f}" == told
    monkeypatch.setattr(random, "words", lambda *args: np.array([0, 2**32 - 1], np.uint32))
    found = value(nn.GaussianNoise(1.0), np.zeros((1, 2)), training=True)
    np.testing.assert_allclose(found[0], [-largest, largest], rtol=1e-9)


@pytest.mark.parametrize("layer", [nn.GaussianNoise(0.0), nn.GaussianDropout(0.0), nn.GaussianNoise(0.5)])
def test_no_noise(layer: Any) -> None:
    np.testing.assert_array_equal(value(layer, X, training=layer != nn.GaussianNoise(0.5)), X)


def test_gaussian_sample() -> None:
    """SciPy's quantiles of the distributions, where GaussianNoise has those of the standard one; else the means."""
    stats = pytest.importorskip("scipy.stats")
    x = np.random.default_rng(6).normal(size=(7, 3, 10))
    quantiles = stats.norm.cdf(value(nn.GaussianNoise(1.0), np.zeros((7, 3, 5)), training=True, seed=5))
    expected = stats.norm(x[..., :5], np.sqrt(np.exp(x[..., 5:]))).ppf(quantiles)
    np.testing.assert_allclose(value(nn.GaussianSample(), x, training=True, seed=5), expected, rtol=1e-9)
    np.testing.assert_array_equal(value(nn.GaussianSample(), x), x[..., :5])


def test_gaussian_samples_have_their_distribution() -> None:
    stats = pytest.importorskip("scipy.stats")
    x = np.broadcast_to([3.0, -1.0, np.log(0.25), np.log(9.0)], (20_000, 4))
    drawn = value(nn.GaussianSample(), x, training=True, seed=8)
    for column, normal in zip(drawn.T, (stats.norm(3.0, 0.5), stats.norm(-1.0, 3.0)), strict=True):
        assert stats.kstest(column, normal.cdf).pvalue > 0.01


@pytest.mark.parametrize("shape", [(None, 5), (None, 4, None), (6,)])
def test_gaussian_sample_needs_halves(shape: tuple[int | None, ...]) -> None:
    with pytest.raises(nn.ShapeError, match="GaussianSample needs as many log variances as means, got"):
        nn.GaussianSample().output_shape(shape)
