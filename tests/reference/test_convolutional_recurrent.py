"""ConvLSTM against PyTorch's convolutions, gate by gate."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.errors import ShapeError, SpecError
from tests.reference.single import value

RNG = np.random.default_rng(7)


def variables(layer: Any, *shape: int) -> dict[str, Any]:
    return {n: RNG.normal(size=p.shape) * 0.4 for n, p in layer.params((None, *shape)).items()}


def convolved(x: Any, kernel: Any, around: Any, strides: tuple[int, ...]) -> Any:
    """PyTorch's convolution of channels-last arrays, padded by these numbers of zeros."""
    torch = pytest.importorskip("torch")
    axes = len(strides)
    padded = np.moveaxis(np.pad(x, ((0, 0), *around, (0, 0))), -1, 1)
    weights = np.moveaxis(kernel, (-1, -2), (0, 1))
    function = getattr(torch.nn.functional, f"conv{axes}d")
    y = function(*(torch.from_numpy(np.ascontiguousarray(a)) for a in (padded, weights)), stride=strides)
    return np.moveaxis(y.numpy(), 1, -1)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize(
    ("window", "strides", "padding", "shape", "around", "around_state"),
    [
        ((3,), (1,), "same", (5, 2), ((1, 1),), ((1, 1),)),
        ((2, 3), (2, 1), "valid", (5, 4, 2), ((0, 0), (0, 0)), ((0, 1), (1, 1))),
        (
            (2, 1, 3),
            (1, 1, 2),
            ((1, 0), (0, 0), (2, 1)),
            (2, 3, 4, 1),
            ((1, 0), (0, 0), (2, 1)),
            ((0, 1), (0, 0), (1, 1)),
        ),
    ],
)
def test_against_convolutions_of_torch(
    window: Any, strides: Any, padding: Any, shape: Any, around: Any, around_state: Any
) -> None:
    """The input's convolution has the strides and the padding, that of the state is of stride 1 and "same"."""
    layer = nn.ConvLSTM(2, window, strides, padding, return_sequences=True)
    x = RNG.normal(size=(3, 4, *shape))
    given = variables(layer, *x.shape[1:])
    h = c = 0.0 * convolved(x[:, 0], given["kernel"], around, strides)[..., :2]
    for t in range(x.shape[1]):
        a = convolved(x[:, t], given["kernel"], around, strides) + given["bias"]
        a = a + convolved(h, given["recurrent_kernel"], around_state, (1,) * len(window))
        i, f, g, o = np.split(a, 4, axis=-1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
    found = value(layer, x, variables=given)
    assert found.shape == layer.output_shape(x.shape) == (3, 4, *h.shape[1:])
    np.testing.assert_allclose(found[:, -1], h, rtol=1e-12, atol=1e-14)


def test_a_window_of_one_is_an_lstm_at_each_place() -> None:
    x = RNG.normal(size=(2, 4, 3, 2))
    convolutional, plain = nn.ConvLSTM(2, (1,)), nn.LSTM(2)
    given = variables(convolutional, *x.shape[1:])
    flat = {"kernel": given["kernel"][0], "recurrent_kernel": given["recurrent_kernel"][0], "bias": given["bias"]}
    places = np.stack([value(plain, x[:, :, place], variables=flat) for place in range(3)], axis=1)
    np.testing.assert_allclose(value(convolutional, x, variables=given), places, rtol=1e-12, atol=1e-14)


def test_masked_images_change_nothing() -> None:
    x, mask = RNG.normal(size=(1, 4, 3, 2)), np.array([[True, False, True, False]])
    given = variables(nn.ConvLSTM(2, (2,)), *x.shape[1:])
    expected = value(nn.ConvLSTM(2, (2,), return_state=True), x[:, mask[0]], variables=given)
    x[~mask] = np.nan
    found = value(nn.ConvLSTM(2, (2,), return_state=True, mask=True), x, mask, variables=given)
    np.testing.assert_array_equal(found, expected)
    assert found.shape == (1, 3, 4)


def test_shapes() -> None:
    layer = nn.ConvLSTM(3, (2, 2), strides=2, return_sequences=True, return_state=True, initial_state=True)
    assert layer.output_shape((None, None, 4, 6, 1), (None, 2, 3, 6)) == (None, None, 2, 3, 6)
    with pytest.raises(ShapeError, match=r"the initial state of ConvLSTM has the shape \(batch, 2, 3, 6\)"):
        layer.output_shape((None, None, 4, 6, 1), (None, 4, 6, 6))
    with pytest.raises(ShapeError, match=r"with a window of 2 axes needs inputs of 5 axes"):
        layer.output_shape((None, 4, 6, 1), (None, 2, 3, 6))
    with pytest.raises(ShapeError, match="must have a known size"):
        layer.output_shape((None, 3, None, 6, 1), (None, 2, 3, 6))
    with pytest.raises(SpecError, match="expected 2 values"):
        nn.ConvLSTM(3, (2, 2), strides=(1, 1, 1))


def test_flops() -> None:
    """Counted by hand for one step of one place and one unit on one channel."""
    tanh, sigmoid = nn.Tanh().flops((1, 1, 1)), nn.Sigmoid().flops((1, 1, 1))
    assert nn.ConvLSTM(1, (1,)).flops((1, 1, 1, 1)) == 4 * 4 + 4 + 2 * tanh + 3 * sigmoid
    assert nn.ConvLSTM(1, (1,), use_bias=False).flops((1, 5, 1, 1)) == 5 * (4 * 3 + 4 + 2 * tanh + 3 * sigmoid)
