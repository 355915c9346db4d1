"""Layers that flip, cut out and erase parts of images: image by image in Python, and against Keras's layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.errors import ShapeError, SpecError
from tests.reference import drawn
from tests.reference.single import value

RNG = np.random.default_rng(8)
X = RNG.normal(size=(12, 5, 6, 3))


@pytest.mark.parametrize(
    ("layer", "axes"),
    [
        (nn.RandomFlip("horizontal", 0.3), {1: 0}),
        (nn.RandomFlip("vertical"), {0: 1}),
        (nn.RandomFlip(), {1: 0, 0: 1}),
        (nn.RandomFlip(joint=True), {1: 0, 0: 0}),
    ],
)
def test_flip(layer: nn.RandomFlip, axes: dict[int, int]) -> None:
    """``axes``: those of one image, and the word that decides about each."""
    found = value(layer, X, training=True, seed=2)
    for image, before, words in zip(found, X, drawn.words(12, 2, seed=2), strict=True):
        flipped = [axis for axis, place in axes.items() if drawn.happens(words[place], layer.probability)]
        np.testing.assert_array_equal(image, np.flip(before, flipped))
    np.testing.assert_array_equal(value(layer, X), X)


def test_flip_always_and_never() -> None:
    both = value(nn.RandomFlip(probability=1.0), X, training=True)
    np.testing.assert_array_equal(both, X[:, ::-1, ::-1])
    np.testing.assert_array_equal(value(nn.RandomFlip(probability=0.0), X, training=True), X)


# NumPy's names of the same padding.
@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric", "wrap"])
def test_pad_and_crop(mode: Any) -> None:
    layer = nn.RandomCrop(4, 7, (1, 2), mode, 0.5 if mode == "constant" else 0.0)
    options = {"constant_values": 0.5} if mode == "constant" else {}
    padded = np.pad(X, ((0, 0), (1, 1), (2, 2), (0, 0)), mode=mode, **options)
    found, places = value(layer, X, training=True, seed=3), set()
    assert found.shape == layer.output_shape(X.shape) == (12, 4, 7, 3)
    for image, whole, (down, right) in zip(found, padded, drawn.words(12, 2, seed=3), strict=True):
        i, j = drawn.whole(down, 7 - 4 + 1), drawn.whole(right, 10 - 7 + 1)
        np.testing.assert_array_equal(image, whole[i : i + 4, j : j + 7])
        places.add((i, j))
    assert len(places) > 5
    np.testing.assert_array_equal(value(layer, X), padded[:, 1:5, 1:8])


def test_pad_and_crop_to_the_same_size_is_nothing_in_inference() -> None:
    np.testing.assert_array_equal(value(nn.RandomCrop(5, 6, 2), X), X)


def test_crop_of_all_of_an_axis() -> None:
    found = value(nn.RandomCrop(5, 2), X, training=True)
    for image, before, (_, right) in zip(found, X, drawn.words(12, 2, seed=0), strict=True):
        j = drawn.whole(right, 5)
        np.testing.assert_array_equal(image, before[:, j : j + 2])


@pytest.mark.parametrize("size", [(5, 6), (2, 3), (4, 1), (7, 3), (4, 9), (10, 12), (1, 30)])
def test_center_crop(size: tuple[int, int]) -> None:
    """Keras's layer, in float32; where images are smaller, its ``smart_resize``."""
    keras = pytest.importorskip("nnspec_tensorflow.startup", reason="Keras is not installed").keras
    found = value(nn.CenterCrop(*size), X)
    theirs = keras.layers.CenterCrop(*size, dtype="float32")(X.astype(np.float32)).numpy()
    assert found.shape == theirs.shape == nn.CenterCrop(*size).output_shape(X.shape)
    np.testing.assert_allclose(found, theirs, rtol=1e-5, atol=2e-6)
    if size[0] > 5 or size[1] > 6:
        np.testing.assert_array_equal(value(nn.RandomCrop(*size), X, training=True), found)
    np.testing.assert_array_equal(value(nn.RandomCrop(*size), X), found)


@pytest.mark.parametrize(
    ("layer", "noise"),
    [
        (nn.RandomErasing(0.6, fill_value=2.0), False),
        (nn.RandomErasing(1.0, 0.9, (0.5, -1.0, 2.0)), False),
        (nn.RandomErasing(1.0, (0.3, 0.8), -0.5, 2.0), True),
        (nn.RandomErasing(1.0, (0.3, 0.8), 0.25, 3.0, (-1.0, 0.5)), True),
    ],
)
def test_erasing(layer: nn.RandomErasing, noise: bool) -> None:
    special = pytest.importorskip("scipy.special")
    found, erased = value(layer, X, training=True, seed=9), 0
    words = np.array(drawn.words(12, X[0].size, seed=9, purpose="noise"))
    z = special.ndtri(((words >> 9) + 0.5) / 2**23).reshape(X.shape)
    lower, upper = layer.scale if isinstance(layer.scale, tuple) else (0.0, layer.scale)
    for b, (decision, *more) in enumerate(drawn.words(12, 5, seed=9)):
        a, e = (n * drawn.uniform(word, lower, upper) ** 0.5 for n, word in zip((5, 6), more[:2], strict=True))
        t, left = (drawn.uniform(word, 0, n - side) for n, side, word in zip((5, 6), (a, e), more[2:], strict=True))
        for p, q in np.ndindex(5, 6):
            fill = np.array(layer.fill_value) + (layer.noise * z[b, p, q] if noise else 0.0)
            if layer.value_range is not None:
                fill = np.minimum(np.maximum(fill, layer.value_range[0]), layer.value_range[1])
            hit = drawn.happens(decision, layer.probability) and t <= p < t + a and left <= q < left + e
            np.testing.assert_allclose(found[b, p, q], fill if hit else X[b, p, q], rtol=1e-12)
            erased += hit
    assert erased > 20
    np.testing.assert_array_equal(value(layer, X), X)


def test_erasing_against_keras() -> None:
    """What Keras's layer makes of the corners of our rectangles, and the share of the area that is erased."""
    keras = pytest.importorskip("nnspec_tensorflow.startup", reason="Keras is not installed").keras
    theirs = keras.layers.RandomErasing(1.0, (0.2, 0.6), fill_value=7.0)
    corners: list[list[float]] = [[], [], [], []]
    for _, *more in drawn.words(12, 5, seed=4):
        a, e = (n * drawn.uniform(word, 0.2, 0.6) ** 0.5 for n, word in zip((5, 6), more[:2], strict=True))
        t, left = (drawn.uniform(word, 0, n - side) for n, side, word in zip((5, 6), (a, e), more[2:], strict=True))
        for kept, corner in zip(corners, (left, left + e, t, t + a), strict=True):
            kept.append(corner)
    masks = theirs._generate_batch_mask(X.shape, tuple(np.array(c, np.float32) for c in corners))
    transformation = {
        "apply_erasing": np.ones(12, bool),
        "batch_masks": masks,
        "fill_value": np.full(X.shape, 7.0, "f"),
    }
    expected = theirs.transform_images(X.astype(np.float32), transformation)
    found = value(nn.RandomErasing(1.0, (0.2, 0.6), 7.0), X, training=True, seed=4)
    np.testing.assert_array_equal(found.astype(np.float32), np.asarray(expected))
    large = value(nn.RandomErasing(1.0, (0.1, 0.5), 1.0), np.zeros((400, 30, 30, 1)), training=True)
    sides = (2 / 3 * (0.5**1.5 - 0.1**1.5) / 0.4) ** 2  # the mean of √s, squared
    assert abs(large.mean() - sides) < 4 * large.mean((1, 2)).std() / 20


def devries(image: Any, length: int, y: int, x: int) -> Any:
    """github.com/uoguelph-mlrg/Cutout, util/cutout.py, for one hole."""
    h, w = image.shape[:2]
    mask = np.ones((h, w), np.float32)
    y1, y2 = np.clip(y - length // 2, 0, h), np.clip(y + length // 2, 0, h)
    x1, x2 = np.clip(x - length // 2, 0, w), np.clip(x + length // 2, 0, w)
    mask[y1:y2, x1:x2] = 0.0
    return image * mask[..., None]


def test_cutout() -> None:
    found = value(nn.Cutout(4), X, training=True, seed=6)
    for image, before, (_, down, right) in zip(found, X, drawn.words(12, 3, seed=6), strict=True):
        np.testing.assert_array_equal(image, devries(before, 4, drawn.whole(down, 5), drawn.whole(right, 6)))
    np.testing.assert_array_equal(value(nn.Cutout(4), X), X)


def test_cutout_of_odd_sizes_and_colors() -> None:
    layer, count = nn.Cutout((3, 1), 0.5, (0.5, -1.0, 2.0)), 0
    found = value(layer, X, training=True, seed=7)
    for image, before, (decision, down, right) in zip(found, X, drawn.words(12, 3, seed=7), strict=True):
        expected, (i, j) = before.copy(), (drawn.whole(down, 5), drawn.whole(right, 6))
        if decision < 2**31:
            expected[max(i - 1, 0) : i + 2, j] = (0.5, -1.0, 2.0)
            count += 1
        np.testing.assert_array_equal(image, expected)
    assert 0 < count < 12


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: nn.RandomFlip("vertical", joint=True), "joint: nothing is decided together in the mode vertical"),
        (lambda: nn.RandomFlip(probability=1.5), "probability: .*less than or equal to 1"),
        (lambda: nn.RandomCrop(0, 3), "height"),
        (lambda: nn.RandomCrop(3, 3, 1, "edge", 0.5), "value: a value is for the mode constant, not for edge"),
        (lambda: nn.RandomErasing(scale=(0.5, 0.1)), r"scale: expected the lower end first, got \[0.5, 0.1\]"),
        (lambda: nn.RandomErasing(scale=1.5), r"scale: expected a range within 0 to 1, got \[0.0, 1.5\]"),
        (lambda: nn.RandomErasing(value_range=(1.0, 0.0)), "value_range: expected the lower end first"),
        (lambda: nn.Cutout(0), "size"),
    ],
)
def test_wrong_fields(make: Any, reason: str) -> None:
    with pytest.raises(SpecError, match=reason):
        make()


@pytest.mark.parametrize(
    ("layer", "shape", "reason"),
    [
        (nn.RandomErasing(fill_value=(1.0, 2.0)), (None, 4, 4, 3), "RandomErasing: 2 fill values do not fit"),
        (nn.Cutout(2, fill_value=(1.0, 2.0)), (None, 4, 4, None), "the last axis of Cutout's images must have a known"),
        (nn.RandomCrop(2, 2), (None, None, 4, 3), "each axis of RandomCrop's images must have a known size"),
        (nn.CenterCrop(2, 2), (None, 0, 4, 3), "CenterCrop has nothing to take"),
        (nn.RandomCrop(2, 2, 4, "reflect"), (None, 4, 4, 3), "Pad cannot take 4 elements"),
    ],
)
def test_images_that_do_not_fit(layer: Any, shape: Any, reason: str) -> None:
    with pytest.raises(ShapeError, match=reason):
        layer.output_shape(shape)
