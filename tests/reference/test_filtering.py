"""Blurred and sharpened images, against SciPy and Keras's layers given the same numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from tests.reference.images import X, changed, close, keras, keras_layers, uniforms, words


@pytest.mark.parametrize(
    ("kernel_size", "sigma", "lower", "upper"), [(3, 1.5, 0.0, 1.5), ((5, 3), (0.5, 2.0), 0.5, 2.0), (1, 1.0, 0.0, 1.0)]
)
def test_gaussian_blur(kernel_size: Any, sigma: Any, lower: float, upper: float) -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    u = uniforms(3)
    spread = 1e-6 + lower + (upper - lower) * u
    blurred = words(3)[:, 0] < 0.6 * 2**32
    assert blurred.any() and not blurred.all()
    expected = X.copy()
    sizes = (kernel_size,) * 2 if isinstance(kernel_size, int) else kernel_size
    for image in np.flatnonzero(blurred):
        for axis, size in enumerate(sizes):
            p = np.arange(size) - size // 2
            w = np.exp(-(p**2) / (2 * spread[image, axis + 1] ** 2))
            expected[image] = ndimage.convolve1d(expected[image], w / w.sum(), axis, mode="constant")
    close(changed(nn.RandomGaussianBlur(0.6, kernel_size, sigma)), np.clip(expected, 0, 255))
    narrow = nn.RandomGaussianBlur(0.6, kernel_size, sigma, value_range=(20, 90))
    close(changed(narrow), np.clip(expected, 20, 90))


def test_gaussian_blur_as_in_keras() -> None:
    """Whose batch has one pair of σ: each of our images by itself."""
    layers = keras_layers()
    sigma, blurred = 0.3 + 0.7 * uniforms(3)[:, 1:] + 1e-6, words(3)[:, 0] < 0.5 * 2**32
    theirs = layers.RandomGaussianBlur(1.0, 5, (0.3, 1.0), dtype="float64")
    expected = [
        keras(theirs, X[i : i + 1], blur_factor=sigma[i, ::-1], should_apply_blur=blurred[i : i + 1])[0]
        for i in range(len(X))
    ]
    close(changed(nn.RandomGaussianBlur(0.5, 5, (0.3, 1.0))), np.array(expected))


@pytest.mark.parametrize(("factor", "lower", "upper"), [(0.4, 0.0, 0.4), ((0.3, 1.0), 0.3, 1.0)])
def test_sharpness(factor: Any, lower: float, upper: float) -> None:
    ndimage, layers = pytest.importorskip("scipy.ndimage"), keras_layers()
    f = (lower + (upper - lower) * uniforms(1))[..., None, None]
    found = changed(nn.RandomSharpness(factor))
    close(found, keras(layers.RandomSharpness(factor, dtype="float64"), X, factor=f[:, 0, 0, 0]))
    kernel = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]])[None, :, :, None] / 13
    smooth = ndimage.convolve(X, kernel, mode="constant")
    close(found, np.clip(2 * f * X + (1 - 2 * f) * smooth, 0, 255))


def test_options_that_mean_nothing() -> None:
    with pytest.raises(nn.SpecError, match=r"kernel_size: expected odd numbers, got \[3, 2\]"):
        nn.RandomGaussianBlur(kernel_size=(3, 2))
    with pytest.raises(nn.SpecError, match=r"sigma: expected the lower end first"):
        nn.RandomGaussianBlur(sigma=(2.0, 1.0))
