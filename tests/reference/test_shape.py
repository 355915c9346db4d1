"""Layers that only rearrange, element by element."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.errors import ShapeError, SpecError
from tests.reference.single import value

X = np.random.default_rng(4).normal(size=(2, 3, 4))


def test_flatten() -> None:
    found = value(nn.Flatten(), X)
    assert found.shape == (2, 12)
    for b, i, j in np.ndindex(X.shape):
        assert found[b, 4 * i + j] == X[b, i, j]


@pytest.mark.parametrize(
    ("shape", "expected"), [((6, 2), (6, 2)), ((-1, 6), (2, 6)), ((12,), (12,)), ((1, -1, 2), (1, 6, 2))]
)
def test_reshape(shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    found = value(nn.Reshape(shape), X)
    assert found.shape == (2, *expected)
    assert found[1].ravel().tolist() == X[1].ravel().tolist()


def test_no_features_and_no_examples() -> None:
    assert value(nn.Flatten(), np.arange(3.0)).tolist() == [[0.0], [1.0], [2.0]]
    assert value(nn.Flatten(), np.zeros((0, 3, 4))).shape == (0, 12)
    assert value(nn.Reshape((4, -1)), np.zeros((0, 3, 4))).shape == (0, 4, 3)
    assert value(nn.Reshape(()), np.arange(3.0)[:, None]).tolist() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("axes", [(2, 1), (1, 2)])
def test_permute(axes: tuple[int, ...]) -> None:
    found = value(nn.Permute(axes), X)
    assert found.shape == nn.Permute(axes).output_shape(X.shape)
    for b, i, j in np.ndindex(X.shape):
        assert found[(b, j, i) if axes == (2, 1) else (b, i, j)] == X[b, i, j]


def test_permute_of_three_axes() -> None:
    x = np.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5)
    found = value(nn.Permute((3, 1, 2)), x)  # the third axis first
    assert found.shape == (2, 5, 3, 4)
    for b, i, j, k in np.ndindex(x.shape):
        assert found[b, k, i, j] == x[b, i, j, k]


def test_repeat_vector() -> None:
    found = value(nn.RepeatVector(5), X[:, 0])
    assert found.shape == nn.RepeatVector(5).output_shape((2, 4)) == (2, 5, 4)
    for b, t in np.ndindex(2, 5):
        assert found[b, t].tolist() == X[b, 0].tolist()


@pytest.mark.parametrize("size", [2, 3])
def test_blocks_as_pytorch_shuffles_pixels(size: int) -> None:
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(1).normal(size=(2, size * 2, size * 3, 2))
    first = torch.from_numpy(np.ascontiguousarray(np.moveaxis(x, -1, 1)))
    packed = torch.nn.functional.pixel_unshuffle(first, size)
    found = value(nn.SpaceToDepth(size, "channels_first"), x)
    np.testing.assert_array_equal(found, np.moveaxis(packed.numpy(), 1, -1))
    np.testing.assert_array_equal(value(nn.DepthToSpace(size, "channels_first"), found), x)


def test_blocks_by_hand() -> None:
    """TensorFlow's published example, and the same along one axis and three."""
    x = np.arange(1.0, 17).reshape(1, 4, 4, 1)
    found = value(nn.SpaceToDepth(2), x)
    assert found.tolist() == [[[[1, 2, 5, 6], [3, 4, 7, 8]], [[9, 10, 13, 14], [11, 12, 15, 16]]]]
    np.testing.assert_array_equal(value(nn.DepthToSpace(2), found), x)
    pairs = np.arange(8.0).reshape(1, 4, 2)
    assert value(nn.SpaceToDepth(2), pairs).tolist() == [[[0, 1, 2, 3], [4, 5, 6, 7]]]
    assert value(nn.SpaceToDepth(2, "channels_first"), pairs).tolist() == [[[0, 2, 1, 3], [4, 6, 5, 7]]]
    cube = np.arange(8.0).reshape(1, 2, 2, 2, 1)
    assert value(nn.SpaceToDepth(2), cube).ravel().tolist() == list(range(8))
    np.testing.assert_array_equal(value(nn.DepthToSpace(2), value(nn.SpaceToDepth(2), cube)), cube)


def test_axes_of_any_length() -> None:
    assert nn.Permute((2, 1)).output_shape((None, None, 3)) == (None, 3, None)
    assert nn.SpaceToDepth(2).output_shape((None, None, 4, 3)) == (None, None, 2, 12)
    assert nn.DepthToSpace(2).output_shape((None, None, 4, 8)) == (None, None, 8, 2)
    assert nn.Permute((1,)).flops((2, 3)) == 0


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: nn.Permute((0, 1)), "axes"),
        (lambda: nn.Permute((2, 3)), r"axes: expected the numbers 1 to 2, each once, got \[2, 3\]"),
        (lambda: nn.RepeatVector(0), "n"),
        (lambda: nn.SpaceToDepth(1), "block_size"),
    ],
)
def test_options_that_mean_nothing(make: Any, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        make()


@pytest.mark.parametrize(
    ("spec", "shape", "words"),
    [
        (nn.Permute((2, 1)), (None, 3), "Permute of 2 axes needs inputs of 3 axes"),
        (nn.SpaceToDepth(2), (None, 3, 4, 1), r"cannot cut input \(batch, 3, 4, 1\) into blocks of 2"),
        (nn.SpaceToDepth(2), (None, 4), "needs inputs of 3 to 5 axes"),
        (nn.DepthToSpace(2), (None, 2, 2, 6), "cannot cut 6 channels into blocks of 4"),
    ],
)
def test_shapes_that_do_not_fit(spec: nn.Layer, shape: Any, words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        spec.output_shape(shape)
