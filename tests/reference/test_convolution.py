"""Convolutions against PyTorch, SciPy and sums worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.errors import ShapeError, SpecError
from tests.reference.single import single, value

RNG = np.random.default_rng(3)
SIZES = {1: (9,), 2: (7, 8), 3: (5, 4, 6)}


def torch_conv(x: Any, kernel: Any, bias: Any, rank: int, pads: Any = None, **options: Any) -> Any:
    """PyTorch's convolution with channels last; ``pads`` are (before, after) by axis."""
    torch = pytest.importorskip("torch")
    function = {1: torch.nn.functional.conv1d, 2: torch.nn.functional.conv2d, 3: torch.nn.functional.conv3d}[rank]
    given = np.moveaxis(x, -1, 1)
    if pads is not None:
        given = np.pad(given, ((0, 0), (0, 0), *pads))
    weight = np.moveaxis(kernel, (-1, -2), (0, 1))
    tensors = [torch.from_numpy(np.ascontiguousarray(a)) for a in (given, weight, bias)]
    return np.moveaxis(function(*tensors, **options).numpy(), 1, -1)


def variables(*kernel: int) -> dict[str, Any]:
    return {"kernel": RNG.normal(size=kernel), "bias": RNG.normal(size=kernel[-1])}


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("strides", [1, 2, 3])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("groups", [1, 2])
def test_valid(rank: int, strides: int, dilation: int, groups: int) -> None:
    x = RNG.normal(size=(2, *SIZES[rank], 4))
    v = variables(*(3, 2, 2)[:rank], 4 // groups, 6)
    spec = nn.Conv(6, (3, 2, 2)[:rank], strides, "valid", dilation, groups)
    expected = torch_conv(x, v["kernel"], v["bias"], rank, stride=strides, dilation=dilation, groups=groups)
    found = value(spec, x, variables=v)
    assert found.shape == expected.shape == spec.output_shape(x.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_explicit_padding(rank: int) -> None:
    x, pads = RNG.normal(size=(2, *SIZES[rank], 3)), ((2, 0), (0, 3), (1, 1))[:rank]
    v = variables(*(3, 2, 2)[:rank], 3, 5)
    expected = torch_conv(x, v["kernel"], v["bias"], rank, pads, stride=2)
    found = value(nn.Conv(5, (3, 2, 2)[:rank], 2, pads), x, variables=v)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("dilation", [1, 3])
def test_causal_sees_nothing_of_the_future(dilation: int) -> None:
    x, v = RNG.normal(size=(2, 9, 3)), variables(3, 3, 4)
    spec = nn.Conv(4, (3,), padding="causal", dilation=dilation)
    expected = torch_conv(x, v["kernel"], v["bias"], 1, ((2 * dilation, 0),), dilation=dilation)
    found = value(spec, x, variables=v)
    assert found.shape == (2, 9, 4)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)
    later = x.copy()
    later[:, 5:] += 1
    np.testing.assert_array_equal(value(spec, later, variables=v)[:, :5], found[:, :5])


# The zeros before and after, by hand from TensorFlow's published rule: with stride s, p = max(w − s, 0) where s divides
# the size n, and max(w − n mod s, 0) else, ⌊p/2⌋ of it before.
@pytest.mark.parametrize(
    ("size", "window", "stride", "dilation", "pads"),
    [
        (5, 2, 1, 1, (0, 1)),
        (5, 3, 2, 1, (1, 1)),
        (6, 3, 2, 1, (0, 1)),
        (6, 4, 1, 1, (1, 2)),
        (7, 2, 3, 1, (0, 1)),
        (7, 1, 3, 1, (0, 0)),
        (6, 3, 1, 2, (2, 2)),
        (6, 3, 2, 2, (1, 2)),
        (1, 5, 2, 1, (2, 2)),
    ],
)
def test_same_puts_the_odd_zero_at_the_end(
    size: int, window: int, stride: int, dilation: int, pads: tuple[int, int]
) -> None:
    x, v = RNG.normal(size=(2, size, 3)), variables(window, 3, 4)
    same = value(nn.Conv(4, (window,), stride, "same", dilation), x, variables=v)
    assert same.shape[1] == -(-size // stride)
    expected = torch_conv(x, v["kernel"], v["bias"], 1, (pads,), stride=stride, dilation=dilation)
    np.testing.assert_allclose(same, expected[:, : same.shape[1]], rtol=1e-12, atol=1e-13)


def test_a_correlation_as_scipy_has_it() -> None:
    signal = pytest.importorskip("scipy.signal")
    x, kernel = RNG.normal(size=(6, 7)), RNG.normal(size=(3, 4))
    v = {"kernel": kernel[..., None, None]}
    for padding in ("valid", "same"):
        found = value(nn.Conv(1, (3, 4), padding=padding, use_bias=False), x[None, ..., None], variables=v)
        expected = signal.correlate2d(x, kernel, "valid")
        if padding == "same":
            expected = signal.correlate2d(np.pad(x, ((1, 1), (1, 2))), kernel, "valid")
        np.testing.assert_allclose(found[0, ..., 0], expected, rtol=1e-12, atol=1e-13)


def test_by_hand() -> None:
    x = np.array([1.0, 2, 4, 8, 16]).reshape(1, 5, 1)
    kernel = np.array([1.0, 10, 100]).reshape(3, 1, 1)
    found = value(nn.Conv(1, (3,), use_bias=False), x, variables={"kernel": kernel})
    assert found.ravel().tolist() == [210, 421, 842, 1684, 168]
    bias = value(nn.Conv(1, (3,), 2, activation="relu"), -x, variables={"kernel": kernel, "bias": np.array([250.0])})
    assert bias.ravel().tolist() == [40, 0, 82]


def test_groups_see_their_own_channels() -> None:
    x = np.array([[[1.0, 10, 100, 1000]]])
    kernel = np.array([1.0, 2, 3, 4, 5, 6, 7, 8]).reshape(1, 2, 4)
    found = value(nn.Conv(4, (1,), groups=2, use_bias=False), x, variables={"kernel": kernel})
    assert found.ravel().tolist() == [1 + 50, 2 + 60, 300 + 7000, 400 + 8000]


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_in_other_types(dtype: str) -> None:
    """Small types are multiplied in float32 and rounded once."""
    x, kernel, bias = (RNG.normal(size=s).astype(dtype) for s in ((2, 6, 5), (3, 5, 4), (4,)))
    spec = nn.Conv(4, (3,), padding="valid")
    found = single(spec, x, variables={"kernel": kernel, "bias": bias}, dtype=dtype).outputs["node"]
    exact = sum(x[:, q : q + 4].astype(float) @ kernel[q].astype(float) for q in range(3)) + bias.astype(float)
    assert found.dtype == np.dtype(dtype)
    scale = {"float32": 1e-6, "float16": 2e-3, "bfloat16": 2e-2}[dtype]
    np.testing.assert_allclose(found.astype(float), exact, rtol=scale, atol=scale)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("multiplier", [1, 2])
def test_depthwise(rank: int, multiplier: int) -> None:
    x, pads = RNG.normal(size=(2, *SIZES[rank], 3)), ((2, 0), (0, 3), (1, 1))[:rank]
    v = variables(*(3, 2, 2)[:rank], 1, 3 * multiplier)
    spec = nn.DepthwiseConv((3, 2, 2)[:rank], multiplier, 2, pads, (1, 2, 1)[:rank])
    options = {"stride": 2, "dilation": (1, 2, 1)[:rank], "groups": 3}
    expected = torch_conv(x, v["kernel"], v["bias"], rank, pads, **options)
    found = value(spec, x, variables=v)
    assert found.shape == expected.shape == spec.output_shape(x.shape)
    assert {name: param.shape for name, param in spec.params(x.shape).items()} == {n: w.shape for n, w in v.items()}
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


def test_the_order_of_depthwise_features_is_that_of_keras() -> None:
    x = np.array([[[1.0, 10.0]]])
    kernel = np.array([[[1.0, 2, 3], [4, 5, 6]]])  # Keras: (window, in, depth_multiplier)
    spec = nn.DepthwiseConv((1,), 3, use_bias=False)
    found = value(spec, x, variables={"kernel": kernel.reshape(1, 1, 6)})
    assert found.ravel().tolist() == [1, 2, 3, 40, 50, 60]


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_separable(rank: int) -> None:
    """A depthwise and a pointwise convolution of PyTorch's."""
    x, pads = RNG.normal(size=(2, *SIZES[rank], 3)), ((1, 0), (0, 3), (1, 1))[:rank]
    first, second = RNG.normal(size=(*(3, 2, 2)[:rank], 1, 6)), RNG.normal(size=(6, 4))
    v = {"depthwise_kernel": first, "pointwise_kernel": second, "bias": RNG.normal(size=4)}
    spec = nn.SeparableConv(4, (3, 2, 2)[:rank], 2, pads, depth_multiplier=2, activation="tanh")
    between = torch_conv(x, first, np.zeros(6), rank, pads, stride=2, groups=3)
    expected = np.tanh(torch_conv(between, second.reshape(*(1,) * rank, 6, 4), v["bias"], rank))
    found = value(spec, x, variables=v)
    assert found.shape == expected.shape == spec.output_shape(x.shape)
    params = spec.params(x.shape)
    assert {name: param.shape for name, param in params.items()} == {n: w.shape for n, w in v.items()}
    assert [param.decay for param in params.values()] == [True, True, False]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


def test_first_weights_have_the_fans_of_the_window() -> None:
    params = nn.Conv(6, (3, 2), groups=2).params((None, 5, 5, 4))
    assert params["kernel"].shape == (3, 2, 2, 6) and params["kernel"].decay
    assert params["bias"].shape == (6,) and not params["bias"].decay
    assert list(nn.Conv(6, (3, 2), use_bias=False).params((None, 5, 5, 4))) == ["kernel"]


def test_operations() -> None:
    # 4 positions, 3 features, windows of 3 times 2 channels: 6 products and 5 sums each, and the bias.
    assert nn.Conv(3, (3,)).flops((1, 4, 2)) == 4 * 3 * (6 + 5 + 1)
    assert nn.Conv(3, (3,), use_bias=False, activation="relu").flops((1, 4, 2)) == 4 * 3 * (6 + 5 + 1)
    assert nn.Conv(4, (3,), groups=2, padding="valid").flops((1, 4, 2)) == 2 * 4 * (3 + 2 + 1)

    # 4 positions: 2 · 2 channels of 3 products and 2 sums; 3 features of 4 products and 3 sums, and the bias.
    assert nn.DepthwiseConv((3,), 2, use_bias=False).flops((1, 4, 2)) == 4 * 4 * 5
    assert nn.SeparableConv(3, (3,), depth_multiplier=2).flops((1, 4, 2)) == 4 * 4 * 5 + 4 * 3 * (7 + 1)


def test_axes_of_any_length_stay_open() -> None:
    assert nn.Conv(3, (3, 3), 2).output_shape((None, None, 9, 2)) == (None, None, 5, 3)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: nn.Conv(4, ()), "kernel_size"),
        (
            lambda: nn.Conv(4, (3, 3), strides=(1,)),
            "strides: expected 2 values, one for each axis of the window, got 1",
        ),
        (lambda: nn.Conv(4, (3,), dilation=(1, 2)), "dilation: expected 1 values"),
        (lambda: nn.Conv(4, (3, 3), padding=((1, 1),)), "padding: expected 2 values"),
        (lambda: nn.Conv(4, (3, 3), padding="causal"), "padding: causal padding is for one axis, the kernel has 2"),
        (lambda: nn.Conv(4, (3,), padding="full"), "padding"),
        (lambda: nn.Conv(4, (3,), groups=3), "groups: 4 features cannot be cut into 3 equal groups"),
        (lambda: nn.Conv(4, (3,), strides=0), "strides"),
        (lambda: nn.DepthwiseConv((3, 3), padding="causal"), "padding: causal padding is for one axis"),
        (lambda: nn.DepthwiseConv((3,), 0), "depth_multiplier"),
        (lambda: nn.SeparableConv(4, (3, 3), strides=(1,)), "strides: expected 2 values"),
        (lambda: nn.Conv(4, (3,), padding=((-1, 1),)), "padding"),
    ],
)
def test_options_that_do_not_go_together(make: Any, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        make()


@pytest.mark.parametrize(
    ("spec", "shape", "words"),
    [
        (nn.Conv(4, (3,)), (None, 4, 4, 2), r"a window of 1 axes needs inputs of 3 axes .*, got \(batch, 4, 4, 2\)"),
        (nn.Conv(4, (3,), padding="valid"), (None, 2, 2), "window reaches over 3 elements of axis 1"),
        (nn.Conv(4, (2,), dilation=4, padding="valid"), (None, 4, 2), "window reaches over 5 elements of axis 1"),
        (nn.Conv(4, (3,), groups=2), (None, 4, 3), "3 channels cannot be cut into 2 equal groups"),
        (nn.Conv(4, (3,)), (None, 4, None), "the last axis of Conv's input must have a known size"),
        (nn.DepthwiseConv((3,)), (None, 4, None), "the last axis of DepthwiseConv's input must have a known size"),
        (nn.Conv(4, (3,), padding="valid"), (None, 2, 2), "^Conv's window reaches over 3 elements of axis 1"),
        (nn.DepthwiseConv((3,), padding="valid"), (None, 2, 2), "^DepthwiseConv's window reaches over 3 elements"),
        (nn.DepthwiseConv((3,)), (None, 4, 4, 2), "^DepthwiseConv with a window of 1 axes needs inputs of 3 axes"),
        (nn.SeparableConv(4, (3,), padding="valid"), (None, 2, 2), "^SeparableConv's window reaches over 3 elements"),
        (nn.SeparableConv(4, (3,)), (None, 4, 4, 2), "^SeparableConv with a window of 1 axes needs inputs of 3 axes"),
        (nn.SeparableConv(4, (3,)), (None, 4, None), "the last axis of SeparableConv's input must have a known size"),
    ],
)
def test_shapes_that_do_not_fit(spec: nn.Layer, shape: Any, words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        spec.output_shape(shape)
