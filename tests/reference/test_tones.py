"""Inverted, solarized and posterized images, against Keras's layers given the same numbers, and by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from tests.reference.images import X, changed, close, keras, keras_layers, uniforms, words
from tests.reference.single import value


@pytest.fixture(scope="module")
def layers() -> Any:
    return keras_layers()


@pytest.mark.parametrize("probability", [0.5, 0.3, 1.0, 0.0])
def test_invert(layers: Any, probability: float) -> None:
    chosen = words()[:, 0] < probability * 2**32
    theirs = layers.RandomInvert(dtype="float64")
    close(changed(nn.RandomInvert(probability)), keras(theirs, X, apply_inversion=chosen))
    found = changed(nn.RandomInvert(probability, value_range=(-1, 3)), X / 255)
    close(found, np.where(chosen[:, None, None, None], 2 - X / 255, X / 255))


def test_how_many_images_are_inverted() -> None:
    """As many as where a probability is drawn first, and then a decision made by it, as in Keras."""
    rng = np.random.default_rng(0)
    theirs = rng.random(40000) < rng.uniform(0.1, 0.4, 40000)
    ours = value(nn.RandomInvert(0.25), np.ones((40000, 1, 1, 1)), training=True, seed=3)[:, 0, 0, 0] != 1
    error = np.sqrt(0.25 * 0.75 / 40000)
    assert abs(theirs.mean() - 0.25) < 4 * error and abs(ours.mean() - 0.25) < 4 * error


@pytest.mark.parametrize("addition", [0.0, 0.3])
@pytest.mark.parametrize("threshold", [0.0, 0.8])
def test_solarization(layers: Any, addition: float, threshold: float) -> None:
    u = uniforms(2)[..., None, None, None]
    given = {"additions": addition * 255 * u[:, 0], "thresholds": threshold * 255 * u[:, 1]}
    theirs = layers.Solarization(addition, threshold, dtype="float64")
    close(changed(nn.Solarization(addition, threshold)), keras(theirs, X, **given))
    theirs = layers.Solarization(addition, threshold, value_range=(-1, 1), dtype="float64")
    layer = nn.Solarization(addition, threshold, value_range=(-1, 1))
    close(changed(layer, X / 127.5 - 1), keras(theirs, X / 127.5 - 1, **given))
    # Ends that are not 0, of which Keras multiplies the upper ones alone.
    by_hand = np.clip(X + 255 * (0.1 + 0.3 * u[:, 0]), 0, 255)
    by_hand = np.where(by_hand < 255 * (0.5 + 0.2 * u[:, 1]), by_hand, 255 - by_hand)
    close(changed(nn.Solarization((0.1, 0.4), (0.5, 0.7))), by_hand)


@pytest.mark.parametrize(("bits", "fewest", "most"), [(3, 3, 3), ((1, 8), 1, 8), ((2, 4), 2, 4)])
def test_posterization(layers: Any, bits: Any, fewest: int, most: int) -> None:
    kept = fewest + (words().astype(object) * (most - fewest + 1) >> 32).astype(int)
    shift = (8 - kept)[:, 0].astype(np.uint8)
    theirs = layers.RandomPosterization(8, dtype="float64")
    np.testing.assert_array_equal(changed(nn.RandomPosterization(bits)), keras(theirs, X, shift_factor=shift))
    each = shift[:, None, None, None].astype(int)
    shares = changed(nn.RandomPosterization(bits, value_range=(0, 1)), (np.floor(X) + 0.5) / 255)
    close(shares, (np.floor(X).astype(int) >> each << each) / 255)


def test_all_numbers_of_bits_occur() -> None:
    y = value(nn.RandomPosterization((2, 4)), np.full((3000, 1, 1, 1), 255.0), training=True, seed=3)
    counts = [np.sum(y == v) for v in (192, 224, 240)]
    assert sum(counts) == 3000 and min(counts) > 900


@pytest.mark.parametrize("layer", [nn.RandomInvert(1.0), nn.Solarization(), nn.RandomPosterization(1)])
def test_nothing_changes_in_inference(layer: Any) -> None:
    np.testing.assert_array_equal(value(layer, X), X)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: nn.RandomPosterization((4, 2)), r"bits: expected the smaller number first, got \[4, 2\]"),
        (lambda: nn.RandomPosterization(9), "bits"),
        (lambda: nn.Solarization(threshold_factor=1.5), "threshold_factor: expected a range within 0 to 1"),
    ],
)
def test_options_that_mean_nothing(make: Any, reason: str) -> None:
    with pytest.raises(nn.SpecError, match=reason):
        make()
