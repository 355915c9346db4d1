"""Images whose values are spread, against Keras's layers, and by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from tests.reference.images import X, close, keras, keras_layers
from tests.reference.single import value

# Whole values, as images of bytes have them, and several equal ones among them.
BYTES = np.floor(X / 16) * 16


@pytest.fixture(scope="module")
def layers() -> Any:
    return keras_layers()


@pytest.mark.parametrize(("low", "high"), [(0, 255), (-1, 1)])
def test_auto_contrast(layers: Any, low: float, high: float) -> None:
    x = low + X / 255 * 0.7 * (high - low)
    x[0, :, :, 1], x[1, 0, 0, 2] = 0.5, np.nan  # neither of these channels changes
    found = value(nn.AutoContrast(value_range=(low, high)), x)
    close(found, keras(layers.AutoContrast((low, high), dtype="float64"), x))
    np.testing.assert_array_equal(found[0, :, :, 1], x[0, :, :, 1])
    np.testing.assert_array_equal(found[1, :, :, 2], x[1, :, :, 2])


@pytest.mark.parametrize(("bins", "low", "high"), [(256, 0, 255), (256, 0, 1), (5, -1, 1), (2, 0, 255)])
def test_equalization(layers: Any, bins: int, low: float, high: float) -> None:
    """As Keras, which makes one histogram of a batch: each of our images by itself."""
    x = low + (BYTES + 3) / 300 * (high - low)
    x[0, :, :, 1] = x[0, 0, 0, 1]
    theirs = layers.Equalization((low, high), bins, dtype="float64")
    expected = [keras(theirs, image[None])[0] for image in x]
    close(value(nn.Equalization(bins, value_range=(low, high)), x), np.array(expected), 1e-7)


def test_equalization_by_hand() -> None:
    """The example of Gonzalez & Woods's rule with the least cumulative count taken off: its ties go to even numbers."""
    x = np.array([10.0, 70, 30, 40, 50, 60, 20]).reshape(1, 1, 7, 1)
    found = value(nn.Equalization(), x).ravel()
    np.testing.assert_array_equal(found, [0, 255, 85, 128, 170, 212, 42])
    undefined = value(nn.Equalization(), np.append(x, np.nan).reshape(1, 2, 4, 1)).ravel()
    assert np.isnan(undefined[-1])
    np.testing.assert_array_equal(undefined[:-1], np.round(255 * np.array([1, 7, 3, 4, 5, 6, 2]) / 7))


@pytest.mark.parametrize(
    ("clip_limit", "grid", "size"),
    [(4.0, (8, 8), (16, 9)), (40.0, (2, 3), (5, 7)), (0.0, (2, 2), (6, 5)), (90.0, (1, 1), (4, 4))],
)
@pytest.mark.parametrize(("low", "high"), [(0, 255), (-1, 1)])
def test_clahe(layers: Any, clip_limit: float, grid: tuple[int, int], size: Any, low: float, high: float) -> None:
    """As Keras, which computes in float32."""
    rng = np.random.default_rng(3)
    x = low + (np.floor(rng.uniform(40, 120, (2, *size, 2))) + 0.5) / 255 * (high - low)
    x[0, :, :, 1] = x[0, 0, 0, 1]
    theirs = layers.ContrastLimitedAdaptiveHistogramEqualization((low, high), clip_limit, grid, dtype="float64")
    found = value(nn.ContrastLimitedAdaptiveHistogramEqualization(clip_limit, grid, value_range=(low, high)), x)
    close(found, keras(theirs, x), 1e-6)


def test_tiles_that_are_too_many() -> None:
    layer = nn.ContrastLimitedAdaptiveHistogramEqualization()
    with pytest.raises(nn.ShapeError, match=r"has too many tiles, \[8, 8\], for input \(batch, 3, 20, 1\)"):
        layer.output_shape((None, 3, 20, 1))
    assert layer.output_shape((None, 4, None, 1)) == (None, 4, None, 1)


def test_nothing_is_drawn() -> None:
    for layer in (nn.AutoContrast(), nn.Equalization()):
        np.testing.assert_array_equal(value(layer, X, training=True, seed=1), value(layer, X))
