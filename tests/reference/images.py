"""What tests of changes of images have in common: images, the numbers drawn for them, and Keras's layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.reference import drawn
from tests.reference.single import value

# Images from 0 to 255, with gray, black, white and ties among their pixels.
X = np.random.default_rng(7).uniform(0, 255, (6, 5, 4, 3))
X[:, 0, 0] = [[90, 90, 90], [0, 0, 0], [255, 255, 255], [200, 200, 10], [10, 200, 200], [200, 10, 200]]
SEED, STEP = 11, 4


def words(count: int = 1) -> Any:
    """The words of each example, (batch, count), of a layer that takes so many."""
    return np.array(drawn.words(len(X), count, seed=SEED, step=STEP), np.uint32)


def uniforms(count: int = 1) -> Any:
    """The u of docs/randomness.md made of them."""
    return ((words(count) >> 9) + 0.5) / 2**23


def changed(layer: Any, x: Any = X, **options: Any) -> Any:
    """What a layer makes of images in training."""
    return value(layer, x, training=True, seed=SEED, step=STEP, **options)


def keras_layers() -> Any:
    return pytest.importorskip("nnspec_tensorflow.startup", reason="Keras is not installed").keras.layers


def keras(layer: Any, x: Any, **transformation: Any) -> Any:
    """What a layer of Keras's makes of images by given numbers, in float64."""
    tf = pytest.importorskip("nnspec_tensorflow.startup").tf
    return np.asarray(layer.transform_images(tf.constant(x), transformation))


def close(found: Any, expected: Any, tolerance: float = 1e-12) -> None:
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * np.nanmax(np.abs(expected)))
