"""Changes of colors, against Keras's layers given the same numbers, Python's colorsys, and by hand."""

from __future__ import annotations

import colorsys
from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec import random
from tests.reference.images import SEED, X, changed, close, keras, keras_layers, uniforms, words
from tests.reference.single import value


@pytest.fixture(scope="module")
def layers() -> Any:
    return keras_layers()


@pytest.mark.parametrize(("factor", "lower", "upper"), [(0.4, -0.4, 0.4), ((-0.1, 0.7), -0.1, 0.7)])
def test_brightness(layers: Any, factor: Any, lower: float, upper: float) -> None:
    f = (lower + (upper - lower) * uniforms(1))[..., None, None]
    theirs = layers.RandomBrightness(factor, dtype="float64")
    close(changed(nn.RandomBrightness(factor)), keras(theirs, X, rgb_delta=f * 255))
    theirs = layers.RandomBrightness(factor, value_range=(-1, 1), dtype="float64")
    x = X / 127.5 - 1
    close(changed(nn.RandomBrightness(factor, value_range=(-1, 1)), x), keras(theirs, x, rgb_delta=f * 2))


@pytest.mark.parametrize(("factor", "lower", "upper"), [(0.4, 0.6, 1.4), ((0.1, 0.7), 0.9, 1.7)])
def test_contrast(layers: Any, factor: Any, lower: float, upper: float) -> None:
    f = (lower + (upper - lower) * uniforms(1))[..., None, None]
    theirs = layers.RandomContrast(factor, dtype="float64")
    assert theirs.factor == (factor if isinstance(factor, tuple) else (0, factor))  # not what it is documented to be
    close(changed(nn.RandomContrast(factor)), keras(theirs, X, contrast_factor=f))
    theirs = layers.RandomContrast(factor, value_range=(0, 1), dtype="float64")
    close(changed(nn.RandomContrast(factor, value_range=(0, 1)), X / 255), keras(theirs, X / 255, contrast_factor=f))


def by_colorsys(x: Any, change: Any) -> Any:
    """Images from 0 to 1, whose pixels' (h, s, v) a function of the example and those three changes."""
    found = [
        [colorsys.hsv_to_rgb(*change(i, *colorsys.rgb_to_hsv(*pixel))) for pixel in image.reshape(-1, 3)]
        for i, image in enumerate(x)
    ]
    return np.reshape(found, x.shape)


@pytest.mark.parametrize(
    ("factor", "lower", "upper"), [(0.9, 0.0, 0.9), ((0.3, 1.0), 0.3, 1.0), ((-1.0, 0.5), -1.0, 0.5)]
)
def test_saturation(layers: Any, factor: Any, lower: float, upper: float) -> None:
    f = (lower + (upper - lower) * uniforms(1))[:, 0]
    m = f / (1 - f + 1e-7)
    expected = by_colorsys(X / 255, lambda i, h, s, v: (h, min(max(s * m[i], 0), 1), v))
    for low, high in ((0, 255), (0, 1), (-1, 1)):
        layer = nn.RandomSaturation(factor, value_range=(low, high))
        close(changed(layer, low + X / 255 * (high - low)), low + expected * (high - low))
    close(keras(layers.RandomSaturation(factor, value_range=(0, 1), dtype="float64"), X / 255, factor=m), expected)
    theirs = keras(layers.RandomSaturation(factor, dtype="float64"), X, factor=m)
    close(changed(nn.RandomSaturation(factor, max_saturation=255)), theirs)


@pytest.mark.parametrize(("factor", "lower", "upper"), [(0.9, 0.0, 0.9), ((0.5, 1.0), 0.5, 1.0)])
def test_hue(layers: Any, factor: Any, lower: float, upper: float) -> None:
    u = uniforms(2)
    delta = np.where(u[:, 0] > 0.5, -1, 1) * (lower + (upper - lower) * u[:, 1]) / 2
    assert len(set(np.sign(delta))) == 2
    expected = by_colorsys(X / 255, lambda i, h, s, v: ((h + delta[i]) % 1, s, v))
    for low, high in ((0, 255), (-1, 1)):
        layer, x = nn.RandomHue(factor, value_range=(low, high)), low + X / 255 * (high - low)
        close(changed(layer, x), low + expected * (high - low))
        theirs = layers.RandomHue(factor, value_range=(low, high), dtype="float64")
        close(changed(layer, x), keras(theirs, x, factor=delta), 1e-6)  # Keras rounds it to float32


@pytest.mark.parametrize("factor", [0.5, 0.0, 1.0])
def test_grayscale(layers: Any, factor: float) -> None:
    chosen = (uniforms(1) < factor)[..., None, None]
    assert chosen.any() == (factor > 0) and chosen.all() == (factor == 1)
    found = changed(nn.RandomGrayscale(factor))
    theirs = layers.RandomGrayscale(factor, dtype="float64")
    close(found, theirs.transform_images(X, chosen))
    np.testing.assert_array_equal(found[~chosen[:, 0, 0, 0]], X[~chosen[:, 0, 0, 0]])


def test_color_degeneration(layers: Any) -> None:
    f = (-0.5 + 1.5 * uniforms(1))[..., None, None]
    theirs = layers.RandomColorDegeneration((-0.5, 1.0), dtype="float64")
    close(changed(nn.RandomColorDegeneration((-0.5, 1.0))), keras(theirs, X, factor=f))
    assert nn.RandomColorDegeneration(0.3).bounds == nn.RandomSaturation(0.3).bounds == (0, 0.3)


def test_jitter_is_the_four_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each on the words that it would draw, after those of the ones before it."""
    all_words = words(5)
    steps = [
        (nn.RandomBrightness(0.2), [0]),
        (nn.RandomContrast((0.3, 0.1)), [1]),
        (nn.RandomSaturation((0.2, 0.7)), [2]),
        (nn.RandomHue(0.4), [3, 4]),
    ]
    found = changed(nn.RandomColorJitter(0.2, (0.3, 0.1), (0.2, 0.7), 0.4))
    expected = X
    for layer, places in steps:
        drawn = np.ascontiguousarray(all_words[:, places]).reshape(-1)
        monkeypatch.setattr(random, "words", lambda *args, drawn=drawn: drawn)
        expected = changed(layer, expected)
    np.testing.assert_array_equal(found, expected)
    monkeypatch.undo()
    np.testing.assert_array_equal(changed(nn.RandomColorJitter()), X)
    alone = nn.RandomColorJitter(hue_factor=0.4, value_range=(0, 1))
    np.testing.assert_array_equal(changed(alone, X / 255), changed(nn.RandomHue(0.4, value_range=(0, 1)), X / 255))


@pytest.mark.parametrize("name", ["RandomBrightness", "RandomHue", "RandomColorJitter", "RandomGrayscale"])
def test_nothing_changes_in_inference(name: str) -> None:
    np.testing.assert_array_equal(value(getattr(nn, name)(0.9), X, seed=SEED), X)


def test_draws_are_uniform_and_each_examples_own() -> None:
    """Of images of zeros between −1 and 1, RandomBrightness shows the numbers that it draws."""
    x = np.zeros((4000, 1, 2, 1))
    found = value(nn.RandomBrightness((-0.2, 0.4), value_range=(-1, 1)), x, training=True, seed=3)
    np.testing.assert_array_equal(found[:, :, 0], found[:, :, 1])
    shares = np.sort(found[:, 0, 0, 0] / 2 + 0.2) / 0.6
    assert np.abs(shares - (np.arange(4000) + 0.5) / 4000).max() < 1.63 / np.sqrt(4000)  # Kolmogorov: 1 %
    later = value(nn.RandomBrightness((-0.2, 0.4), value_range=(-1, 1)), x, training=True, seed=3, step=1)
    assert abs(np.corrcoef(found[:, 0, 0, 0], later[:, 0, 0, 0])[0, 1]) < 0.05
    gray = value(nn.RandomGrayscale(0.3), np.tile([[[[1.0, 2.0, 3.0]]]], (4000, 1, 1, 1)), training=True, seed=3)
    assert abs((gray[:, 0, 0, 0] != 1).mean() - 0.3) < 4 * np.sqrt(0.21 / 4000)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: nn.RandomBrightness(1.5), r"factor: expected a range within -1 to 1, got \[-1.5, 1.5\]"),
        (lambda: nn.RandomHue((0.5, 0.2)), r"factor: expected the lower end first, got \[0.5, 0.2\]"),
        (lambda: nn.RandomHue(-0.5), r"factor: expected a range within 0 to 1"),
        (lambda: nn.RandomContrast(0.5, value_range=(1, 1)), "value_range: expected the lowest value before"),
        (lambda: nn.RandomColorJitter(hue_factor=2.0), "hue_factor: expected a range within 0 to 1"),
    ],
)
def test_options_that_mean_nothing(make: Any, reason: str) -> None:
    with pytest.raises(nn.SpecError, match=reason):
        make()


def test_images_that_do_not_fit() -> None:
    with pytest.raises(nn.ShapeError, match=r"RandomHue needs images of red, green and blue .* got \(batch, 5, 5, 1\)"):
        nn.RandomHue(0.5).output_shape((None, 5, 5, 1))
    with pytest.raises(nn.ShapeError, match="RandomGrayscale needs images of red"):
        nn.RandomGrayscale().output_shape((None, 5, 5, 4))
    with pytest.raises(nn.ShapeError, match=r"RandomBrightness needs images \(batch, height, width, channels\)"):
        nn.RandomBrightness(0.5).output_shape((None, 5, 5))
    assert nn.RandomColorJitter(0.1).output_shape((None, 5, 5, 1)) == (None, 5, 5, 1)
    with pytest.raises(nn.ShapeError, match="RandomSaturation needs images of red"):
        nn.RandomColorJitter(saturation_factor=0.1).output_shape((None, 5, 5, 1))
