"""Transposed convolution against PyTorch, against TensorFlow's rule of sizes, and as the transpose of a convolution."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.errors import ShapeError, SpecError
from tests.reference.single import single, value

RNG = np.random.default_rng(3)
SIZES = {1: (5,), 2: (4, 3), 3: (3, 2, 4)}


def torch_transpose(x: Any, kernel: Any, bias: Any, groups: int = 1, **options: Any) -> Any:
    """PyTorch's with channels last and our kernel, whose weight is (in, features/groups, *window)."""
    torch = pytest.importorskip("torch")
    rank = x.ndim - 2
    function = getattr(torch.nn.functional, f"conv_transpose{rank}d")
    weight = np.concatenate([np.moveaxis(part, (-2, -1), (0, 1)) for part in np.split(kernel, groups, -1)])
    tensors = [torch.from_numpy(np.ascontiguousarray(a)) for a in (np.moveaxis(x, -1, 1), weight, bias)]
    return np.moveaxis(function(*tensors, groups=groups, **options).numpy(), 1, -1)


def variables(*kernel: int) -> dict[str, Any]:
    return {"kernel": RNG.normal(size=kernel), "bias": RNG.normal(size=kernel[-1])}


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize(
    ("stride", "padding", "added", "dilation", "groups"),
    [(1, 0, 0, 1, 1), (2, 1, 1, 1, 1), (3, 0, 2, 1, 1), (2, 2, 1, 2, 1), (2, 1, 0, 1, 2), (2, 0, 1, 2, 4)],
)
def test_explicit_padding(rank: int, stride: int, padding: int, added: int, dilation: int, groups: int) -> None:
    x, v = RNG.normal(size=(2, *SIZES[rank], 4)), variables(*(3, 2, 2)[:rank], 4 // groups, 8)
    spec = nn.ConvTranspose(8, (3, 2, 2)[:rank], stride, ((padding, padding),) * rank, added, dilation, groups)
    options = {"stride": stride, "padding": padding, "output_padding": added, "dilation": dilation}
    expected = torch_transpose(x, v["kernel"], v["bias"], groups, **options)
    found = value(spec, x, variables=v)
    assert found.shape == expected.shape == spec.output_shape(x.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(
    ("size", "window", "stride", "dilation"), [(4, 3, 2, 1), (3, 4, 1, 1), (3, 2, 3, 1), (4, 2, 2, 3)]
)
def test_the_transpose_of_the_convolution_with_the_same_options(
    padding: Any, size: int, window: int, stride: int, dilation: int
) -> None:
    """⟨conv(y), x⟩ = ⟨y, transposed(x)⟩, with the kernel's channels exchanged: what TensorFlow's kernels compute."""
    kernel = RNG.normal(size=(window, 2, 3))
    spec = nn.ConvTranspose(2, (window,), stride, padding, dilation=dilation, use_bias=False)
    (_, positions, _) = spec.output_shape((1, size, 3))
    x, y = RNG.normal(size=(1, size, 3)), RNG.normal(size=(1, positions, 2))
    conv = nn.Conv(3, (window,), stride, padding, dilation, use_bias=False)
    there = value(conv, y, variables={"kernel": kernel})
    assert there.shape == x.shape
    back = value(spec, x, variables={"kernel": kernel.swapaxes(-1, -2)})
    np.testing.assert_allclose(np.sum(there * x), np.sum(y * back), rtol=1e-12)


def test_by_hand() -> None:
    x, kernel = np.array([1.0, 10]).reshape(1, 2, 1), np.array([1.0, 2, 3]).reshape(3, 1, 1)

    def found(**options: Any) -> list[float]:
        spec = nn.ConvTranspose(1, (3,), use_bias=False, **options)
        return value(spec, x, variables={"kernel": kernel}).ravel().tolist()  # type: ignore[no-any-return]

    assert found(strides=2, padding="valid") == [1, 2, 13, 20, 30]
    assert found(strides=2, padding="same") == [1, 2, 13, 20]
    assert found(strides=1, padding="same") == [12, 23]
    assert found(strides=4, padding="valid") == [1, 2, 3, 0, 10, 20, 30, 0]
    assert found(strides=4, padding=((0, 0),)) == [1, 2, 3, 0, 10, 20, 30]
    assert found(strides=2, padding=((1, 1),)) == [2, 13, 20]
    assert found(strides=2, padding=((1, 1),), output_padding=1) == [2, 13, 20, 30]
    assert found(strides=2, padding=((0, 0),), output_padding=2) == [1, 2, 13, 20, 30, 0, 0]
    assert found(strides=1, padding=((0, 0),), dilation=2) == [1, 10, 2, 20, 3, 30]


def test_kernels_of_flax_are_flipped() -> None:
    jax = pytest.importorskip("jax")
    x, kernel = RNG.normal(size=(2, 4, 3, 2)).astype(np.float32), RNG.normal(size=(3, 4, 2, 5)).astype(np.float32)
    for padding in ("SAME", "VALID"):
        flax = jax.lax.conv_transpose(x, kernel, (2, 1), padding, precision="highest")
        spec: Any = nn.ConvTranspose(5, (3, 4), (2, 1), padding.lower(), use_bias=False)  # type: ignore[arg-type]
        ours = value(spec, x, variables={"kernel": kernel[::-1, ::-1]})
        np.testing.assert_allclose(ours, flax, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_in_other_types(dtype: str) -> None:
    x, kernel = RNG.normal(size=(2, 4, 3)).astype(dtype), RNG.normal(size=(3, 3, 2)).astype(dtype)
    spec = nn.ConvTranspose(2, (3,), 2, use_bias=False)
    found = single(spec, x, variables={"kernel": kernel}, dtype=dtype).outputs["node"]
    exact = value(spec, x.astype(float), variables={"kernel": kernel.astype(float)})
    assert found.dtype == np.dtype(dtype)
    np.testing.assert_allclose(found.astype(float), exact.astype(dtype).astype(float), rtol=1e-2, atol=1e-3)


def test_parameters_and_operations() -> None:
    spec = nn.ConvTranspose(6, (3, 2), groups=2)
    params = spec.params((None, 5, 5, 4))
    assert params["kernel"].shape == (3, 2, 2, 6) and params["kernel"].decay
    assert params["bias"].shape == (6,) and not params["bias"].decay
    assert list(nn.ConvTranspose(6, (3,), use_bias=False).params((None, 5, 4))) == ["kernel"]
    # 4 positions of 2 channels, each 3 places of 5 features: a product and a sum; the bias at 8 positions.
    assert nn.ConvTranspose(5, (3,), 2).flops((1, 4, 2)) == 4 * 2 * 3 * 5 * 2 + 8 * 5
    assert nn.ConvTranspose(3, (3, 3), 2).output_shape((None, None, 5, 2)) == (None, None, 10, 3)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: nn.ConvTranspose(4, (3, 3), output_padding=(1,)), "output_padding: expected 2 values"),
        (lambda: nn.ConvTranspose(4, (3,), padding="causal"), "padding"),
        (lambda: nn.ConvTranspose(4, (3,), groups=3), "groups: 4 features cannot be cut into 3 equal groups"),
        (lambda: nn.ConvTranspose(4, (3,), output_padding=-1), "output_padding"),
    ],
)
def test_options_that_do_not_go_together(make: Any, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        make()


@pytest.mark.parametrize(
    ("spec", "shape", "words"),
    [
        (nn.ConvTranspose(4, (3,)), (None, 4, 4, 2), "a window of 1 axes needs inputs of 3 axes"),
        (nn.ConvTranspose(4, (3,), padding=((2, 2),)), (None, 1, 2), r"leaves nothing of input \(batch, 1, 2\)"),
        (nn.ConvTranspose(4, (3,), groups=2), (None, 4, 3), "3 channels cannot be cut into 2 equal groups"),
        (nn.ConvTranspose(4, (3,)), (None, 4, None), "the last axis of ConvTranspose's input must have a known size"),
    ],
)
def test_shapes_that_do_not_fit(spec: nn.Layer, shape: Any, words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        spec.output_shape(shape)
