"""Layers that change how densely axes are sampled, against PyTorch and element by element."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.errors import ShapeError, SpecError
from tests.reference.single import value

RNG = np.random.default_rng(4)


@pytest.mark.parametrize("factors", [(3,), (2, 3), (1, 3, 2)])
def test_upsample(factors: tuple[int, ...]) -> None:
    torch = pytest.importorskip("torch")
    x = RNG.normal(size=(2, *(4, 3, 2)[: len(factors)], 3))
    given = torch.from_numpy(np.ascontiguousarray(np.moveaxis(x, -1, 1)))
    expected = torch.nn.functional.interpolate(given, scale_factor=factors, mode="nearest").numpy()
    assert nn.Upsample(factors).output_shape(x.shape) == (2, *expected.shape[2:], 3)
    np.testing.assert_array_equal(value(nn.Upsample(factors), x), np.moveaxis(expected, 1, -1))


def test_upsample_by_hand() -> None:
    assert value(nn.Upsample((3,)), np.array([[[1.0], [2.0]]])).ravel().tolist() == [1, 1, 1, 2, 2, 2]
    assert nn.Upsample((3, 2)).output_shape((None, None, 2, 4)) == (None, None, 4, 4)


def test_upsample_errors() -> None:
    with pytest.raises(SpecError, match="factors"):
        nn.Upsample((0,))
    with pytest.raises(ShapeError, match="Upsample with 1 factors needs inputs of 3 axes"):
        nn.Upsample((2,)).output_shape((None, 4, 4, 2))


# PyTorch's names, by the number of axes.
LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}


def torch_resize(x: Any, sizes: tuple[int, ...], mode: str, **options: Any) -> Any:
    torch = pytest.importorskip("torch")
    given = torch.from_numpy(np.ascontiguousarray(np.moveaxis(x, -1, 1)))
    return np.moveaxis(torch.nn.functional.interpolate(given, sizes, mode=mode, **options).numpy(), 1, -1)


@pytest.mark.parametrize("sizes", [(9,), (3,), (2, 7), (8, 3), (3, 5, 2)])
@pytest.mark.parametrize("corners", [False, True])
def test_linear(sizes: tuple[int, ...], corners: bool) -> None:
    x = RNG.normal(size=(2, *(5, 4, 3)[: len(sizes)], 3))
    expected = torch_resize(x, sizes, LINEAR[len(sizes)], align_corners=corners)
    spec = nn.Resize(sizes, coordinates="align_corners" if corners else "half_pixel")
    found = value(spec, x)
    assert found.shape == expected.shape == spec.output_shape(x.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("sizes", [(9, 7), (3, 2), (1, 11)])
def test_pytorch(sizes: tuple[int, int]) -> None:
    x = RNG.normal(size=(2, 5, 4, 3))

    def check(spec: nn.Layer, mode: str, **options: Any) -> None:
        np.testing.assert_allclose(value(spec, x), torch_resize(x, sizes, mode, **options), rtol=1e-11, atol=1e-12)

    check(nn.Resize(sizes, "nearest"), "nearest-exact")
    check(nn.Resize(sizes, "cubic", a=-0.75, edges="repeat"), "bicubic")
    check(nn.Resize(sizes, "cubic", False, "align_corners", -0.75, "repeat"), "bicubic", align_corners=True)
    check(nn.Resize(sizes, antialias=True), "bilinear", antialias=True)
    check(nn.Resize(sizes, "cubic", antialias=True), "bicubic", antialias=True)


@pytest.mark.parametrize("method", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("antialias", [False, True])
def test_jax(method: Any, antialias: bool) -> None:
    jax = pytest.importorskip("jax")
    x, sizes = RNG.normal(size=(2, 6, 4, 3)).astype(np.float32), (4, 9)
    expected = jax.image.resize(x, (2, *sizes, 3), method, antialias=antialias, precision="highest")
    spec = nn.Resize(sizes, method, antialias=antialias and method != "nearest")
    np.testing.assert_allclose(value(spec, x), expected, rtol=1e-5, atol=1e-5)


def test_resize_by_hand() -> None:
    x = np.array([0.0, 4.0]).reshape(1, 2, 1)
    assert value(nn.Resize((4,)), x).ravel().tolist() == [0, 1, 3, 4]
    assert value(nn.Resize((3,), coordinates="align_corners"), x).ravel().tolist() == [0, 2, 4]
    assert value(nn.Resize((4,), "nearest"), x).ravel().tolist() == [0, 0, 4, 4]
    assert value(nn.Resize((1,), coordinates="align_corners"), x).ravel().tolist() == [0]
    assert value(nn.Resize((1,)), x).ravel().tolist() == [2]


def test_resize_counts_and_errors() -> None:
    assert nn.Resize((3, 2)).flops((1, 4, 5, 2)) == 3 * 5 * 2 * 7 + 3 * 2 * 2 * 9
    assert nn.Resize((3, 2), "nearest").flops((1, 4, 5, 2)) == 0
    with pytest.raises(SpecError, match="antialias: nothing is averaged by nearest"):
        nn.Resize((3,), "nearest", antialias=True)
    with pytest.raises(SpecError, match="coordinates: align_corners is for linear and cubic"):
        nn.Resize((3,), antialias=True, coordinates="align_corners")
    with pytest.raises(ShapeError, match="Resize to 1 sizes needs inputs of 3 axes"):
        nn.Resize((3,)).output_shape((None, 4, 4, 2))
    assert nn.Resize((3,)).output_shape((None, None, 2)) == (None, 3, 2)
    with pytest.raises(ShapeError, match="Resize has nothing to resample"):
        nn.Resize((3,)).output_shape((None, 0, 2))
    with pytest.raises(SpecError, match="a: a is for the method cubic, not for linear"):
        nn.Resize((3,), a=-0.75)
    with pytest.raises(SpecError, match="edges: edges are for linear and cubic, not for nearest"):
        nn.Resize((3,), "nearest", edges="repeat")


@pytest.mark.parametrize("a", [4.0, 0.1, -1.1])
def test_kernels_whose_weights_may_sum_to_nothing_are_refused(a: float) -> None:
    """With a = 4, k(½) is 0: one element, seen from the side, would have no weight."""
    with pytest.raises(SpecError, match=f"a: .*{a}"):
        nn.Resize((2,), "cubic", a=a)
