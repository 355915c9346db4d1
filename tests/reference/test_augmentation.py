"""What layers draw that change images at random: the bits, how often, and for each image by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec import random
from nnspec.layers.augmentation import Augmentation, bounds
from nnspec.reference.augmentation import Draws
from nnspec.reference.base import Scope, State
from tests.reference import drawn
from tests.reference.single import value

RNG = np.random.default_rng(6)


class Three(Augmentation):
    def draws(self) -> int:
        return 3


def draws(batch: int, seed: int = 5, step: int = 2) -> Draws:
    state = State({}, np.dtype(np.float64), True, seed, step)
    return Draws(Three(), Scope(state, "node", "node"), batch)


def test_numbers_of_words() -> None:
    """Decisions and integers are exactly what the words' bits say, numbers but for the rounding of float64."""
    found, words = draws(50), drawn.words(50, 3, seed=5, step=2)
    for place in range(3):
        column = [row[place] for row in words]
        for probability in (0.0, 0.3, 0.5, 1.0):
            expected = [drawn.happens(word, probability) for word in column]
            assert found.happens(place, probability).ravel().tolist() == expected
        for count in (1, 7, 10_000):
            assert found.whole(place, count).ravel().tolist() == [drawn.whole(word, count) for word in column]
        numbers = [drawn.uniform(word, -0.3, 2.0) for word in column]
        np.testing.assert_allclose(found.uniform(place, -0.3, 2.0).ravel(), numbers, rtol=4e-16, atol=4e-16)
    assert found.uniform(0, 0, 1).shape == (50, 1, 1, 1)


def test_numbers_never_change() -> None:
    """Those of docs/randomness.md."""
    stream = random.stream_of("random_flip", "augmentation", 0)
    words = random.words(7, stream, 2, 4)
    assert f"{stream:08x}" == "89a2081c"
    assert [f"{int(word):08x}" for word in words] == ["5fa93ef7", "e22f941e", "2f6df80c", "5a9e3ec3"]
    assert [int(word) < random.threshold(0.5) for word in words] == [True, False, True, True]
    assert random.whole(words, 9).tolist() == [3, 7, 1, 3]
    expected = [0.37367624044418335, 0.883538544178009, 0.18527179956436157, 0.35397714376449585]
    assert random.coarse(words).tolist() == expected


def test_the_ends_of_words() -> None:
    ends = np.array([0, 2**32 - 1], np.uint32)
    assert random.whole(ends, 5).tolist() == [0, 4]
    assert random.coarse(ends).tolist() == [2.0**-24, 1 - 2.0**-24]
    assert (ends < np.uint64(random.threshold(1.0))).tolist() == [True, True]
    assert (ends < np.uint64(random.threshold(0.0))).tolist() == [False, False]


def test_distributions() -> None:
    """Frequencies and means within four standard deviations, every integer as often as any other."""
    found, n = draws(20_000), 20_000
    assert abs(found.happens(0, 0.3).mean() - 0.3) < 4 * np.sqrt(0.3 * 0.7 / n)
    counts = np.bincount(found.whole(1, 6).ravel(), minlength=6)
    assert abs(counts / n - 1 / 6).max() < 4 * np.sqrt(5 / 36 / n)
    numbers = found.uniform(2, -1, 3)
    assert abs(numbers.mean() - 1) < 4 * np.sqrt(16 / 12 / n)
    assert -1 < numbers.min() < -0.99 and 2.99 < numbers.max() < 3
    assert abs(np.corrcoef(found.whole(1, 1000).ravel(), numbers.ravel())[0, 1]) < 4 / np.sqrt(n)


LAYERS = [
    nn.RandomFlip(),
    nn.RandomCrop(3, 4, 1),
    nn.RandomErasing(),
    nn.Cutout(3),
]
WARPS = [
    nn.RandomTranslation(0.5, 0.5),
    nn.RandomRotation(0.5),
    nn.RandomZoom(0.5),
    nn.RandomShear(0.5, 0.5),
    nn.RandomPerspective(probability=1.0),
    nn.RandomElasticTransform((0.5, 1.0), probability=1.0),
]


@pytest.mark.parametrize("layer", [*LAYERS, *WARPS], ids=lambda layer: type(layer).__name__)
def test_images_are_changed_each_by_itself(layer: Any) -> None:
    """Those at the front of a larger batch are as they were, and equal images become different ones."""
    x = np.repeat(RNG.normal(size=(1, 5, 6, 2)), 12, axis=0)
    twelve = value(layer, x, training=True, seed=3, step=1)
    np.testing.assert_array_equal(value(layer, x[:5], training=True, seed=3, step=1), twelve[:5])
    assert len({image.tobytes() for image in twelve}) > 2
    assert value(layer, x, training=True, seed=3, step=2).tobytes() != twelve.tobytes()


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_it_is_the_same_in_every_type(layer: Any) -> None:
    x = RNG.integers(-8, 8, size=(8, 5, 6, 2)) / 4.0  # exact in bfloat16
    wide = value(layer, x, training=True, seed=4)
    for dtype in ("float32", "float16", "bfloat16"):
        np.testing.assert_array_equal(value(layer, x, training=True, seed=4, dtype=dtype).astype(float), wide)


@pytest.mark.parametrize("layer", [*LAYERS, *WARPS], ids=lambda layer: type(layer).__name__)
def test_images_have_four_axes(layer: Any) -> None:
    with pytest.raises(nn.ShapeError, match=rf"{type(layer).__name__} needs images \(batch, height, width, channels\)"):
        layer.output_shape((None, 5, 6))


def test_ranges() -> None:
    assert bounds(0.25) == (-0.25, 0.25) == bounds(-0.25)
    assert bounds((0.1, 0.2)) == (0.1, 0.2)
