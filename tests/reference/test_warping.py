"""Layers that shift, turn, stretch and distort images, against SciPy, Keras's layers, and by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.errors import ShapeError, SpecError
from tests.reference import drawn
from tests.reference.single import value

RNG = np.random.default_rng(9)
X = RNG.normal(size=(7, 6, 7, 2))
P, Q = np.mgrid[:6, :7].astype(float)
# The middle of these images.
CP, CQ = 2.5, 3.0
SCIPY = {"constant": "grid-constant", "nearest": "nearest", "reflect": "reflect", "wrap": "grid-wrap"}

Places = tuple[Any, Any]


def shifted(words: list[int]) -> Places:
    return P - 6 * drawn.uniform(words[0], -0.8, 0.6), Q - 7 * drawn.uniform(words[1], -0.9, 0.9)


def turned(words: list[int]) -> Places:
    a = 2 * math.pi * drawn.uniform(words[0], -0.6, 0.9)
    p, q = P - CP, Q - CQ
    return CP + math.cos(a) * p + math.sin(a) * q, CQ - math.sin(a) * p + math.cos(a) * q


def zoomed(words: list[int]) -> Places:
    return CP + drawn.uniform(words[0], 0.4, 2.0) * (P - CP), CQ + drawn.uniform(words[1], 0.5, 1.5) * (Q - CQ)


def zoomed_alike(words: list[int]) -> Places:
    z = 1 + drawn.uniform(words[0], -0.5, 0.5)
    return CP + z * (P - CP), CQ + z * (Q - CQ)


def sheared(words: list[int]) -> Places:
    x, y = drawn.uniform(words[0], 0.2, 0.9), drawn.uniform(words[1], -0.5, 0.5)
    return P + y * (Q - CQ), Q + x * (P - CP)


def sheared_like_keras(words: list[int]) -> Places:
    x, y = drawn.uniform(words[0], 0.2, 0.9), drawn.uniform(words[1], 0.1, 0.3)
    sign = -1 if words[2] < 2**31 else 1
    return P + sign * y * Q, Q + sign * x * P


WARPS: list[tuple[Callable[..., Any], int, Callable[[list[int]], Places]]] = [
    (lambda **options: nn.RandomTranslation((-0.8, 0.6), 0.9, **options), 2, shifted),
    (lambda **options: nn.RandomRotation((-0.6, 0.9), **options), 1, turned),
    (lambda **options: nn.RandomZoom((-0.6, 1.0), 0.5, **options), 2, zoomed),
    (lambda **options: nn.RandomZoom(0.5, **options), 2, zoomed_alike),
    (lambda **options: nn.RandomShear((0.2, 0.9), 0.5, **options), 3, sheared),
    (
        lambda **options: nn.RandomShear((0.2, 0.9), (0.1, 0.3), mirrored=True, origin="corner", **options),
        3,
        sheared_like_keras,
    ),
]
NAMES = ["translation", "rotation", "zoom", "zoom alike", "shear", "shear like Keras"]
# Keras shears about the corner alone.
KERAS = [warp for warp, name in zip(WARPS, NAMES, strict=True) if name != "shear"]


@pytest.mark.parametrize("mode", SCIPY)
@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize(("make", "count", "places"), WARPS, ids=NAMES)
def test_against_scipy(make: Any, count: int, places: Any, order: int, mode: str) -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    fill = 1.5 if mode == "constant" else 0.0
    layer = make(fill_mode=mode, fill_value=fill, interpolation=("nearest", "bilinear")[order])
    found = value(layer, X, training=True, seed=3, step=1)
    for image, before, words in zip(found, X, drawn.words(len(X), count, seed=3, step=1), strict=True):
        for channel in range(2):
            expected = ndimage.map_coordinates(
                before[..., channel], places(words), order=order, mode=SCIPY[mode], cval=fill
            )
            np.testing.assert_allclose(image[..., channel], expected, rtol=1e-11, atol=1e-12)
    np.testing.assert_array_equal(value(layer, X), X)


def to_keras(s: Any, t: Any) -> list[float]:
    """Keras's eight numbers of an affine transform, from where it puts three corners."""
    rows, columns = ([f[0, 1] - f[0, 0], f[1, 0] - f[0, 0], f[0, 0]] for f in (s, t))
    return [*columns, *rows, 0.0, 0.0]


@pytest.mark.parametrize(("make", "count", "places"), KERAS, ids=[name for name in NAMES if name != "shear"])
def test_against_keras(make: Any, count: int, places: Any) -> None:
    """Keras's own layers, given what is drawn; they compute in float32."""
    keras = pytest.importorskip("nnspec_tensorflow.startup", reason="Keras is not installed").keras
    spec, x = make(fill_mode="reflect"), X.astype(np.float32)
    words = drawn.words(len(X), count, seed=5)
    transforms = np.array([to_keras(*places(each)) for each in words], np.float32)
    if isinstance(spec, nn.RandomRotation):
        layer, given = keras.layers.RandomRotation(0.5), {"rotation_matrix": transforms}
    elif isinstance(spec, nn.RandomTranslation):
        layer = keras.layers.RandomTranslation(0.5, 0.5)
        given = {"translations": -transforms[:, [2, 5]]}
    elif isinstance(spec, nn.RandomZoom):
        layer = keras.layers.RandomZoom(0.5)
        given = {"width_zoom": transforms[:, :1], "height_zoom": transforms[:, 4:5]}
    else:
        layer, given = keras.layers.RandomShear(0.5), {"shear_factor": transforms[:, [1, 3]]}
    for interpolation in ("bilinear", "nearest"):
        layer.interpolation = interpolation
        theirs = layer.transform_images(x, given, training=True).numpy()
        ours = value(make(fill_mode="reflect", interpolation=interpolation), X, training=True, seed=5)
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


def test_keras_turns_the_same_way() -> None:
    """The matrix that Keras makes of an angle is that of the formula."""
    keras = pytest.importorskip("nnspec_tensorflow.startup", reason="Keras is not installed").keras
    layer = keras.layers.RandomRotation((0.1, 0.1))
    made = layer.get_random_transformation(X.astype(np.float32), training=True)["rotation_matrix"].numpy()
    a = 2 * math.pi * 0.1
    p, q = P - CP, Q - CQ
    places = CP + math.cos(a) * p + math.sin(a) * q, CQ - math.sin(a) * p + math.cos(a) * q
    np.testing.assert_allclose(made[0], to_keras(*places), atol=1e-5)


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
@pytest.mark.parametrize("quarters", [-4, -3, -1, 0, 1, 2, 3, 4])
def test_quarter_turns_are_exact(quarters: int, interpolation: Any) -> None:
    """Counterclockwise for positive ones, as NumPy turns; nothing is rounded."""
    x, factor = RNG.normal(size=(2, 5, 5, 3)), quarters / 4
    layer = nn.RandomRotation((factor, factor), fill_mode="constant", interpolation=interpolation)
    np.testing.assert_array_equal(value(layer, x, training=True), np.rot90(x, quarters, (1, 2)))


def row(*numbers: float) -> Any:
    return np.array(numbers).reshape(1, 1, -1, 1)


@pytest.mark.parametrize(
    ("mode", "far", "nearest", "half"),
    [
        ("constant", [9, 9, 9, 1], [9, 1, 2, 3], [5, 1.5, 2.5, 3.5]),
        ("nearest", [1, 1, 1, 1], [1, 1, 2, 3], [1, 1.5, 2.5, 3.5]),
        ("reflect", [3, 2, 1, 1], [1, 1, 2, 3], [1, 1.5, 2.5, 3.5]),
        ("wrap", [2, 3, 4, 1], [4, 1, 2, 3], [2.5, 1.5, 2.5, 3.5]),
    ],
)
def test_by_hand(mode: Any, far: list[float], nearest: list[float], half: list[float]) -> None:
    """1 2 3 4 shifted by three elements, by one, and by a half: between elements, and at a tie of the nearest."""
    x, options = row(1, 2, 3, 4), {"fill_mode": mode, "fill_value": 9.0 if mode == "constant" else 0.0}

    def shift(by: float, interpolation: str = "bilinear") -> list[float]:
        layer = nn.RandomTranslation(0.0, (by / 4, by / 4), interpolation=interpolation, **options)
        found: list[float] = value(layer, x, training=True).ravel().tolist()
        return found

    assert shift(3) == shift(3, "nearest") == far
    assert shift(1) == shift(1, "nearest") == nearest
    assert shift(0.5) == half
    assert shift(0.5, "nearest") == [1, 2, 3, 4]  # −½ goes up to 0
    assert shift(-0.5, "nearest")[:3] == [2, 3, 4]  # ½ goes up to 1
    assert shift(-4)[3] == {"constant": 9, "nearest": 4, "reflect": 1, "wrap": 4}[mode]


def test_angles_are_uniform() -> None:
    """Where a single bright element goes tells the angle: means and ranges of many."""
    x = np.zeros((4000, 21, 21, 1))
    x[:, 10, 18] = 1.0
    y = value(nn.RandomRotation((-0.05, 0.15), fill_mode="constant"), x, training=True, seed=1)[..., 0]
    p, q = np.mgrid[-10:11, -10:11]
    total = y.sum((1, 2))
    found = np.arctan2(-(y * p).sum((1, 2)) / total, (y * q).sum((1, 2)) / total) / (2 * math.pi)
    assert abs(found.mean() - 0.05) < 4 * 0.2 / math.sqrt(12 * 4000) + 1e-3
    assert -0.055 < found.min() < -0.045 and 0.145 < found.max() < 0.155
    assert abs(found.std() - 0.2 / math.sqrt(12)) < 0.002


@pytest.mark.parametrize(
    "layer",
    [
        nn.RandomTranslation(0.0, 0.0),
        nn.RandomRotation(0.0),
        nn.RandomZoom(0.0),
        nn.RandomShear(),
        nn.RandomTranslation((1.0, 1.0), (-1.0, -1.0), fill_mode="wrap"),
    ],
)
def test_nothing_changes(layer: Any) -> None:
    np.testing.assert_array_equal(value(layer, X, training=True), X)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: nn.RandomTranslation(0.1, 1.5), r"width_factor: expected a range within -1 to 1"),
        (lambda: nn.RandomRotation((0.5, 0.25)), "factor: expected the lower end first"),
        (lambda: nn.RandomZoom(0.5, (-1.0, 0.0)), "width_factor: nothing is left of an image at a factor of -1"),
        (lambda: nn.RandomShear(y_factor=-2.0), "y_factor"),
        (lambda: nn.RandomRotation(0.5, fill_value=1.0), "fill_value: a fill value is for the mode constant"),
        (lambda: nn.RandomRotation(0.5, fill_mode="mirror"), "fill_mode"),
        (lambda: nn.RandomPerspective(1.5), "scale: .*less than or equal to 1"),
        (lambda: nn.RandomElasticTransform(scale=(0.5, 1.5)), "scale: expected a range within 0 to 1"),
    ],
)
def test_wrong_fields(make: Any, reason: str) -> None:
    with pytest.raises(SpecError, match=reason):
        make()


def test_images_that_do_not_fit() -> None:
    with pytest.raises(ShapeError, match="RandomRotation needs images"):
        nn.RandomRotation(0.5).output_shape((None, 4, 4))
    with pytest.raises(ShapeError, match="each axis of RandomZoom's images must have a known size"):
        nn.RandomZoom(0.5).output_shape((None, None, 4, 3))
    with pytest.raises(ShapeError, match="RandomZoom has nothing to take"):
        nn.RandomZoom(0.5).output_shape((None, 0, 4, 3))
    assert nn.RandomZoom(0.5).output_shape((None, 4, 5, None)) == (None, 4, 5, None)


# As (row, column), the corners of these images.
CORNERS = np.array([(0, 0), (0, 6), (5, 0), (5, 6)], float)


def moved(layer: nn.RandomPerspective, words: list[int]) -> Any:
    """Where the four corners are moved to."""
    ends, half = CORNERS.copy(), layer.scale / 2
    for n, (row, column) in enumerate(CORNERS):
        for axis, (place, size) in enumerate(((row, 5), (column, 6))):
            word = words[1 + 2 * n + axis]
            if layer.corners == "scaled":
                ends[n, axis] = place + place * drawn.uniform(word, -half, half)
            else:
                share = size * drawn.uniform(word, 0, half)
                ends[n, axis] = place + share if place == 0 else place - share
    return ends


def homography(ends: Any) -> Any:
    """The 3×3 matrix that takes these places to the corners: eight equations, as in Keras and torchvision."""
    equations, right = [], []
    for (p, q), (s, t) in zip(ends, CORNERS, strict=True):
        equations += [[p, q, 1, 0, 0, 0, -s * p, -s * q], [0, 0, 0, p, q, 1, -t * p, -t * q]]
        right += [s, t]
    return np.append(np.linalg.solve(np.array(equations), np.array(right)), 1.0).reshape(3, 3)


@pytest.mark.parametrize(
    "layer",
    [
        nn.RandomPerspective(0.7, 1.0),
        nn.RandomPerspective(0.6, 0.5, fill_value=1.5),
        nn.RandomPerspective(0.5, 1.0, "scaled", fill_mode="wrap"),
        nn.RandomPerspective(0.9, 1.0, fill_mode="reflect", interpolation="nearest"),
    ],
)
def test_perspective(layer: nn.RandomPerspective) -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    found, left_alone = value(layer, X, training=True, seed=3), 0
    order = ("nearest", "bilinear").index(layer.interpolation)
    for image, before, words in zip(found, X, drawn.words(len(X), 9, seed=3), strict=True):
        if not drawn.happens(words[0], layer.probability):
            np.testing.assert_array_equal(image, before)
            left_alone += 1
            continue
        s, t, k = np.einsum("ij,jpq->ipq", homography(moved(layer, words)), np.array([P, Q, np.ones_like(P)]))
        for channel in range(2):
            expected = ndimage.map_coordinates(
                before[..., channel], (s / k, t / k), order=order, mode=SCIPY[layer.fill_mode], cval=layer.fill_value
            )
            np.testing.assert_allclose(image[..., channel], expected, rtol=1e-9, atol=1e-10)
    assert (0 < left_alone < len(X)) == (layer.probability < 1)
    np.testing.assert_array_equal(value(layer, X), X)


@pytest.mark.parametrize("corners", ["inward", "scaled"])
def test_perspective_against_keras(corners: Any) -> None:
    keras = pytest.importorskip("nnspec_tensorflow.startup", reason="Keras is not installed").keras
    spec = nn.RandomPerspective(0.6, 0.5, corners, fill_value=0.5)
    words = drawn.words(len(X), 9, seed=8)
    given = {
        "apply_perspective": np.array([drawn.happens(each[0], 0.5) for each in words]),
        "start_points": np.repeat(CORNERS[None, :, ::-1], len(X), 0).astype(np.float32),
        "end_points": np.array([moved(spec, each)[:, ::-1] for each in words], np.float32),
    }
    layer = keras.layers.RandomPerspective(fill_value=0.5)
    theirs = np.asarray(layer.transform_images(X.astype(np.float32), given, training=True))
    np.testing.assert_allclose(value(spec, X, training=True, seed=8), theirs, rtol=1e-4, atol=2e-4)


@pytest.mark.parametrize("scale", [1.0, (0.95, 1.0), (0.2, 0.4), 0.0])
def test_elastic_transform(scale: Any) -> None:
    """SciPy's Gaussian filters of our numbers: kernels that end at 3, or after the middle."""
    ndimage, special = pytest.importorskip("scipy.ndimage"), pytest.importorskip("scipy.special")
    x = RNG.normal(size=(5, 22, 21, 1))
    layer = nn.RandomElasticTransform(scale, 0.8, fill_mode="nearest")
    noise = np.array(drawn.words(5, 22 * 21 * 2, seed=2, purpose="noise"))
    z = special.ndtri(((noise >> 9) + 0.5) / 2**23).reshape(5, 22, 21, 2)
    found, changed = value(layer, x, training=True, seed=2), 0
    lower, upper = scale if isinstance(scale, tuple) else (0.0, scale)
    for b, (decision, word) in enumerate(drawn.words(5, 2, seed=2)):
        f = drawn.uniform(word, lower, upper)
        alpha, sigma = 0.1 * 22 * f, 0.05 * 21 * f
        field = sigma * z[b]
        for axis in (0, 1) if sigma else ():
            options = {"axis": axis, "mode": "constant", "radius": 3 * int(sigma)}
            field = ndimage.gaussian_filter1d(field, sigma, **options)
        places = np.mgrid[:22, :21] + alpha * np.moveaxis(field, -1, 0)
        expected = ndimage.map_coordinates(x[b, ..., 0], places, order=1, mode="nearest")
        hit = drawn.happens(decision, 0.8)
        changed += hit
        np.testing.assert_allclose(found[b, ..., 0], expected if hit else x[b, ..., 0], rtol=1e-10, atol=1e-11)
    assert 0 < changed < 5
    np.testing.assert_array_equal(value(layer, x), x)
