"""Padding and cropping against PyTorch and element by element."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.errors import ShapeError, SpecError
from tests.reference.single import value

RNG = np.random.default_rng(4)
# PyTorch's names of the modes.
NAMES = {"constant": "constant", "edge": "replicate", "reflect": "reflect", "wrap": "circular"}


@pytest.mark.parametrize("mode", NAMES)
@pytest.mark.parametrize("margins", [((2, 1),), ((0, 2), (3, 1)), ((1, 0), (0, 1), (2, 2))])
def test_modes(mode: Any, margins: Any) -> None:
    torch = pytest.importorskip("torch")
    x = RNG.normal(size=(2, *(4, 5, 4)[: len(margins)], 3))
    options = {"value": -0.7} if mode == "constant" else {}
    given = torch.from_numpy(np.ascontiguousarray(np.moveaxis(x, -1, 1)))
    flat = [count for pair in reversed(margins) for count in pair]  # the last axis first
    expected = np.moveaxis(torch.nn.functional.pad(given, flat, NAMES[mode], **options).numpy(), 1, -1)
    spec = nn.Pad(margins, mode, **options)
    assert spec.output_shape(x.shape) == expected.shape
    np.testing.assert_array_equal(value(spec, x), expected)


@pytest.mark.parametrize(
    ("mode", "before", "after"),
    [
        ("constant", [0, 0], [0, 0]),
        ("edge", [1, 1], [3, 3]),
        ("reflect", [3, 2], [2, 1]),
        ("symmetric", [2, 1], [3, 2]),
        ("wrap", [2, 3], [1, 2]),
    ],
)
def test_by_hand(mode: Any, before: list[int], after: list[int]) -> None:
    x = np.array([1.0, 2, 3]).reshape(1, 3, 1)
    assert value(nn.Pad(((2, 2),), mode), x).ravel().tolist() == [*before, 1, 2, 3, *after]


def test_crop() -> None:
    x = RNG.normal(size=(2, 6, 5, 3))
    spec = nn.Crop(((1, 2), (0, 3)))
    found = value(spec, x)
    assert found.shape == spec.output_shape(x.shape) == (2, 3, 2, 3)
    for b, i, j, c in np.ndindex(found.shape):
        assert found[b, i, j, c] == x[b, i + 1, j, c]
    np.testing.assert_array_equal(value(spec, value(nn.Pad(((1, 2), (0, 3))), x)), x)


def test_axes_of_any_length() -> None:
    assert nn.Pad(((1, 2), (0, 3)), "reflect").output_shape((None, None, 4, 2)) == (None, None, 7, 2)
    assert nn.Crop(((1, 2), (0, 3))).output_shape((None, None, 4, 2)) == (None, None, 1, 2)
    assert nn.Pad(((1, 2),)).flops((1, 4, 2)) == 0


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: nn.Pad(()), "padding"),
        (lambda: nn.Pad(((-1, 1),)), "padding"),
        (lambda: nn.Pad(((1, 1),), "replicate"), "mode"),
        (lambda: nn.Pad(((1, 1),), "edge", 1.0), "value: a value is for the mode constant, not for edge"),
        (lambda: nn.Crop(((1, -1),)), "cropping"),
    ],
)
def test_options_that_do_not_go_together(make: Any, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        make()


@pytest.mark.parametrize(
    ("spec", "shape", "words"),
    [
        (nn.Pad(((1, 1),)), (None, 4, 4, 2), "Pad of 1 axes needs inputs of 3 axes"),
        (nn.Pad(((0, 3),), "reflect"), (None, 3, 2), "Pad cannot take 3 elements from axis 1 .* by reflect"),
        (nn.Pad(((4, 0),), "wrap"), (None, 3, 2), "Pad cannot take 4 elements from axis 1"),
        (nn.Pad(((1, 0),), "edge"), (None, 0, 2), "Pad cannot take 1 elements from axis 1"),
        (nn.Crop(((2, 1),)), (None, 3, 2), r"Crop of \[2, 1\] leaves nothing of axis 1 of input \(batch, 3, 2\)"),
        (nn.Crop(((2, 1),)), (None, 3), "Crop of 1 axes needs inputs of 3 axes"),
    ],
)
def test_shapes_that_do_not_fit(spec: nn.Layer, shape: Any, words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        spec.output_shape(shape)
